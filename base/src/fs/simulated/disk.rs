//! The bytes and names of a simulated disk: what programs see and what survives a power cut.
//!
//! Invariants: `durable` changes only by a sync or a power cut; a block that a failed sync covered is seen by readers
//! but is not written by later syncs.

use crate::random::Random;
use std::collections::{BTreeMap, BTreeSet};

/// Unit in which unsynced bytes survive or not.
pub(super) const BLOCK: usize = 512;

/// One name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File(usize),
}

/// A change of names that is atomic: each path gets a node or loses it.
#[derive(Clone, Debug)]
struct NameChange {
    /// The directory whose sync makes it durable.
    directory: String,
    sets: Vec<(String, Option<Node>)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) cached: Vec<u8>,
    durable: Vec<u8>,
    /// Blocks written since the last sync.
    dirty: BTreeSet<usize>,
    len_dirty: bool,
}

/// All names and bytes. Copying it copies the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    names: BTreeMap<String, Node>,
    durable_names: BTreeMap<String, Node>,
    pending: Vec<NameChange>,
    inodes: Vec<Inode>,
}

pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Inode {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.cached.len() {
            self.resize(end);
        }
        if let Some(target) = self.cached.get_mut(offset..end) {
            target.copy_from_slice(bytes);
        }
        self.touch(offset, end);
    }

    pub(super) fn resize(&mut self, len: usize) {
        let old = self.cached.len();
        self.cached.resize(len, 0);
        self.len_dirty = true;
        // Bytes cut off may still be on the disk behind the new end; a later extension must zero them.
        self.touch(len, old);
    }

    fn touch(&mut self, from: usize, to: usize) {
        self.dirty.extend((from / BLOCK..to.div_ceil(BLOCK)).take_while(|_| from < to));
    }

    pub(super) fn sync(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        self.persist(dirty);
        if std::mem::take(&mut self.len_dirty) {
            self.durable.resize(self.cached.len(), 0);
        }
    }

    /// What a failed sync leaves: cached and taken for clean, but not on the disk.
    pub(super) fn forget_dirty(&mut self) {
        self.dirty.clear();
        self.len_dirty = false;
    }

    fn persist(&mut self, blocks: impl IntoIterator<Item = usize>) {
        for block in blocks {
            let from = block * BLOCK;
            let to = (from + BLOCK).min(self.cached.len());
            let Some(bytes) = self.cached.get(from..to) else { continue };
            if self.durable.len() < to {
                self.durable.resize(to, 0);
            }
            if let Some(target) = self.durable.get_mut(from..to) {
                target.copy_from_slice(bytes);
            }
        }
    }

    /// Any subset of the unsynced blocks reaches the disk, and perhaps the new length.
    fn power_cut(&mut self, random: &Random) {
        let dirty = std::mem::take(&mut self.dirty);
        let old_len = self.durable.len();
        // All, none, or a coin per block: the extremes are as likely as the mixtures.
        let mode = random.below(4);
        let survive = |_: &usize| match mode {
            0 => false,
            1 => true,
            _ => random.below(2) == 1,
        };
        self.persist(dirty.into_iter().filter(survive).collect::<Vec<_>>());
        let grown = self.durable.len();
        let len = match (self.len_dirty, random.below(2)) {
            (true, 1) => self.cached.len(),
            // Bytes beyond the old length survive only together with the length.
            (true, _) if random.below(2) == 1 => grown,
            _ => old_len,
        };
        self.durable.resize(len, 0);
        self.len_dirty = false;
        self.cached.clone_from(&self.durable);
    }

    /// Changes one bit for good.
    pub(super) fn flip(&mut self, bit: usize) {
        let mask = 1 << (bit % 8);
        for bytes in [&mut self.cached, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= mask;
            }
        }
    }

    /// Replaces the contents for good.
    pub(super) fn replace(&mut self, bytes: &[u8]) {
        self.cached = bytes.to_vec();
        self.durable = bytes.to_vec();
        self.forget_dirty();
    }
}

impl Disk {
    pub(super) fn node(&self, path: &str) -> Option<Node> {
        if path.is_empty() { Some(Node::Directory) } else { self.names.get(path).copied() }
    }

    pub(super) fn file(&self, path: &str) -> Option<usize> {
        match self.node(path) {
            Some(Node::File(inode)) => Some(inode),
            Some(Node::Directory) | None => None,
        }
    }

    pub(super) fn inode(&mut self, number: usize) -> Option<&mut Inode> {
        self.inodes.get_mut(number)
    }

    pub(super) fn create(&mut self, path: &str) -> usize {
        self.inodes.push(Inode::default());
        let number = self.inodes.len() - 1;
        self.change(parent(path), vec![(path.to_owned(), Some(Node::File(number)))]);
        number
    }

    pub(super) fn create_directory(&mut self, path: &str) {
        self.change(parent(path), vec![(path.to_owned(), Some(Node::Directory))]);
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, node: Node) {
        self.change(parent(to), vec![(from.to_owned(), None), (to.to_owned(), Some(node))]);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.change(parent(path), vec![(path.to_owned(), None)]);
    }

    fn change(&mut self, directory: &str, sets: Vec<(String, Option<Node>)>) {
        apply(&mut self.names, &sets);
        self.pending.push(NameChange { directory: directory.to_owned(), sets });
    }

    pub(super) fn sync_directory(&mut self, path: &str) {
        let pending = std::mem::take(&mut self.pending);
        for change in pending {
            if change.directory == path {
                apply(&mut self.durable_names, &change.sets);
            } else {
                self.pending.push(change);
            }
        }
    }

    /// What a failed sync leaves: names that are seen but never become durable by a later sync.
    pub(super) fn forget_directory(&mut self, path: &str) {
        self.pending.retain(|change| change.directory != path);
    }

    pub(super) fn list(&self, directory: &str) -> Vec<String> {
        self.names
            .keys()
            .filter(|path| parent(path) == directory)
            .map(|path| path.rsplit_once('/').map_or(path.clone(), |(_, name)| name.to_owned()))
            .collect()
    }

    /// Bytes of all files.
    pub(super) fn used(&self) -> u64 {
        let len = |node: &Node| match node {
            Node::File(inode) => self.inodes.get(*inode).map_or(0, |i| i.cached.len()),
            Node::Directory => 0,
        };
        self.names.values().map(|n| u64::try_from(len(n)).unwrap_or(u64::MAX)).sum()
    }

    /// Loses what was not synced: any subset of name changes and of blocks survives.
    pub(super) fn power_cut(&mut self, random: &Random) {
        let mode = random.below(4);
        for change in std::mem::take(&mut self.pending) {
            let survives = match mode {
                0 => false,
                1 => true,
                _ => random.below(2) == 1,
            };
            if survives {
                apply(&mut self.durable_names, &change.sets);
            }
        }
        // A file whose directory was lost is lost.
        let names = self.durable_names.clone();
        self.durable_names.retain(|path, _| ancestors(path).all(|a| names.get(a) == Some(&Node::Directory)));
        self.names.clone_from(&self.durable_names);
        for inode in &mut self.inodes {
            inode.power_cut(random);
        }
    }
}

fn apply(names: &mut BTreeMap<String, Node>, sets: &[(String, Option<Node>)]) {
    for (path, node) in sets {
        match node {
            Some(node) => names.insert(path.clone(), *node),
            None => names.remove(path),
        };
    }
}

/// The directories above a path, nearest first, without the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(path)), |p| Some(parent(p))).take_while(|p| !p.is_empty())
}
