//! Functions of FROM that are bound: alone or side by side as one relation.
//!
//! Must not know names. Invariant: what stands alone needs no rows side by side.

use super::ScopeColumn;
use super::table_function::UNNEST;
use super::type_name::held;
use crate::bound::outline::FunctionOutline;
use crate::bound::{ColRef, Expr, Rel, SetCall, TypedCol};
use base::id::Oid;
use base::{Error, Result};
use types::sql_type::oid;

/// A function of FROM with its columns.
pub(super) struct Called {
    pub(super) call: SetCall,
    /// The rows whose fields the columns are, of a function that a user made or that returns values of a composite type;
    /// `call` has them one by one.
    pub(super) own: Option<OwnRows>,
    pub(super) columns: Vec<ScopeColumn>,
    pub(super) returns_set: bool,
    /// Its catalog row names its columns.
    pub(super) named: bool,
    /// Its columns stand behind the alias.
    pub(super) defined: bool,
}

/// Rows of which the columns are fields.
pub(super) struct OwnRows {
    /// As a relation of the columns, where it stands alone.
    pub(super) rel: Option<Rel>,
    /// What the columns are of what the call yields; none when it yields the only one.
    pub(super) fields: Vec<(Expr, ColRef)>,
    /// The type of the rows, when it has a name.
    pub(super) row: Option<Oid>,
}

impl Called {
    pub(super) fn outline(&self) -> FunctionOutline {
        let SetCall { proc, mut args, columns } = self.call.clone();
        let mut definitions = Vec::new();
        if self.defined {
            // Behind the arguments stand the names of the columns.
            args.truncate(args.len().saturating_sub(columns.len()));
            definitions = self.columns.iter().map(|c| (c.name.clone(), c.typed.ty.clone())).collect();
        }
        let ty = columns.first().map_or_else(super::expr::boolean, |column| column.ty.clone());
        FunctionOutline { call: Expr::Call { proc, args, ty }, definitions }
    }
}

pub(super) fn relation(all: Vec<Called>, ordinality: Option<ColRef>) -> Result<Rel> {
    if let ([Called { own: Some(OwnRows { rel: Some(rel), .. }), .. }], None) = (all.as_slice(), ordinality) {
        return Ok(rel.clone());
    }
    if let ([Called { call, returns_set, own: None, .. }], None) = (all.as_slice(), ordinality) {
        let SetCall { proc, args, columns } = call.clone();
        return Ok(match (returns_set, columns.as_slice()) {
            (false, [one]) => {
                let call = Expr::Call { proc, args, ty: one.ty.clone() };
                Rel::Project { input: Box::new(Rel::Unit), items: vec![(call, one.col)] }
            }
            _ => Rel::Function { proc, args, columns },
        });
    }
    let plain = |called: &Called| called.own.is_none() && called.call.proc == UNNEST;
    if ordinality.is_none() && all.iter().all(plain) {
        let (mut args, mut columns) = (Vec::new(), Vec::new());
        for called in all {
            args.extend(called.call.args);
            columns.extend(called.call.columns);
        }
        return Ok(Rel::Function { proc: UNNEST, args, columns });
    }
    let has_fields = all.iter().any(|called| called.own.is_some());
    let (mut calls, mut items) = (Vec::with_capacity(all.len()), Vec::new());
    for mut called in all {
        let own = called.own.take();
        let fields = own.map(|own| own.fields).unwrap_or_default();
        let call = as_set(called)?;
        match fields.is_empty() {
            true => items.extend(call.columns.iter().map(|c| (Expr::Column(c.clone()), c.col))),
            false => items.extend(fields),
        }
        calls.push(call);
    }
    let sets = Rel::ProjectSet { input: Box::new(Rel::Unit), calls, ordinality };
    if !has_fields {
        return Ok(sets);
    }
    if let Some(col) = ordinality {
        items.push((Expr::Column(TypedCol { col, ty: held(oid::INT8, -1)? }), col));
    }
    Ok(Rel::Project { input: Box::new(sets), items })
}

/// A function of one row as a set of one row.
fn as_set(called: Called) -> Result<SetCall> {
    let SetCall { proc, args, columns } = called.call;
    match columns.as_slice() {
        [one] if !called.returns_set => {
            let value = Expr::Call { proc, args, ty: one.ty.clone() };
            let ty = one
                .ty
                .array()
                .ok_or_else(|| Error::unsupported("a value of this type in ROWS FROM is not supported"))?;
            let elements = vec![value];
            Ok(SetCall { proc: UNNEST, args: vec![Expr::Array { elements, ty }], columns })
        }
        _ => Ok(SetCall { proc, args, columns }),
    }
}
