//! Foreign keys of a table as bytes.

use super::catalog::{decode_columns, encode_columns};
use super::codec::{Reader, Writer};
use base::Result;
use base::id::{Oid, TableId};
use catalog::{ForeignKeyAction, ForeignKeyDef};

pub(super) fn encode_foreign_keys(writer: &mut Writer, keys: &[ForeignKeyDef]) {
    writer.count(keys.len());
    for key in keys {
        writer.u32(key.oid.0);
        writer.string(&key.name);
        encode_columns(writer, &key.columns);
        writer.varint(key.table.0);
        encode_columns(writer, &key.referenced);
        writer.u8(number(key.on_delete));
        writer.u8(number(key.on_update));
        encode_columns(writer, &key.set_columns);
        writer.bool(key.full);
    }
}

pub(super) fn decode_foreign_keys(reader: &mut Reader<'_>) -> Result<Vec<ForeignKeyDef>> {
    reader.list(12, |r| {
        Ok(ForeignKeyDef {
            oid: Oid(r.u32()?),
            name: r.string()?,
            columns: decode_columns(r)?,
            table: TableId(r.varint()?),
            referenced: decode_columns(r)?,
            on_delete: decode_action(r)?,
            on_update: decode_action(r)?,
            set_columns: decode_columns(r)?,
            full: r.bool()?,
        })
    })
}

fn number(action: ForeignKeyAction) -> u8 {
    match action {
        ForeignKeyAction::NoAction => 0,
        ForeignKeyAction::Restrict => 1,
        ForeignKeyAction::Cascade => 2,
        ForeignKeyAction::SetNull => 3,
        ForeignKeyAction::SetDefault => 4,
    }
}

fn decode_action(reader: &mut Reader<'_>) -> Result<ForeignKeyAction> {
    Ok(match reader.u8()? {
        0 => ForeignKeyAction::NoAction,
        1 => ForeignKeyAction::Restrict,
        2 => ForeignKeyAction::Cascade,
        3 => ForeignKeyAction::SetNull,
        4 => ForeignKeyAction::SetDefault,
        _ => return Err(reader.bad("unknown action of a foreign key")),
    })
}
