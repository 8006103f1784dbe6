//! The binary forms of values as bytea: int4send() and its like.
//!
//! Invariant: the bytes are those that a result in the binary format has.

use crate::kernel::call::{Arg, Call, Run, arg};
use crate::kernel::value::{Bytes, Output};
use arrow::array::ArrayRef;
use base::Result;
use types::encode::BinaryEncoder;

fn send(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let value = arg(args, 0)?;
    let encoder = BinaryEncoder::new(call.arg(0)?, &value.array, &call.statement.io)?;
    let mut out = Bytes::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if value.is_null(row) {
            Bytes::append_null(&mut out);
            continue;
        }
        let mut bytes = Vec::new();
        encoder.write(value.index(row), &mut bytes)?;
        Bytes::append(&mut out, bytes)?;
    }
    Bytes::finish(out)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("boolsend", send),
    ("enum_send", send),
    ("int2send", send),
    ("int4send", send),
    ("int8send", send),
    ("float4send", send),
    ("float8send", send),
    ("numeric_send", send),
    ("textsend", send),
    ("varcharsend", send),
    ("bpcharsend", send),
    ("byteasend", send),
    ("date_send", send),
    ("time_send", send),
    ("timetz_send", send),
    ("timestamp_send", send),
    ("timestamptz_send", send),
    ("interval_send", send),
    ("uuid_send", send),
    ("json_send", send),
    ("jsonb_send", send),
    ("bit_send", send),
    ("varbit_send", send),
];
