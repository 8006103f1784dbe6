//! ALTER TABLE: each action against the table as the actions before it leave it.
//!
//! Must not know how a table is stored or changed.
//! Invariants: a column keeps its id; texts that the table keeps name its columns as they are called now; what drops comes
//! before what adds, as in PostgreSQL.

use super::create_table::key_positions;
use super::kept::{Part, renamed, with_objects};
use super::{foreign_key, new_column, options, partitioning, rules, schema, sequence, unique};
use crate::binder::{BindContext, Binder, Relation, is_temporary};
use crate::bound::{AlterTableAction, BoundStatement, DroppedColumn, Expr, Probe, ProbeError, Rel};
use crate::parse::{
    AlterAction, AlterSequenceSpec, AlterTableSpec, CheckSpec, ForeignKeySpec, KeySpec, SequenceChange,
    Written,
};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::{CheckDef, ColumnDef, ColumnKind, TableDef};
use sqlparser::ast;

pub(super) fn bind(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &AlterTableSpec,
) -> Result<BoundStatement> {
    let AlterTableSpec { name, if_exists, actions } = spec;
    if let Some(spec) = of_sequence(binder, spec) {
        return sequence::alter(binder, context, &spec, COMMAND);
    }
    let table = match binder.table_named(name) {
        Ok(table) => table,
        Err(error) => {
            return match schema::missing(binder, name, &error, "relation")? {
                Some(missing) if *if_exists => Ok(nothing_to_alter(COMMAND, &missing)),
                _ => Err(error),
            };
        }
    };
    altered(binder, context, COMMAND, &table, actions)
}

const COMMAND: &str = "ALTER TABLE";

/// A statement that only tells that its table does not exist.
pub(super) fn nothing_to_alter(command: &'static str, missing: &Error) -> BoundStatement {
    let notices = vec![format!("{}, skipping", missing.message())];
    BoundStatement::AlterTable { command, table: None, actions: Vec::new(), notices }
}

/// A table's actions, in the order in which they are done.
pub(super) fn altered(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    command: &'static str,
    table: &TableDef,
    actions: &[AlterAction],
) -> Result<BoundStatement> {
    let mut altered = Altered { def: table.clone(), actions: Vec::new() };
    let mut in_order: Vec<&AlterAction> = actions.iter().collect();
    in_order.sort_by_key(|action| pass(action));
    for action in in_order {
        altered.action(binder, context, action)?;
    }
    let (table, actions) = (Some(table.id), altered.actions);
    Ok(BoundStatement::AlterTable { command, table, actions, notices: Vec::new() })
}

/// A new name or schema of a sequence, which ALTER TABLE gives it, too.
fn of_sequence(binder: &Binder<'_>, spec: &AlterTableSpec) -> Option<AlterSequenceSpec> {
    let AlterTableSpec { name, if_exists, actions } = spec;
    let change = match actions.as_slice() {
        [AlterAction::Rename(name)] => SequenceChange::Rename(name.clone()),
        [AlterAction::SetSchema(name)] => SequenceChange::SetSchema(name.clone()),
        _ => return None,
    };
    let Ok(Relation::Sequence(_)) = binder.relation(name) else { return None };
    Some(AlterSequenceSpec { name: name.clone(), if_exists: *if_exists, change })
}

/// When an action has its turn, however the statement orders them.
fn pass(action: &AlterAction) -> u8 {
    match action {
        AlterAction::DropColumn { .. }
        | AlterAction::DropConstraint { .. }
        | AlterAction::SetDefault { value: None, .. }
        | AlterAction::SetNotNull { not_null: false, .. } => 0,
        AlterAction::SetType { .. } => 1,
        AlterAction::AddColumn { .. } => 2,
        AlterAction::AddCheck(_) => 3,
        AlterAction::SetNotNull { not_null: true, .. } => 4,
        AlterAction::SetDefault { value: Some(_), .. } | AlterAction::AddUnique(_) => 5,
        AlterAction::AddRangePartition { .. }
        | AlterAction::DropRangePartition { .. }
        | AlterAction::SetOptions(_)
        | AlterAction::ResetOptions(_)
        | AlterAction::Rename(_)
        | AlterAction::RenameColumn { .. }
        | AlterAction::RenameConstraint { .. }
        | AlterAction::SetSchema(_) => 6,
        // Keys that it may refer to come before it.
        AlterAction::AddForeignKey(_) => 7,
    }
}

/// The table as it is so far.
pub(super) struct Altered {
    pub(super) def: TableDef,
    pub(super) actions: Vec<AlterTableAction>,
}

impl Altered {
    fn action(
        &mut self,
        binder: &mut Binder<'_>,
        context: &BindContext<'_>,
        action: &AlterAction,
    ) -> Result<()> {
        if matches!(
            action,
            AlterAction::RenameColumn { .. } | AlterAction::DropColumn { .. } | AlterAction::SetType { .. }
        ) {
            super::function_names::refuse_bodies(context.catalog, &self.def, &[])?;
        }
        if matches!(action, AlterAction::AddColumn { .. } | AlterAction::SetType { .. }) {
            let what = format!("changing the columns of table \"{}\"", self.def.name);
            super::composite::refuse_held_rows(context.catalog, self.def.oid, &what)?;
        }
        let done = match action {
            AlterAction::AddRangePartition { if_not_exists, partition } => {
                AlterTableAction::AddRangePartition {
                    at: partition.at,
                    if_not_exists: *if_not_exists,
                    partition: partitioning::added(binder, context, &self.def, partition)?,
                }
            }
            AlterAction::DropRangePartition { at, if_exists, name } => AlterTableAction::DropRangePartition {
                at: *at,
                if_exists: *if_exists,
                name: binder.fold(name),
            },
            AlterAction::SetOptions(set) => AlterTableAction::SetOptions(options::set(set, &context.io)?),
            AlterAction::ResetOptions(reset) => AlterTableAction::SetOptions(options::reset(reset)?),
            AlterAction::Rename(name) => {
                let name = binder.fold(name);
                self.rename_in_texts(Part::Table, &self.def.name.clone(), &name)?;
                AlterTableAction::Name { schema: self.def.schema, name }
            }
            AlterAction::SetSchema(name) => {
                let schema = binder.schema_named(&ast::ObjectName::from(vec![name.clone()]))?;
                if schema.id != self.def.schema && binder.has_relation(&schema, &self.def.name) {
                    let (table, schema) = (&self.def.name, &schema.name);
                    let message = format!("relation \"{table}\" already exists in schema \"{schema}\"");
                    return Err(Error::new(ErrorKind::DuplicateTable, message));
                }
                AlterTableAction::Name { schema: schema.id, name: self.def.name.clone() }
            }
            AlterAction::RenameColumn { from, to } => self.rename_column(binder, from, to)?,
            AlterAction::RenameConstraint { from, to } => self.rename_constraint(binder, from, to)?,
            AlterAction::SetDefault { column, value } => self.set_default(binder, column, value.as_ref())?,
            AlterAction::SetNotNull { column, not_null } => self.set_not_null(binder, column, *not_null)?,
            AlterAction::AddCheck(spec) => self.add_check(binder, spec)?,
            AlterAction::AddUnique(spec) => self.add_unique(binder, spec)?,
            AlterAction::AddColumn { at, if_not_exists, column } => {
                self.add_column(binder, *at, *if_not_exists, column)?
            }
            AlterAction::DropColumn { at, name, if_exists, cascade } => {
                match self.drop_column(binder, context, *at, name, *if_exists)? {
                    AlterTableAction::DropColumn(dropped) => {
                        AlterTableAction::DropColumn(Box::new(DroppedColumn {
                            cascade: *cascade,
                            ..*dropped
                        }))
                    }
                    other => other,
                }
            }
            AlterAction::SetType { column, ty, type_at } => {
                self.set_type(binder, context, column, ty, *type_at)?
            }
            AlterAction::AddForeignKey(spec) => self.add_foreign_key(binder, spec)?,
            AlterAction::DropConstraint { name, if_exists, cascade } => {
                self.drop_constraint(binder, name, *if_exists, *cascade)?
            }
        };
        self.actions.push(done);
        Ok(())
    }

    pub(super) fn columns(&self) -> AlterTableAction {
        AlterTableAction::Columns(self.def.columns.clone())
    }

    /// The column of that name.
    pub(super) fn column(&mut self, binder: &Binder<'_>, name: &ast::Ident) -> Result<&mut ColumnDef> {
        let folded = binder.fold(name);
        let message = format!("column \"{folded}\" of relation \"{}\" does not exist", self.def.name);
        let found = self.def.columns.iter_mut().find(|c| c.name == folded);
        found.ok_or_else(|| Error::new(ErrorKind::UndefinedColumn, message))
    }

    /// `from`: the name of a column, or of the table, that becomes `to` in checks and generated columns.
    fn rename_in_texts(&mut self, part: Part, from: &str, to: &str) -> Result<()> {
        for check in &mut self.def.checks {
            check.text = renamed(&check.text, part, from, to)?;
        }
        let generated = self.def.columns.iter_mut().filter(|c| c.kind == ColumnKind::Generated);
        for text in generated.filter_map(|c| c.default.as_mut()) {
            *text = renamed(text, part, from, to)?;
        }
        let (columns, checks) = (self.columns(), AlterTableAction::Checks(self.def.checks.clone()));
        self.actions.extend([columns, checks]);
        Ok(())
    }

    fn rename_column(
        &mut self,
        binder: &Binder<'_>,
        from: &ast::Ident,
        to: &ast::Ident,
    ) -> Result<AlterTableAction> {
        let (from, to) = (binder.fold(from), binder.fold(to));
        if self.def.column_named(&from).is_none() {
            let message = format!("column \"{from}\" does not exist");
            return Err(Error::new(ErrorKind::UndefinedColumn, message));
        }
        if self.def.column_named(&to).is_some() {
            let message = format!("column \"{to}\" of relation \"{}\" already exists", self.def.name);
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        new_column::check_column_name(&to)?;
        self.rename_in_texts(Part::Column, &from, &to)?;
        if let Some(column) = self.def.columns.iter_mut().find(|c| c.name == from) {
            column.name = to;
        }
        Ok(self.columns())
    }

    fn rename_constraint(
        &mut self,
        binder: &Binder<'_>,
        from: &ast::Ident,
        to: &ast::Ident,
    ) -> Result<AlterTableAction> {
        let (from, to) = (binder.fold(from), binder.fold(to));
        let is_key = self.def.has_primary_key() && self.def.primary_key_name == from;
        if let Some(place) =
            self.def.unique.iter().position(|unique| unique.constraint && unique.name == from)
        {
            self.check_free(&to)?;
            if let Some(unique) = self.def.unique.get_mut(place) {
                unique.name = to;
            }
            return Ok(AlterTableAction::Unique(self.def.unique.clone()));
        }
        if let Some(place) = self.def.foreign_keys.iter().position(|key| key.name == from) {
            self.check_free(&to)?;
            if let Some(key) = self.def.foreign_keys.get_mut(place) {
                key.name = to;
            }
            return Ok(AlterTableAction::ForeignKeys(self.def.foreign_keys.clone()));
        }
        if !is_key && !self.def.checks.iter().any(|check| check.name == from) {
            let message = format!("constraint \"{from}\" for table \"{}\" does not exist", self.def.name);
            return Err(Error::new(ErrorKind::UndefinedObject, message));
        }
        self.check_free(&to)?;
        if is_key {
            self.def.primary_key_name.clone_from(&to);
            return Ok(AlterTableAction::KeyName(to));
        }
        if let Some(check) = self.def.checks.iter_mut().find(|check| check.name == from) {
            check.name = to;
        }
        Ok(AlterTableAction::Checks(self.def.checks.clone()))
    }

    /// 42710 when a constraint of the table has the name.
    fn check_free(&self, name: &str) -> Result<()> {
        let key = self.def.has_primary_key() && self.def.primary_key_name == name;
        let unique = self.def.unique.iter().any(|unique| unique.name == name);
        let foreign = self.def.foreign_keys.iter().any(|key| key.name == name);
        if key || unique || foreign || self.def.checks.iter().any(|check| check.name == name) {
            let message = format!("constraint \"{name}\" for relation \"{}\" already exists", self.def.name);
            return Err(Error::new(ErrorKind::DuplicateObject, message));
        }
        Ok(())
    }

    fn set_default(
        &mut self,
        binder: &mut Binder<'_>,
        name: &ast::Ident,
        value: Option<&Written>,
    ) -> Result<AlterTableAction> {
        let table = self.def.name.clone();
        let column = self.column(binder, name)?;
        let what = match column.kind {
            ColumnKind::Plain => None,
            ColumnKind::Identity { .. } => Some("an identity column"),
            ColumnKind::Generated => Some("a generated column"),
        };
        if let Some(what) = what {
            let message = format!("column \"{}\" of relation \"{table}\" is {what}", column.name);
            return Err(Error::new(ErrorKind::Syntax, message));
        }
        column.default = match value {
            None => None,
            Some(written) => {
                new_column::check_default(binder, column, &written.expr)?;
                Some(with_objects(binder, written)?)
            }
        };
        Ok(self.columns())
    }

    fn set_not_null(
        &mut self,
        binder: &mut Binder<'_>,
        name: &ast::Ident,
        not_null: bool,
    ) -> Result<AlterTableAction> {
        let table = self.def.name.clone();
        let key = self.def.primary_key.clone();
        let column = self.column(binder, name)?;
        if !not_null {
            if matches!(column.kind, ColumnKind::Identity { .. }) {
                let message =
                    format!("column \"{}\" of relation \"{table}\" is an identity column", column.name);
                return Err(Error::new(ErrorKind::Syntax, message));
            }
            if key.contains(&column.id) {
                let message = format!("column \"{}\" is in a primary key", column.name);
                return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
            }
        }
        let probed = not_null && !column.not_null;
        column.not_null = not_null;
        let (id, name) = (column.id, column.name.clone());
        let columns = self.columns();
        if !probed {
            return Ok(columns);
        }
        self.actions.push(columns);
        self.null_probe(binder, id, name)
    }

    /// Looks for a row that is null in a column.
    pub(super) fn null_probe(
        &self,
        binder: &mut Binder<'_>,
        id: ColumnId,
        name: String,
    ) -> Result<AlterTableAction> {
        let (scan, _) = binder.scan_table(&self.def, None, false);
        let typed = scan.columns.iter().find(|(column, _)| *column == id).map(|(_, typed)| typed.clone());
        let typed = typed.ok_or_else(|| Error::internal("a column is not scanned"))?;
        let predicate = Expr::IsNull { arg: Box::new(Expr::Column(typed.clone())), negated: false };
        Ok(probe(Rel::Scan(scan), predicate, typed.col, ProbeError::Null(name)))
    }

    pub(super) fn add_check(
        &mut self,
        binder: &mut Binder<'_>,
        spec: &CheckSpec,
    ) -> Result<AlterTableAction> {
        let CheckSpec { name, at: _, condition } = spec;
        let name = name.as_ref().map(|name| binder.fold(name));
        if let Some(name) = &name {
            self.check_free(name)?;
        }
        let columns = rules::check(binder, &self.def, condition)?;
        let (scan, predicate) = rules::unmet(binder, &self.def, condition)?;
        let first = scan.columns.first().map(|(_, typed)| typed.col);
        self.def.checks.push(CheckDef {
            oid: Oid(0),
            name: name.clone().unwrap_or_default(),
            text: with_objects(binder, condition)?,
            columns,
        });
        let checks = AlterTableAction::Checks(self.def.checks.clone());
        // A table without columns has nothing to check.
        let Some(column) = first else { return Ok(checks) };
        self.actions.push(checks);
        Ok(probe(Rel::Scan(scan), predicate, column, ProbeError::Check(name)))
    }

    fn add_unique(&self, binder: &mut Binder<'_>, spec: &KeySpec) -> Result<AlterTableAction> {
        let KeySpec { name, at, columns } = spec;
        let names = self.def.columns.iter().map(|column| column.name.as_str());
        let places = key_positions(binder, names, columns, "unique", *at)?;
        let columns: Vec<&ColumnDef> =
            places.iter().filter_map(|place| self.def.columns.get(*place)).collect();
        for column in &columns {
            unique::check_column((&column.name, &column.ty), "unique constraint", *at)?;
        }
        if self.def.partitioning.range.is_some() {
            return Err(unique::of_ranges(*at));
        }
        let columns: Vec<ColumnId> = columns.into_iter().map(|column| column.id).collect();
        let name = name.as_ref().map(|name| binder.fold(name));
        let added = unique::added(binder, &self.def, name, columns, true);
        Ok(AlterTableAction::AddUnique(Box::new(added)))
    }

    pub(super) fn add_foreign_key(
        &self,
        binder: &Binder<'_>,
        spec: &ForeignKeySpec,
    ) -> Result<AlterTableAction> {
        if let Some(name) = &spec.name {
            self.check_free(&binder.fold(name))?;
        }
        let itself = binder.table_named(&spec.table).is_ok_and(|table| table.id == self.def.id);
        let schema = binder.context.catalog.schema(self.def.schema);
        let temporary = schema.is_some_and(|schema| is_temporary(&schema.name));
        let bound = foreign_key::bind(binder, &self.def, temporary, itself, spec)?;
        Ok(AlterTableAction::AddForeignKey(Box::new(bound)))
    }

    fn drop_constraint(
        &mut self,
        binder: &Binder<'_>,
        name: &ast::Ident,
        if_exists: bool,
        cascade: bool,
    ) -> Result<AlterTableAction> {
        let folded = binder.fold(name);
        if self.def.has_primary_key() && self.def.primary_key_name == folded {
            return Err(Error::unsupported("dropping a primary key is not supported")
                .at(binder.position(name.span.start))
                .with_hint("Create a table without it and INSERT INTO .. SELECT."));
        }
        if let Some(unique) = self.def.unique.iter().find(|u| u.constraint && u.name == folded) {
            self.actions.push(AlterTableAction::DropKey { index: unique.oid, cascade });
            self.def.unique.retain(|unique| !unique.constraint || unique.name != folded);
            return Ok(AlterTableAction::Unique(self.def.unique.clone()));
        }
        if self.def.foreign_keys.iter().any(|key| key.name == folded) {
            self.def.foreign_keys.retain(|key| key.name != folded);
            return Ok(AlterTableAction::ForeignKeys(self.def.foreign_keys.clone()));
        }
        let before = self.def.checks.len();
        self.def.checks.retain(|check| check.name != folded);
        if self.def.checks.len() < before {
            return Ok(AlterTableAction::Checks(self.def.checks.clone()));
        }
        let message = format!("constraint \"{folded}\" of relation \"{}\" does not exist", self.def.name);
        if if_exists {
            return Ok(AlterTableAction::Notice("00000", format!("{message}, skipping")));
        }
        Err(Error::new(ErrorKind::UndefinedObject, message))
    }
}

/// The first row for which a predicate is true.
fn probe(rel: Rel, predicate: Expr, column: crate::bound::ColRef, error: ProbeError) -> AlterTableAction {
    let rel = Rel::Filter { input: Box::new(rel), predicate };
    AlterTableAction::Probe(Box::new(Probe { rel, column, error }))
}
