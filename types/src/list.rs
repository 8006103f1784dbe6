//! An array as a value: its elements, the last dimension running fastest, and its dimensions.
//!
//! Invariant: `bounds` is empty for an array without elements and for one of one dimension that begins with 1, so that
//! the ordinary array costs nothing; else it has one to six dimensions whose lengths multiply to the number of elements.

use crate::datum::Datum;
use base::{Error, ErrorKind, Result};
use std::fmt;
use std::ops::Deref;

/// Dimensions that an array has at most.
pub const DIMENSIONS_MAX: usize = 6;
/// Elements that an array has at most, as in PostgreSQL.
pub const ELEMENTS_MAX: usize = 134_217_727;

/// Where a dimension begins and how many places it has, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dimension {
    pub lower: i32,
    pub length: i32,
}

impl Dimension {
    const BYTES: usize = 8;

    /// The number of its last place.
    pub fn upper(self) -> i32 {
        // Checked when the list was made.
        self.lower.saturating_add(self.length - 1)
    }

    /// How far a subscript is from the beginning; none outside.
    pub fn offset(self, subscript: i32) -> Option<usize> {
        let offset = i64::from(subscript) - i64::from(self.lower);
        if (0..i64::from(self.length)).contains(&offset) { usize::try_from(offset).ok() } else { None }
    }
}

/// The elements of an array with its dimensions.
#[derive(Clone, PartialEq, Default)]
pub struct List {
    items: Vec<Datum>,
    bounds: Vec<Dimension>,
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.bounds.is_empty() {
            write!(f, "{:?}=", self.bounds)?;
        }
        f.debug_list().entries(&self.items).finish()
    }
}

impl From<Vec<Datum>> for List {
    /// One dimension that begins with 1.
    fn from(items: Vec<Datum>) -> Self {
        Self { items, bounds: Vec::new() }
    }
}

impl FromIterator<Datum> for List {
    fn from_iter<I: IntoIterator<Item = Datum>>(items: I) -> Self {
        Self::from(items.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for List {
    type Target = [Datum];

    fn deref(&self) -> &[Datum] {
        &self.items
    }
}

impl IntoIterator for List {
    type Item = Datum;
    type IntoIter = std::vec::IntoIter<Datum>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Datum;
    type IntoIter = std::slice::Iter<'a, Datum>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl List {
    /// Elements with dimensions, which are ignored when there are no elements. `LimitExceeded` and `ArraySubscript` as
    /// PostgreSQL has them; lengths that do not multiply to the number of elements are an internal error.
    pub fn with_dimensions(items: Vec<Datum>, dimensions: Vec<Dimension>) -> Result<Self> {
        if count_of(&dimensions)? != items.len() {
            return Err(Error::internal("dimensions of an array do not fit its elements"));
        }
        Ok(Self { items, bounds: normal(dimensions) })
    }

    /// The elements in one dimension that begins with 0, as PostgreSQL's vectors are seen as arrays.
    pub fn from_vector(self) -> Self {
        let length = i32::try_from(self.items.len()).unwrap_or(i32::MAX);
        let bounds = if self.items.is_empty() { Vec::new() } else { vec![Dimension { lower: 0, length }] };
        Self { bounds, ..self }
    }

    /// The elements.
    pub fn into_items(self) -> Vec<Datum> {
        self.items
    }

    /// Other elements in the same places.
    pub fn with_items(&self, items: Vec<Datum>) -> Result<Self> {
        if items.len() != self.items.len() {
            return Err(Error::internal("an array with other elements has another number of them"));
        }
        Ok(Self { items, bounds: self.bounds.clone() })
    }

    /// The dimensions where they are not the ordinary ones, else nothing.
    pub fn bounds(&self) -> &[Dimension] {
        &self.bounds
    }

    /// All dimensions; none of an array without elements.
    pub fn dimensions(&self) -> Vec<Dimension> {
        dimensions_of(&self.bounds, self.items.len())
    }

    /// The element at subscripts; none outside or when their number is another one than that of the dimensions.
    pub fn element(&self, subscripts: &[i32]) -> Option<&Datum> {
        let place = place_of(&self.dimensions(), subscripts)?;
        self.items.get(place)
    }
}

/// All dimensions of an array with these bounds and so many elements.
pub fn dimensions_of(bounds: &[Dimension], count: usize) -> Vec<Dimension> {
    match (bounds, count) {
        (_, 0) => Vec::new(),
        ([], count) => vec![Dimension { lower: 1, length: i32::try_from(count).unwrap_or(i32::MAX) }],
        (bounds, _) => bounds.to_vec(),
    }
}

/// Which of the elements stands at subscripts.
pub fn place_of(dimensions: &[Dimension], subscripts: &[i32]) -> Option<usize> {
    if dimensions.is_empty() || dimensions.len() != subscripts.len() {
        return None;
    }
    let mut place = 0_usize;
    for (dimension, subscript) in dimensions.iter().zip(subscripts) {
        let length = usize::try_from(dimension.length).ok()?;
        place = place.checked_mul(length)?.checked_add(dimension.offset(*subscript)?)?;
    }
    Some(place)
}

fn normal(dimensions: Vec<Dimension>) -> Vec<Dimension> {
    let empty = dimensions.iter().any(|d| d.length == 0);
    match dimensions.as_slice() {
        [Dimension { lower: 1, length: _ }] => Vec::new(),
        _ if empty => Vec::new(),
        _ => dimensions,
    }
}

/// Elements of an array of dimensions, checked as PostgreSQL does.
pub fn count_of(dimensions: &[Dimension]) -> Result<usize> {
    if dimensions.len() > DIMENSIONS_MAX {
        return Err(too_many_dimensions(dimensions.len()));
    }
    if dimensions.is_empty() {
        return Ok(0);
    }
    let mut count = 1_usize;
    for dimension in dimensions {
        let length = usize::try_from(dimension.length).map_err(|_| too_large())?;
        count = count.checked_mul(length).filter(|count| *count <= ELEMENTS_MAX).ok_or_else(too_large)?;
    }
    for dimension in dimensions {
        if dimension.length > 0 && dimension.lower.checked_add(dimension.length).is_none() {
            let message = format!("array lower bound is too large: {}", dimension.lower);
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
    }
    Ok(count)
}

pub fn too_many_dimensions(count: usize) -> Error {
    let message =
        format!("number of array dimensions ({count}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
    Error::new(ErrorKind::LimitExceeded, message)
}

pub fn too_large() -> Error {
    let message = format!("array size exceeds the maximum allowed ({ELEMENTS_MAX})");
    Error::new(ErrorKind::LimitExceeded, message)
}

/// `[1:2][0:3]`, as array_dims prints it and array text begins with where the bounds are not all 1.
pub fn write_dimensions(dimensions: &[Dimension], out: &mut String) {
    use std::fmt::Write;
    for dimension in dimensions {
        let _ = write!(out, "[{}:{}]", dimension.lower, dimension.upper());
    }
}

/// For each dimension its lower bound and its length, 4 bytes each, little endian: how bounds are held and stored.
pub fn bounds_to_bytes(bounds: &[Dimension]) -> Vec<u8> {
    bounds.iter().flat_map(|d| [d.lower.to_le_bytes(), d.length.to_le_bytes()]).flatten().collect()
}

/// The inverse of `bounds_to_bytes` for an array of `count` elements; anything else is corruption.
pub fn bounds_from_bytes(bytes: &[u8], count: usize) -> Result<Vec<Dimension>> {
    let wrong = || Error::corruption("bounds of an array that do not fit it");
    let (chunks, rest) = bytes.as_chunks::<{ Dimension::BYTES }>();
    if !rest.is_empty() || chunks.is_empty() {
        return Err(wrong());
    }
    let dimension = |[a, b, c, d, e, f, g, h]: &[u8; Dimension::BYTES]| Dimension {
        lower: i32::from_le_bytes([*a, *b, *c, *d]),
        length: i32::from_le_bytes([*e, *f, *g, *h]),
    };
    let bounds: Vec<Dimension> = chunks.iter().map(dimension).collect();
    match count_of(&bounds) {
        Ok(counted) if counted == count && count > 0 => Ok(bounds),
        _ => Err(wrong()),
    }
}
