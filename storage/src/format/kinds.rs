//! What only some columns have, as bytes: kinds and missing values.
//!
//! Invariant: only kinds other than plain and values other than null are written, in the order of the columns.

use super::codec::{Reader, Writer};
use super::datum::{decode_datum, encode_datum};
use base::Result;
use base::id::ColumnId;
use catalog::{ColumnDef, ColumnKind};
use types::Datum;

/// Columns of other kinds than plain.
pub(super) fn encode_kinds(writer: &mut Writer, columns: &[ColumnDef]) {
    let kind = |column: &ColumnDef| match column.kind {
        ColumnKind::Plain => None,
        ColumnKind::Identity { always: false } => Some(1),
        ColumnKind::Identity { always: true } => Some(2),
        ColumnKind::Generated => Some(3),
    };
    let kinds: Vec<(ColumnId, u8)> = columns.iter().filter_map(|c| Some((c.id, kind(c)?))).collect();
    writer.count(kinds.len());
    for (column, kind) in kinds {
        writer.u32(column.0);
        writer.u8(kind);
    }
}

pub(super) fn decode_kinds(reader: &mut Reader<'_>, columns: &mut [ColumnDef]) -> Result<()> {
    let kinds = reader.list(5, |r| {
        let column = ColumnId(r.u32()?);
        let kind = match r.u8()? {
            1 => ColumnKind::Identity { always: false },
            2 => ColumnKind::Identity { always: true },
            3 => ColumnKind::Generated,
            _ => return Err(r.bad("unknown kind of a column")),
        };
        Ok((column, kind))
    })?;
    give(reader, columns, kinds, |column, kind| column.kind = kind)
}

/// Values of rows that were written before a column was there.
pub(super) fn encode_missing(writer: &mut Writer, columns: &[ColumnDef]) {
    let values: Vec<&ColumnDef> = columns.iter().filter(|c| !c.missing.is_null()).collect();
    writer.count(values.len());
    for column in values {
        writer.u32(column.id.0);
        encode_datum(writer, &column.missing);
    }
}

pub(super) fn decode_missing(reader: &mut Reader<'_>, columns: &mut [ColumnDef]) -> Result<()> {
    let values = reader.list(5, |r| match (ColumnId(r.u32()?), decode_datum(r)?) {
        (_, Datum::Null) => Err(r.bad("a missing value that is null")),
        value => Ok(value),
    })?;
    give(reader, columns, values, |column, value| column.missing = value)
}

/// Gives what was read to its columns.
fn give<T>(
    reader: &Reader<'_>,
    columns: &mut [ColumnDef],
    found: Vec<(ColumnId, T)>,
    set: impl Fn(&mut ColumnDef, T),
) -> Result<()> {
    let mut next = 0;
    for (id, value) in found {
        let place = columns.iter().skip(next).position(|c| c.id == id);
        next += place.ok_or_else(|| reader.bad("something of no column, or out of order"))? + 1;
        if let Some(column) = columns.get_mut(next - 1) {
            set(column, value);
        }
    }
    Ok(())
}
