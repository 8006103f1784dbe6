//! Kinds of columns as bytes.
//!
//! Invariant: only kinds other than plain are written, in the order of the columns.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::ColumnId;
use catalog::{ColumnDef, ColumnKind};

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
    let mut next = 0;
    for (id, kind) in kinds {
        let place = columns.iter().skip(next).position(|c| c.id == id);
        next += place.ok_or_else(|| reader.bad("a kind of no column, or out of order"))? + 1;
        if let Some(column) = columns.get_mut(next - 1) {
            column.kind = kind;
        }
    }
    Ok(())
}
