//! From a transaction's private state to its one log record and the edit that it is.
//!
//! Must not know how records are made durable. Invariant: record and edit say the same; replaying the record gives
//! the edit again.

use crate::core::Core;
use crate::delete_vector::encode_ordinals;
use crate::format::{
    Attach, AttachedSegment, CommitRecord, LogRecord, RowAddress, RowChange, RowOp, SegmentDeletes,
    TabletChange, encode_rows,
};
use crate::layout::{Key, KeyHasher, Layout};
use crate::memtable::{Memtable, NEVER};
use crate::private::{Part, PrivateTable};
use crate::state::{AttachEdit, CommitEdit, DatabaseState, DeletesEdit, Edit, NewRows, RowsEdit, origins};
use crate::transaction::{KilledRow, KilledRows, Transaction};
use arrow::array::UInt32Array;
use arrow::record_batch::RecordBatch;
use base::id::{CommitTs, ReferenceId, TabletId};
use base::{Error, Result};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Private rows above this many bytes are staged as segments rather than written to the log.
const RECORD_ROWS_BYTES_MAX: usize = 6 << 20;
/// Bytes of killed rows' keys that a record carries one by one.
const RECORD_KEYS_BYTES_MAX: usize = 4 << 20;

/// Killed rows as they are addressed now.
type Killed = HashMap<Key, RowAddress, KeyHasher>;

impl Transaction {
    pub(crate) fn commit_writes(&mut self) -> Result<CommitTs> {
        if self.private_bytes() > RECORD_ROWS_BYTES_MAX {
            self.stage_all()?;
        }
        let bulky = self.killed_bytes() > RECORD_KEYS_BYTES_MAX;
        if bulky {
            self.flush_killed()?;
        }
        let core = Arc::clone(&self.core);
        core.commit(|state| self.build(&core, state, bulky))
    }

    fn killed_bytes(&self) -> usize {
        self.killed.values().flat_map(KilledRows::keys).map(|key| key.len() + 24).sum()
    }

    /// Rows killed in memtables are named one by one in a record; too many of them are moved to segments first.
    fn flush_killed(&self) -> Result<()> {
        for (tablet, killed) in &self.killed {
            if killed.values().any(|row| matches!(row.address, RowAddress::Memtable { .. })) {
                self.core.flush_tablet(*tablet)?;
            }
        }
        Ok(())
    }

    fn build(&self, core: &Core, state: &Arc<DatabaseState>, bulky: bool) -> Result<(LogRecord, Edit)> {
        let catalog = core.counters.settled(&self.edits);
        let mut record = CommitRecord { catalog: catalog.clone(), ..CommitRecord::default() };
        let mut edit = CommitEdit { catalog, ..CommitEdit::default() };
        self.build_tables(state, &mut record, &mut edit)?;
        for (table, private) in self.private.tables() {
            let layout = self.current_view().layout(table)?;
            let written: HashSet<TabletId> = private.parts().iter().map(|p| p.tablet).collect();
            // What was written to a partition that this transaction dropped goes with it.
            let tablets = layout.def().tablets.iter().map(|t| t.id);
            for tablet in tablets.filter(|t| written.contains(t) || self.killed.contains_key(t)) {
                let killed = self.killed_now(state, tablet)?;
                self.build_tablet(core, &layout, tablet, &private, killed, bulky, &mut record, &mut edit)?;
            }
        }
        Ok((LogRecord::Commit(record), Edit::Commit(edit)))
    }

    /// Killed rows of a tablet as they are addressed now.
    fn killed_now(&self, state: &Arc<DatabaseState>, tablet: TabletId) -> Result<Killed> {
        let Some(killed) = self.killed.get(&tablet) else { return Ok(Killed::default()) };
        let gone = || Error::internal(format!("tablet {tablet} lost rows that a transaction has locked"));
        let parts = state.tablet(tablet).ok_or_else(gone)?;
        let mut now = Killed::with_capacity_and_hasher(killed.len(), KeyHasher::default());
        let mut moved = Vec::new();
        for (key, KilledRow { address, .. }) in killed {
            if parts.has(address) {
                now.insert(key.clone(), *address);
            } else {
                moved.push(key.clone());
            }
        }
        for (key, live) in moved.iter().zip(parts.live(&moved)?) {
            now.insert(key.clone(), live.ok_or_else(gone)?.address);
        }
        Ok(now)
    }

    #[expect(clippy::too_many_arguments, reason = "two outputs that are filled side by side")]
    fn build_tablet(
        &self,
        core: &Core,
        layout: &Layout,
        tablet: TabletId,
        private: &PrivateTable,
        mut killed: Killed,
        bulky: bool,
        record: &mut CommitRecord,
        edit: &mut CommitEdit,
    ) -> Result<()> {
        for part in private.parts().into_iter().filter(|p| p.tablet == tablet) {
            if let Part::Segment(run) = part.part {
                let meta = *run.meta();
                record.attached.push(AttachedSegment {
                    table: layout.table(),
                    tablet,
                    reference: meta.id,
                    segment: meta.segment,
                    file_bytes: meta.file_bytes,
                    rows: meta.rows,
                    attach: Attach::AtCommit,
                    content_hash: meta.content_hash,
                    lives: meta.lives,
                });
                add_deletes(record, edit, tablet, meta.id, private.dead(meta.id.0))?;
                edit.attach.push(AttachEdit { tablet, reference: run, attach: Attach::AtCommit });
            }
        }
        if bulky {
            let mut by_reference: BTreeMap<ReferenceId, Vec<u32>> = BTreeMap::new();
            killed.retain(|_, address| match address {
                RowAddress::Segment { reference, ordinal } => {
                    by_reference.entry(*reference).or_default().push(*ordinal);
                    false
                }
                RowAddress::Memtable { .. } => true,
            });
            for (reference, ordinals) in by_reference {
                add_deletes(record, edit, tablet, reference, ordinals)?;
            }
        }
        let rows = live_rows(layout, private, tablet)?;
        if rows.is_none() && killed.is_empty() {
            return Ok(());
        }
        let memtable = core.open_memtable(tablet);
        let mut dead: Vec<RowAddress> = killed.values().copied().collect();
        dead.sort_unstable();
        let changes = row_changes(layout, rows.as_ref(), killed)?;
        let rows = rows.map(|(batch, keys)| NewRows { batch, keys, origins: origins(&changes) });
        record.changes.push(TabletChange {
            table: layout.table(),
            tablet,
            schema_version: layout.def().schema_version,
            memtable,
            rows: changes,
        });
        edit.rows.push(RowsEdit { tablet, dead, memtable, rows });
        Ok(())
    }
}

/// The live rows of a tablet's private memtable with their keys.
fn live_rows(
    layout: &Layout,
    private: &PrivateTable,
    tablet: TabletId,
) -> Result<Option<(RecordBatch, Vec<Key>)>> {
    for part in private.parts().into_iter().filter(|p| p.tablet == tablet) {
        if let Part::Memtable(memtable) = part.part {
            return live_of(layout, &memtable);
        }
    }
    Ok(None)
}

fn live_of(layout: &Layout, memtable: &Arc<Memtable>) -> Result<Option<(RecordBatch, Vec<Key>)>> {
    let mut batches = Vec::new();
    let mut keys = Vec::new();
    for chunk in memtable.chunks() {
        let live: Vec<u32> = chunk
            .versions()
            .zip(0_u32..)
            .filter(|(version, _)| version.end == NEVER)
            .map(|(_, index)| index)
            .collect();
        keys.extend(
            chunk.versions().zip(chunk.keys()).filter(|(v, _)| v.end == NEVER).map(|(_, k)| k.clone()),
        );
        let rows = layout.aligned(chunk.batch())?;
        if live.len() == chunk.len() {
            batches.push(rows);
        } else if !live.is_empty() {
            let taken = arrow::compute::take_record_batch(&rows, &UInt32Array::from(live));
            batches.push(taken.map_err(|e| Error::internal(format!("gather live rows: {e}")))?);
        }
    }
    if let [only] = batches.as_slice() {
        return Ok(Some((only.clone(), keys)));
    }
    let Some(first) = batches.first() else { return Ok(None) };
    let rows = arrow::compute::concat_batches(&first.schema(), &batches);
    Ok(Some((rows.map_err(|e| Error::internal(format!("join live rows: {e}")))?, keys)))
}

fn row_changes(
    layout: &Layout,
    rows: Option<&(RecordBatch, Vec<Key>)>,
    mut killed: Killed,
) -> Result<Vec<RowChange>> {
    let rows_len = rows.map_or(0, |(_, keys)| keys.len());
    let mut changes = Vec::with_capacity(rows_len);
    if let Some((rows, keys)) = rows {
        for (row, key) in encode_rows(rows, &layout.forms())?.into_iter().zip(keys) {
            let dead = killed.remove(key);
            let op = if dead.is_some() { RowOp::Update } else { RowOp::Insert };
            changes.push(RowChange { op, key: key.clone(), dead, row: Some(row) });
        }
    }
    let mut deleted: Vec<(Key, RowAddress)> = killed.into_iter().collect();
    deleted.sort_unstable();
    changes.extend(deleted.into_iter().map(|(key, address)| RowChange {
        op: RowOp::Delete,
        key,
        dead: Some(address),
        row: None,
    }));
    Ok(changes)
}

pub(crate) fn add_deletes(
    record: &mut CommitRecord,
    edit: &mut CommitEdit,
    tablet: TabletId,
    reference: ReferenceId,
    ordinals: Vec<u32>,
) -> Result<()> {
    if ordinals.is_empty() {
        return Ok(());
    }
    let dead = encode_ordinals(&ordinals.iter().copied().collect())?;
    record.deletes.push(SegmentDeletes { reference, place: None, dead });
    edit.deletes.push(DeletesEdit { tablet, reference, ordinals });
    Ok(())
}
