//! The relations of schema `nyala`: what storage knows of the user's tables.
//!
//! Invariant: figures are of the statement's snapshot.

use crate::lower::TableSizes;
use crate::system::SystemCatalog;
use crate::system::relations::schema_name;
use crate::system::table::{SystemTable, value};
use ::storage::ReadView;
use base::Result;
use base::id::TableId;

impl TableSizes for ReadView {
    fn bytes(&self, table: TableId) -> Result<u64> {
        self.stored_bytes(table)
    }
}

/// `nyala.tables`. Reads every table once, for its fingerprint.
pub(super) fn tables(catalog: &SystemCatalog, out: &mut SystemTable) -> Result<()> {
    for table in catalog.state.tables() {
        out.row(&[
            ("schema_name", value(schema_name(catalog, table))),
            ("table_name", value(&table.name)),
            ("row_count", value(catalog.view.row_count(table.id)?.to_string())),
            ("fingerprint", value(format!("{:032x}", catalog.view.fingerprint(table.id)?))),
        ]);
    }
    Ok(())
}
