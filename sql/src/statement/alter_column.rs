//! ALTER TABLE .. ADD COLUMN, DROP COLUMN and ALTER COLUMN .. TYPE.
//!
//! Must not know how rows are stored.
//! Invariants: a column's id is new in its table, and has never been another's; a type changes only where every stored value
//! means the same in the new one, be it in more bytes.

use super::alter_table::Altered;
use super::create_table::Key;
use super::kept::with_objects;
use super::new_column::{SYSTEM_COLUMNS, bind_column, column_def};
use super::{rules, update};
use crate::binder::{BindContext, Binder, is_volatile, type_name, view_reads};
use crate::bound::{AddedColumn, AlterTableAction, BoundUpdate, DroppedColumn, Expr, Fill, RowRules};
use crate::parse::{CheckSpec, ColumnConstraintKind, ColumnSpec};
use base::id::{ColumnId, Oid, SchemaId, TableId, ViewId};
use base::limits::TABLE_COLUMNS_MAX;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, ColumnDef, ColumnKind, TableDef};
use sqlparser::ast;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::sql_type::{array_of, oid};
use types::{Datum, Form, IoSettings, SqlType};

const OTHER_TYPE_HINT: &str =
    "ADD a column of the new type, UPDATE the table to fill it, then DROP the old one and RENAME.";

impl Altered {
    /// ADD COLUMN. What is checked of the rows there are comes behind it.
    pub(super) fn add_column(
        &mut self,
        binder: &mut Binder<'_>,
        at: usize,
        if_not_exists: bool,
        spec: &ColumnSpec,
    ) -> Result<AlterTableAction> {
        let name = binder.fold(&spec.name);
        if self.def.column_named(&name).is_some() {
            let message = format!("column \"{name}\" of relation \"{}\" already exists", self.def.name);
            if if_not_exists {
                return Ok(AlterTableAction::Notice("42701", format!("{message}, skipping")));
            }
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        let id = self.def.next_column;
        if usize::try_from(id.0).map_or(true, |id| id > TABLE_COLUMNS_MAX) {
            let message = format!("tables can have at most {TABLE_COLUMNS_MAX} columns");
            return Err(Error::new(ErrorKind::TooManyColumns, message));
        }
        let mut key = Key::default();
        let new = bind_column(binder, &self.def.name, spec, 0, &mut key)?;
        self.refuse_key(&key, at)?;
        let mut column = ColumnDef { id, default: new.default.clone(), ..column_def(&new) };
        self.def.columns.push(column.clone());
        self.def.next_column = ColumnId(id.0.saturating_add(1));
        let fill = match column.kind {
            ColumnKind::Generated => {
                for constraint in &spec.constraints {
                    if let ColumnConstraintKind::Generated(written) = &constraint.kind {
                        rules::generated(binder, &self.def, &column, written)?;
                        column.default = Some(with_objects(binder, written)?);
                    }
                }
                Fill::Each
            }
            ColumnKind::Identity { .. } => Fill::Each,
            ColumnKind::Plain if new.sequence.is_some() => Fill::Each,
            ColumnKind::Plain => match binder.bind_default(&column)? {
                // What a domain forbids is forbidden where there are rows.
                value if is_volatile(&value) || matches!(value, Expr::Domain { .. }) => Fill::Each,
                value => Fill::Value(value),
            },
        };
        if let Some(last) = self.def.columns.last_mut() {
            last.clone_from(&column);
        }
        let refilled = fill == Fill::Each;
        let (not_null, name) = (column.not_null, column.name.clone());
        let added = AddedColumn { column, sequence: new.sequence, fill };
        self.actions.push(AlterTableAction::AddColumn(Box::new(added)));
        for constraint in &spec.constraints {
            if let ColumnConstraintKind::Check(condition) = &constraint.kind {
                let (name, condition) = (constraint.name.clone(), condition.clone());
                let check = self.add_check(binder, &CheckSpec { name, at: constraint.at, condition })?;
                self.actions.push(check);
            }
        }
        for constraint in &spec.constraints {
            if let ColumnConstraintKind::References(spec) = &constraint.kind {
                let key = self.add_foreign_key(binder, spec)?;
                self.actions.push(key);
            }
        }
        // Rows that are written anew are checked as any others.
        if not_null && !refilled {
            return self.null_probe(binder, id, name);
        }
        self.actions.pop().ok_or_else(|| Error::internal("a column is not added"))
    }

    /// 42P16 for a second primary key, 0A000 for the first.
    fn refuse_key(&self, key: &Key, at: usize) -> Result<()> {
        if let Some(at) = key.unique_at() {
            return Err(Error::unsupported("a new column that is UNIQUE is not supported")
                .at(at)
                .with_hint("Add the column first, then the constraint: ALTER TABLE .. ADD UNIQUE (..)."));
        }
        if key.is_empty() {
            return Ok(());
        }
        if self.def.has_primary_key() {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", self.def.name);
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
        }
        Err(Error::unsupported("adding a primary key to a table is not supported")
            .at(at)
            .with_hint("Create a table with it and INSERT INTO .. SELECT."))
    }

    /// DROP COLUMN, with what goes with it.
    pub(super) fn drop_column(
        &mut self,
        binder: &mut Binder<'_>,
        context: &BindContext<'_>,
        at: usize,
        name: &ast::Ident,
        if_exists: bool,
    ) -> Result<AlterTableAction> {
        let folded = binder.fold(name);
        if SYSTEM_COLUMNS.contains(&folded.as_str()) {
            return Err(Error::unsupported(format!("cannot drop system column \"{folded}\"")));
        }
        let Some(column) = self.def.column_named(&folded).map(|c| c.id) else {
            let message = format!("column \"{folded}\" of relation \"{}\" does not exist", self.def.name);
            return match if_exists {
                true => Ok(AlterTableAction::Notice("00000", format!("{message}, skipping"))),
                false => Err(Error::new(ErrorKind::UndefinedColumn, message)),
            };
        };
        self.refuse_part_of_key(column, &folded, Some(at))?;
        Ok(AlterTableAction::DropColumn(Box::new(self.dropped(binder, context, column)?)))
    }

    /// The table loses a column, and what goes with it.
    fn dropped(
        &mut self,
        binder: &mut Binder<'_>,
        context: &BindContext<'_>,
        column: ColumnId,
    ) -> Result<DroppedColumn> {
        let generated = rules::generated_from(binder, &self.def, column)?;
        let (mut views, mut materialized) = (Vec::new(), Vec::new());
        for column in std::iter::once(column).chain(generated.iter().copied()) {
            let readers = readers(context, self.def.id, column)?;
            views.extend(readers.views.into_iter().map(|view| (view, column)));
            materialized.extend(readers.materialized.into_iter().map(|table| (table, column)));
        }
        for gone in std::iter::once(column).chain(generated.iter().copied()) {
            self.def = self.def.without_column(gone);
        }
        Ok(DroppedColumn { column, generated, views, materialized, cascade: false })
    }

    fn refuse_part_of_key(&self, column: ColumnId, name: &str, at: Option<usize>) -> Result<()> {
        if partitions_by(&self.def, column) {
            let message = format!(
                "cannot drop column \"{name}\" because it is part of the partition key of relation \"{}\"",
                self.def.name
            );
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
        }
        if self.def.primary_key.contains(&column) {
            let error = Error::unsupported("dropping a column of the primary key is not supported")
                .with_hint("Create a table without it and INSERT INTO .. SELECT.");
            return Err(match at {
                Some(at) => error.at(at),
                None => error,
            });
        }
        Ok(())
    }

    /// ALTER COLUMN .. TYPE, where what is stored need not change.
    pub(super) fn set_type(
        &mut self,
        binder: &mut Binder<'_>,
        context: &BindContext<'_>,
        name: &ast::Ident,
        ty: &ast::DataType,
        type_at: usize,
    ) -> Result<AlterTableAction> {
        let ty = binder.sql_type(ty).map_err(|e| e.at(type_at))?;
        let id = self.column(binder, name)?.id;
        let column = self.column(binder, name)?.clone();
        if let Some(generated) = rules::generated_from(binder, &self.def, id)?.first() {
            let other = self.def.column(*generated).map(|c| c.name.clone()).unwrap_or_default();
            return Err(Error::unsupported("cannot alter type of a column used by a generated column")
                .with_detail(format!(
                    "Column \"{}\" is used by generated column \"{other}\".",
                    column.name
                )));
        }
        if let Some(reader) = readers(context, self.def.id, id)?.first(context.catalog) {
            return Err(Error::unsupported("cannot alter type of a column used by a view or rule")
                .with_detail(format!("rule _RETURN on {reader} depends on column \"{}\"", column.name)));
        }
        let unique = self.def.unique.iter().any(|unique| unique.columns.contains(&id));
        let refers = self.def.foreign_keys.iter().any(|key| key.columns.contains(&id));
        let of_key = unique || refers || self.def.primary_key.contains(&id) || partitions_by(&self.def, id);
        let free = !of_key && column.kind == ColumnKind::Plain;
        let as_it_is = keeps_values(&column.ty, &ty) || (free && widens(&column.ty, &ty));
        if !as_it_is {
            let (from, to) = (type_name(column.ty.named()), type_name(ty.named()));
            return Err(Error::unsupported(format!(
                "changing the type of column \"{}\" from {from} to {to}, for which its values would be rewritten, is not supported",
                column.name
            ))
            .at(type_at)
            .with_hint(OTHER_TYPE_HINT));
        }
        let column = self.column(binder, name)?;
        column.missing = widened(&column.missing, &column.ty, &ty)?;
        column.ty = ty;
        Ok(self.columns())
    }
}

/// The columns that go with types and functions, in the order in which PostgreSQL tells them: for each type first those of arrays
/// over it.
/// A materialized view goes as a whole, so none of them is one of its own; nor is one of a schema that goes.
pub(super) fn columns_of_types(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    types: &[Oid],
    schemas: &[SchemaId],
    cascade: bool,
) -> Result<Vec<(TableId, DroppedColumn)>> {
    let catalog = context.catalog;
    let stays =
        |t: &&Arc<TableDef>| catalog.materialized_view(t.id).is_none() && !schemas.contains(&t.schema);
    let mut tables: Vec<_> = catalog.tables().filter(stays).collect();
    tables.sort_by_key(|table| table.oid);
    let whole = |table: &TableDef| Altered { def: table.clone(), actions: Vec::new() };
    let mut left: BTreeMap<TableId, Altered> = tables.iter().map(|t| (t.id, whole(t))).collect();
    let mut found = Vec::new();
    for ty in types.iter().flat_map(|ty| [array_of(*ty), Some(*ty)]) {
        for table in &tables {
            let Some(left) = left.get_mut(&table.id) else { continue };
            // Generated columns go with what they are computed from.
            let of_type = |c: &&ColumnDef| {
                let computed = c.default.as_ref().filter(|_| c.kind == ColumnKind::Generated);
                let mut named = computed.into_iter().flat_map(|text| catalog::view_pieces(text));
                Some(c.ty.named()) == ty || ty.is_some() && named.any(|(_, object)| object == ty)
            };
            let mut columns: Vec<&ColumnDef> = table.columns.iter().rev().filter(of_type).collect();
            columns.sort_by_key(|column| column.kind == ColumnKind::Generated);
            for column in columns {
                if left.def.column(column.id).is_none() {
                    continue;
                }
                if cascade {
                    left.refuse_part_of_key(column.id, &column.name, None)?;
                    super::function_names::refuse_bodies(catalog, table, types)?;
                }
                let dropped = left.dropped(binder, context, column.id)?;
                found.push((table.id, DroppedColumn { cascade, ..dropped }));
            }
        }
    }
    Ok(found)
}

/// What reads a column.
struct Readers {
    views: Vec<ViewId>,
    materialized: Vec<TableId>,
}

impl Readers {
    /// One of them in words.
    fn first(&self, catalog: &CatalogState) -> Option<String> {
        let mut views = self.views.iter().filter_map(|id| catalog.view(*id));
        let mut tables = self.materialized.iter().filter_map(|id| catalog.table(*id));
        let view = views.next().map(|view| format!("view {}", view.name));
        view.or_else(|| tables.next().map(|table| format!("materialized view {}", table.name)))
    }
}

/// The views and materialized views that read a column.
fn readers(context: &BindContext<'_>, table: TableId, column: ColumnId) -> Result<Readers> {
    let mut found = Readers { views: Vec::new(), materialized: Vec::new() };
    // A column of this very statement is in no view.
    let def = context.catalog.table(table).filter(|def| def.column(column).is_some());
    let Some(def) = def else { return Ok(found) };
    for view in context.catalog.views().filter(|view| view.uses.contains(&def.oid)) {
        if view_reads(context, &view.text, &view.unseen, def, column)? {
            found.views.push(view.id);
        }
    }
    for (id, view) in context.catalog.materialized().filter(|(_, view)| view.uses.contains(&def.oid)) {
        if view_reads(context, &view.text, &view.unseen, def, column)? {
            found.materialized.push(id);
        }
    }
    Ok(found)
}

/// Whether every value of a type is stored as the same value of another one.
fn keeps_values(from: &SqlType, to: &SqlType) -> bool {
    let wider = to.typmod == -1 || from.typmod != -1 && from.typmod <= to.typmod;
    if from == to {
        return true;
    }
    // A value of a domain is one of what the domain is over, not the other way round.
    if from.form != to.form || to.domain.is_some() {
        return false;
    }
    match (from.oid, to.oid) {
        (a, b) if a == b && from.typmod == to.typmod => true,
        (oid::VARCHAR, oid::TEXT) => true,
        (oid::TEXT, oid::VARCHAR) => to.typmod == -1,
        (oid::VARCHAR, oid::VARCHAR)
        | (oid::TIMESTAMP, oid::TIMESTAMP)
        | (oid::TIMESTAMPTZ, oid::TIMESTAMPTZ)
        | (oid::TIME, oid::TIME)
        | (oid::TIMETZ, oid::TIMETZ) => wider,
        // Precision in the upper half, scale in the lower, which the form keeps the same.
        (oid::NUMERIC, oid::NUMERIC) => {
            from.typmod >= 0 && to.typmod >= 0 && from.typmod & 0xffff == to.typmod & 0xffff && wider
        }
        _ => false,
    }
}

/// Whether every value of a type is one of another, which is stored in more bytes.
fn widens(from: &SqlType, to: &SqlType) -> bool {
    let scale = |form: &Form| match form {
        Form::Decimal128 { scale } | Form::Decimal256 { scale } => Some(*scale),
        _ => None,
    };
    match (from.oid, to.oid) {
        _ if to.domain.is_some() => false,
        (oid::INT2, oid::INT4 | oid::INT8) | (oid::INT4, oid::INT8) | (oid::FLOAT4, oid::FLOAT8) => true,
        (oid::NUMERIC, oid::NUMERIC) => {
            scale(&from.form).is_some() && scale(&from.form) == scale(&to.form) && from.typmod <= to.typmod
        }
        _ => false,
    }
}

/// A value in the form of a wider type.
fn widened(value: &Datum, from: &SqlType, to: &SqlType) -> Result<Datum> {
    Ok(match (value, &to.form) {
        (Datum::Int16(v), Form::Int32) => Datum::Int32(i32::from(*v)),
        (Datum::Int16(v), Form::Int64) => Datum::Int64(i64::from(*v)),
        (Datum::Int32(v), Form::Int64) => Datum::Int64(i64::from(*v)),
        (Datum::Float32(v), Form::Float64) => Datum::Float64(f64::from(*v)),
        (Datum::Decimal128(_), Form::Decimal256 { .. }) => {
            let (io, mut text) = (IoSettings::default(), String::new());
            types::text::format_text(from, value, &io, &mut text)?;
            types::text::parse_text(to, &text, &io)?
        }
        (value, _) => value.clone(),
    })
}

fn partitions_by(def: &TableDef, column: ColumnId) -> bool {
    let of_hash = def.partitioning.hash.iter().flat_map(|level| &level.columns);
    let of_range = def.partitioning.range.iter().flat_map(|level| &level.columns);
    of_hash.chain(of_range).any(|id| *id == column)
}

/// The UPDATE that gives every row of a table its own values of new columns: the default, or what is generated. Checks of the
/// table are not among its rules: those of the new columns are looked at when all rows have them.
pub fn bind_refill(context: &BindContext<'_>, table: &TableDef, columns: &[ColumnId]) -> Result<BoundUpdate> {
    let mut update = with_defaults(context, table, columns)?;
    if let Some(rules) = &mut update.rules {
        rules.checks.clear();
    }
    Ok(update)
}

/// What rows of a table get that are changed because rows they refer to were: the rules for all of them, and the defaults of
/// some columns.
pub fn bind_referring(
    context: &BindContext<'_>,
    table: &TableDef,
    columns: &[ColumnId],
) -> Result<(Option<Box<RowRules>>, Vec<Expr>)> {
    let mut binder = Binder::new(context);
    let defaults = columns.iter().map(|id| {
        let column = table.column(*id).ok_or_else(|| Error::internal("the default of an unknown column"))?;
        binder.bind_default(column)
    });
    let defaults = defaults.collect::<Result<_>>()?;
    Ok((rules::of(&mut binder, table)?, defaults))
}

fn with_defaults(context: &BindContext<'_>, table: &TableDef, columns: &[ColumnId]) -> Result<BoundUpdate> {
    let mut binder = Binder::new(context);
    let mut values = BTreeMap::new();
    for column in columns {
        let place = table.column_index(*column).zip(table.column(*column));
        let (index, def) = place.ok_or_else(|| Error::internal("filling an unknown column"))?;
        values.insert(index, binder.bind_default(def)?);
    }
    update::of_all_rows(&mut binder, table, values)
}

#[cfg(test)]
mod tests {
    use super::{keeps_values, widens};
    use types::SqlType;
    use types::sql_type::oid;

    #[test]
    fn only_wider_types_of_the_same_form_keep_values() {
        let ty = |oid, typmod| SqlType::with_typmod(oid, typmod).unwrap();
        let numeric = |precision: i32, scale: i32| ty(oid::NUMERIC, ((precision << 16) | scale) + 4);
        let keeps = [
            (ty(oid::VARCHAR, 9), ty(oid::VARCHAR, 24)),
            (ty(oid::VARCHAR, 9), ty(oid::TEXT, -1)),
            (ty(oid::TEXT, -1), ty(oid::VARCHAR, -1)),
            (ty(oid::TIMESTAMP, 3), ty(oid::TIMESTAMP, -1)),
            (numeric(5, 2), numeric(12, 2)),
            (ty(oid::INT4, -1), ty(oid::INT4, -1)),
        ];
        let changes = [
            (ty(oid::VARCHAR, 24), ty(oid::VARCHAR, 9)),
            (ty(oid::TEXT, -1), ty(oid::VARCHAR, 9)),
            (ty(oid::TIMESTAMP, -1), ty(oid::TIMESTAMP, 3)),
            (numeric(12, 2), numeric(5, 2)),
            (numeric(12, 2), numeric(12, 3)),
            (numeric(12, 2), ty(oid::NUMERIC, -1)),
            (ty(oid::INT4, -1), ty(oid::INT8, -1)),
            (ty(oid::TIMESTAMP, -1), ty(oid::TIMESTAMPTZ, -1)),
        ];
        for (from, to) in keeps {
            assert!(keeps_values(&from, &to), "{from:?} to {to:?}");
        }
        let wider = [
            (ty(oid::INT2, -1), ty(oid::INT4, -1)),
            (ty(oid::INT4, -1), ty(oid::INT8, -1)),
            (ty(oid::FLOAT4, -1), ty(oid::FLOAT8, -1)),
            (numeric(12, 2), numeric(50, 2)),
        ];
        for (from, to) in wider {
            assert!(widens(&from, &to) && !widens(&to, &from), "{from:?} to {to:?}");
        }
        for (from, to) in changes {
            assert!(!keeps_values(&from, &to), "{from:?} to {to:?}");
        }
    }
}
