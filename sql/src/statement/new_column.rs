//! A column of a new table: its type, whether it may be null, and where its values come from.
//!
//! Must not know the other columns.
//! Invariant: a stored default has been bound once.

use super::create_table::Key;
use super::kept::{refuse_names, with_objects};
use super::sequence;
use crate::binder::{Binder, Clause, Scope};
use crate::bound::NewColumn;
use crate::parse::{ColumnConstraint, ColumnConstraintKind, ColumnSpec, SequenceOption, Written};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind};
use sqlparser::ast;
use types::SqlType;
use types::sql_type::oid;

pub(super) const SYSTEM_COLUMNS: &[&str] = &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

pub(super) fn bind_column(
    binder: &mut Binder<'_>,
    table: &str,
    spec: &ColumnSpec,
    index: usize,
    key: &mut Key,
) -> Result<NewColumn> {
    let ColumnSpec { name, ty, type_at, constraints } = spec;
    let at = binder.position(name.span.start);
    let name = binder.fold(name);
    check_column_name(&name).map_err(|e| e.at(at))?;
    let serial = serial_type(ty);
    let ty = match serial {
        Some(ty) => SqlType::of(ty).ok_or_else(|| Error::internal("an integer type has no form"))?,
        None => binder.sql_type(ty).map_err(|e| e.at(*type_at))?,
    };
    if is_pseudo(ty.oid) {
        let message = format!("column \"{name}\" has pseudo-type {}", pseudo_name(ty.oid));
        return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    }
    refuse_unstored(&ty).map_err(|e| e.at(*type_at))?;
    let sequence = match serial {
        Some(ty) => Some(sequence::options(binder, &[], sequence::Of::Column(ty))?.shape),
        None => None,
    };
    let not_null = sequence.is_some();
    let column = NewColumn { name, ty, not_null, default: None, kind: ColumnKind::Plain, sequence };
    let nullable = not_null.then_some(false);
    let mut sources = Sources {
        table,
        column,
        serial: serial.is_some(),
        nullable,
        default_at: None,
        identity_at: None,
        generated_at: None,
    };
    for ColumnConstraint { name: constraint_name, at, kind } in constraints {
        match kind {
            ColumnConstraintKind::NotNull => sources.null(false, *at)?,
            ColumnConstraintKind::Null => sources.null(true, *at)?,
            ColumnConstraintKind::PrimaryKey => {
                key.set(table, vec![index], constraint_name.as_ref().map(|n| binder.fold(n)), *at)?;
            }
            ColumnConstraintKind::Unique => {
                key.add_unique(vec![index], constraint_name.as_ref().map(|n| binder.fold(n)), *at);
            }
            ColumnConstraintKind::Default(written) => sources.default(binder, written, *at)?,
            ColumnConstraintKind::Identity { always, options } => {
                sources.identity(binder, *always, options, *at)?;
            }
            ColumnConstraintKind::Generated(_) => sources.generated(*at)?,
            ColumnConstraintKind::Check(_) | ColumnConstraintKind::References(_) => {}
        }
    }
    sources.settled()
}

/// A column while its constraints are read: where its values come from, each place at most once.
struct Sources<'t> {
    table: &'t str,
    column: NewColumn,
    serial: bool,
    nullable: Option<bool>,
    default_at: Option<usize>,
    identity_at: Option<usize>,
    generated_at: Option<usize>,
}

impl Sources<'_> {
    fn null(&mut self, null: bool, at: usize) -> Result<()> {
        if self.nullable.is_some_and(|before| before != null) {
            return Err(conflicting_null(&self.column.name, self.table, at));
        }
        self.nullable = Some(null);
        self.column.not_null |= !null;
        Ok(())
    }

    fn twice(&self, what: &str) -> Error {
        let message =
            format!("multiple {what} for column \"{}\" of table \"{}\"", self.column.name, self.table);
        Error::new(ErrorKind::Syntax, message)
    }

    fn two(&self, what: &str, at: usize) -> Error {
        let message =
            format!("{what} specified for column \"{}\" of table \"{}\"", self.column.name, self.table);
        Error::new(ErrorKind::Syntax, message).at(at)
    }

    fn default(&mut self, binder: &mut Binder<'_>, written: &Written, at: usize) -> Result<()> {
        if self.serial {
            return Err(self.twice("default values specified"));
        }
        if self.column.default.is_some() {
            return Err(self.twice("default values specified").at(at));
        }
        check_default(binder, &column_def(&self.column), &written.expr)?;
        self.column.default = Some(with_objects(binder, written)?);
        self.default_at = Some(at);
        Ok(())
    }

    fn identity(
        &mut self,
        binder: &mut Binder<'_>,
        always: bool,
        options: &[SequenceOption],
        at: usize,
    ) -> Result<()> {
        if self.identity_at.replace(at).is_some() {
            return Err(self.twice("identity specifications").at(at));
        }
        if self.serial {
            return Err(self.two("both default and identity", at));
        }
        self.null(false, at)?;
        self.column.kind = ColumnKind::Identity { always };
        let found = sequence::options(binder, options, sequence::Of::Column(self.column.ty.named()))?;
        if found.owner.is_some() || found.restart.is_some() {
            let at = options.first().map_or(at, |option| option.at);
            let message = "invalid sequence option for an identity column";
            return Err(Error::new(ErrorKind::Syntax, message).at(at));
        }
        self.column.sequence = Some(found.shape);
        Ok(())
    }

    fn generated(&mut self, at: usize) -> Result<()> {
        match self.generated_at.replace(at) {
            None => Ok(()),
            Some(_) => Err(self.twice("generation clauses specified").at(at)),
        }
    }

    fn settled(mut self) -> Result<NewColumn> {
        let both = match (self.generated_at, self.identity_at, self.default_at) {
            (Some(at), _, Some(other)) => Some(("both default and generation expression", at.max(other))),
            (Some(at), Some(other), None) => Some(("both identity and generation expression", at.max(other))),
            (None, Some(at), Some(other)) => Some(("both default and identity", at.max(other))),
            (Some(at), None, None) if self.serial => Some(("both default and generation expression", at)),
            (Some(_), None, None) => {
                self.column.kind = ColumnKind::Generated;
                None
            }
            (None, _, _) => None,
        };
        match both {
            Some((what, at)) => Err(self.two(what, at)),
            None => Ok(self.column),
        }
    }
}

/// 42701 for the name of a system column.
pub(super) fn check_column_name(name: &str) -> Result<()> {
    if SYSTEM_COLUMNS.contains(&name) {
        let message = format!("column name \"{name}\" conflicts with a system column name");
        return Err(Error::new(ErrorKind::DuplicateColumn, message));
    }
    Ok(())
}

fn conflicting_null(column: &str, table: &str, at: usize) -> Error {
    let message =
        format!("conflicting NULL/NOT NULL declarations for column \"{column}\" of table \"{table}\"");
    Error::new(ErrorKind::Syntax, message).at(at)
}

pub(super) fn pseudo_name(ty: base::id::Oid) -> &'static str {
    match ty {
        oid::UNKNOWN => "unknown",
        oid::RECORD => "record",
        oid::RECORD_ARRAY => "record[]",
        oid::ANY => "\"any\"",
        oid::ANYELEMENT => "anyelement",
        oid::ANYARRAY => "anyarray",
        oid::CSTRING => "cstring",
        _ => "void",
    }
}

/// The type of the numbers that a serial type stands for.
fn serial_type(ty: &ast::DataType) -> Option<Oid> {
    let ast::DataType::Custom(name, _) = ty else { return None };
    let [ast::ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return None };
    if ident.quote_style.is_some() {
        return None;
    }
    match ident.value.to_ascii_lowercase().as_str() {
        "smallserial" | "serial2" => Some(oid::INT2),
        "serial" | "serial4" => Some(oid::INT4),
        "bigserial" | "serial8" => Some(oid::INT8),
        _ => None,
    }
}

/// Binds a default once, so that what is stored can be bound again.
pub(super) fn check_default(binder: &mut Binder<'_>, column: &ColumnDef, expr: &ast::Expr) -> Result<()> {
    refuse_names(binder, expr, "DEFAULT expression")?;
    binder.bind_assignment(expr, &Scope::empty(), column, Clause::Default).map(drop).map_err(default_mismatch)
}

/// The column as the binder's rules of assignment see it.
pub(super) fn column_def(column: &NewColumn) -> ColumnDef {
    ColumnDef {
        id: ColumnId(0),
        name: column.name.clone(),
        ty: column.ty.clone(),
        not_null: column.not_null,
        default: None,
        kind: column.kind,
        missing: types::Datum::Null,
    }
}

/// PostgreSQL words a default of the wrong type in its own way and gives no position.
fn default_mismatch(error: Error) -> Error {
    if error.kind() != ErrorKind::DatatypeMismatch || !error.message().contains(" but expression is of type ")
    {
        return error;
    }
    let message =
        error.message().replace(" but expression is of type ", " but default expression is of type ");
    let reworded = Error::new(error.kind(), message);
    match error.hint() {
        Some(hint) => reworded.with_hint(hint),
        None => reworded,
    }
}

/// 0A000 for values that have no place in a table.
pub(super) fn refuse_unstored(ty: &SqlType) -> Result<()> {
    if types::user_type::table_of_row(ty.oid).is_some() {
        let message = "the row type of a table as that of a column is not supported";
        return Err(
            Error::unsupported(message).with_hint("CREATE TYPE .. AS (..) makes a type of such rows.")
        );
    }
    match types::sql_type::array_element(ty.oid).is_some_and(types::sql_type::is_vector) {
        false => Ok(()),
        true => Err(Error::unsupported("a column of arrays of vectors is not supported")),
    }
}

pub(super) fn is_pseudo(ty: Oid) -> bool {
    matches!(
        ty,
        oid::UNKNOWN
            | oid::RECORD
            | oid::RECORD_ARRAY
            | oid::ANY
            | oid::ANYELEMENT
            | oid::ANYARRAY
            | oid::VOID
            | oid::CSTRING
    )
}
