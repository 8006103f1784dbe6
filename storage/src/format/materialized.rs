//! Materialized views as bytes.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::{ColumnId, Oid};
use catalog::MaterializedDef;

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
