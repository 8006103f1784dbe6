//! The arguments of functions that users make in the places of their parameters.
//!
//! Must not know how a body is bound (`inlined`). Invariant: an argument whose value may change is computed once; what only
//! rows computed one by one could tell is refused where they are not.

use super::inlined::Inlined;
use super::record::as_row_of;
use super::result_shape::Shape;
use super::type_name::held;
use super::user_function::UserCall;
use super::volatility::{computes_volatile, is_volatile};
use super::{Binder, Term};
use crate::bound::{ColRef, Expr, JoinKind, Rel, Subquery, SubqueryKind, TypedCol, walk};
use base::{Error, Result};
use catalog::builtin;
use types::sql_type::oid;
use types::{Datum, SqlType};

/// Nodes of an argument that may stand in a body several times.
const REPEATED_NODES_MAX: usize = 16;

/// What becomes of the arguments of a call.
struct Placed {
    /// Those that stand in the body, by the columns they take the places of.
    direct: Vec<(ColRef, Expr)>,
    /// Those that are computed before.
    before: Vec<(Expr, ColRef)>,
}

impl Binder<'_> {
    /// The value of a call of a function that returns no set.
    pub(super) fn inlined_value(&mut self, call: &UserCall) -> Result<Expr> {
        if call.result == Shape::Open {
            return Err(self
                .unsupported("a call of a function that returns records of any columns", call.at)
                .with_hint("Call it in FROM, with its columns behind it: f(..) AS t(a int, b text)."));
        }
        let inlined = self.body_of(call)?;
        let strict: Vec<usize> = match call.def.traits.strict {
            true => (0..call.args.len()).filter(|place| may_be_null(&call.args, *place)).collect(),
            false => Vec::new(),
        };
        if let Some(values) = values_of(&inlined.rel, &inlined.columns)
            && let Some(value) = self.substituted(call, &inlined, values, &strict)?
        {
            if has_subquery(&value) {
                self.refuse_in_rules(call)?;
            }
            return Ok(value);
        }
        self.refuse_in_rules(call)?;
        let rel = self.with_arguments(call, &inlined, &strict, true)?;
        self.refuse_volatile(call, &rel)?;
        let (value, _) = self.whole(call, inlined.columns.iter().cloned().map(Expr::Column).collect())?;
        let typed = TypedCol { col: self.new_col(), ty: value.ty() };
        let rel = Rel::Project { input: Box::new(rel), items: vec![(value, typed.col)] };
        let subquery = Subquery { rel, column: Some(typed), kind: SubqueryKind::Scalar };
        let value = Expr::Subquery(Box::new(subquery));
        match call.result {
            Shape::Void => void(value),
            _ => Ok(value),
        }
    }

    /// The rows of a call, of the columns that the function declares.
    pub(super) fn inlined_rows(&mut self, call: &UserCall) -> Result<(Rel, Vec<TypedCol>)> {
        let inlined = self.body_of(call)?;
        self.refuse_in_rules(call)?;
        let strict: Vec<usize> = match call.def.traits.strict {
            true => (0..call.args.len()).filter(|place| may_be_null(&call.args, *place)).collect(),
            false => Vec::new(),
        };
        let rel = self.with_arguments(call, &inlined, &strict, false)?;
        Ok((rel, inlined.columns))
    }

    /// A body that needs no relation, with the arguments in it; None when one of them must be computed before.
    fn substituted(
        &mut self,
        call: &UserCall,
        inlined: &Inlined,
        values: Vec<Expr>,
        strict: &[usize],
    ) -> Result<Option<Expr>> {
        let (mut value, ty) = self.whole(call, values)?;
        if call.result == Shape::Void {
            value = void(value)?;
        }
        let mut arguments = Vec::with_capacity(call.args.len());
        for (place, (arg, parameter)) in call.args.iter().zip(&inlined.parameters).enumerate() {
            let tested = strict.contains(&place);
            let uses = uses_of(&value, parameter.col) + usize::from(tested);
            let once = uses == 1 && !stands_below(&value, parameter.col);
            if is_volatile(arg) && !once || uses > 1 && !is_cheap(arg) {
                return Ok(None);
            }
            arguments.push((parameter.col, arg.clone()));
        }
        let proves = |place: &usize| {
            inlined.parameters.get(*place).is_some_and(|parameter| is_strict_in(&value, parameter.col))
        };
        let tests: Vec<usize> = strict.iter().copied().filter(|place| !proves(place)).collect();
        let outer: Vec<(ColRef, Expr)> =
            arguments.iter().map(|(col, arg)| Ok((*col, as_outer(arg)?))).collect::<Result<_>>()?;
        fill(&mut value, &arguments, &outer)?;
        if tests.is_empty() {
            return Ok(Some(value));
        }
        let is_null = |place: &usize| {
            let arg = call.args.get(*place).cloned();
            arg.map(|arg| Expr::IsNull { arg: Box::new(arg), negated: false })
        };
        let mut tests: Vec<Expr> = tests.iter().filter_map(is_null).collect();
        let test = if tests.len() == 1 { tests.swap_remove(0) } else { Expr::Or(tests) };
        let null = Expr::Const(Datum::Null, ty.clone());
        Ok(Some(Expr::Case { whens: vec![(test, null)], otherwise: Some(Box::new(value)), ty }))
    }

    /// The value that the columns of a row make, and its type.
    pub(super) fn whole(&mut self, call: &UserCall, mut values: Vec<Expr>) -> Result<(Expr, SqlType)> {
        let value = match &call.result {
            Shape::Row(columns) => {
                let terms = values.into_iter().map(|expr| Term { expr, at: call.at });
                let fields = columns.iter().map(|(name, _)| name.clone()).zip(terms).collect();
                let row = self.row_of(fields, call.at)?.expr;
                match &call.row {
                    Some(named) => as_row_of(row, named),
                    None => row,
                }
            }
            Shape::Void if values.is_empty() => Expr::Const(Datum::Bool(true), super::expr::boolean()),
            Shape::Void | Shape::Value(_) | Shape::Open if !values.is_empty() => values.swap_remove(0),
            _ => return Err(Error::internal("a function's body without columns")),
        };
        let ty = match call.result {
            Shape::Void => held(oid::VOID, -1)?,
            _ => value.ty(),
        };
        Ok((value, ty))
    }

    /// A body with the arguments in it: rows for the arguments of one call, at most one of them when that is wanted.
    fn with_arguments(
        &mut self,
        call: &UserCall,
        inlined: &Inlined,
        strict: &[usize],
        only_one: bool,
    ) -> Result<Rel> {
        let placed = self.placed(call, inlined)?;
        let mut rel = inlined.rel.clone();
        walk::rel_children_mut(&mut rel, &mut |e| fill(e, &placed.direct, &placed.direct))?;
        let test = |place: &usize| {
            let parameter = inlined.parameters.get(*place)?;
            let direct = placed.direct.iter().find(|(col, _)| *col == parameter.col);
            let value = direct.map_or_else(|| Expr::Outer(parameter.clone()), |(_, arg)| arg.clone());
            Some(Expr::IsNull { arg: Box::new(value), negated: true })
        };
        let tests: Vec<Expr> = strict.iter().filter_map(test).collect();
        if !tests.is_empty() {
            rel = Rel::Filter { input: Box::new(rel), predicate: Expr::And(tests) };
        }
        if only_one && !is_single(&rel) {
            let count = Some(Expr::Const(Datum::Int64(1), held(oid::INT8, -1)?));
            rel = Rel::Limit { input: Box::new(rel), count, offset: None, ties: Vec::new() };
        }
        if placed.before.is_empty() {
            return Ok(rel);
        }
        let arguments = Rel::Project { input: Box::new(Rel::Unit), items: placed.before };
        Ok(Rel::Join {
            kind: JoinKind::Inner,
            left: Box::new(arguments),
            right: Box::new(rel),
            on: None,
            lateral: true,
        })
    }

    /// Which arguments stand in the body, and which are computed before.
    fn placed(&self, call: &UserCall, inlined: &Inlined) -> Result<Placed> {
        let mut placed = Placed { direct: Vec::new(), before: Vec::new() };
        for (arg, parameter) in call.args.iter().zip(&inlined.parameters) {
            let mut uses = 0;
            walk::visit_rel(&inlined.rel, &mut |e| uses += uses_of(e, parameter.col));
            let own = as_outer(arg)?;
            if is_volatile(arg) && uses == 0 {
                return Err(self.unsupported("a volatile argument that a function does not use", call.at));
            }
            if is_plain(arg) || !is_volatile(arg) && !has_subquery(arg) && uses <= 1 {
                placed.direct.push((parameter.col, own));
            } else {
                placed.before.push((own, parameter.col));
            }
        }
        Ok(placed)
    }

    /// 0A000 for a body that reads relations where rows are computed one by one.
    fn refuse_in_rules(&mut self, call: &UserCall) -> Result<()> {
        use super::Clause as C;
        let clause = self.level().clause;
        let one_by_one = matches!(
            clause,
            C::Check | C::Generated | C::Default | C::PartitionBound | C::CopyWhere | C::AsOf | C::Execute
        );
        if !one_by_one {
            return Ok(());
        }
        let what = format!(
            "function \"{}\", whose body is no plain expression, in {}",
            call.def.name,
            clause.phrase()
        );
        Err(self
            .unsupported(&what, call.at)
            .with_hint("Write the body as SELECT of an expression, without FROM."))
    }

    /// 0A000 for a body that would be computed once where each row needs a value of its own.
    fn refuse_volatile(&mut self, call: &UserCall, rel: &Rel) -> Result<()> {
        let alone = self.level().columns.is_empty();
        let mut correlated = false;
        for arg in &call.args {
            correlated |= !walk::columns_of(arg).is_empty();
        }
        if alone || correlated || !computes_volatile(rel) {
            return Ok(());
        }
        let what = "a function for each row whose body calls a volatile function and reads relations";
        Err(self.unsupported(what, call.at).with_hint("Give it an argument of the row."))
    }
}

/// The expressions of a relation that is one row without others below; None when it is not.
fn values_of(rel: &Rel, columns: &[TypedCol]) -> Option<Vec<Expr>> {
    let Rel::Project { input, items } = rel else {
        return (matches!(rel, Rel::Unit) && columns.is_empty()).then(Vec::new);
    };
    let value = |col: ColRef| items.iter().find(|(_, own)| *own == col).map(|(e, _)| e.clone());
    let mut values: Vec<Expr> = columns.iter().map(|column| value(column.col)).collect::<Option<_>>()?;
    if matches!(input.as_ref(), Rel::Unit) {
        return Some(values);
    }
    let Rel::Project { input: _, items: below } = input.as_ref() else { return None };
    let typed: Vec<TypedCol> = below.iter().map(|(e, col)| TypedCol { col: *col, ty: e.ty() }).collect();
    let below = values_of(input, &typed)?;
    let known: Vec<(ColRef, Expr)> = typed.iter().map(|column| column.col).zip(below).collect();
    for value in &mut values {
        // What a subquery would look at twice stays where it is.
        let mut twice = false;
        for (col, below) in &known {
            let (mut uses, mut below_it) = (0, 0);
            walk::visit(value, &mut |e| {
                uses += usize::from(matches!(e, Expr::Column(c) if c.col == *col));
                below_it += usize::from(matches!(e, Expr::Outer(c) if c.col == *col));
            });
            twice |= below_it > 0 || uses > 1 && (!is_cheap(below) || is_volatile(below));
        }
        if twice {
            return None;
        }
        let done = walk::rewrite(value, &mut |e| match e {
            Expr::Column(c) => {
                let found = known.iter().find(|(col, _)| *col == c.col);
                if let Some((_, below)) = found {
                    *e = below.clone();
                }
                Ok(true)
            }
            Expr::Subquery(_) => Ok(true),
            _ => Ok(false),
        });
        done.ok()?;
    }
    Some(values)
}

/// Puts arguments in the places of parameters: `own` in the expression itself, `inner` in its subqueries.
fn fill(expr: &mut Expr, own: &[(ColRef, Expr)], inner: &[(ColRef, Expr)]) -> Result<()> {
    walk::rewrite(expr, &mut |e| match e {
        Expr::Outer(column) => {
            if let Some((_, arg)) = own.iter().find(|(col, _)| *col == column.col) {
                *e = arg.clone();
            }
            Ok(true)
        }
        Expr::Subquery(subquery) => {
            match &mut subquery.kind {
                SubqueryKind::Quantified { proc: _, all: _, arg } => fill(arg, own, inner)?,
                SubqueryKind::Row { quantifier: _, args, test: _ } => {
                    args.iter_mut().try_for_each(|(arg, _)| fill(arg, own, inner))?;
                }
                SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
            }
            walk::rel_children_mut(&mut subquery.rel, &mut |e| fill(e, inner, inner))?;
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// An expression as one level further in sees it.
fn as_outer(expr: &Expr) -> Result<Expr> {
    let mut expr = expr.clone();
    own_as_outer(&mut expr)?;
    Ok(expr)
}

fn own_as_outer(expr: &mut Expr) -> Result<()> {
    walk::rewrite(expr, &mut |e| match e {
        Expr::Column(column) => {
            *e = Expr::Outer(column.clone());
            Ok(true)
        }
        Expr::Subquery(subquery) => {
            match &mut subquery.kind {
                SubqueryKind::Quantified { proc: _, all: _, arg } => own_as_outer(arg)?,
                SubqueryKind::Row { quantifier: _, args, test: _ } => {
                    args.iter_mut().try_for_each(|(arg, _)| own_as_outer(arg))?;
                }
                SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
            }
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// Null of type void, when a value has been computed.
fn void(value: Expr) -> Result<Expr> {
    let ty = held(oid::VOID, -1)?;
    let nothing = || Expr::Const(Datum::Null, ty.clone());
    if matches!(value, Expr::Const(..)) {
        return Ok(nothing());
    }
    let test = Expr::IsNull { arg: Box::new(value), negated: false };
    Ok(Expr::Case { whens: vec![(test, nothing())], otherwise: Some(Box::new(nothing())), ty: ty.clone() })
}

fn uses_of(expr: &Expr, parameter: ColRef) -> usize {
    let mut uses = 0;
    walk::visit(expr, &mut |e| uses += usize::from(matches!(e, Expr::Outer(c) if c.col == parameter)));
    uses
}

/// Whether a parameter stands in a subquery of an expression, which may compute it for each of its rows.
fn stands_below(expr: &Expr, parameter: ColRef) -> bool {
    let mut found = false;
    walk::visit(expr, &mut |e| {
        if let Expr::Subquery(subquery) = e {
            walk::visit_rel(&subquery.rel, &mut |e| found |= uses_of(e, parameter) > 0);
        }
    });
    found
}

/// Whether an expression is null whenever a parameter is.
fn is_strict_in(expr: &Expr, parameter: ColRef) -> bool {
    match expr {
        Expr::Outer(column) => column.col == parameter,
        Expr::Call { proc, args, ty: _ } => {
            builtin::proc(*proc).is_some_and(|row| row.strict)
                && args.iter().any(|arg| is_strict_in(arg, parameter))
        }
        Expr::Cast { how: _, arg, ty: _ } | Expr::Not(arg) => is_strict_in(arg, parameter),
        _ => false,
    }
}

fn may_be_null(args: &[Expr], place: usize) -> bool {
    !matches!(args.get(place), Some(Expr::Const(datum, _)) if !datum.is_null())
}

fn has_subquery(expr: &Expr) -> bool {
    let mut found = false;
    walk::visit(expr, &mut |e| found |= matches!(e, Expr::Subquery(_)));
    found
}

/// A column, a constant or a parameter.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Outer(_) | Expr::Const(..) | Expr::Param { .. } => true,
        Expr::Cast { how: crate::bound::CastHow::Relabel, arg, ty: _ } => is_plain(arg),
        _ => false,
    }
}

/// What may stand several times.
fn is_cheap(expr: &Expr) -> bool {
    let mut nodes = 0;
    walk::visit(expr, &mut |_| nodes += 1);
    nodes <= REPEATED_NODES_MAX && !has_subquery(expr)
}

/// Whether a relation has at most one row.
fn is_single(rel: &Rel) -> bool {
    match rel {
        Rel::Unit | Rel::Empty { columns: _ } => true,
        Rel::Project { input, items: _ }
        | Rel::Filter { input, predicate: _ }
        | Rel::Sort { input, keys: _ } => is_single(input),
        Rel::Aggregate { input: _, group, aggregates: _ } => group.is_empty(),
        Rel::Limit { input: _, count: Some(Expr::Const(Datum::Int64(count), _)), offset: _, ties } => {
            *count <= 1 && ties.is_empty()
        }
        Rel::Values { rows, columns: _ } => rows.len() <= 1,
        Rel::With { ctes: _, body } => is_single(body),
        _ => false,
    }
}
