//! DELETE: the rows to remove, with all their columns.
//!
//! Must not know how rows are written.
//! Invariant: with USING a row's address may come several times; the row is removed once.

use super::row::{returning, with_ctes};
use super::update::{filtered, join, refuse_joined_returning};
use crate::binder::{Binder, Scope};
use crate::bound::BoundDelete;
use crate::parse::DeleteSpec;
use base::Result;

pub(super) fn bind(binder: &mut Binder<'_>, spec: &DeleteSpec) -> Result<BoundDelete> {
    let DeleteSpec { with, table: name, alias, using, filter, returning: items } = spec;
    let mut scope = Scope::empty();
    let ctes = match with {
        Some(with) => binder.bind_with(with, &mut scope)?,
        None => Vec::new(),
    };
    let outer = scope.clone();
    let table = binder.table_named(name)?;
    let (scan, entry) = binder.scan_table(&table, alias.as_ref(), true);
    scope.add(entry);
    let target = join(binder, scan, using, &mut scope)?;
    let target = filtered(binder, target, filter.as_ref(), &scope)?;
    refuse_joined_returning(binder, using, items.as_deref(), "DELETE .. USING")?;
    let returning = returning(binder, &table, alias.as_ref(), items.as_deref(), &outer)?;
    Ok(BoundDelete {
        table: table.id,
        source: with_ctes(ctes, target.rel),
        row_address: target.row_address,
        old_columns: target.columns.iter().map(|c| c.col).collect(),
        returning,
    })
}
