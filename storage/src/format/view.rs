//! Definitions of views as bytes.

use super::codec::{Reader, Writer};
use super::datum::{decode_sql_type, encode_sql_type};
use base::Result;
use base::id::{ColumnId, Oid, SchemaId, ViewId};
use catalog::{CheckOption, ViewColumn, ViewDef};

pub(super) fn encode_view(writer: &mut Writer, def: &ViewDef) {
    writer.varint(def.id.0);
    writer.u32(def.oid.0);
    writer.varint(def.schema.0);
    writer.string(&def.name);
    writer.count(def.columns.len());
    for ViewColumn { name, ty } in &def.columns {
        writer.string(name);
        encode_sql_type(writer, ty);
    }
    writer.string(&def.text);
    writer.count(def.uses.len());
    for relation in &def.uses {
        writer.u32(relation.0);
    }
    writer.count(def.unseen.len());
    for (table, column) in &def.unseen {
        writer.u32(table.0);
        writer.u32(column.0);
    }
    writer.u8(match def.check {
        None => 0,
        Some(CheckOption::Local) => 1,
        Some(CheckOption::Cascaded) => 2,
    });
}

pub(super) fn decode_view(reader: &mut Reader<'_>) -> Result<ViewDef> {
    let mut def = decode_view_4(reader)?;
    def.check = match reader.u8()? {
        0 => None,
        1 => Some(CheckOption::Local),
        2 => Some(CheckOption::Cascaded),
        _ => return Err(reader.bad("unknown check option of a view")),
    };
    Ok(def)
}

/// The format of checkpoints from which on views have a check option.
pub(super) const CHECK_OPTION_SINCE: u32 = 13;

/// A view of formats 4 to 12, without check option.
pub(super) fn decode_view_4(reader: &mut Reader<'_>) -> Result<ViewDef> {
    let mut def = decode_view_3(reader)?;
    def.unseen = reader.list(8, |r| Ok((Oid(r.u32()?), ColumnId(r.u32()?))))?;
    Ok(def)
}

/// A view of format 3, which saw all columns that there were.
pub(super) fn decode_view_3(reader: &mut Reader<'_>) -> Result<ViewDef> {
    Ok(ViewDef {
        id: ViewId(reader.varint()?),
        oid: Oid(reader.u32()?),
        schema: SchemaId(reader.varint()?),
        name: reader.string()?,
        columns: reader.list(10, |r| Ok(ViewColumn { name: r.string()?, ty: decode_sql_type(r)? }))?,
        text: reader.string()?,
        uses: reader.list(4, |r| Ok(Oid(r.u32()?)))?,
        unseen: Vec::new(),
        check: None,
    })
}
