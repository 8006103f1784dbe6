//! Functions that make, change and search arrays, which have one dimension.
//!
//! Invariant: elements are found by the equality of their type, in which nulls are equal to each other here.

use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::{each, order_key};
use crate::kernel::system::format_type;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use std::collections::HashSet;
use types::{Datum, SqlType};

/// Elements that an array is made with at most.
const ELEMENTS_MAX: i32 = 1 << 20;

fn int4(value: usize) -> Datum {
    i32::try_from(value).map_or(Datum::Null, Datum::Int32)
}

fn null_not_allowed(message: &str) -> Error {
    Error::new(ErrorKind::NullNotAllowed, message)
}

fn wrong_subscripts(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ArraySubscript, message)
}

/// The type of an array's elements.
fn element(array: &SqlType) -> Result<SqlType> {
    let found = types::sql_type::array_element(array.oid).and_then(SqlType::of);
    found.ok_or_else(|| Error::internal("an array of unknown elements"))
}

fn prepended(row: Vec<Datum>) -> Datum {
    let mut row = row.into_iter();
    match (row.next(), row.next()) {
        (Some(item), Some(Datum::List(items))) => Datum::List(std::iter::once(item).chain(items).collect()),
        (Some(item), _) => Datum::List(vec![item]),
        _ => Datum::Null,
    }
}

/// array_position with a start, counted from 1.
fn position_from(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(items), wanted, Datum::Int32(start)] => {
            let wanted = order_key(&ty, wanted);
            let skip = usize::try_from(start.saturating_sub(1)).unwrap_or(0);
            let found = items.iter().enumerate().skip(skip).find(|(_, item)| order_key(&ty, item) == wanted);
            Ok(found.map_or(Datum::Null, |(index, _)| int4(index + 1)))
        }
        [Datum::List(items), Datum::Null, _] if !items.contains(&Datum::Null) => Ok(Datum::Null),
        [Datum::List(items), _, _] if items.is_empty() => Ok(Datum::Null),
        [Datum::List(_), _, _] => Err(null_not_allowed("initial position must not be null")),
        _ => Ok(Datum::Null),
    })
}

fn positions(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(items), wanted] => {
            let wanted = order_key(&ty, wanted);
            let found = items.iter().enumerate().filter(|(_, item)| order_key(&ty, item) == wanted);
            Ok(Datum::List(found.map(|(index, _)| int4(index + 1)).collect()))
        }
        _ => Ok(Datum::Null),
    })
}

fn removed(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(items), wanted] => {
            let wanted = order_key(&ty, wanted);
            let kept = items.iter().filter(|item| order_key(&ty, item) != wanted);
            Ok(Datum::List(kept.cloned().collect()))
        }
        _ => Ok(Datum::Null),
    })
}

fn replaced(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(items), from, to] => {
            let from = order_key(&ty, from);
            let changed = items.iter().map(|item| if order_key(&ty, item) == from { to } else { item });
            Ok(Datum::List(changed.cloned().collect()))
        }
        _ => Ok(Datum::Null),
    })
}

/// The numbers of an array of dimensions or bounds.
fn numbers(list: &Datum) -> Result<Vec<i32>> {
    let Datum::List(items) = list else {
        return Err(null_not_allowed("dimension array or low bound array cannot be null"));
    };
    let number = |item: &Datum| match item {
        Datum::Int32(value) => Ok(*value),
        _ => Err(null_not_allowed("dimension values cannot be null")),
    };
    items.iter().map(number).collect()
}

fn filled(row: &[Datum]) -> Result<Datum> {
    let [value, dimensions, rest @ ..] = row else { return Ok(Datum::Null) };
    let counts = numbers(dimensions)?;
    let bounds = rest.first().map(numbers).transpose()?;
    if bounds.as_ref().is_some_and(|bounds| bounds.len() != counts.len()) {
        return Err(wrong_subscripts("wrong number of array subscripts")
            .with_detail("Low bound array has different size than dimensions array."));
    }
    let too_large = || {
        let message = format!("array size exceeds the maximum allowed ({ELEMENTS_MAX})");
        Error::new(ErrorKind::LimitExceeded, message)
    };
    if counts.iter().any(|count| *count < 0) {
        return Err(too_large());
    }
    if counts.is_empty() || counts.contains(&0) {
        return Ok(Datum::List(Vec::new()));
    }
    let [count] = counts.as_slice() else {
        return Err(Error::unsupported("arrays of more than one dimension are not supported"));
    };
    if bounds.is_some_and(|bounds| bounds != [1]) {
        return Err(Error::unsupported("arrays that do not begin with 1 are not supported"));
    }
    if *count > ELEMENTS_MAX {
        return Err(too_large());
    }
    Ok(Datum::List(vec![value.clone(); usize::try_from(*count).unwrap_or(0)]))
}

fn trimmed(row: &[Datum]) -> Result<Datum> {
    let [Datum::List(items), Datum::Int32(count)] = row else { return Ok(Datum::Null) };
    let kept = usize::try_from(*count).ok().and_then(|count| items.len().checked_sub(count));
    match kept.and_then(|kept| items.get(..kept)) {
        Some(kept) => Ok(Datum::List(kept.to_vec())),
        None => {
            Err(wrong_subscripts(format!("number of elements to trim must be between 0 and {}", items.len())))
        }
    }
}

/// The keys of an array's elements that are not null.
fn keys(ty: &SqlType, items: &[Datum]) -> HashSet<Vec<u8>> {
    items.iter().filter(|item| !item.is_null()).map(|item| order_key(ty, item)).collect()
}

fn contains(ty: &SqlType, all: &[Datum], some: &[Datum]) -> bool {
    let all = keys(ty, all);
    some.iter().all(|item| !item.is_null() && all.contains(&order_key(ty, item)))
}

fn overlap(ty: &SqlType, a: &[Datum], b: &[Datum]) -> bool {
    let a = keys(ty, a);
    b.iter().any(|item| !item.is_null() && a.contains(&order_key(ty, item)))
}

fn compared(
    call: &Call<'_>,
    args: &[Arg],
    holds: impl Fn(&SqlType, &[Datum], &[Datum]) -> bool,
) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(a), Datum::List(b)] => Ok(Datum::Bool(holds(&ty, a, b))),
        _ => Ok(Datum::Null),
    })
}

/// What an array that is not empty gives.
fn of_some(call: &Call<'_>, args: &[Arg], f: impl Fn(usize) -> Datum) -> Result<ArrayRef> {
    each(call, args, |row| match row.as_slice() {
        [Datum::List(items)] if !items.is_empty() => Ok(f(items.len())),
        _ => Ok(Datum::Null),
    })
}

fn counted_nulls(call: &Call<'_>, args: &[Arg], wanted: bool) -> Result<ArrayRef> {
    each(call, args, |row| Ok(int4(row.iter().filter(|datum| datum.is_null() == wanted).count())))
}

/// generate_subscripts: the numbers of an array's elements, backwards for a third argument that is true.
pub(crate) fn subscripts(row: &[Datum]) -> Result<Datum> {
    match row {
        [Datum::List(items), Datum::Int32(dimension), rest @ ..] if !rest.contains(&Datum::Null) => {
            let count = if *dimension == 1 { items.len() } else { 0 };
            let mut numbers: Vec<Datum> = (1..=count).map(int4).collect();
            if rest.first() == Some(&Datum::Bool(true)) {
                numbers.reverse();
            }
            Ok(Datum::List(numbers))
        }
        _ => Ok(Datum::Null),
    }
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("array_prepend", |c, a| each(c, a, |row| Ok(prepended(row)))),
    ("array_position_start", position_from),
    ("array_positions", positions),
    ("array_remove", removed),
    ("array_replace", replaced),
    ("array_fill", |c, a| each(c, a, |row| filled(&row))),
    ("array_fill_with_lower_bounds", |c, a| each(c, a, |row| filled(&row))),
    ("trim_array", |c, a| each(c, a, |row| trimmed(&row))),
    ("arraycontains", |c, a| compared(c, a, contains)),
    ("arraycontained", |c, a| compared(c, a, |ty, some, all| contains(ty, all, some))),
    ("arrayoverlap", |c, a| compared(c, a, overlap)),
    ("array_dims", |c, a| of_some(c, a, |count| Datum::Text(format!("[1:{count}]")))),
    ("array_ndims", |c, a| of_some(c, a, |_| Datum::Int32(1))),
    ("pg_num_nulls", |c, a| counted_nulls(c, a, true)),
    ("pg_num_nonnulls", |c, a| counted_nulls(c, a, false)),
    ("oidvectortypes", |c, a| {
        each(c, a, |row| {
            let Some(Datum::List(items)) = row.into_iter().next() else { return Ok(Datum::Null) };
            let names = items.iter().map(|item| match item {
                Datum::UInt32(id) => format_type(*id, None),
                _ => String::new(),
            });
            Ok(Datum::Text(names.collect::<Vec<_>>().join(", ")))
        })
    }),
];
