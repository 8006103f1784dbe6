//! Definitions of sequences and their positions as bytes.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::{ColumnId, CounterId, Oid, SchemaId, SequenceId, TableId};
use catalog::{Position, SequenceDef, SequenceOwner};

pub(super) fn encode_sequence(writer: &mut Writer, def: &SequenceDef) {
    writer.varint(def.id.0);
    writer.u32(def.oid.0);
    writer.varint(def.schema.0);
    writer.string(&def.name);
    writer.u32(def.ty.0);
    for number in [def.start, def.increment, def.min, def.max, def.cache] {
        writer.raw(&number.to_le_bytes());
    }
    writer.bool(def.cycle);
    writer.varint(def.counter.0);
    writer.bool(def.owner.is_some());
    if let Some(SequenceOwner { table, column, identity }) = def.owner {
        writer.varint(table.0);
        writer.u32(column.0);
        writer.bool(identity);
    }
}

pub(super) fn decode_sequence(reader: &mut Reader<'_>) -> Result<SequenceDef> {
    fn number(reader: &mut Reader<'_>) -> Result<i64> {
        Ok(i64::from_le_bytes(reader.array()?))
    }
    let def = SequenceDef {
        id: SequenceId(reader.varint()?),
        oid: Oid(reader.u32()?),
        schema: SchemaId(reader.varint()?),
        name: reader.string()?,
        ty: Oid(reader.u32()?),
        start: number(reader)?,
        increment: number(reader)?,
        min: number(reader)?,
        max: number(reader)?,
        cache: number(reader)?,
        cycle: reader.bool()?,
        counter: CounterId(reader.varint()?),
        owner: match reader.bool()? {
            true => Some(SequenceOwner {
                table: TableId(reader.varint()?),
                column: ColumnId(reader.u32()?),
                identity: reader.bool()?,
            }),
            false => None,
        },
    };
    if def.increment == 0 { Err(reader.bad("a sequence that stands still")) } else { Ok(def) }
}

pub(super) fn encode_position(writer: &mut Writer, position: Position) {
    writer.raw(&position.value.to_le_bytes());
    writer.bool(position.called);
}

pub(super) fn decode_position(reader: &mut Reader<'_>) -> Result<Position> {
    Ok(Position { value: i64::from_le_bytes(reader.array()?), called: reader.bool()? })
}
