//! Definitions of types as bytes.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::{Oid, SchemaId};
use catalog::{EnumLabel, TypeShape, UserTypeDef};

pub(super) fn encode_type(writer: &mut Writer, def: &UserTypeDef) {
    writer.u32(def.oid.0);
    writer.varint(def.schema.0);
    writer.string(&def.name);
    match &def.shape {
        TypeShape::Enum(labels) => {
            writer.u8(1);
            writer.count(labels.len());
            for label in labels {
                writer.u32(label.oid.0);
                writer.raw(&label.position.to_le_bytes());
                writer.string(&label.name);
            }
        }
    }
}

pub(super) fn decode_type(reader: &mut Reader<'_>) -> Result<UserTypeDef> {
    let (oid, schema, name) = (Oid(reader.u32()?), SchemaId(reader.varint()?), reader.string()?);
    let shape = match reader.u8()? {
        1 => {
            let labels = reader.list(13, |r| {
                Ok(EnumLabel {
                    oid: Oid(r.u32()?),
                    position: i64::from_le_bytes(r.array()?),
                    name: r.string()?,
                })
            })?;
            if !types::user_type::is_enum(oid) || !labels.is_sorted_by(|a, b| a.position < b.position) {
                return Err(
                    reader.bad("an enum whose labels are out of order, or with the OID of another type")
                );
            }
            TypeShape::Enum(labels)
        }
        _ => return Err(reader.bad("unknown kind of a type")),
    };
    Ok(UserTypeDef { oid, schema, name, shape })
}
