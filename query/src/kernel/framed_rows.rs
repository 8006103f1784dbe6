//! Which rows of a partition are in the frame of each row.
//!
//! Must not know functions. Invariants: rows are in the partition's order; a frame is at most three runs of rows, in
//! order: an exclusion leaves out one run, or what is around the row itself.

use crate::failure::from_arrow;
use arrow::array::{Array, ArrayRef, AsArray, DynComparator, make_comparator};
use arrow::compute::{SortOptions, cast, partition};
use arrow::datatypes::{DataType, Int64Type};
use base::{Error, ErrorKind, Result};
use sql::bound::{FrameExclude, FrameUnit};
use std::cmp::Ordering;
use std::ops::Range;

/// Where a frame begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Edge {
    Unbounded,
    CurrentRow,
    /// The offset is an argument.
    Preceding,
    Following,
}

impl Edge {
    fn has_offset(self) -> bool {
        matches!(self, Self::Preceding | Self::Following)
    }
}

/// What a frame is. Its arguments: the keys of the order; for RANGE with an offset the value that limits are of; an
/// offset of the start and of the end, which for RANGE are the limits themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spec {
    pub(crate) unit: FrameUnit,
    pub(crate) start: Edge,
    pub(crate) end: Edge,
    pub(crate) exclude: FrameExclude,
    pub(crate) keys: usize,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl Spec {
    /// Whether limits are compared with values.
    pub(crate) fn has_limits(&self) -> bool {
        self.unit == FrameUnit::Range && (self.start.has_offset() || self.end.has_offset())
    }

    pub(crate) fn args(&self) -> usize {
        let offsets = [self.start, self.end].iter().filter(|edge| edge.has_offset()).count();
        self.keys + usize::from(self.has_limits()) + offsets
    }
}

/// The frames of the rows of one partition.
pub(crate) struct Frames {
    bounds: Vec<Range<usize>>,
    exclude: FrameExclude,
    peers: Peers,
}

impl Frames {
    pub(crate) fn of(spec: &Spec, args: &[ArrayRef], rows: usize) -> Result<Self> {
        let keys = args.get(..spec.keys).ok_or_else(missing)?;
        let mut rest = args.iter().skip(spec.keys);
        let peers = Peers::of(keys, rows)?;
        let value = if spec.has_limits() { Some(rest.next().ok_or_else(missing)?) } else { None };
        let mut edge = |edge: Edge, which: &'static str| -> Result<Bound> {
            if !edge.has_offset() {
                return Ok(Bound::Plain(edge));
            }
            let arg = rest.next().ok_or_else(missing)?;
            match value {
                Some(value) => Limits::of(spec, value, arg, which).map(Bound::Limits),
                None => Ok(Bound::Offset(edge, offset(arg, which)?)),
            }
        };
        let (start, end) = (edge(spec.start, "starting")?, edge(spec.end, "ending")?);
        let mut bounds = Vec::with_capacity(rows);
        for row in 0..rows {
            let first = start.first(spec.unit, row, &peers, rows);
            let last = end.behind_last(spec.unit, row, &peers, rows);
            bounds.push(first..last.max(first));
        }
        Ok(Self { bounds, exclude: spec.exclude, peers })
    }

    pub(crate) fn rows(&self) -> usize {
        self.bounds.len()
    }

    /// The runs of rows in the frame of a row.
    pub(crate) fn of_row(&self, row: usize) -> [Range<usize>; 3] {
        let bounds = self.bounds.get(row).cloned().unwrap_or_default();
        let (left_out, kept) = match self.exclude {
            FrameExclude::NoOthers => return [bounds, 0..0, 0..0],
            FrameExclude::CurrentRow => (row..row + 1, 0..0),
            FrameExclude::Group => (self.peers.around(row), 0..0),
            FrameExclude::Ties => (self.peers.around(row), row..row + 1),
        };
        let within = |range: Range<usize>| {
            let start = range.start.clamp(bounds.start, bounds.end);
            start..range.end.clamp(start, bounds.end)
        };
        [within(0..left_out.start), within(kept), within(left_out.end..usize::MAX)]
    }
}

fn missing() -> Error {
    Error::internal("a frame misses an argument")
}

/// The offset of ROWS and GROUPS, which is one for all rows.
fn offset(array: &ArrayRef, which: &str) -> Result<usize> {
    let wide = cast(array, &DataType::Int64).map_err(from_arrow)?;
    let values = wide.as_primitive_opt::<Int64Type>().ok_or_else(missing)?;
    if values.is_null(0) {
        return Err(null_offset(which));
    }
    usize::try_from(values.value(0)).map_err(|_| {
        let message = format!("frame {which} offset must not be negative");
        Error::new(ErrorKind::InvalidFrameOffset, message)
    })
}

pub(crate) fn null_offset(which: &str) -> Error {
    Error::new(ErrorKind::NullNotAllowed, format!("frame {which} offset must not be null"))
}

/// Runs of rows that the order does not tell apart.
struct Peers {
    groups: Vec<Range<usize>>,
    /// The group of each row.
    of_row: Vec<usize>,
}

impl Peers {
    fn of(keys: &[ArrayRef], rows: usize) -> Result<Self> {
        let groups = match keys.is_empty() {
            true => std::iter::once(0..rows).collect(),
            false => partition(keys).map_err(from_arrow)?.ranges(),
        };
        let mut of_row = Vec::with_capacity(rows);
        for (number, group) in groups.iter().enumerate() {
            of_row.extend(std::iter::repeat_n(number, group.len()));
        }
        Ok(Self { groups, of_row })
    }

    fn number(&self, row: usize) -> usize {
        self.of_row.get(row).copied().unwrap_or_default()
    }

    fn around(&self, row: usize) -> Range<usize> {
        self.groups.get(self.number(row)).cloned().unwrap_or_default()
    }
}

enum Bound {
    Plain(Edge),
    Offset(Edge, usize),
    Limits(Limits),
}

impl Bound {
    /// The first row of a frame.
    fn first(&self, unit: FrameUnit, row: usize, peers: &Peers, rows: usize) -> usize {
        match (self, unit) {
            (Self::Limits(limits), _) => limits.first(row).unwrap_or_else(|| peers.around(row).start),
            (Self::Plain(Edge::CurrentRow), FrameUnit::Rows) => row,
            (Self::Plain(Edge::CurrentRow), _) => peers.around(row).start,
            (Self::Plain(_), _) => 0,
            (Self::Offset(Edge::Preceding, offset), FrameUnit::Rows) => row.saturating_sub(*offset),
            (Self::Offset(_, offset), FrameUnit::Rows) => row.saturating_add(*offset).min(rows),
            (Self::Offset(edge, offset), _) => {
                let number = peers.number(row);
                let number = match edge {
                    Edge::Preceding => number.saturating_sub(*offset),
                    _ => number.saturating_add(*offset),
                };
                peers.groups.get(number).map_or(rows, |group| group.start)
            }
        }
    }

    /// The row behind the last one of a frame.
    fn behind_last(&self, unit: FrameUnit, row: usize, peers: &Peers, rows: usize) -> usize {
        match (self, unit) {
            (Self::Limits(limits), _) => limits.behind_last(row).unwrap_or_else(|| peers.around(row).end),
            (Self::Plain(Edge::CurrentRow), FrameUnit::Rows) => row + 1,
            (Self::Plain(Edge::CurrentRow), _) => peers.around(row).end,
            (Self::Plain(_), _) => rows,
            (Self::Offset(Edge::Preceding, offset), FrameUnit::Rows) => (row + 1).saturating_sub(*offset),
            (Self::Offset(_, offset), FrameUnit::Rows) => (row + 1).saturating_add(*offset).min(rows),
            (Self::Offset(edge, offset), _) => {
                let number = peers.number(row);
                let number = match edge {
                    Edge::Preceding => number.checked_sub(*offset),
                    _ => Some(number.saturating_add(*offset)),
                };
                number.map_or(0, |number| peers.groups.get(number).map_or(rows, |group| group.end))
            }
        }
    }
}

/// How far a RANGE goes from each row. Nulls are peers of nulls alone.
struct Limits {
    compare: DynComparator,
    is_null: Vec<bool>,
    /// Rows that are not null.
    known: Range<usize>,
}

impl Limits {
    fn of(spec: &Spec, values: &ArrayRef, limits: &ArrayRef, which: &str) -> Result<Self> {
        let is_null: Vec<bool> = (0..values.len()).map(|row| values.is_null(row)).collect();
        if is_null.iter().enumerate().any(|(row, is_null)| !is_null && limits.is_null(row)) {
            return Err(null_offset(which));
        }
        let (rows, nulls) = (values.len(), values.null_count());
        let known = if spec.nulls_first { nulls..rows } else { 0..rows - nulls };
        let options = SortOptions { descending: spec.descending, nulls_first: spec.nulls_first };
        let compare = make_comparator(values.as_ref(), limits.as_ref(), options).map_err(from_arrow)?;
        Ok(Self { compare, is_null, known })
    }

    /// How many known rows satisfy a condition that the first ones do.
    fn count(&self, row: usize, holds: impl Fn(Ordering) -> bool) -> Option<usize> {
        if self.is_null.get(row).copied().unwrap_or(true) {
            return None;
        }
        let (mut low, mut high) = (self.known.start, self.known.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds((self.compare)(middle, row)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    fn first(&self, row: usize) -> Option<usize> {
        self.count(row, |order| order == Ordering::Less)
    }

    fn behind_last(&self, row: usize) -> Option<usize> {
        self.count(row, |order| order != Ordering::Greater)
    }
}
