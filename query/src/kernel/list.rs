//! Kernels over arrays.

use crate::kernel::call::{Arg, Call, arg};
use crate::kernel::key;
use arrow::array::{Array, ArrayRef, AsArray, BinaryViewBuilder};
use base::{Error, Result};
use std::sync::Arc;
use types::{Datum, Form};

/// Keys of lists: each element's key behind a byte that says there is one, null elements above all, then the end.
pub(crate) fn keys(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (list, ty) = (arg(args, 0)?, call.arg(0)?);
    let Form::List(element) = &ty.form else {
        return Err(Error::internal("the key of a list of something that is no list"));
    };
    let lists = list.array.as_list_opt::<i32>().ok_or_else(|| Error::internal("a list that is no list array"))?;
    let mut out = BinaryViewBuilder::with_capacity(call.rows);
    for row in 0..call.rows {
        if list.is_null(row) {
            out.append_null();
            continue;
        }
        let items = lists.value(list.index(row));
        let mut bytes = Vec::new();
        for index in 0..items.len() {
            match types::array::get(element, &items, index)? {
                Datum::Null => bytes.push(2),
                datum => {
                    bytes.push(1);
                    write_key(&datum, &mut bytes);
                }
            }
        }
        bytes.push(0);
        out.append_value(&bytes);
    }
    Ok(Arc::new(out.finish()))
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
        Datum::Interval(v) => write_signed(key::key_of_interval(*v), out),
        Datum::PgNum(v) => write_bytes(types::pgnum::key_of(v), out),
        Datum::Text(v) => write_bytes(v.as_bytes(), out),
        Datum::Bytes(v) => write_bytes(v, out),
        Datum::Uuid(v) => out.extend_from_slice(v),
        Datum::List(items) => {
            for item in items {
                out.push(if item.is_null() { 2 } else { 1 });
                write_key(item, out);
            }
            out.push(0);
        }
    }
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
