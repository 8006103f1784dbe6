//! Scalar expressions: columns, constants, calls, CASE and its shorthands, arrays.
//!
//! Invariant: what a CASE does not reach is not evaluated, as far as it could fail.

use crate::kernel::udf::Kernel;
use crate::kernel::{array_parts, array_shape, attach, compare, extremes, list, record, sample};
use crate::lower::columns;
use crate::lower::comparisons::Typed;
use crate::lower::first_rows;
use crate::lower::literals;
use crate::lower::scope::{Lowering, Scope, unsupported_function};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use datafusion::logical_expr::{Case, Expr as PlanExpr, Operator};
use sql::bound::{ArrayPart, Expr, TypedCol};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

impl Lowering<'_> {
    /// Lowers an expression; its subqueries widen the scope's plan.
    pub(crate) fn expr(&mut self, scope: &mut Scope, expr: &Expr) -> Result<PlanExpr> {
        match expr {
            Expr::Column(TypedCol { col, .. }) => Ok(columns::reference(*col)),
            Expr::Outer(TypedCol { col, .. }) => Err(Error::unsupported(format!(
                "a subquery that refers to a column of an enclosing query is not supported in this place (column {})",
                col.0
            ))
            .with_hint("write it as a join, or with EXISTS, IN or an aggregate compared by equality")),
            Expr::Const(datum, ty) => literals::literal(datum, ty),
            Expr::Param { index, ty } => self.parameter(*index, ty),
            Expr::Call { proc, args, ty } => self.function(scope, *proc, args, ty),
            Expr::Cast { how, arg, ty } => self.cast(scope, *how, arg, ty),
            Expr::And(parts) => self.all_of(scope, parts),
            Expr::Or(parts) => self.any_of(scope, parts),
            Expr::Not(arg) => Ok(PlanExpr::Not(Box::new(self.expr(scope, arg)?))),
            Expr::IsNull { arg, negated } => {
                let arg = Box::new(self.expr(scope, arg)?);
                Ok(if *negated { PlanExpr::IsNotNull(arg) } else { PlanExpr::IsNull(arg) })
            }
            Expr::IsBool { arg, value, negated } => {
                let arg = Box::new(self.expr(scope, arg)?);
                Ok(match (value, negated) {
                    (Some(true), false) => PlanExpr::IsTrue(arg),
                    (Some(true), true) => PlanExpr::IsNotTrue(arg),
                    (Some(false), false) => PlanExpr::IsFalse(arg),
                    (Some(false), true) => PlanExpr::IsNotFalse(arg),
                    (None, false) => PlanExpr::IsUnknown(arg),
                    (None, true) => PlanExpr::IsNotUnknown(arg),
                })
            }
            Expr::IsDistinct { equal, left, right, negated } => {
                if compare::operator_of(*equal) != Some(Operator::Eq) {
                    return Err(unsupported_function(*equal, &[left.ty(), right.ty()]));
                }
                let op = if *negated { Operator::IsNotDistinctFrom } else { Operator::IsDistinctFrom };
                let (left, right) = (self.typed(scope, left)?, self.typed(scope, right)?);
                self.comparison(left, op, right)
            }
            Expr::Case { whens, otherwise, ty } => self.case(scope, whens, otherwise.as_deref(), ty),
            Expr::Coalesce { args, ty } => self.coalesce(scope, args, ty),
            Expr::NullIf { equal, left, right, ty } => self.null_if(scope, *equal, left, right, ty),
            Expr::Extreme { greatest, less, args, ty } => self.extreme(scope, *greatest, *less, args, ty),
            Expr::InList { equal, arg, list, negated } => self.in_list(scope, *equal, arg, list, *negated),
            Expr::ArrayCompare { proc, all, arg, array } => self.array_compare(scope, *proc, *all, arg, array),
            Expr::Array { elements, ty } => {
                let types = elements.iter().map(Expr::ty).collect();
                let elements = self.exprs(scope, elements)?;
                self.internal(self.kernel("array", array_shape::construct, types, ty), elements)
            }
            Expr::Row { fields, ty } => {
                let types = fields.iter().map(Expr::ty).collect();
                let fields = self.exprs(scope, fields)?;
                self.internal(self.kernel("row", record::construct, types, ty), fields)
            }
            Expr::Field { row, index, ty } => {
                let place = SqlType { oid: oid::INT4, typmod: -1, form: Form::Int32, domain: None };
                let index = Datum::Int32(i32::try_from(*index).unwrap_or(i32::MAX));
                let args = vec![self.expr(scope, row)?, literals::literal(&index, &place)?];
                self.internal(self.kernel("field", record::field, vec![row.ty(), place], ty), args)
            }
            Expr::ArrayPart { part, args, ty } => {
                let types = args.iter().map(Expr::ty).collect();
                let args = self.exprs(scope, args)?;
                let kernel = match part {
                    ArrayPart::Element => self.kernel("subscript", array_parts::element, types, ty),
                    ArrayPart::Slice => self.kernel("slice", array_parts::slice, types, ty),
                    ArrayPart::SetElement => self.kernel("set_element", array_parts::with_element, types, ty),
                    ArrayPart::SetSlice => self.kernel("set_slice", array_parts::with_slice, types, ty),
                };
                self.internal(kernel, args)
            }
            Expr::Subquery(subquery) => self.subquery(scope, subquery),
            Expr::Domain { rules, arg, ty } => self.domain(scope, rules, arg, ty),
        }
    }

    pub(crate) fn exprs(&mut self, scope: &mut Scope, exprs: &[Expr]) -> Result<Vec<PlanExpr>> {
        exprs.iter().map(|e| self.expr(scope, e)).collect()
    }

    pub(crate) fn typed(&mut self, scope: &mut Scope, expr: &Expr) -> Result<Typed> {
        Ok(Typed { expr: self.expr(scope, expr)?, ty: expr.ty() })
    }

    /// A kernel that SQL cannot name.
    pub(crate) fn kernel(
        &self,
        name: &'static str,
        run: crate::kernel::call::Run,
        args: Vec<SqlType>,
        ret: &SqlType,
    ) -> Kernel {
        let statement = Arc::clone(&self.context.statement);
        Kernel { name, oid: 0, run, args, ret: ret.clone(), volatile: false, statement }
    }

    fn parameter(&self, index: usize, ty: &SqlType) -> Result<PlanExpr> {
        let datum = index.checked_sub(1).and_then(|i| self.context.parameters.get(i));
        let datum = datum.ok_or_else(|| {
            Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter ${index}"))
        })?;
        literals::literal(datum, ty)
    }

    fn function(&mut self, scope: &mut Scope, proc: Oid, args: &[Expr], ty: &SqlType) -> Result<PlanExpr> {
        if let Some(op) = compare::operator_of(proc)
            && let [left, right] = args
        {
            let (left, right) = (self.typed(scope, left)?, self.typed(scope, right)?);
            return self.comparison(left, op, right);
        }
        let types: Vec<SqlType> = args.iter().map(Expr::ty).collect();
        let unnamed: Option<crate::kernel::call::Run> = match proc {
            first_rows::LIMIT_ROWS => Some(first_rows::limit_rows),
            first_rows::OFFSET_ROWS => Some(first_rows::offset_rows),
            sql::bound::IS_SAMPLED => Some(sample::is_sampled),
            _ => None,
        };
        if let Some(run) = unnamed {
            let args = self.exprs(scope, args)?;
            return self.internal(self.kernel("unnamed", run, types, ty), args);
        }
        let Some(attached) = attach::attached(proc) else {
            return Err(unsupported_function(proc, &types));
        };
        let kernel = Kernel {
            name: attached.name,
            oid: proc.0,
            run: attached.run,
            args: types,
            ret: ty.clone(),
            volatile: attached.volatile,
            statement: Arc::clone(&self.context.statement),
        };
        let args = self.exprs(scope, args)?;
        literals::call(kernel, args)
    }

    fn case(
        &mut self,
        scope: &mut Scope,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        ty: &SqlType,
    ) -> Result<PlanExpr> {
        let mut branches = Vec::with_capacity(whens.len());
        for (when, then) in whens {
            branches.push((self.expr(scope, when)?, self.expr(scope, then)?));
        }
        let otherwise = match otherwise {
            Some(expr) => self.expr(scope, expr)?,
            None => literals::null(ty)?,
        };
        self.lazy_case(branches, otherwise, ty)
    }

    /// COALESCE as a CASE, so that later arguments are not evaluated in vain.
    fn coalesce(&mut self, scope: &mut Scope, args: &[Expr], ty: &SqlType) -> Result<PlanExpr> {
        let mut args = self.exprs(scope, args)?;
        let Some(last) = args.pop() else {
            return Err(Error::internal("COALESCE without arguments"));
        };
        if args.is_empty() {
            return Ok(last);
        }
        let branches =
            args.into_iter().map(|arg| (PlanExpr::IsNotNull(Box::new(arg.clone())), arg)).collect();
        self.lazy_case(branches, last, ty)
    }

    fn null_if(
        &mut self,
        scope: &mut Scope,
        equal: Oid,
        left: &Expr,
        right: &Expr,
        ty: &SqlType,
    ) -> Result<PlanExpr> {
        if compare::operator_of(equal) != Some(Operator::Eq) {
            return Err(unsupported_function(equal, &[left.ty(), right.ty()]));
        }
        let (left, right) = (self.typed(scope, left)?, self.typed(scope, right)?);
        let value = left.expr.clone();
        let same = self.comparison(left, Operator::Eq, right)?;
        self.lazy_case(vec![(same, literals::null(ty)?)], value, ty)
    }

    fn extreme(
        &mut self,
        scope: &mut Scope,
        greatest: bool,
        less: Oid,
        args: &[Expr],
        ty: &SqlType,
    ) -> Result<PlanExpr> {
        if compare::operator_of(less) != Some(Operator::Lt) {
            return Err(unsupported_function(less, &[ty.clone(), ty.clone()]));
        }
        let types: Vec<SqlType> = args.iter().map(Expr::ty).collect();
        let args = self.exprs(scope, args)?;
        let kernel = match greatest {
            true => self.kernel("greatest", extremes::greatest, types, ty),
            false => self.kernel("least", extremes::least, types, ty),
        };
        self.internal(kernel, args)
    }

    fn in_list(
        &mut self,
        scope: &mut Scope,
        equal: Oid,
        arg: &Expr,
        list: &[Expr],
        negated: bool,
    ) -> Result<PlanExpr> {
        if !matches!(compare::operator_of(equal), Some(Operator::Eq | Operator::NotEq)) {
            return Err(unsupported_function(equal, &[arg.ty(), arg.ty()]));
        }
        let arg = self.typed(scope, arg)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(self.typed(scope, item)?);
        }
        self.membership(arg, items, negated)
    }

    /// `arg IN (items)` over values of one type, or a chain of equalities when the types differ or an item is no constant.
    fn membership(&self, arg: Typed, items: Vec<Typed>, negated: bool) -> Result<PlanExpr> {
        if items.iter().any(|item| item.ty.form != arg.ty.form) {
            return self.equalities(arg, items, negated);
        }
        let value = self.key(arg.clone())?;
        let mut keys = Vec::with_capacity(items.len());
        for item in &items {
            keys.push(self.key(item.clone())?);
        }
        // DataFusion takes an item for a constant that gives a scalar for no rows, as a CASE can.
        if keys.iter().any(|key| !matches!(key, PlanExpr::Literal(..))) && !value.is_volatile() {
            return self.equalities(arg, items, negated);
        }
        let list = datafusion::logical_expr::expr::InList::new(Box::new(value), keys, negated);
        Ok(PlanExpr::InList(list))
    }

    /// `arg = item OR arg = item ..`, or `arg <> item AND ..`.
    fn equalities(&self, arg: Typed, items: Vec<Typed>, negated: bool) -> Result<PlanExpr> {
        let (op, join) = match negated {
            true => (Operator::NotEq, Operator::And),
            false => (Operator::Eq, Operator::Or),
        };
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            parts.push(self.comparison(arg.clone(), op, item)?);
        }
        self.chain(parts, join)
    }

    fn array_compare(
        &mut self,
        scope: &mut Scope,
        proc: Oid,
        all: bool,
        arg: &Expr,
        array: &Expr,
    ) -> Result<PlanExpr> {
        let Some(op) = compare::operator_of(proc) else {
            return self.array_match(scope, proc, all, arg, array);
        };
        let (arg, array_ty) = (self.typed(scope, arg)?, array.ty());
        let Some(element) = array_ty.element() else {
            return Err(Error::internal("ANY over something that is not an array"));
        };
        let array = self.expr(scope, array)?;
        if let Some(datum) = literals::datum_of(&array, &array_ty.form) {
            let Datum::List(items) = datum else {
                return literals::null(&boolean());
            };
            let mut typed = Vec::with_capacity(items.len());
            for item in &items {
                typed.push(Typed { expr: literals::literal(item, &element)?, ty: element.clone() });
            }
            return match (op, all) {
                (Operator::Eq, false) | (Operator::NotEq, true) if !typed.is_empty() => {
                    self.membership(arg, typed, all)
                }
                _ => {
                    let join = if all { Operator::And } else { Operator::Or };
                    let parts: Result<Vec<_>> =
                        typed.into_iter().map(|item| self.comparison(arg.clone(), op, item)).collect();
                    self.chain(parts?, join)
                }
            };
        }
        let kernel = self.kernel(
            if all { "compare_all" } else { "compare_any" },
            list::compare_with(op, all)?,
            vec![arg.ty.clone(), array_ty],
            &boolean(),
        );
        self.internal(kernel, vec![arg.expr, array])
    }

    /// `arg op ANY (array)` for an operator that is no comparison, such as LIKE: over constant arrays only.
    fn array_match(
        &mut self,
        scope: &mut Scope,
        proc: Oid,
        all: bool,
        arg: &Expr,
        array: &Expr,
    ) -> Result<PlanExpr> {
        let array_ty = array.ty();
        let element = array_ty.element();
        let lowered = self.expr(scope, array)?;
        let (Some(element), Some(datum)) = (element, literals::datum_of(&lowered, &array_ty.form)) else {
            return Err(Error::unsupported("this operator with ANY or ALL needs a constant array"));
        };
        let Datum::List(items) = datum else {
            return literals::null(&boolean());
        };
        let join = if all { Operator::And } else { Operator::Or };
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            let args = [arg.clone(), Expr::Const(item, element.clone())];
            parts.push(self.function(scope, proc, &args, &boolean())?);
        }
        self.chain(parts, join)
    }

    /// Parts joined by AND or OR; over no parts, AND is true and OR is false.
    fn chain(&self, parts: Vec<PlanExpr>, join: Operator) -> Result<PlanExpr> {
        let empty = Datum::Bool(join == Operator::And);
        match crate::lower::boolean::balanced(parts, join) {
            Some(expr) => Ok(expr),
            None => literals::literal(&empty, &boolean()),
        }
    }
}

pub(crate) fn boolean() -> SqlType {
    SqlType { oid: types::sql_type::oid::BOOL, typmod: -1, form: types::Form::Bool, domain: None }
}

/// A CASE of DataFusion's, which evaluates a branch only for the rows that reach it.
pub(crate) fn plain_case(branches: Vec<(PlanExpr, PlanExpr)>, otherwise: PlanExpr) -> PlanExpr {
    let whens = branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    PlanExpr::Case(Case::new(None, whens, Some(Box::new(otherwise))))
}
