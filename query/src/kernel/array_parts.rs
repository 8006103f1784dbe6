//! Parts of arrays: an element, a slice, and an array in which one of them has another value.
//!
//! Must not know where arrays come from. Invariant: a slice has PostgreSQL's bounds, all of which begin with 1; an array
//! of one dimension grows to hold what is assigned, one of several never does.

use crate::kernel::array_shape::{dimensions, subscripts_error};
use crate::kernel::call::{Arg, Call};
use crate::kernel::list::each;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::list::{count_of, place_of, too_large};
use types::sql_type::oid;
use types::{Datum, Dimension, List, SqlType};

/// `array[1][2]`; null outside.
pub(crate) fn element(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    each(call, args, |row| {
        let [Datum::List(list), subscripts @ ..] = row.as_slice() else { return Ok(Datum::Null) };
        let Some(subscripts) = numbers(subscripts) else { return Ok(Datum::Null) };
        let place = place_of(&dimensions(ty, list), &subscripts);
        Ok(place.and_then(|place| list.get(place).cloned()).unwrap_or(Datum::Null))
    })
}

/// Subscripts; none when one of them is null.
fn numbers(data: &[Datum]) -> Option<Vec<i32>> {
    data.iter().map(|datum| if let Datum::Int32(value) = datum { Some(*value) } else { None }).collect()
}

/// Lower and upper bound of each dimension that has them; one that was left out is none.
type Bounds = Vec<[Option<i32>; 2]>;

/// Bounds in pairs, the types of which say which ones were left out; none when one of them is null.
fn bounds(types: &[SqlType], data: &[Datum]) -> Option<Bounds> {
    let mut out = Vec::with_capacity(data.len() / 2);
    let mut all = types.iter().zip(data);
    while let (Some(lower), Some(upper)) = (all.next(), all.next()) {
        let one = |(ty, datum): (&SqlType, &Datum)| match datum {
            Datum::Int32(value) => Some(Some(*value)),
            _ => (ty.oid == oid::VOID).then_some(None),
        };
        out.push([one(lower)?, one(upper)?]);
    }
    Some(out)
}

/// `array[1:2][:3]`; an empty array outside.
pub(crate) fn slice(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    let types = call.args.get(1..).unwrap_or_default();
    each(call, args, |row| {
        let [Datum::List(list), rest @ ..] = row.as_slice() else { return Ok(Datum::Null) };
        let Some(bounds) = bounds(types, rest) else { return Ok(Datum::Null) };
        sliced(&dimensions(ty, list), list, &bounds)
    })
}

/// The elements within bounds, which may reach beyond the array.
pub(crate) fn sliced(dimensions: &[Dimension], list: &List, bounds: &[[Option<i32>; 2]]) -> Result<Datum> {
    let empty = Datum::list(Vec::new());
    if dimensions.is_empty() || dimensions.len() < bounds.len() {
        return Ok(empty);
    }
    let mut spans = Vec::with_capacity(dimensions.len());
    for (index, dimension) in dimensions.iter().enumerate() {
        let [lower, upper] = bounds.get(index).copied().unwrap_or_default();
        let lower = lower.unwrap_or(dimension.lower).max(dimension.lower);
        let upper = upper.unwrap_or(dimension.upper()).min(dimension.upper());
        if lower > upper {
            return Ok(empty);
        }
        spans.push(Dimension { lower, length: upper - lower + 1 });
    }
    let places = places(dimensions, &spans);
    let items = places.iter().filter_map(|place| list.get(*place).cloned()).collect();
    let from_one = spans.iter().map(|span| Dimension { lower: 1, length: span.length });
    List::with_dimensions(items, from_one.collect()).map(Datum::List)
}

/// The places of the elements within spans, which lie in the array, in their order.
fn places(dimensions: &[Dimension], spans: &[Dimension]) -> Vec<usize> {
    let mut places = vec![0_usize];
    for (dimension, span) in dimensions.iter().zip(spans) {
        let length = usize::try_from(dimension.length).unwrap_or(0);
        let first = dimension.offset(span.lower).unwrap_or(0);
        let count = usize::try_from(span.length).unwrap_or(0);
        let within = |place: usize| (first..first + count).map(move |offset| place * length + offset);
        places = places.into_iter().flat_map(within).collect();
    }
    places
}

fn null_subscript() -> Error {
    Error::new(ErrorKind::NullNotAllowed, "array subscript in assignment must not be null")
}

/// The array of a row in which a part is to change; a null is an array without elements.
fn target(datum: &Datum) -> List {
    if let Datum::List(list) = datum { list.clone() } else { List::default() }
}

/// An array with another value at subscripts: array, value, subscripts.
pub(crate) fn with_element(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    each(call, args, |row| {
        let [array, value, subscripts @ ..] = row.as_slice() else { return Ok(Datum::Null) };
        let subscripts = numbers(subscripts).ok_or_else(null_subscript)?;
        let list = target(array);
        set_element(dimensions(ty, &list), list, &subscripts, value).map(Datum::List)
    })
}

fn set_element(dimensions: Vec<Dimension>, list: List, subscripts: &[i32], value: &Datum) -> Result<List> {
    if dimensions.is_empty() {
        let one = subscripts.iter().map(|subscript| Dimension { lower: *subscript, length: 1 });
        return List::with_dimensions(vec![value.clone()], one.collect());
    }
    if dimensions.len() != subscripts.len() {
        return Err(subscripts_error("wrong number of array subscripts"));
    }
    if let ([dimension], [subscript]) = (dimensions.as_slice(), subscripts) {
        let one = Dimension { lower: *subscript, length: 1 };
        let (dimension, mut items) = grown(*dimension, list.into_items(), one)?;
        replace(&mut items, dimension.offset(*subscript), value);
        return List::with_dimensions(items, vec![dimension]);
    }
    let place = place_of(&dimensions, subscripts);
    let place = place.ok_or_else(|| subscripts_error("array subscript out of range"))?;
    let mut items = list.into_items();
    replace(&mut items, Some(place), value);
    List::with_dimensions(items, dimensions)
}

fn replace(items: &mut [Datum], place: Option<usize>, value: &Datum) {
    if let Some(item) = place.and_then(|place| items.get_mut(place)) {
        item.clone_from(value);
    }
}

/// One dimension made wide enough for a span, with nulls where nothing was.
fn grown(dimension: Dimension, items: Vec<Datum>, span: Dimension) -> Result<(Dimension, Vec<Datum>)> {
    let lower = dimension.lower.min(span.lower);
    let upper = dimension.upper().max(span.upper());
    let length = i32::try_from(i64::from(upper) - i64::from(lower) + 1).map_err(|_| too_large())?;
    let wide = Dimension { lower, length };
    let count = count_of(&[wide])?;
    let before = usize::try_from(i64::from(dimension.lower) - i64::from(lower)).unwrap_or(0);
    let mut out = vec![Datum::Null; before];
    out.extend(items);
    out.resize(count, Datum::Null);
    Ok((wide, out))
}

/// An array with other elements within bounds: array, array of the new elements, bounds.
pub(crate) fn with_slice(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    let types = call.args.get(2..).unwrap_or_default();
    each(call, args, |row| {
        let [array, source, rest @ ..] = row.as_slice() else { return Ok(Datum::Null) };
        let bounds = bounds(types, rest).ok_or_else(null_subscript)?;
        // Without new elements nothing changes.
        let Datum::List(source) = source else { return Ok(array.clone()) };
        let list = target(array);
        set_slice(dimensions(ty, &list), list, &bounds, source).map(Datum::List)
    })
}

fn set_slice(
    dimensions: Vec<Dimension>,
    list: List,
    bounds: &[[Option<i32>; 2]],
    source: &List,
) -> Result<List> {
    if dimensions.is_empty() {
        return created(bounds, source);
    }
    if dimensions.len() < bounds.len() {
        return Err(subscripts_error("wrong number of array subscripts"));
    }
    let several = dimensions.len() > 1;
    let mut spans = Vec::with_capacity(dimensions.len());
    for (index, dimension) in dimensions.iter().enumerate() {
        let [lower, upper] = bounds.get(index).copied().unwrap_or_default();
        let lower = lower.unwrap_or(dimension.lower);
        let upper = upper.unwrap_or(dimension.upper());
        if lower > upper {
            return Err(subscripts_error("upper bound cannot be less than lower bound"));
        }
        if several && (lower < dimension.lower || upper > dimension.upper()) {
            return Err(subscripts_error("array subscript out of range"));
        }
        let length = i32::try_from(i64::from(upper) - i64::from(lower) + 1).map_err(|_| too_large())?;
        spans.push(Dimension { lower, length });
    }
    if source.len() < count_of(&spans)? {
        return Err(subscripts_error("source array too small"));
    }
    let (dimensions, mut items) = match (dimensions.as_slice(), spans.as_slice()) {
        ([dimension], [span]) => {
            let (dimension, items) = grown(*dimension, list.into_items(), *span)?;
            (vec![dimension], items)
        }
        _ => (dimensions, list.into_items()),
    };
    for (place, value) in places(&dimensions, &spans).into_iter().zip(source) {
        replace(&mut items, Some(place), value);
    }
    List::with_dimensions(items, dimensions)
}

/// A slice of an array that has no elements yet.
fn created(bounds: &[[Option<i32>; 2]], source: &List) -> Result<List> {
    let mut spans = Vec::with_capacity(bounds.len());
    for bound in bounds {
        let [Some(lower), Some(upper)] = bound else {
            return Err(subscripts_error("array slice subscript must provide both boundaries").with_detail(
                "When assigning to a slice of an empty array value, slice boundaries must be fully specified.",
            ));
        };
        let length = i64::from(*upper) - i64::from(*lower) + 1;
        spans.push(Dimension { lower: *lower, length: i32::try_from(length).map_err(|_| too_large())? });
    }
    let count = count_of(&spans)?;
    if source.len() < count {
        return Err(subscripts_error("source array too small"));
    }
    List::with_dimensions(source.iter().take(count).cloned().collect(), spans)
}
