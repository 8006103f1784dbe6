//! Transactions that outgrow memory: their rows go to staged runs, segments that nothing refers to before the commit.
//!
//! Must not know the log. Invariants: rows whose addresses the current view may have handed out stay where they are
//! until the command ends; begin stamps in a run are command numbers, below every commit timestamp, so that the
//! attach timestamp decides once it is committed.

use crate::private::{Part, TabletPart};
use crate::runs::Run;
use crate::transaction::Transaction;
use base::Result;
use base::id::TableId;
use std::sync::Arc;

impl Transaction {
    /// Bytes of rows held in private memtables.
    pub(crate) fn private_bytes(&self) -> usize {
        let tables = self.private.tables();
        let parts = tables.iter().flat_map(|(_, table)| table.parts());
        parts.map(|p| if let Part::Memtable(memtable) = p.part { memtable.bytes() } else { 0 }).sum()
    }

    /// Stages rows when they take more memory than the settings allow; within a command only that command's.
    pub(crate) fn stage_when_large(&mut self, within_command: bool) -> Result<()> {
        if self.private_bytes() <= self.core.settings.transaction_buffer_bytes {
            return Ok(());
        }
        self.stage(if within_command { u64::from(self.command.0) } else { 0 })
    }

    /// Stages everything.
    pub(crate) fn stage_all(&mut self) -> Result<()> {
        self.stage(0)
    }

    /// Stages rows of commands from `command` on.
    fn stage(&mut self, command: u64) -> Result<()> {
        for (table, private) in self.private.tables() {
            for part in private.parts() {
                if let Part::Memtable(_) = &part.part {
                    for run in self.stage_part(table, &part, command)? {
                        private.add(run);
                    }
                }
            }
        }
        Ok(())
    }

    fn stage_part(&mut self, table: TableId, part: &TabletPart, command: u64) -> Result<Vec<TabletPart>> {
        let Part::Memtable(memtable) = &part.part else { return Ok(Vec::new()) };
        let chunks = Arc::new(memtable.chunks());
        // Commands follow each other, so the rows to stage are the last ones.
        let first = chunks.iter().flat_map(|c| c.versions().collect::<Vec<_>>()).find(|v| v.begin >= command);
        let Some(first) = first else { return Ok(Vec::new()) };
        let layout = self.current_view().layout(table)?;
        let run = Run::new(&chunks, |chunk, index| {
            let version = chunk.version(chunk.row(index));
            version.begin >= command && version.end == crate::memtable::NEVER
        });
        let mut parts = Vec::new();
        for run in run.split(self.core.settings.segment_rows_max) {
            let reference = run.write(&self.core, &layout, false)?;
            self.staged.push(Arc::clone(&reference));
            parts.push(TabletPart { tablet: part.tablet, part: Part::Segment(reference) });
        }
        memtable.truncate(first.row)?;
        Ok(parts)
    }
}
