//! Kernels over arrays.

use crate::kernel::call::{Arg, Call, Run, arg};
use crate::kernel::key;
use arrow::array::{ArrayRef, BinaryViewBuilder};
use base::{Error, ErrorKind, Result};
use datafusion::logical_expr::Operator;
use std::cmp::Ordering;
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, Form, List, SqlType};

/// Keys of arrays: each element's key behind a byte that says there is one, null elements above all, then the end and
/// the dimensions.
pub(crate) fn keys(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (list, ty) = (arg(args, 0)?, call.arg(0)?);
    let mut out = BinaryViewBuilder::with_capacity(call.rows);
    for row in 0..call.rows {
        if list.is_null(row) {
            out.append_null();
            continue;
        }
        let mut bytes = Vec::new();
        let datum = types::array::get(&ty.form, &list.array, list.index(row))?;
        write_key(&unpadded(ty, datum)?, &mut bytes);
        out.append_value(&bytes);
    }
    Ok(Arc::new(out.finish()))
}

/// The values of an array as a list.
pub(crate) fn elements(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let array = arg(args, 0)?;
    let (lists, _) = types::array::parts_of_array(&array.array)?;
    let lists: ArrayRef = Arc::new(lists);
    if array.constant { crate::kernel::udf::repeated(&lists, call.rows) } else { Ok(lists) }
}

/// The keys of values one after the other: equal for equal values and in their order, null last.
pub(crate) fn key_bytes(data: &[Datum]) -> Vec<u8> {
    let mut out = Vec::new();
    for datum in data {
        out.push(if datum.is_null() { 2 } else { 1 });
        write_key(datum, &mut out);
    }
    out
}

/// An order-preserving encoding of one element in which none is the beginning of another.
fn write_key(datum: &Datum, out: &mut Vec<u8>) {
    match datum {
        Datum::Null => {}
        Datum::Bool(v) => out.push(u8::from(*v)),
        Datum::Int16(v) => write_signed(i128::from(*v), out),
        Datum::Int32(v) => write_signed(i128::from(*v), out),
        Datum::Int64(v) => write_signed(i128::from(*v), out),
        Datum::UInt32(v) => write_signed(i128::from(*v), out),
        Datum::Date(v) => write_signed(i128::from(*v), out),
        Datum::Timestamp(v) | Datum::TimestampTz(v) => write_signed(i128::from(*v), out),
        Datum::Decimal128(v) => write_signed(*v, out),
        Datum::Decimal256(v) => {
            let mut bytes = v.to_be_bytes();
            if let Some(first) = bytes.first_mut() {
                *first ^= 0x80;
            }
            out.extend_from_slice(&bytes);
        }
        Datum::Float32(v) => write_signed(i128::from(key::key_of_double(f64::from(*v))), out),
        Datum::Float64(v) => write_signed(i128::from(key::key_of_double(*v)), out),
        Datum::Interval(v) => write_signed(types::datetime::interval_order(*v), out),
        Datum::PgNum(v) => write_bytes(types::pgnum::key_of(v), out),
        Datum::Text(v) => write_bytes(v.as_bytes(), out),
        Datum::Bytes(v) => write_bytes(v, out),
        Datum::Uuid(v) => out.extend_from_slice(v),
        Datum::Time(v) => write_signed(i128::from(*v), out),
        Datum::TimeTz(v) => out.extend_from_slice(&v.to_bytes()),
        // What is stored is canonical text, which always has a key.
        Datum::Jsonb(v) => out.extend_from_slice(&types::json::key_of(v).unwrap_or_default()),
        Datum::List(items) => {
            for item in items {
                out.push(if item.is_null() { 2 } else { 1 });
                write_key(item, out);
            }
            out.push(0);
            write_dimensions(items, out);
        }
        // How many fields there are is known of both sides.
        Datum::Row(values) => {
            for value in values {
                out.push(if value.is_null() { 2 } else { 1 });
                write_key(value, out);
            }
        }
    }
}

/// Equal elements are ordered by the number of dimensions, then by their lengths, then by their lower bounds. The
/// length of one dimension alone is the number of elements.
fn write_dimensions(list: &List, out: &mut Vec<u8>) {
    let dimensions = list.dimensions();
    out.push(u8::try_from(dimensions.len()).unwrap_or(u8::MAX));
    let number = |value: i32| (value ^ i32::MIN).to_be_bytes();
    if dimensions.len() > 1 {
        out.extend(dimensions.iter().flat_map(|d| number(d.length)));
    }
    out.extend(dimensions.iter().flat_map(|d| number(d.lower)));
}

fn write_signed(value: i128, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i128::MIN).to_be_bytes());
}

/// A zero byte is doubled to (0, 255), and (0, 0) ends the value, so that shorter values come first.
fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(255);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// The key of a value of a type: char(n) is compared without its trailing blanks.
pub(crate) fn order_key(ty: &SqlType, datum: &Datum) -> Vec<u8> {
    match datum {
        Datum::Text(text) if ty.oid == oid::BPCHAR => {
            key_bytes(&[Datum::Text(text.trim_end_matches(' ').to_owned())])
        }
        other => key_bytes(std::slice::from_ref(other)),
    }
}

/// A value in which no char(n) has trailing blanks.
fn unpadded(ty: &SqlType, datum: Datum) -> Result<Datum> {
    Ok(match (datum, &ty.form) {
        (Datum::Text(text), _) if ty.oid == oid::BPCHAR => Datum::Text(text.trim_end_matches(' ').to_owned()),
        (Datum::Row(values), Form::Row(fields)) => {
            let values = fields.iter().zip(values).map(|(field, value)| unpadded(&field.ty, value));
            Datum::Row(values.collect::<Result<_>>()?)
        }
        (Datum::List(list), Form::Array(element))
            if ty.oid == oid::BPCHAR_ARRAY || matches!(**element, Form::Row(_)) =>
        {
            let element = ty.element().ok_or_else(|| Error::internal("an array of unknown elements"))?;
            let items = list.iter().map(|item| unpadded(&element, item.clone()));
            Datum::List(list.with_items(items.collect::<Result<_>>()?)?)
        }
        (other, _) => other,
    })
}

/// The data of one row of arguments.
fn row_of(call: &Call<'_>, args: &[Arg], row: usize) -> Result<Vec<Datum>> {
    let types = args.iter().zip(call.args);
    types.map(|(a, ty)| types::array::get(&ty.form, &a.array, a.index(row))).collect()
}

/// Computes each row from the data of its arguments.
pub(crate) fn each(
    call: &Call<'_>,
    args: &[Arg],
    f: impl Fn(Vec<Datum>) -> Result<Datum>,
) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        out.push(f(row_of(call, args, row)?)?);
    }
    types::array::from_data(&call.ret.form, &out)
}

/// The kernel of `arg op ANY (array)` or `arg op ALL (array)` for a comparison.
pub(crate) fn compare_with(op: Operator, all: bool) -> Result<Run> {
    Ok(match (op, all) {
        (Operator::Eq, false) => |c, a| quantified(c, a, false, Ordering::is_eq),
        (Operator::NotEq, false) => |c, a| quantified(c, a, false, Ordering::is_ne),
        (Operator::Lt, false) => |c, a| quantified(c, a, false, Ordering::is_lt),
        (Operator::LtEq, false) => |c, a| quantified(c, a, false, Ordering::is_le),
        (Operator::Gt, false) => |c, a| quantified(c, a, false, Ordering::is_gt),
        (Operator::GtEq, false) => |c, a| quantified(c, a, false, Ordering::is_ge),
        (Operator::Eq, true) => |c, a| quantified(c, a, true, Ordering::is_eq),
        (Operator::NotEq, true) => |c, a| quantified(c, a, true, Ordering::is_ne),
        (Operator::Lt, true) => |c, a| quantified(c, a, true, Ordering::is_lt),
        (Operator::LtEq, true) => |c, a| quantified(c, a, true, Ordering::is_le),
        (Operator::Gt, true) => |c, a| quantified(c, a, true, Ordering::is_gt),
        (Operator::GtEq, true) => |c, a| quantified(c, a, true, Ordering::is_ge),
        (other, _) => return Err(Error::internal(format!("{other} with ANY"))),
    })
}

fn quantified(call: &Call<'_>, args: &[Arg], all: bool, holds: fn(Ordering) -> bool) -> Result<ArrayRef> {
    let padded = call.arg(0)?.oid == oid::BPCHAR;
    let order = if padded { order_of_padded } else { order };
    each(call, args, |row| match row.as_slice() {
        [arg, Datum::List(items)] => {
            let mut unknown = false;
            for item in items {
                if arg.is_null() || item.is_null() {
                    unknown = true;
                } else if holds(order(arg, item)) != all {
                    return Ok(Datum::Bool(!all));
                }
            }
            Ok(if unknown { Datum::Null } else { Datum::Bool(all) })
        }
        _ => Ok(Datum::Null),
    })
}

/// Blanks at the end of a char(n) do not count.
fn order_of_padded(a: &Datum, b: &Datum) -> Ordering {
    match (a, b) {
        (Datum::Text(a), Datum::Text(b)) => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
        _ => order(a, b),
    }
}

fn order(a: &Datum, b: &Datum) -> Ordering {
    // Integers of two widths have keys of one width.
    key_bytes(std::slice::from_ref(a)).cmp(&key_bytes(std::slice::from_ref(b)))
}

/// array_to_string: elements as text with a separator, nulls left out or replaced.
fn to_string(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let Form::Array(element) = &call.arg(0)?.form else {
        return Err(Error::internal("array_to_string of something that is no array"));
    };
    let oid = types::sql_type::array_element(call.arg(0)?.oid).unwrap_or(types::sql_type::oid::TEXT);
    let ty = SqlType { oid, typmod: -1, form: element.as_ref().clone(), domain: None };
    each(call, args, |row| {
        let (Some(Datum::List(items)), Some(Datum::Text(separator))) = (row.first(), row.get(1)) else {
            return Ok(Datum::Null);
        };
        let mut text = String::new();
        let mut some = false;
        for item in items {
            let part = match (item, row.get(2)) {
                (Datum::Null, Some(Datum::Text(null))) => null.clone(),
                (Datum::Null, _) => continue,
                (item, _) => crate::kernel::conversion::text_of(&ty, item, call)?,
            };
            if some {
                text.push_str(separator);
            }
            some = true;
            text.push_str(&part);
            if text.len() > base::limits::VALUE_BYTES_MAX {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    "the result of array_to_string is too long",
                ));
            }
        }
        Ok(Datum::Text(text))
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[("array_to_text", to_string), ("array_to_text_null", to_string)];
