//! Which predicates of a plan storage evaluates exactly, and why the others stay on decoded columns.
//!
//! Invariant: a predicate is pushed only when storage's answer is true for exactly the rows for which the plan's is.

use crate::kernel::key;
use base::id::ColumnId;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use storage::{CompareOp, Predicate};
use types::{Datum, Form};

/// The predicate for storage, or why there is none.
pub(crate) type Verdict = Result<Predicate, String>;

/// Looks a column of the plan up: its id and form when storage has it.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<(ColumnId, Form)> + 'a;

pub(crate) fn to_storage(filter: &Expr, lookup: &Lookup<'_>) -> Verdict {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Ok(Predicate::And(vec![to_storage(left, lookup)?, to_storage(right, lookup)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Ok(Predicate::Or(vec![to_storage(left, lookup)?, to_storage(right, lookup)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(left, *op, right, lookup),
        Expr::Not(inner) => Ok(Predicate::Not(Box::new(to_storage(inner, lookup)?))),
        Expr::IsNull(inner) => Ok(Predicate::IsNull { column: column(inner, lookup)?.0 }),
        Expr::IsNotNull(inner) => Ok(Predicate::IsNotNull { column: column(inner, lookup)?.0 }),
        Expr::InList(list) => in_list(list, lookup),
        Expr::Column(_) => match column(filter, lookup)? {
            (id, Form::Bool) => {
                Ok(Predicate::Compare { column: id, op: CompareOp::Equal, value: Datum::Bool(true) })
            }
            _ => Err("the column is not boolean".to_owned()),
        },
        Expr::Case(_) => Err("CASE is evaluated on decoded columns".to_owned()),
        Expr::ScalarFunction(call) => {
            Err(format!("function {} is evaluated on decoded columns", call.name()))
        }
        _ => Err("not a comparison of a column with a constant".to_owned()),
    }
}

fn comparison(left: &Expr, op: Operator, right: &Expr, lookup: &Lookup<'_>) -> Verdict {
    let (side, op, constant) = match (left, right) {
        (side, Expr::Literal(constant, _)) => (side, op, constant),
        (Expr::Literal(constant, _), side) => {
            let swapped =
                op.swap().ok_or_else(|| format!("operator {op} is evaluated on decoded columns"))?;
            (side, swapped, constant)
        }
        (Expr::Column(_), Expr::Column(_)) => return Err("compares two columns".to_owned()),
        _ => return Err("compares with something that is not constant".to_owned()),
    };
    let op = compare_op(op)?;
    let (id, form, by_key) = compared(side, lookup)?;
    let value = constant_of(constant, &form, by_key)?;
    Ok(Predicate::Compare { column: id, op, value })
}

/// A comparison of a column, by its name in the plan, with a constant.
pub(crate) fn column_with_constant(
    name: &str,
    op: Operator,
    constant: &ScalarValue,
    lookup: &Lookup<'_>,
) -> Verdict {
    let (column, form) = lookup(name).ok_or_else(|| "the column is not stored".to_owned())?;
    if !form.arrow_order_is_sql_order() {
        return Err("the column's type has another order in storage".to_owned());
    }
    Ok(Predicate::Compare { column, op: compare_op(op)?, value: constant_of(constant, &form, false)? })
}

fn compare_op(op: Operator) -> Result<CompareOp, String> {
    Ok(match op {
        Operator::Eq => CompareOp::Equal,
        Operator::NotEq => CompareOp::NotEqual,
        Operator::Lt => CompareOp::Less,
        Operator::LtEq => CompareOp::LessOrEqual,
        Operator::Gt => CompareOp::Greater,
        Operator::GtEq => CompareOp::GreaterOrEqual,
        other => return Err(format!("operator {other} is not storage's")),
    })
}

fn in_list(list: &InList, lookup: &Lookup<'_>) -> Verdict {
    let (id, form, by_key) = compared(&list.expr, lookup)?;
    let mut values = Vec::with_capacity(list.list.len());
    for item in &list.list {
        let Expr::Literal(constant, _) = item else {
            return Err("the list is not constant".to_owned());
        };
        values.push(constant_of(constant, &form, by_key)?);
    }
    let within = Predicate::In { column: id, values };
    Ok(if list.negated { Predicate::Not(Box::new(within)) } else { within })
}

/// The column compared, and whether by its key instead of by its value.
fn compared(side: &Expr, lookup: &Lookup<'_>) -> Result<(ColumnId, Form, bool), String> {
    if let Some(inner) = key::argument_of(side) {
        let (id, form) = column(inner, lookup)?;
        return Ok((id, form, true));
    }
    let (id, form) = column(side, lookup)?;
    match form.arrow_order_is_sql_order() {
        true => Ok((id, form, false)),
        false => Err("the column's type has another order in storage".to_owned()),
    }
}

fn column(side: &Expr, lookup: &Lookup<'_>) -> Result<(ColumnId, Form), String> {
    match side {
        Expr::Column(column) => lookup(&column.name).ok_or_else(|| "the column is not stored".to_owned()),
        Expr::Cast(_) => Err("the column is cast to another type".to_owned()),
        Expr::ScalarFunction(call) => {
            Err(format!("function {} is evaluated on decoded columns", call.name()))
        }
        _ => Err("not a comparison of a column with a constant".to_owned()),
    }
}

fn constant_of(constant: &ScalarValue, form: &Form, by_key: bool) -> Result<Datum, String> {
    if constant.is_null() {
        return Err("compares with null".to_owned());
    }
    if by_key {
        return key::value_of_key(constant, form)
            .ok_or_else(|| "no stored value has the constant's key".to_owned());
    }
    let array = constant.to_array().map_err(|e| e.to_string())?;
    if *array.data_type() != form.arrow() {
        return Err("the constant is of another type".to_owned());
    }
    types::array::get(form, &array, 0).map_err(|e| e.to_string())
}
