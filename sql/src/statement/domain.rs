//! CREATE and ALTER DOMAIN.
//!
//! Must not know how the catalog is changed.
//! Invariants: a stored check or default has been bound once; whatever a domain asks anew is asked of the rows that there
//! are, unless the user said that it is not.

use super::kept::{refuse_subqueries, with_objects};
use super::new_column::{check_default, is_pseudo, pseudo_name, refuse_unstored};
use super::user_type::named;
use crate::binder::{Binder, type_name};
use crate::bound::{BoundStatement, DomainEdit, DomainProbe, Expr, Rel, TypedCol};
use crate::parse::{
    AlterDomainSpec, CheckSpec, ColumnConstraint, ColumnConstraintKind, CreateDomainSpec, DomainChange,
    Written,
};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, DomainCheck, DomainDef, DomainUse, UserTypeDef};
use sqlparser::ast;
use types::{Datum, SqlType};

pub(super) fn create(binder: &mut Binder<'_>, spec: &CreateDomainSpec) -> Result<BoundStatement> {
    let CreateDomainSpec { name, ty, type_at, constraints } = spec;
    let (schema, name) = binder.creation_target(name)?;
    let schema = schema.id;
    let base = binder.sql_type(ty).map_err(|e| e.at(*type_at))?;
    if is_pseudo(base.oid) {
        let message = format!("\"{}\" is not a valid base type for a domain", pseudo_name(base.oid));
        return Err(Error::new(ErrorKind::DatatypeMismatch, message).at(*type_at));
    }
    refuse_unstored(&base).map_err(|e| e.at(*type_at))?;
    let default = binder.context.catalog.domain_default(&base).map(ToOwned::to_owned);
    let mut domain = DomainDef { base, not_null: false, default, checks: Vec::new() };
    let (mut nullable, mut has_default) = (None, false);
    for ColumnConstraint { name: constraint, at, kind } in constraints {
        match kind {
            ColumnConstraintKind::NotNull | ColumnConstraintKind::Null => {
                let null = *kind == ColumnConstraintKind::Null;
                if nullable.replace(null).is_some_and(|before| before != null) {
                    return Err(Error::new(ErrorKind::Syntax, "conflicting NULL/NOT NULL constraints"));
                }
                domain.not_null = !null;
            }
            ColumnConstraintKind::Default(written) => {
                if std::mem::replace(&mut has_default, true) {
                    return Err(Error::new(ErrorKind::Syntax, "multiple default expressions"));
                }
                domain.default = self::default(binder, &name, &domain.base, written)?;
            }
            ColumnConstraintKind::Check(condition) => {
                let spec = CheckSpec { name: constraint.clone(), at: *at, condition: condition.clone() };
                let (check, _) = check(binder, None, &name, &domain, &spec)?;
                domain.checks.push(check);
            }
            _ => return Err(Error::internal("a constraint that is not for domains")),
        }
    }
    Ok(BoundStatement::CreateDomain { schema, name, domain: Box::new(domain) })
}

pub(super) fn alter(binder: &mut Binder<'_>, spec: &AlterDomainSpec) -> Result<BoundStatement> {
    let AlterDomainSpec { name, change } = spec;
    let no_domain =
        |ty: Oid| Error::new(ErrorKind::WrongObjectType, format!("{} is not a domain", type_name(ty)));
    let def = named(binder, name).map_err(|error| built_in(binder, name).map_or(error, no_domain))?;
    let domain = def.domain().ok_or_else(|| no_domain(def.oid))?;
    let shown = shown(binder, name);
    let unknown = |check: &str| {
        let message = format!("constraint \"{check}\" of domain \"{shown}\" does not exist");
        Error::new(ErrorKind::UndefinedObject, message)
    };
    let known = |name: &str| domain.checks.iter().find(|check| check.name == name);
    let mut probes = Vec::new();
    let edit = match change {
        DomainChange::Default(None) => DomainEdit::Default(None),
        DomainChange::Default(Some(written)) => {
            DomainEdit::Default(default(binder, &def.name, &domain.base, written)?)
        }
        DomainChange::NotNull(not_null) => {
            if *not_null && !domain.not_null {
                probes = self::probes(binder, &def, &Asked::NotNull)?;
            }
            DomainEdit::NotNull(*not_null)
        }
        DomainChange::AddCheck { check: spec, not_valid } => {
            let (check, condition) = check(binder, Some(def.oid), &def.name, domain, spec)?;
            if !not_valid {
                probes = self::probes(binder, &def, &Asked::Check(&condition))?;
            }
            DomainEdit::AddCheck(DomainCheck { validated: !not_valid, ..check })
        }
        DomainChange::Validate(name) => {
            let name = binder.fold(name);
            let check = known(&name).ok_or_else(|| unknown(&name))?;
            if !check.validated {
                probes = self::probes(binder, &def, &Asked::Kept(&check.text))?;
            }
            DomainEdit::Validate(name)
        }
        DomainChange::DropConstraint { name, if_exists } => {
            let name = binder.fold(name);
            match known(&name) {
                Some(_) => DomainEdit::DropCheck(name),
                None if *if_exists => DomainEdit::Notice(format!("{}, skipping", unknown(&name).message())),
                None => return Err(unknown(&name)),
            }
        }
        DomainChange::RenameConstraint { from, to } => {
            let (from, to) = (binder.fold(from), binder.fold(to));
            let of = type_name(def.oid);
            if known(&from).is_none() {
                let message = format!("constraint \"{from}\" for domain {of} does not exist");
                return Err(Error::new(ErrorKind::UndefinedObject, message));
            }
            if known(&to).is_some() {
                let message = format!("constraint \"{to}\" for domain {of} already exists");
                return Err(Error::new(ErrorKind::DuplicateObject, message));
            }
            DomainEdit::RenameCheck { from, to }
        }
        DomainChange::Rename(to) => DomainEdit::Name { schema: def.schema, name: binder.fold(to) },
        DomainChange::SetSchema(schema) => {
            let schema = binder.schema_named(&ast::ObjectName::from(vec![schema.clone()]))?;
            DomainEdit::Name { schema: schema.id, name: def.name.clone() }
        }
    };
    Ok(BoundStatement::AlterDomain { domain: def.oid, edit, probes })
}

/// The type of PostgreSQL that a name means.
pub(super) fn built_in(binder: &Binder<'_>, name: &ast::ObjectName) -> Option<Oid> {
    let (schema, own) = binder.split_name(name).ok()?;
    let named = catalog::builtin::type_named(&own).filter(|_| schema.is_none_or(|s| s == "pg_catalog"));
    named.map(|row| row.oid)
}

/// The name as it was written.
fn shown(binder: &Binder<'_>, name: &ast::ObjectName) -> String {
    let parts: Vec<String> =
        name.0.iter().filter_map(|part| part.as_ident()).map(|ident| binder.fold(ident)).collect();
    parts.join(".")
}

/// The text of a default; none for a plain NULL, which is what there is without one.
fn default(binder: &mut Binder<'_>, name: &str, base: &SqlType, written: &Written) -> Result<Option<String>> {
    let column = ColumnDef {
        id: ColumnId(0),
        name: name.to_owned(),
        ty: base.clone(),
        not_null: false,
        default: None,
        kind: ColumnKind::Plain,
        missing: Datum::Null,
    };
    check_default(binder, &column, &written.expr)?;
    let is_null =
        matches!(written.expr.as_ref(), ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Null, .. }));
    if is_null { Ok(None) } else { with_objects(binder, written).map(Some) }
}

/// A new check, still without OID and perhaps without name, and its condition.
fn check(
    binder: &mut Binder<'_>,
    oid: Option<Oid>,
    domain_name: &str,
    domain: &DomainDef,
    spec: &CheckSpec,
) -> Result<(DomainCheck, ast::Expr)> {
    let CheckSpec { name, at: _, condition } = spec;
    let name = name.as_ref().map(|name| binder.fold(name));
    if let Some(name) = name.as_ref().filter(|name| domain.checks.iter().any(|known| known.name == **name)) {
        let message = format!("constraint \"{name}\" for domain \"{domain_name}\" already exists");
        return Err(Error::new(ErrorKind::DuplicateObject, message));
    }
    refuse_subqueries(binder, &condition.expr, "check constraint")?;
    let value = TypedCol { col: binder.new_col(), ty: domain.base.clone() };
    binder.new_domain_condition(oid, &condition.expr, value)?;
    let text = with_objects(binder, condition)?;
    let check = DomainCheck { oid: Oid(0), name: name.unwrap_or_default(), text, validated: true };
    Ok((check, condition.expr.as_ref().clone()))
}

/// What is asked of the rows that there are.
enum Asked<'e> {
    NotNull,
    Check(&'e ast::Expr),
    /// One that the domain has already.
    Kept(&'e str),
}

/// Rows of tables whose values would not be of the domain any more.
fn probes(binder: &mut Binder<'_>, def: &UserTypeDef, asked: &Asked<'_>) -> Result<Vec<DomainProbe>> {
    let catalog = binder.context.catalog;
    let domain = def.domain().ok_or_else(|| Error::internal("a domain that is none"))?;
    let mut found = Vec::new();
    let mut tables: Vec<_> = catalog.tables().collect();
    tables.sort_by_key(|table| table.oid);
    for table in tables {
        for column in &table.columns {
            match catalog.domain_use(&column.ty, def.oid) {
                DomainUse::None => continue,
                DomainUse::Itself => {}
                DomainUse::Within => {
                    return Err(Error::unsupported(format!(
                        "cannot alter type \"{}\" because column \"{}.{}\" uses it",
                        type_name(def.oid),
                        table.name,
                        column.name
                    )));
                }
            }
            let (scan, _) = binder.scan_table(table, None, false);
            let typed = scan.columns.iter().find(|(id, _)| *id == column.id).map(|(_, typed)| typed.clone());
            let typed = typed.ok_or_else(|| Error::internal("a column is not scanned"))?;
            let predicate = match asked {
                Asked::NotNull => Expr::IsNull { arg: Box::new(Expr::Column(typed.clone())), negated: false },
                Asked::Check(condition) => {
                    let value = TypedCol { ty: domain.base.clone(), ..typed.clone() };
                    Expr::Not(Box::new(binder.new_domain_condition(Some(def.oid), condition, value)?))
                }
                Asked::Kept(text) => {
                    let value = TypedCol { ty: domain.base.clone(), ..typed.clone() };
                    let bind =
                        |b: &mut Binder<'_>, e: &ast::Expr| b.new_domain_condition(Some(def.oid), e, value);
                    Expr::Not(Box::new(binder.stored(text, &def.name, bind)?))
                }
            };
            let rel = Rel::Filter { input: Box::new(Rel::Scan(scan)), predicate };
            found.push(DomainProbe { table: table.id, column: column.name.clone(), rel, col: typed.col });
        }
    }
    Ok(found)
}
