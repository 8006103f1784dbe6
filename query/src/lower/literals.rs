//! Constants: data as literals of a plan, and functions of constants computed while planning.

use crate::failure::from_datafusion;
use crate::kernel::call::Arg;
use crate::kernel::udf::Kernel;
use base::{Error, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr as PlanExpr;
use types::{Datum, Form, SqlType};

/// A datum as a literal of its form's type.
pub(crate) fn literal(datum: &Datum, ty: &SqlType) -> Result<PlanExpr> {
    // The binder relabels constants of integer and oid, which are the same bits, without changing the datum.
    let datum = match (datum, &ty.form) {
        (Datum::Int32(value), Form::UInt32) => &Datum::UInt32(value.cast_unsigned()),
        (Datum::UInt32(value), Form::Int32) => &Datum::Int32(value.cast_signed()),
        (datum, _) => datum,
    };
    let array = types::array::from_data(&ty.form, std::slice::from_ref(datum))?;
    let scalar = ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)?;
    Ok(PlanExpr::Literal(scalar, None))
}

/// A null of a type.
pub(crate) fn null(ty: &SqlType) -> Result<PlanExpr> {
    literal(&Datum::Null, ty)
}

/// The datum of a literal of a form.
pub(crate) fn datum_of(expr: &PlanExpr, form: &Form) -> Option<Datum> {
    let PlanExpr::Literal(scalar, _) = expr else { return None };
    let array = scalar.to_array().ok()?;
    types::array::get(form, &array, 0).ok()
}

/// A kernel applied to expressions; computed now when all of them are constants. One that fails is kept, because
/// a CASE may never reach it.
pub(crate) fn call(kernel: Kernel, args: Vec<PlanExpr>) -> Result<PlanExpr> {
    if kernel.volatile {
        return kernel.call(args);
    }
    let mut constants = Vec::with_capacity(args.len());
    for arg in &args {
        let PlanExpr::Literal(scalar, _) = arg else { break };
        let array = scalar.to_array().map_err(from_datafusion)?;
        constants.push(Arg { array, constant: true });
    }
    if constants.len() < args.len() {
        return kernel.call(args);
    }
    match kernel.run(&constants, 1) {
        Ok(array) => {
            let scalar = ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)?;
            Ok(PlanExpr::Literal(scalar, None))
        }
        Err(error) if error.kind() == base::ErrorKind::Internal => Err(error),
        // Functions without arguments are the statement's own; they fail now or never.
        Err(error) if args.is_empty() => Err(error),
        Err(_) => kernel.call(args),
    }
}

/// A constant int8, as LIMIT and OFFSET take it; None for null.
pub(crate) fn int8_of(expr: &PlanExpr) -> Result<Option<i64>> {
    match datum_of(expr, &Form::Int64) {
        Some(Datum::Null) => Ok(None),
        Some(Datum::Int64(value)) => Ok(Some(value)),
        _ => Err(Error::unsupported("LIMIT and OFFSET need a constant or a parameter")
            .with_hint("compute the number in the client and send it as a parameter")),
    }
}
