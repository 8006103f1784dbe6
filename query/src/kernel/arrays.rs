//! Functions that change and search arrays.
//!
//! Invariant: elements are found by the equality of their type, in which nulls are equal to each other here.

use crate::kernel::array_parts::sliced;
use crate::kernel::array_shape::dimensions;
use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::{each, order_key};
use crate::kernel::system::format_type;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use std::collections::HashSet;
use types::{Datum, Dimension, List, SqlType};

fn int4(value: usize) -> Datum {
    i32::try_from(value).map_or(Datum::Null, Datum::Int32)
}

fn null_not_allowed(message: &str) -> Error {
    Error::new(ErrorKind::NullNotAllowed, message)
}

/// The type of an array's elements.
fn element(array: &SqlType) -> Result<SqlType> {
    array.element().ok_or_else(|| Error::internal("an array of unknown elements"))
}

/// The one dimension of an array in which elements are looked for.
fn searched(ty: &SqlType, list: &List) -> Result<Option<Dimension>> {
    match dimensions(ty, list).as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(Error::unsupported("searching for elements in multidimensional arrays is not supported")),
    }
}

/// The subscripts of the elements that are equal to a value.
fn found<'a>(
    element: &'a SqlType,
    dimension: Dimension,
    list: &'a List,
    wanted: &Datum,
) -> impl Iterator<Item = i32> + 'a {
    let wanted = order_key(element, wanted);
    let numbered = (dimension.lower..).zip(list);
    numbered.filter(move |(_, item)| order_key(element, item) == wanted).map(|(subscript, _)| subscript)
}

/// array_position, from the beginning or from a subscript.
fn position(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    let element = element(ty)?;
    each(call, args, |row| {
        let [Datum::List(list), wanted, rest @ ..] = row.as_slice() else { return Ok(Datum::Null) };
        let Some(dimension) = searched(ty, list)? else { return Ok(Datum::Null) };
        if wanted.is_null() && !list.contains(&Datum::Null) {
            return Ok(Datum::Null);
        }
        let start = match rest.first() {
            None => dimension.lower,
            Some(Datum::Int32(start)) => *start,
            Some(_) => return Err(null_not_allowed("initial position must not be null")),
        };
        let first = found(&element, dimension, list, wanted).find(|subscript| *subscript >= start);
        Ok(first.map_or(Datum::Null, Datum::Int32))
    })
}

fn positions(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    let element = element(ty)?;
    each(call, args, |row| {
        let [Datum::List(list), wanted] = row.as_slice() else { return Ok(Datum::Null) };
        let Some(dimension) = searched(ty, list)? else { return Ok(Datum::list(Vec::new())) };
        Ok(Datum::list(found(&element, dimension, list, wanted).map(Datum::Int32).collect()))
    })
}

fn removed(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| {
        let [Datum::List(list), wanted] = row.as_slice() else { return Ok(Datum::Null) };
        let mut dimensions = list.dimensions();
        if dimensions.len() > 1 {
            let message = "removing elements from multidimensional arrays is not supported";
            return Err(Error::unsupported(message));
        }
        let wanted = order_key(&ty, wanted);
        let kept: Vec<Datum> = list.iter().filter(|item| order_key(&ty, item) != wanted).cloned().collect();
        for dimension in &mut dimensions {
            dimension.length = i32::try_from(kept.len()).unwrap_or(i32::MAX);
        }
        List::with_dimensions(kept, dimensions).map(Datum::List)
    })
}

fn replaced(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = element(call.arg(0)?)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(list), from, to] => {
            let from = order_key(&ty, from);
            let changed = list.iter().map(|item| if order_key(&ty, item) == from { to } else { item });
            list.with_items(changed.cloned().collect()).map(Datum::List)
        }
        _ => Ok(Datum::Null),
    })
}

fn trimmed(row: &[Datum]) -> Result<Datum> {
    let [Datum::List(list), Datum::Int32(count)] = row else { return Ok(Datum::Null) };
    let dimensions = list.dimensions();
    let length = dimensions.first().map_or(0, |first| first.length);
    if !(0..=length).contains(count) {
        let message = format!("number of elements to trim must be between 0 and {length}");
        return Err(Error::new(ErrorKind::ArraySubscript, message));
    }
    let upper = dimensions.first().map(|first| first.upper().checked_sub(*count));
    match upper {
        Some(Some(upper)) => sliced(&dimensions, list, &[[None, Some(upper)]]),
        _ => Ok(Datum::list(Vec::new())),
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

fn counted_nulls(call: &Call<'_>, args: &[Arg], wanted: bool) -> Result<ArrayRef> {
    each(call, args, |row| Ok(int4(row.iter().filter(|datum| datum.is_null() == wanted).count())))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("array_position", position),
    ("array_position_start", position),
    ("array_positions", positions),
    ("array_remove", removed),
    ("array_replace", replaced),
    ("trim_array", |c, a| each(c, a, |row| trimmed(&row))),
    ("arraycontains", |c, a| compared(c, a, contains)),
    ("arraycontained", |c, a| compared(c, a, |ty, some, all| contains(ty, all, some))),
    ("arrayoverlap", |c, a| compared(c, a, overlap)),
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
