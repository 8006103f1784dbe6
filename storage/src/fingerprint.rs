//! The fingerprint of a table: equal for equal rows, whatever files they are in.
//!
//! Must not know how rows are stored. Invariant: flush, compaction, restart, backup and restore leave it unchanged;
//! the hidden row id is no part of it.

use crate::scan::{ReadView, ScanSpec};
use crate::split::read_all;
use base::Result;
use base::id::{ColumnId, TableId};
use types::fingerprint_rows;

/// Sum modulo 2^128 of a hash per live row.
pub(crate) fn fingerprint(view: &ReadView, table: TableId) -> Result<u128> {
    let layout = view.view.layout(table)?;
    let types: Vec<_> = layout.def().columns.iter().map(|c| c.ty.clone()).collect();
    let projection: Vec<ColumnId> = layout.def().columns.iter().map(|c| c.id).collect();
    let spec = ScanSpec { table, projection, predicate: None, sieve: None, row_address: false };
    let mut sum = 0_u128;
    read_all(&view.view, &spec, |batch| {
        let columns: Vec<_> = types.iter().cloned().zip(batch.columns().iter().cloned()).collect();
        sum = sum.wrapping_add(fingerprint_rows(&columns)?);
        Ok(())
    })?;
    Ok(sum)
}
