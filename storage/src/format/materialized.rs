//! Materialized views as bytes.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::{ColumnId, Oid, TableId};
use catalog::MaterializedDef;

/// With the table that is the view.
pub(super) fn encode_materialized_of(writer: &mut Writer, (table, def): &(TableId, MaterializedDef)) {
    writer.varint(table.0);
    encode_materialized(writer, def);
}

pub(super) fn decode_materialized_of(reader: &mut Reader<'_>) -> Result<(TableId, MaterializedDef)> {
    Ok((TableId(reader.varint()?), decode_materialized(reader)?))
}

pub(super) fn encode_materialized(writer: &mut Writer, def: &MaterializedDef) {
    writer.string(&def.text);
    writer.count(def.uses.len());
    def.uses.iter().for_each(|oid| writer.u32(oid.0));
    writer.count(def.unseen.len());
    for (table, column) in &def.unseen {
        writer.u32(table.0);
        writer.u32(column.0);
    }
    writer.bool(def.populated);
}

pub(super) fn decode_materialized(reader: &mut Reader<'_>) -> Result<MaterializedDef> {
    Ok(MaterializedDef {
        text: reader.string()?,
        uses: reader.list(4, |r| r.u32().map(Oid))?,
        unseen: reader.list(8, |r| Ok((Oid(r.u32()?), ColumnId(r.u32()?))))?,
        populated: reader.bool()?,
    })
}
