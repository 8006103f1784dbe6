//! json_populate_record and its like: rows of a composite type made of JSON, over a row that says the type.
//!
//! Invariant: fields that the JSON does not have are those of that row, which may be null.

use super::record::{no_array, no_objects, row};
use crate::kernel::call::{Arg, Call, Run};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::json::{Content, Part};
use types::sql_type::{RowField, oid};
use types::{Datum, Form, IoSettings};

/// Whether a function makes a row of each element of an array.
pub(crate) fn is_populated_set(source: &str) -> bool {
    matches!(source, "json_populate_recordset" | "jsonb_populate_recordset")
}

fn populate_one(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let called = called(call, "record")?;
    let fields = fields(&call.ret.form, &called)?;
    over_base(call, args, |part, base, io| row(part, fields, Some(base), io), Datum::clone)
}

/// The rows of each array as a list.
pub(crate) fn populate_each(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let binary = call.arg(1)?.oid == oid::JSONB;
    let called = called(call, "recordset")?;
    let Form::List(element) = &call.ret.form else {
        return Err(Error::internal("a set of rows that is no list"));
    };
    let fields = fields(element, &called)?;
    let rows = |part: &Part<'_>, base: &Datum, io: &IoSettings| {
        let Content::Array(items) = &part.content else { return Err(no_array(&called, part, binary)) };
        let rows = items.iter().map(|item| match item.content {
            Content::Object(_) => row(item, fields, Some(base), io),
            _ => Err(no_objects(&called)),
        });
        rows.collect::<Result<Vec<_>>>().map(Datum::list)
    };
    over_base(call, args, rows, |_| Datum::Null)
}

fn called(call: &Call<'_>, what: &str) -> Result<String> {
    let prefix = if call.arg(1)?.oid == oid::JSONB { "jsonb" } else { "json" };
    Ok(format!("{prefix}_populate_{what}"))
}

fn fields<'f>(form: &'f Form, called: &str) -> Result<&'f [RowField]> {
    match form {
        Form::Row(fields) => Ok(fields),
        _ => {
            let message = format!("first argument of {called} must be a row type");
            Err(Error::new(ErrorKind::DatatypeMismatch, message))
        }
    }
}

/// Computes each row from the JSON and the base; what null JSON gives is made of the base.
fn over_base(
    call: &Call<'_>,
    args: &[Arg],
    value: impl Fn(&Part<'_>, &Datum, &IoSettings) -> Result<Datum>,
    of_null: impl Fn(&Datum) -> Datum,
) -> Result<ArrayRef> {
    let [base, json, ..] = args else { return Err(Error::internal("a row of JSON without its arguments")) };
    let (base_ty, json_ty) = (call.arg(0)?, call.arg(1)?);
    let mut out = Vec::with_capacity(call.rows);
    for index in 0..call.rows {
        let base = types::array::get(&base_ty.form, &base.array, base.index(index))?;
        out.push(match types::array::get(&json_ty.form, &json.array, json.index(index))? {
            Datum::Text(text) | Datum::Jsonb(text) => value(&Part::read(&text)?, &base, &call.statement.io)?,
            _ => of_null(&base),
        });
    }
    types::array::from_data(&call.ret.form, &out)
}

/// By the name of PostgreSQL's implementation.
pub(super) const KERNELS: &[(&str, Run)] =
    &[("json_populate_record", populate_one), ("jsonb_populate_record", populate_one)];
