//! CREATE, ALTER and DROP SEQUENCE: options to the shape of a sequence, by PostgreSQL's rules and defaults.
//!
//! Must not know where a sequence stands.
//! Invariant: a shape is consistent: its bounds hold its start and fit its type.

use super::schema;
use crate::binder::{BindContext, Binder, Relation};
use crate::bound::{BoundAlterSequence, BoundCreateSequence, BoundStatement, SequenceShape};
use crate::parse::{
    AlterSequenceSpec, DropSpec, SequenceChange, SequenceOption, SequenceOptionKind, SequenceSpec,
};
use base::id::{Oid, SchemaId};
use base::{Error, ErrorKind, Result};
use catalog::{SequenceDef, SequenceOwner};
use sqlparser::ast;
use types::sql_type::oid;

/// What options say.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) shape: SequenceShape,
    /// Where to go on.
    pub(super) restart: Option<i64>,
    /// None: as it was; Some(None): nobody.
    pub(super) owner: Option<Option<ast::ObjectName>>,
}

/// Which sequence options are for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'s> {
    New,
    /// Of an identity or serial column of that type.
    Column(Oid),
    Old(&'s SequenceDef),
}

pub(super) fn create(binder: &mut Binder<'_>, spec: &SequenceSpec) -> Result<BoundStatement> {
    let SequenceSpec { name, if_not_exists, options: given } = spec;
    let (schema, name) = binder.creation_target(name)?;
    let Options { shape, restart, owner } = options(binder, given, Of::New)?;
    if restart.is_some() {
        let at = given.iter().find(|o| matches!(o.kind, SequenceOptionKind::Restart(_))).map_or(0, |o| o.at);
        return Err(Error::unsupported("RESTART of a new sequence is not supported")
            .at(at)
            .with_hint("Use START."));
    }
    let owner = match owner.flatten() {
        Some(column) => Some(owner_named(binder, &column, schema.id)?),
        None => None,
    };
    Ok(BoundStatement::CreateSequence(Box::new(BoundCreateSequence {
        schema: schema.id,
        name,
        if_not_exists: *if_not_exists,
        shape,
        owner,
    })))
}

pub(super) fn alter(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &AlterSequenceSpec,
    command: &'static str,
) -> Result<BoundStatement> {
    let AlterSequenceSpec { name, if_exists, change } = spec;
    let before = match binder.sequence_named(name) {
        Ok(sequence) => sequence,
        Err(error) if *if_exists => {
            return match schema::missing(binder, name, &error, "relation")? {
                Some(missing) => {
                    let notices = vec![format!("{}, skipping", missing.message())];
                    let none = BoundAlterSequence { command, notices, change: None };
                    Ok(BoundStatement::AlterSequence(Box::new(none)))
                }
                None => Err(error),
            };
        }
        Err(error) => return Err(error),
    };
    let mut def = before.as_ref().clone();
    let mut restart = None;
    match change {
        SequenceChange::Rename(name) => def.name = binder.fold(name),
        SequenceChange::SetSchema(name) => {
            if let Some(owner) = def.owner {
                let table = context.catalog.table(owner.table).map_or("", |t| t.name.as_str());
                return Err(Error::unsupported("cannot move an owned sequence into another schema")
                    .with_detail(format!("Sequence \"{}\" is linked to table \"{table}\".", def.name)));
            }
            def.schema = binder.schema_named(&ast::ObjectName::from(vec![name.clone()]))?.id;
        }
        SequenceChange::Options(given) => {
            let found = options(binder, given, Of::Old(&before))?;
            found.shape.put(&mut def);
            restart = found.restart;
            if let Some(owner) = found.owner {
                if let Some(SequenceOwner { identity: true, table, .. }) = def.owner {
                    let table = context.catalog.table(table).map_or("", |t| t.name.as_str());
                    return Err(Error::unsupported("cannot change ownership of identity sequence")
                        .with_detail(format!("Sequence \"{}\" is linked to table \"{table}\".", def.name)));
                }
                def.owner = match owner {
                    Some(column) => Some(owner_named(binder, &column, def.schema)?),
                    None => None,
                };
            }
        }
    }
    let change = Some((def, restart));
    Ok(BoundStatement::AlterSequence(Box::new(BoundAlterSequence { command, notices: Vec::new(), change })))
}

pub(super) fn drop(binder: &Binder<'_>, spec: &DropSpec) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let (mut sequences, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        match binder.sequence_named(name) {
            Ok(sequence) => {
                if !sequences.contains(&sequence.id) {
                    sequences.push(sequence.id);
                }
            }
            Err(error) if error.kind() == ErrorKind::WrongObjectType => {
                return Err(error.with_hint("Use DROP TABLE to remove a table."));
            }
            Err(error) => match schema::missing(binder, name, &error, "sequence")? {
                Some(missing) if *if_exists => notices.push(format!("{}, skipping", missing.message())),
                Some(missing) => return Err(missing),
                None => return Err(error),
            },
        }
    }
    Ok(BoundStatement::DropSequences { sequences, cascade: *cascade, notices })
}

/// The column that OWNED BY names.
fn owner_named(binder: &Binder<'_>, name: &ast::ObjectName, schema: SchemaId) -> Result<SequenceOwner> {
    let mut parts = name.0.clone();
    let column = parts.pop().and_then(|part| part.as_ident().cloned());
    let (Some(column), false) = (column, parts.is_empty()) else {
        return Err(Error::new(ErrorKind::Syntax, "invalid OWNED BY option")
            .with_hint("Specify OWNED BY table.column or OWNED BY NONE."));
    };
    let elsewhere = || {
        let message = "sequence must be in same schema as table it is linked to";
        Error::new(ErrorKind::WrongObjectState, message)
    };
    let name = ast::ObjectName(parts);
    if let Ok(Relation::System(_)) = binder.relation(&name) {
        return Err(elsewhere());
    }
    let table = binder.table_named(&name).map_err(Error::without_position)?;
    if table.schema != schema {
        return Err(elsewhere());
    }
    let column = binder.fold(&column);
    let found = table.column_named(&column).ok_or_else(|| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        Error::new(ErrorKind::UndefinedColumn, message)
    })?;
    Ok(SequenceOwner { table: table.id, column: found.id, identity: false })
}

/// Options as they were written, each at most once.
#[derive(Debug, Default)]
struct Given {
    ty: Option<Oid>,
    increment: Option<i64>,
    min: Option<Option<i64>>,
    max: Option<Option<i64>>,
    start: Option<i64>,
    restart: Option<Option<i64>>,
    cache: Option<i64>,
    cycle: Option<bool>,
    owner: Option<Option<ast::ObjectName>>,
}

fn given(binder: &mut Binder<'_>, options: &[SequenceOption]) -> Result<Given> {
    fn once<T>(place: &mut Option<T>, value: T, at: usize) -> Result<()> {
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::Syntax, "conflicting or redundant options").at(at)),
        }
    }
    let mut given = Given::default();
    for SequenceOption { at, kind } in options {
        match kind {
            SequenceOptionKind::Type(ty) => once(&mut given.ty, binder.sql_type(ty)?.oid, *at)?,
            SequenceOptionKind::Increment(n) => once(&mut given.increment, *n, *at)?,
            SequenceOptionKind::Min(n) => once(&mut given.min, *n, *at)?,
            SequenceOptionKind::Max(n) => once(&mut given.max, *n, *at)?,
            SequenceOptionKind::Start(n) => once(&mut given.start, *n, *at)?,
            SequenceOptionKind::Restart(n) => once(&mut given.restart, *n, *at)?,
            SequenceOptionKind::Cache(n) => once(&mut given.cache, *n, *at)?,
            SequenceOptionKind::Cycle(yes) => once(&mut given.cycle, *yes, *at)?,
            SequenceOptionKind::OwnedBy(owner) => once(&mut given.owner, owner.clone(), *at)?,
        }
    }
    Ok(given)
}

/// Least and greatest value of a type that a sequence can have.
fn type_range(ty: Oid, of: Of<'_>) -> Result<(i64, i64)> {
    match ty {
        oid::INT2 => Ok((i64::from(i16::MIN), i64::from(i16::MAX))),
        oid::INT4 => Ok((i64::from(i32::MIN), i64::from(i32::MAX))),
        oid::INT8 => Ok((i64::MIN, i64::MAX)),
        _ => {
            let what = if matches!(of, Of::Column(_)) { "identity column" } else { "sequence" };
            let message = format!("{what} type must be smallint, integer, or bigint");
            Err(invalid(message))
        }
    }
}

/// The shape that options give a sequence.
pub(super) fn options(binder: &mut Binder<'_>, written: &[SequenceOption], of: Of<'_>) -> Result<Options> {
    let given = given(binder, written)?;
    let before = match of {
        Of::Old(def) => Some(SequenceShape::of(def)),
        Of::New | Of::Column(_) => None,
    };
    let ty = given.ty.unwrap_or(match of {
        Of::Column(ty) => ty,
        Of::New | Of::Old(_) => before.map_or(oid::INT8, |b| b.ty),
    });
    let range = type_range(ty, of)?;
    let increment = given.increment.or(before.map(|b| b.increment)).unwrap_or(1);
    if increment == 0 {
        return Err(invalid("INCREMENT must not be zero"));
    }
    let ascends = increment > 0;
    // Bounds that were those of the type before follow the type.
    let old = before.filter(|b| b.ty != ty).map(|b| type_range(b.ty, of).map(|range| (b, range)));
    let (reset_min, reset_max) = match old.transpose()? {
        Some((b, (min, max))) => (b.min == min, b.max == max),
        None => (false, false),
    };
    let max = match (given.max, before) {
        (Some(Some(max)), _) => max,
        (None, Some(b)) if !reset_max => b.max,
        _ if ascends || reset_max => range.1,
        _ => -1,
    };
    if max > range.1 || max < range.0 {
        return Err(outside("MAXVALUE", max, ty));
    }
    let min = match (given.min, before) {
        (Some(Some(min)), _) => min,
        (None, Some(b)) if !reset_min => b.min,
        _ if !ascends || reset_min => range.0,
        _ => 1,
    };
    if min < range.0 || min > range.1 {
        return Err(outside("MINVALUE", min, ty));
    }
    if min >= max {
        return Err(invalid(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")));
    }
    let start = given.start.or(before.map(|b| b.start)).unwrap_or(if ascends { min } else { max });
    inside("START", start, min, max)?;
    let restart = given.restart.map(|value| value.unwrap_or(start));
    if let Some(restart) = restart {
        inside("RESTART", restart, min, max)?;
    }
    let cache = given.cache.or(before.map(|b| b.cache)).unwrap_or(1);
    if cache <= 0 {
        return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
    }
    let cycle = given.cycle.or(before.map(|b| b.cycle)).unwrap_or(false);
    let shape = SequenceShape { ty, start, increment, min, max, cache, cycle };
    Ok(Options { shape, restart, owner: given.owner })
}

/// 22023 for a value outside of a sequence's bounds.
fn inside(what: &str, value: i64, min: i64, max: i64) -> Result<()> {
    if value < min {
        return Err(invalid(format!("{what} value ({value}) cannot be less than MINVALUE ({min})")));
    }
    if value > max {
        return Err(invalid(format!("{what} value ({value}) cannot be greater than MAXVALUE ({max})")));
    }
    Ok(())
}

fn outside(what: &str, value: i64, ty: Oid) -> Error {
    let name = match ty {
        oid::INT2 => "smallint",
        oid::INT4 => "integer",
        _ => "bigint",
    };
    invalid(format!("{what} ({value}) is out of range for sequence data type {name}"))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}
