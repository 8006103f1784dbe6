//! DELETE: the rows to remove, with all their columns.
//!
//! Must not know how rows are written.
//! Invariant: with USING a row's address may come several times; the row is removed once.

use super::row::{give_ctes_to, joined_columns, returning, with_ctes};
use super::update::{filtered, join};
use crate::binder::{Binder, Scope, Write};
use crate::bound::BoundDelete;
use crate::parse::DeleteSpec;
use base::Result;

/// Binds the statement, which sees the common table expressions of `above`.
pub(super) fn bind(binder: &mut Binder<'_>, spec: &DeleteSpec, above: &Scope<'_>) -> Result<BoundDelete> {
    let DeleteSpec { with, table: name, alias, using, filter, returning: items } = spec;
    let mut scope = Scope::inside(above);
    let ctes = binder.bind_with(with.as_ref(), &mut scope)?;
    let outer = scope.clone();
    let written = binder.written(name, Write::Delete)?;
    let (rows, entry) = binder.written_rows(&written, alias.as_ref())?;
    let table = &written.table;
    scope.add(entry);
    let target = join(binder, rows, using, &mut scope)?;
    let target = filtered(binder, target, filter.as_ref(), &scope)?;
    let joined = scope.tables.get(1..).unwrap_or_default();
    let returning = returning(binder, &written, alias.as_ref(), items.as_deref(), &outer, joined)?;
    let returning = give_ctes_to(&ctes, returning)?;
    let joined_columns = joined_columns(table, returning.as_ref()).iter().map(|c| c.col).collect();
    Ok(BoundDelete {
        table: table.id,
        source: with_ctes(ctes, target.rel),
        row_address: target.row_address,
        old_columns: target.columns.iter().map(|c| c.col).collect(),
        joined_columns,
        returning,
    })
}
