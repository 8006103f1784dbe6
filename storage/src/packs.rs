//! Packs of delete vectors as recovery reads them.
//!
//! Must not know what refers to them. Invariant: a file is opened, and its header checked, before any of it is believed.

use crate::checkpointing::pack_path;
use crate::delete_vector::{DeleteVector, PackIdentity, check_pack, read_vector};
use crate::format::DeletePlace;
use crate::tablet::SegmentStore;
use base::fs::File;
use base::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Packs of delete vectors that are read; each is opened and its header checked once.
pub(crate) struct Packs<'a> {
    store: &'a Arc<SegmentStore>,
    open: HashMap<u64, Arc<dyn File>>,
}

impl<'a> Packs<'a> {
    pub(crate) fn new(store: &'a Arc<SegmentStore>) -> Self {
        Self { store, open: HashMap::new() }
    }

    /// The segments beside which the packs stand.
    pub(crate) fn segments(&self) -> &Arc<SegmentStore> {
        self.store
    }

    pub(crate) fn vector_at(&mut self, place: &DeletePlace) -> Result<DeleteVector> {
        let path = pack_path(place.pack);
        let identity = PackIdentity { database: self.store.database(), pack: place.pack };
        let file = match self.open.entry(place.pack) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(entry) => {
                let file = self.store.fs().open(&path).map_err(|e| match e.kind() {
                    ErrorKind::FileMissing => {
                        let message = format!("file \"{path}\" is missing, but the database refers to it");
                        Error::corruption(message)
                    }
                    _ => e,
                })?;
                check_pack(file.as_ref(), identity).map_err(|e| e.within(format_args!("file \"{path}\"")))?;
                entry.insert(file)
            }
        };
        read_vector(file.as_ref(), identity, place.offset, place.bytes)
            .map_err(|e| e.within(format_args!("file \"{path}\"")))
    }
}
