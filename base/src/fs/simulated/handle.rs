//! The simulated file system as programs and tests hold it.
//!
//! A `SimulatedFileSystem` stays usable for ever and shares its disk with its clones. Open files, locks and the
//! handles from `process` belong to one run of the program: after a power cut or a kill they fail.

use super::disk::{Disk, Inode, Node, parent};
use super::faults::{CallKind, Fault, Faults};
use crate::fs::seam::{File, FileSystem};
use crate::random::Random;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file system in memory for tests. Cheap to clone; clones share the disk.
#[derive(Clone, Debug)]
pub struct SimulatedFileSystem {
    state: Arc<Mutex<State>>,
    /// The run this handle belongs to; `None` for the test's own handle.
    run: Option<u64>,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    faults: Faults,
    /// Counts power cuts and kills.
    run: u64,
    locks: BTreeSet<String>,
    capacity_bytes: u64,
    /// Reads until one is corrupted; 1 is the next.
    corrupt_read: Option<u64>,
    random: Random,
}

impl SimulatedFileSystem {
    pub fn new(seed: u64) -> Self {
        let state = State {
            disk: Disk::default(),
            faults: Faults::default(),
            run: 0,
            locks: BTreeSet::new(),
            capacity_bytes: u64::MAX,
            corrupt_read: None,
            random: Random::from_seed(seed),
        };
        Self { state: Arc::new(Mutex::new(state)), run: None }
    }

    /// A handle for one run of the program: it fails after the next power cut or kill.
    pub fn process(&self) -> Arc<dyn FileSystem> {
        let run = self.state().run;
        Arc::new(Self { state: self.state.clone(), run: Some(run) })
    }

    /// A copy of the disk as it is, cached bytes included; no faults, no locks.
    pub fn duplicate(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        copy.state().disk = self.state().disk.clone();
        copy
    }

    /// The machine loses power: of what was not synced any subset survives, chosen by `seed`, per 512-byte block
    /// and per name change. Planned faults are cleared.
    pub fn power_cut(&self, seed: u64) {
        let mut state = self.state();
        state.disk.power_cut(&Random::from_seed(seed));
        state.end_run();
    }

    /// The program dies, the machine goes on: everything written is still seen. Planned faults are cleared.
    pub fn process_kill(&self) {
        self.state().end_run();
    }

    /// The `n`-th call from now (1 is the next) fails; only calls of `kind` count when given.
    pub fn fail_call(&self, n: u64, kind: Option<CallKind>, fault: Fault) {
        self.state().faults.plan(n, kind, fault);
    }

    /// No planned fault strikes any more.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Calls so far, of one kind or of all.
    pub fn calls(&self, kind: Option<CallKind>) -> u64 {
        self.state().faults.count(kind)
    }

    /// Syncs of files and directories so far.
    pub fn syncs(&self) -> u64 {
        self.calls(Some(CallKind::SyncData)) + self.calls(Some(CallKind::SyncDirectory))
    }

    /// Bytes that all files together may have.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity_bytes = bytes;
    }

    /// Bytes that all files together have.
    pub fn used_bytes(&self) -> u64 {
        self.state().disk.used()
    }

    /// The `n`-th read from now returns one bit wrong.
    pub fn corrupt_read(&self, n: u64) {
        self.state().corrupt_read = Some(n);
    }

    /// The contents of a file; `None` when there is none.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let mut state = self.state();
        let inode = state.disk.file(path)?;
        state.disk.inode(inode).map(|i| i.cached.clone())
    }

    /// Replaces the contents of an existing file, durably; false when there is none.
    pub fn replace_contents(&self, path: &str, bytes: &[u8]) -> bool {
        self.with_inode(path, |inode| inode.replace(bytes))
    }

    /// Changes one bit of an existing file for good; false when there is none.
    pub fn flip_bit(&self, path: &str, bit: usize) -> bool {
        self.with_inode(path, |inode| inode.flip(bit))
    }

    fn with_inode(&self, path: &str, change: impl FnOnce(&mut Inode)) -> bool {
        let mut state = self.state();
        let Some(number) = state.disk.file(path) else { return false };
        state.disk.inode(number).map(change).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call; an error when it fails.
    fn call(&self, kind: CallKind, doing: &str, path: &str) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match state.begin(kind, self.run) {
            None => Ok(state),
            Some(refusal) => Err(refusal.error(doing, path)),
        }
    }
}

impl State {
    fn end_run(&mut self) {
        self.run += 1;
        self.locks.clear();
        self.faults.clear();
        self.corrupt_read = None;
    }

    /// Counts a call; `Some` when it fails.
    fn begin(&mut self, kind: CallKind, run: Option<u64>) -> Option<Refusal> {
        if run.is_some_and(|run| run != self.run) {
            return Some(Refusal::Gone);
        }
        self.faults.strike(kind).map(Refusal::Struck)
    }

    fn check_space(&self, more: usize, doing: &str, path: &str) -> Result<()> {
        let wanted = self.disk.used().saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        if more > 0 && wanted > self.capacity_bytes { Err(io_error(doing, path, ENOSPC)) } else { Ok(()) }
    }
}

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Its process was killed.
    Gone,
    Struck(Fault),
}

impl Refusal {
    fn error(self, doing: &str, path: &str) -> Error {
        match self {
            Refusal::Gone => io_error(doing, path, EIO).with_detail("the process that opened it is gone"),
            Refusal::Struck(Fault::Io) => io_error(doing, path, EIO),
            Refusal::Struck(Fault::Halt) => io_error(doing, path, EIO).with_detail("the machine stopped"),
            Refusal::Struck(Fault::NoSpace) => io_error(doing, path, ENOSPC),
        }
    }

    /// Whether a sync that is refused so takes its data for clean. A machine that stopped leaves them in doubt.
    fn forgets(self) -> bool {
        matches!(self, Refusal::Struck(Fault::Io | Fault::NoSpace))
    }
}

const ENOENT: i32 = 2;
const EIO: i32 = 5;
const EEXIST: i32 = 17;
const ENOSPC: i32 = 28;

fn io_error(doing: &str, path: &str, code: i32) -> Error {
    Error::io(format_args!("{doing} \"{path}\""), io::Error::from_raw_os_error(code))
}

impl FileSystem for SimulatedFileSystem {
    fn create(&self, path: &str) -> Result<Arc<dyn File>> {
        let mut state = self.call(CallKind::Create, "create file", path)?;
        if state.disk.node(path).is_some() {
            return Err(io_error("create file", path, EEXIST));
        }
        if state.disk.node(parent(path)) != Some(Node::Directory) {
            return Err(io_error("create file", path, ENOENT));
        }
        let inode = state.disk.create(path);
        Ok(self.file(path, inode, state.run))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn File>> {
        let state = self.call(CallKind::Open, "open file", path)?;
        let inode = state.disk.file(path).ok_or_else(|| io_error("open file", path, ENOENT))?;
        Ok(self.file(path, inode, state.run))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.call(CallKind::Exists, "look for", path)?.disk.node(path).is_some())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.call(CallKind::Rename, "rename", from)?;
        let node = state.disk.node(from).ok_or_else(|| io_error("rename", from, ENOENT))?;
        if state.disk.node(parent(to)) != Some(Node::Directory) {
            return Err(io_error("rename", from, ENOENT));
        }
        state.disk.rename(from, to, node);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        let mut state = self.call(CallKind::Remove, "remove file", path)?;
        state.disk.file(path).ok_or_else(|| io_error("remove file", path, ENOENT))?;
        state.disk.remove(path);
        Ok(())
    }

    fn create_directory(&self, path: &str) -> Result<()> {
        let mut state = self.call(CallKind::CreateDirectory, "create directory", path)?;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for ancestor in ends.filter_map(|end| path.get(..end)) {
            match state.disk.node(ancestor) {
                Some(Node::Directory) => {}
                Some(Node::File(_)) => return Err(io_error("create directory", path, EEXIST)),
                None => state.disk.create_directory(ancestor),
            }
        }
        Ok(())
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        let mut state = self.state();
        if let Some(refusal) = state.begin(CallKind::SyncDirectory, self.run) {
            if refusal.forgets() {
                state.disk.forget_directory(path);
            }
            return Err(refusal.error("sync directory", path));
        }
        if state.disk.node(path) != Some(Node::Directory) {
            return Err(io_error("sync directory", path, ENOENT));
        }
        state.disk.sync_directory(path);
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let state = self.call(CallKind::List, "list directory", path)?;
        if state.disk.node(path) != Some(Node::Directory) {
            return Err(io_error("list directory", path, ENOENT));
        }
        Ok(state.disk.list(path))
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        let mut state = self.call(CallKind::Lock, "lock", path)?;
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        let run = state.run;
        Ok(Some(Box::new(SimulatedLock { state: self.state.clone(), run, path: path.to_owned() })))
    }
}

impl SimulatedFileSystem {
    fn file(&self, path: &str, inode: usize, run: u64) -> Arc<dyn File> {
        Arc::new(SimulatedFile {
            fs: Self { state: self.state.clone(), run: Some(run) },
            path: path.to_owned(),
            inode,
        })
    }
}

#[derive(Debug)]
struct SimulatedLock {
    state: Arc<Mutex<State>>,
    run: u64,
    path: String,
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.run == self.run {
            state.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct SimulatedFile {
    fs: SimulatedFileSystem,
    path: String,
    inode: usize,
}

impl SimulatedFile {
    fn call(&self, kind: CallKind, doing: &str) -> Result<MutexGuard<'_, State>> {
        self.fs.call(kind, doing, &self.path)
    }

    fn inode<'a>(&self, state: &'a mut State) -> Result<&'a mut Inode> {
        state.disk.inode(self.inode).ok_or_else(|| Error::internal("open file without an inode"))
    }

    /// Bytes by which a file of `len` bytes is longer than now.
    fn growth(&self, state: &mut State, len: usize) -> Result<usize> {
        Ok(len.saturating_sub(self.inode(state)?.cached.len()))
    }
}

impl File for SimulatedFile {
    fn len(&self) -> Result<u64> {
        let mut state = self.call(CallKind::Len, "read the length of file")?;
        Ok(u64::try_from(self.inode(&mut state)?.cached.len()).unwrap_or(u64::MAX))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let mut state = self.call(CallKind::Read, "read file")?;
        let from = position(offset)?;
        let bytes = self.inode(&mut state)?.cached.get(from..from.saturating_add(buffer.len()));
        let Some(bytes) = bytes else {
            let message = format!("file \"{}\" ends early", self.path);
            return Err(
                Error::corruption(message).with_detail(format!("{} bytes at offset {offset}", buffer.len()))
            );
        };
        buffer.copy_from_slice(bytes);
        state.corrupt_read = state.corrupt_read.map(|left| left.saturating_sub(1));
        if state.corrupt_read == Some(0) {
            state.corrupt_read = None;
            let bit = position(state.random.below(u64::try_from(buffer.len()).unwrap_or(0) * 8))?;
            if let Some(byte) = buffer.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut state = self.call(CallKind::Write, "write file")?;
        let from = position(offset)?;
        let growth = self.growth(&mut state, from.saturating_add(bytes.len()))?;
        state.check_space(growth, "write file", &self.path)?;
        self.inode(&mut state)?.write(from, bytes);
        Ok(())
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        let mut state = self.call(CallKind::Preallocate, "reserve space for file")?;
        let len = position(len)?;
        let growth = self.growth(&mut state, len)?;
        state.check_space(growth, "reserve space for file", &self.path)?;
        if growth > 0 {
            self.inode(&mut state)?.resize(len);
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        let mut state = self.call(CallKind::Truncate, "truncate file")?;
        let len = position(len)?;
        let growth = self.growth(&mut state, len)?;
        state.check_space(growth, "truncate file", &self.path)?;
        self.inode(&mut state)?.resize(len);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.fs.state();
        if let Some(refusal) = state.begin(CallKind::SyncData, self.fs.run) {
            if refusal.forgets() {
                self.inode(&mut state)?.forget_dirty();
            }
            return Err(refusal.error("sync file", &self.path));
        }
        self.inode(&mut state)?.sync();
        Ok(())
    }
}

fn position(offset: u64) -> Result<usize> {
    usize::try_from(offset).map_err(|_| Error::internal("offset beyond the address space"))
}
