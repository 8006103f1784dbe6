//! PREPARE and EXECUTE.
//!
//! Must not know how prepared statements are kept.
//! Invariant: the values of an EXECUTE have the types of the statement's parameters.

use super::kept::refuse_subqueries;
use crate::binder::{Binder, Clause, Scope, type_name};
use crate::bound::{BoundPrepare, BoundQuery, BoundStatement, Expr};
use crate::parse::{ExecuteSpec, PrepareSpec};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use std::sync::Arc;
use types::SqlType;

pub(super) fn prepare(binder: &Binder<'_>, spec: &PrepareSpec) -> Result<BoundStatement> {
    let PrepareSpec { name, types, statement } = spec;
    let types: Vec<Oid> =
        types.iter().map(|ty| binder.sql_type(ty).map(|ty| ty.named())).collect::<Result<_>>()?;
    let (name, statement) = (binder.fold(name), Arc::clone(statement));
    Ok(BoundStatement::Prepare(Box::new(BoundPrepare { name, types, statement })))
}

pub(super) fn execute(binder: &mut Binder<'_>, spec: &ExecuteSpec) -> Result<BoundStatement> {
    let (name, args) = given(binder, spec)?;
    Ok(BoundStatement::Execute { name, args })
}

/// The statement itself, for EXPLAIN, and the values of its parameters.
pub(super) fn statement(binder: &mut Binder<'_>, spec: &ExecuteSpec) -> Result<(BoundStatement, Vec<Expr>)> {
    let (name, args) = given(binder, spec)?;
    let known = binder.context.prepared.ok_or_else(|| undefined(&name))?;
    Ok((known.bound(&name)?, args))
}

/// The query, for CREATE TABLE AS; 42809 for another statement. Its columns are not the binder's.
pub(super) fn query(binder: &mut Binder<'_>, spec: &ExecuteSpec) -> Result<(BoundQuery, Vec<Expr>)> {
    match statement(binder, spec)? {
        (BoundStatement::Query(query), args) => {
            binder.skip_columns();
            Ok((query, args))
        }
        (BoundStatement::Modifying(all), _) if matches!(all.main, BoundStatement::Query(_)) => Err(
            Error::unsupported("CREATE TABLE AS EXECUTE of a statement whose WITH writes is not supported")
                .with_hint("Write the query."),
        ),
        _ => Err(Error::new(ErrorKind::WrongObjectType, "prepared statement is not a SELECT")),
    }
}

fn undefined(name: &str) -> Error {
    Error::new(ErrorKind::UndefinedStatement, format!("prepared statement \"{name}\" does not exist"))
}

fn given(binder: &mut Binder<'_>, spec: &ExecuteSpec) -> Result<(String, Vec<Expr>)> {
    let ExecuteSpec { name, args } = spec;
    let name = binder.fold(name);
    let known = binder.context.prepared.ok_or_else(|| undefined(&name))?;
    let types = known.parameter_types(&name)?;
    if types.len() != args.len() {
        let message = format!("wrong number of parameters for prepared statement \"{name}\"");
        let detail = format!("Expected {} parameters but got {}.", types.len(), args.len());
        return Err(Error::new(ErrorKind::Syntax, message).with_detail(detail));
    }
    let mut values = Vec::with_capacity(args.len());
    for ((arg, ty), number) in args.iter().zip(&types).zip(1_usize..) {
        refuse_subqueries(binder, arg, "EXECUTE parameter")?;
        let term = binder.bind_expr(arg, &Scope::empty(), Clause::Execute)?;
        let from = term.expr.ty().oid;
        if !crate::binder::can_coerce(from, ty.oid, CastContext::Assignment) {
            return Err(not_coerced(number, from, ty, term.at));
        }
        values.push(binder.coerce_to(term, ty, CastContext::Assignment)?);
    }
    Ok((name, values))
}

fn not_coerced(number: usize, from: Oid, to: &SqlType, at: usize) -> Error {
    let message = format!(
        "parameter ${number} of type {} cannot be coerced to the expected type {}",
        type_name(from),
        type_name(to.oid)
    );
    let error = Error::new(ErrorKind::DatatypeMismatch, message)
        .with_hint("You will need to rewrite or cast the expression.");
    if at == 0 { error } else { error.at(at) }
}
