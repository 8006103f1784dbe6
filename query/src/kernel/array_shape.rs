//! Dimensions of arrays: what they are, and the functions that join arrays by them.
//!
//! Invariant: the vectors of the catalog count from 0, everything else as the value says.

use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::each;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::list::{DIMENSIONS_MAX, count_of, too_many_dimensions, write_dimensions};
use types::sql_type::is_vector;
use types::{Datum, Dimension, List, SqlType};

/// Elements that an array is filled with at most.
const FILLED_MAX: usize = 1 << 20;

pub(super) fn subscripts_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ArraySubscript, message)
}

fn null_not_allowed(message: &str) -> Error {
    Error::new(ErrorKind::NullNotAllowed, message)
}

fn int4(value: usize) -> Datum {
    i32::try_from(value).map_or(Datum::Null, Datum::Int32)
}

/// All dimensions of an array of a type.
pub(crate) fn dimensions(ty: &SqlType, list: &List) -> Vec<Dimension> {
    let mut dimensions = list.dimensions();
    if is_vector(ty.oid) {
        dimensions.iter_mut().for_each(|dimension| dimension.lower = 0);
    }
    dimensions
}

/// A vector of the catalog as an array, which keeps counting from 0.
pub(crate) fn array_of_vector(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(call, args, |row| {
        Ok(row.into_iter().next().map_or(Datum::Null, |datum| match datum {
            Datum::List(list) => Datum::List(list.from_vector()),
            other => other,
        }))
    })
}

/// What one dimension says, counted from 1; null for one that the array has not.
fn of_dimension(call: &Call<'_>, args: &[Arg], f: impl Fn(Dimension) -> i32) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    each(call, args, |row| {
        let [Datum::List(list), Datum::Int32(number)] = row.as_slice() else { return Ok(Datum::Null) };
        let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
        let dimension = index.and_then(|index| dimensions(ty, list).get(index).copied());
        Ok(dimension.map_or(Datum::Null, |dimension| Datum::Int32(f(dimension))))
    })
}

/// What the dimensions of an array that has elements say.
fn of_shape(call: &Call<'_>, args: &[Arg], f: impl Fn(&[Dimension]) -> Datum) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    each(call, args, |row| match row.as_slice() {
        [Datum::List(list)] if !list.is_empty() => Ok(f(&dimensions(ty, list))),
        _ => Ok(Datum::Null),
    })
}

/// generate_subscripts: the numbers of a dimension's places, backwards for a third argument that is true.
pub(crate) fn subscripts(ty: Option<&SqlType>, row: &[Datum]) -> Datum {
    let [Datum::List(list), Datum::Int32(number), rest @ ..] = row else { return Datum::Null };
    if rest.contains(&Datum::Null) {
        return Datum::Null;
    }
    let all = ty.map_or_else(|| list.dimensions(), |ty| dimensions(ty, list));
    let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
    let Some(dimension) = index.and_then(|index| all.get(index)) else { return Datum::list(Vec::new()) };
    let mut numbers: Vec<Datum> = (dimension.lower..=dimension.upper()).map(Datum::Int32).collect();
    if rest.first() == Some(&Datum::Bool(true)) {
        numbers.reverse();
    }
    Datum::list(numbers)
}

/// The numbers of an array of dimensions or bounds.
fn numbers(list: &Datum) -> Result<Vec<i32>> {
    let Datum::List(list) = list else {
        return Err(null_not_allowed("dimension array or low bound array cannot be null"));
    };
    if list.bounds().len() > 1 {
        return Err(subscripts_error("wrong number of array subscripts")
            .with_detail("Dimension array must be one dimensional."));
    }
    let number = |item: &Datum| match item {
        Datum::Int32(value) => Ok(*value),
        _ => Err(null_not_allowed("dimension values cannot be null")),
    };
    list.iter().map(number).collect()
}

fn filled(row: &[Datum]) -> Result<Datum> {
    let [value, lengths, rest @ ..] = row else { return Ok(Datum::Null) };
    if lengths.is_null() || rest.contains(&Datum::Null) {
        numbers(&Datum::Null)?;
    }
    let lengths = numbers(lengths)?;
    if lengths.len() > DIMENSIONS_MAX {
        return Err(too_many_dimensions(lengths.len()));
    }
    let bounds = match rest.first() {
        Some(bounds) => numbers(bounds)?,
        None => vec![1; lengths.len()],
    };
    if bounds.len() != lengths.len() {
        return Err(subscripts_error("wrong number of array subscripts")
            .with_detail("Low bound array has different size than dimensions array."));
    }
    let dimensions: Vec<Dimension> =
        bounds.into_iter().zip(lengths).map(|(lower, length)| Dimension { lower, length }).collect();
    let count = count_of(&dimensions)?;
    if count > FILLED_MAX {
        let message = format!("array size exceeds the maximum allowed ({FILLED_MAX})");
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    List::with_dimensions(vec![value.clone(); count], dimensions).map(Datum::List)
}

fn incompatible(detail: impl Into<String>) -> Error {
    subscripts_error("cannot concatenate incompatible arrays").with_detail(detail)
}

/// `array || array`: side by side when they have as many dimensions, else one is an element of the other.
fn joined(row: Vec<Datum>) -> Result<Datum> {
    let (a, b) = match <[Datum; 2]>::try_from(row) {
        Ok([Datum::List(a), Datum::List(b)]) => (a, b),
        Ok([Datum::Null, other] | [other, Datum::Null]) => return Ok(other),
        _ => return Ok(Datum::Null),
    };
    if a.is_empty() {
        return Ok(Datum::List(b));
    }
    if b.is_empty() {
        return Ok(Datum::List(a));
    }
    let (left, right) = (a.dimensions(), b.dimensions());
    let dimensions = match (left.as_slice(), right.as_slice()) {
        (left, right) if left.len() == right.len() => {
            let ([first, inner @ ..], [second, other @ ..]) = (left, right) else {
                return Err(Error::internal("arrays without dimensions"));
            };
            if inner != other {
                return Err(incompatible(
                    "Arrays with differing element dimensions are not compatible for concatenation.",
                ));
            }
            widened(left, first.length.saturating_add(second.length))
        }
        (left, [first, inner @ ..]) if left == inner => widened(&right, first.length.saturating_add(1)),
        ([first, inner @ ..], right) if right == inner => widened(&left, first.length.saturating_add(1)),
        (left, right) if left.len().abs_diff(right.len()) == 1 => {
            return Err(incompatible(
                "Arrays with differing dimensions are not compatible for concatenation.",
            ));
        }
        (left, right) => {
            return Err(incompatible(format!(
                "Arrays of {} and {} dimensions are not compatible for concatenation.",
                left.len(),
                right.len()
            )));
        }
    };
    // A too large array is noticed before anything is copied.
    count_of(&dimensions)?;
    let mut items = a.into_items();
    items.extend(b);
    List::with_dimensions(items, dimensions).map(Datum::List)
}

/// Dimensions with another length of the first.
fn widened(dimensions: &[Dimension], length: i32) -> Vec<Dimension> {
    let mut out = dimensions.to_vec();
    if let Some(first) = out.first_mut() {
        first.length = length;
    }
    out
}

/// An array and one more element of it, which goes before or behind the others.
fn with_one(array: &Datum, item: Datum, front: bool) -> Result<Datum> {
    let list = if let Datum::List(list) = array { list.clone() } else { List::default() };
    let dimension = match list.dimensions().as_slice() {
        [] => Dimension { lower: 1, length: 0 },
        [one] => *one,
        _ => {
            let message = "argument must be empty or one-dimensional array";
            return Err(Error::new(ErrorKind::DataException, message));
        }
    };
    let out_of_range = || Error::new(ErrorKind::NumericOutOfRange, "integer out of range");
    // The new element's own place must be a number, before the array is given its bounds again.
    match front {
        true => dimension.lower.checked_sub(i32::from(dimension.length > 0)).ok_or_else(out_of_range)?,
        false => dimension.lower.checked_add(dimension.length).ok_or_else(out_of_range)?,
    };
    let mut items = list.into_items();
    items.insert(if front { 0 } else { items.len() }, item);
    List::with_dimensions(items, vec![Dimension { length: dimension.length.saturating_add(1), ..dimension }])
        .map(Datum::List)
}

/// ARRAY[..] of elements, or of arrays that become the parts of one with a dimension more.
pub(crate) fn construct(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let nested = call.args.first().is_some_and(|ty| ty.oid == call.ret.oid);
    match nested {
        false => each(call, args, |items| Ok(Datum::list(items))),
        true => each(call, args, |parts| {
            let lists: Vec<List> = parts.iter().filter_map(as_list).collect();
            // Nulls count as arrays without elements here.
            let empty = parts.len() > lists.iter().filter(|list| !list.is_empty()).count();
            if empty && lists.iter().any(|list| !list.is_empty()) {
                return Err(mismatched());
            }
            stacked(lists, mismatched)
        }),
    }
}

fn as_list(datum: &Datum) -> Option<List> {
    if let Datum::List(list) = datum { Some(list.clone()) } else { None }
}

fn mismatched() -> Error {
    subscripts_error("multidimensional arrays must have array expressions with matching dimensions")
}

/// Arrays of equal dimensions as the parts of one; without elements when they are.
fn stacked(lists: Vec<List>, mismatched: impl Fn() -> Error) -> Result<Datum> {
    let Some(first) = lists.first().map(List::dimensions) else { return Ok(Datum::list(Vec::new())) };
    if first.is_empty() {
        return Ok(Datum::list(Vec::new()));
    }
    if lists.iter().any(|list| list.dimensions() != first) {
        return Err(mismatched());
    }
    let mut dimensions = vec![Dimension { lower: 1, length: i32::try_from(lists.len()).unwrap_or(i32::MAX) }];
    dimensions.extend(first);
    count_of(&dimensions)?;
    let items = lists.into_iter().flat_map(List::into_items).collect();
    List::with_dimensions(items, dimensions).map(Datum::List)
}

/// array_agg of arrays.
pub(crate) fn aggregated<'a>(rows: impl Iterator<Item = &'a Datum>) -> Result<Datum> {
    let mut lists = Vec::new();
    for row in rows {
        let list = as_list(row).ok_or_else(|| null_not_allowed("cannot accumulate null arrays"))?;
        if list.is_empty() {
            return Err(subscripts_error("cannot accumulate empty arrays"));
        }
        lists.push(list);
    }
    stacked(lists, || subscripts_error("cannot accumulate arrays of different dimensionality"))
}

fn two(row: Vec<Datum>) -> Result<[Datum; 2]> {
    <[Datum; 2]>::try_from(row).map_err(|_| Error::internal("a function of two arguments was given others"))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("array_length", |c, a| of_dimension(c, a, |d| d.length)),
    ("array_lower", |c, a| of_dimension(c, a, |d| d.lower)),
    ("array_upper", |c, a| of_dimension(c, a, Dimension::upper)),
    ("array_ndims", |c, a| of_shape(c, a, |dimensions| int4(dimensions.len()))),
    ("array_dims", |c, a| {
        of_shape(c, a, |dimensions| {
            let mut text = String::new();
            write_dimensions(dimensions, &mut text);
            Datum::Text(text)
        })
    }),
    ("array_cardinality", |c, a| {
        each(c, a, |row| {
            Ok(if let Some(Datum::List(items)) = row.first() { int4(items.len()) } else { Datum::Null })
        })
    }),
    ("array_fill", |c, a| each(c, a, |row| filled(&row))),
    ("array_fill_with_lower_bounds", |c, a| each(c, a, |row| filled(&row))),
    ("array_cat", |c, a| each(c, a, joined)),
    ("array_append", |c, a| {
        each(c, a, |row| {
            let [array, item] = two(row)?;
            with_one(&array, item, false)
        })
    }),
    ("array_prepend", |c, a| {
        each(c, a, |row| {
            let [item, array] = two(row)?;
            with_one(&array, item, true)
        })
    }),
];
