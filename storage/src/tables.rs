//! Changes of whole tables: truncate, clone, undrop. Rows are not touched one by one: tablets are truncated, segments
//! attached to other tablets.
//!
//! Must not know SQL. Invariants: a table is locked exclusively before it is truncated; what a clone refers to is pinned
//! until its commit; a table whose rows come with the commit cannot be read before.

use crate::commit::add_deletes;
use crate::format::{Attach, AttachedSegment, CommitRecord, Origin};
use crate::layout::Layout;
use crate::locks::Hold;
use crate::memtable::Memtable;
use crate::past::Retired;
use crate::private::{Part, TabletPart};
use crate::segment::SegmentScan;
use crate::state::{AttachEdit, CommitEdit, DatabaseState};
use crate::tablet::{Reference, ReferenceMeta, TabletState};
use crate::transaction::Transaction;
use crate::view::{missing_table, scan_columns, snapshot_too_old};
use crate::wait::block_on;
use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs, TableId, TabletId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, SequenceDef, TableDef};
use futures::StreamExt;
use roaring::RoaringBitmap;
use std::sync::Arc;

/// A segment that a commit attaches to another tablet.
#[derive(Debug)]
pub(crate) struct PendingAttach {
    table: TableId,
    tablet: TabletId,
    reference: Arc<Reference>,
    /// Rows that do not come with it.
    dead: RoaringBitmap,
}

impl PendingAttach {
    pub(crate) fn table(&self) -> TableId {
        self.table
    }
}

impl Transaction {
    pub(crate) fn try_truncate(&mut self, table: TableId) -> Result<()> {
        self.check_usable()?;
        let layout = self.current_view().layout(table)?;
        self.lock_table_exclusive(&layout)?;
        self.forget_table(table);
        self.private.truncate(table, self.command);
        self.truncated.insert(table);
        for index in self.indexes_of(table) {
            self.try_truncate(index)?;
        }
        Ok(())
    }

    pub(crate) fn try_clone(
        &mut self,
        mut def: TableDef,
        source: TableId,
        at: Option<CommitTs>,
    ) -> Result<()> {
        self.check_usable()?;
        if self.private.table(source).is_some() || self.truncated.contains(&source) {
            return Err(Error::unsupported(
                "cloning a table that this transaction has changed is not supported",
            )
            .with_hint("commit first, then clone the table"));
        }
        let ts = at.unwrap_or(self.pinned.ts());
        let known = match at {
            None => self.pinned.state.catalog().table(source).cloned(),
            Some(ts) => {
                let state = self.core.newest();
                state.past().catalog_at(state.catalog(), ts).table(source).cloned()
            }
        };
        let from = Layout::new(&known.ok_or_else(|| missing_table(source))?)?;
        // Its segments may hold columns that the source got later, whose ids must not come to mean others.
        if let Some(newest) = self.core.newest().layout(source) {
            def.next_column = def.next_column.max(newest.def().next_column);
        }
        let table = def.id;
        let to = def.tablets.clone();
        let unique = def.unique.clone();
        let target = Arc::new(Layout::new(&Arc::new(def.clone()))?);
        self.try_edit_catalog(CatalogEdit::CreateTable(Box::new(def)))?;
        let mut pairs = Vec::with_capacity(to.len());
        for tablet in &from.def().tablets {
            let same = |t: &&catalog::TabletDef| (&t.buckets, t.range) == (&tablet.buckets, tablet.range);
            let found = to.iter().find(same);
            let found = found.ok_or_else(|| Error::internal("a clone lacks a tablet of its source"))?;
            pairs.push((tablet.id, found.id));
        }
        self.attach_rows(&target, &from.def().name, &pairs, ts)?;
        self.private.seal(table);
        if unique.len() != from.def().unique.len() {
            return Err(Error::internal("a clone lacks an index of its source"));
        }
        for (source, clone) in from.def().unique.iter().zip(&unique) {
            let source = from.def().index(source)?;
            self.attach_index(clone.index, &source, ts)?;
        }
        Ok(())
    }

    pub(crate) fn try_undrop(&mut self, def: &TableDef) -> Result<()> {
        self.check_usable()?;
        let state = self.core.newest();
        let gone = || {
            Error::new(
                ErrorKind::UndefinedTable,
                format!("table \"{}\" is not there to be had back", def.name),
            )
        };
        let dropped = state.past().dropped(state.catalog(), def.id).ok_or_else(gone)?;
        let before = CommitTs(dropped.until.0.saturating_sub(1));
        // What it referred to need not be there.
        let def = TableDef { schema: def.schema, foreign_keys: Vec::new(), ..dropped.def.as_ref().clone() };
        let target = Arc::new(Layout::new(&Arc::new(def.clone()))?);
        let pairs: Vec<_> = def.tablets.iter().map(|t| (t.id, t.id)).collect();
        self.try_edit_catalog(CatalogEdit::CreateTable(Box::new(def.clone())))?;
        let owned = |s: &&Retired<SequenceDef>| {
            s.until == dropped.until && s.def.owner.is_some_and(|owner| owner.table == def.id)
        };
        for sequence in state.past().sequences().iter().filter(owned) {
            let at = state.counters().get(&sequence.def.counter).copied();
            let at = at.unwrap_or_else(|| sequence.def.first());
            let mut sequence = sequence.def.as_ref().clone();
            if sequence.schema == dropped.def.schema {
                sequence.schema = def.schema;
            }
            self.try_edit_catalog(CatalogEdit::CreateSequence(Box::new(sequence), at))?;
        }
        self.attach_rows(&target, &def.name, &pairs, before)?;
        self.private.seal(def.id);
        for unique in &def.unique {
            self.attach_index(unique.index, &def.index(unique)?, before)?;
        }
        if let Some(view) = state.past().dropped_materialized(dropped) {
            self.try_edit_catalog(CatalogEdit::Materialize(def.id, Box::new(view.clone())))?;
        }
        Ok(())
    }

    /// Gives a new index the entries that another one of the same columns had at `ts`.
    fn attach_index(&mut self, index: TableId, source: &TableDef, ts: CommitTs) -> Result<()> {
        let layout = self.current_view().layout(index)?;
        let tablets = source.tablets.iter().zip(&layout.def().tablets);
        let pairs: Vec<_> = tablets.map(|(from, to)| (from.id, to.id)).collect();
        self.attach_rows(&layout, &source.name, &pairs, ts)?;
        self.private.seal(index);
        Ok(())
    }

    /// Gives tablets the rows that others had at `ts`: of segments by attaching them, of memtables and of segments of
    /// the past by copying.
    fn attach_rows(
        &mut self,
        target: &Arc<Layout>,
        source: &str,
        pairs: &[(TabletId, TabletId)],
        ts: CommitTs,
    ) -> Result<()> {
        // What is in segments need not be copied.
        let held = self.core.pin_at(ts, &self.owner)?;
        for (from, _) in pairs {
            self.core.flush_tablet(*from)?;
        }
        let pinned = self.core.pin_at(ts, &self.owner)?;
        drop(held);
        let state = Arc::clone(&pinned.state);
        self.kept.push(pinned);
        for (from, to) in pairs {
            let too_old = |oldest| snapshot_too_old(source, ts, oldest);
            let tablet = state.tablet(*from).ok_or_else(|| too_old(CommitTs::MAX))?;
            if tablet.oldest_readable() > ts {
                return Err(too_old(tablet.oldest_readable()));
            }
            self.attach_segments(target, tablet, *to, ts)?;
            self.copy_rows(target, tablet, *to, ts)?;
        }
        Ok(())
    }

    fn attach_segments(
        &mut self,
        target: &Layout,
        from: &TabletState,
        to: TabletId,
        ts: CommitTs,
    ) -> Result<()> {
        for reference in from.references() {
            if reference.lives()?.history || !reference.may_be_seen_at(ts)? {
                continue;
            }
            let mut dead = reference.dead_at(ts).set().clone();
            dead |= begun_after(reference, ts)?;
            if dead.len() == u64::from(reference.meta().rows) {
                continue;
            }
            let meta = ReferenceMeta {
                id: self.core.ids.reference(),
                attach_ts: CommitTs::ZERO,
                detach_ts: CommitTs::MAX,
                ..*reference.meta()
            };
            let reference = Arc::new(Reference::new(meta, Arc::clone(reference.file()), Default::default()));
            self.attached.push(PendingAttach { table: target.table(), tablet: to, reference, dead });
        }
        Ok(())
    }

    fn copy_rows(
        &mut self,
        target: &Arc<Layout>,
        from: &TabletState,
        to: TabletId,
        ts: CommitTs,
    ) -> Result<()> {
        let copy = |txn: &mut Self, rows: &RecordBatch| -> Result<()> {
            if rows.num_rows() == 0 {
                return Ok(());
            }
            let rows = target.aligned(rows)?;
            let (keys, origins) = (target.keys(&rows)?, vec![Origin::New; rows.num_rows()]);
            let memtable = txn.private_memtable(target.table(), to);
            memtable.append(&rows, keys, &origins, u64::from(txn.command.0))?;
            txn.stage_when_large(true)
        };
        for chunk in from.memtables().iter().flat_map(|m| m.chunks()) {
            let lives: BooleanArray = (0..chunk.len()).map(|i| Some(chunk.lives_at(i, ts.0))).collect();
            let rows = filter_record_batch(chunk.batch(), &lives);
            copy(self, &rows.map_err(|e| Error::internal(format!("filter rows: {e}")))?)?;
        }
        let ids: Vec<ColumnId> = target.columns().iter().map(|(id, _)| *id).collect();
        for reference in from.references() {
            if !reference.lives()?.history || !reference.may_be_seen_at(ts)? {
                continue;
            }
            let scan = SegmentScan {
                columns: scan_columns(target, &ids)?,
                begin_at_most: Some(ts),
                end_above: Some(ts),
                batch_rows: 8_192,
                ..SegmentScan::of_rows(0..reference.meta().rows)
            };
            let mut batches = reference.segment()?.scan(&scan);
            while let Some(batch) = block_on(batches.next()).transpose()? {
                copy(self, &batch)?;
            }
        }
        Ok(())
    }

    /// The private memtable of a tablet, made when it is not there.
    pub(crate) fn private_memtable(&self, table: TableId, tablet: TabletId) -> Arc<Memtable> {
        let private = self.private.table_or_new(table);
        let held = private.parts().into_iter().find_map(|p| match p {
            TabletPart { tablet: of, part: Part::Memtable(memtable) } if of == tablet => Some(memtable),
            _ => None,
        });
        held.unwrap_or_else(|| {
            let memtable = Arc::new(Memtable::new(self.core.ids.memtable()));
            private.add(TabletPart { tablet, part: Part::Memtable(Arc::clone(&memtable)) });
            memtable
        })
    }

    /// The only right to write to a table, which is still the one this transaction sees.
    fn lock_table_exclusive(&mut self, layout: &Layout) -> Result<()> {
        if !self.holds_all(layout.table()) {
            self.hold_table(layout.table(), Hold::All)?;
        }
        self.check_still_seen(layout.table())
    }

    /// Adds truncated tablets and attached segments to a commit.
    pub(crate) fn build_tables(
        &self,
        state: &DatabaseState,
        record: &mut CommitRecord,
        edit: &mut CommitEdit,
    ) -> Result<()> {
        for table in &self.truncated {
            let def = state.catalog().table(*table);
            record.truncated.extend(def.iter().flat_map(|def| &def.tablets).map(|t| t.id));
        }
        record.truncated.sort_unstable();
        edit.truncated.clone_from(&record.truncated);
        for PendingAttach { table, tablet, reference, dead } in &self.attached {
            let meta = reference.meta();
            record.attached.push(AttachedSegment {
                table: *table,
                tablet: *tablet,
                reference: meta.id,
                segment: meta.segment,
                file_bytes: meta.file_bytes,
                rows: meta.rows,
                attach: Attach::AtCommit,
                content_hash: meta.content_hash,
                lives: meta.lives,
            });
            add_deletes(record, edit, *tablet, meta.id, dead.iter().collect())?;
            edit.attach.push(AttachEdit {
                tablet: *tablet,
                reference: Arc::clone(reference),
                attach: Attach::AtCommit,
            });
        }
        Ok(())
    }
}

/// Ordinals of rows that began after `ts`.
fn begun_after(reference: &Reference, ts: CommitTs) -> Result<RoaringBitmap> {
    let mut late = RoaringBitmap::new();
    if reference.lives()?.begin_max <= ts {
        return Ok(late);
    }
    let scan = SegmentScan {
        begin_above: Some(ts),
        ordinal: true,
        batch_rows: 65_536,
        ..SegmentScan::of_rows(0..reference.meta().rows)
    };
    let mut batches = reference.segment()?.scan(&scan);
    while let Some(batch) = block_on(batches.next()).transpose()? {
        let ordinals = batch.columns().first().and_then(|c| c.as_primitive_opt::<UInt32Type>());
        let ordinals = ordinals.ok_or_else(|| Error::internal("a scan without the ordinals asked for"))?;
        late.extend(ordinals.values().iter().copied());
    }
    Ok(late)
}
