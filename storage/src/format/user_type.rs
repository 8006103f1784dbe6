//! Definitions of types as bytes.

use super::codec::{Reader, Writer};
use super::datum::{decode_sql_type, encode_sql_type};
use base::Result;
use base::id::{ColumnId, Oid, SchemaId};
use catalog::{AttributeDef, CompositeDef, DomainCheck, DomainDef, EnumLabel, TypeShape, UserTypeDef};
use types::user_type;

/// The version of the checkpoint's format that composite types came with.
pub(super) const COMPOSITES_SINCE: u32 = 14;

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
        TypeShape::Domain(domain) => {
            writer.u8(2);
            encode_domain(writer, domain);
        }
        TypeShape::Composite(composite) => {
            writer.u8(3);
            writer.u32(composite.next.0);
            writer.count(composite.attributes.len());
            for attribute in &composite.attributes {
                writer.u32(attribute.number.0);
                writer.string(&attribute.name);
                encode_sql_type(writer, &attribute.ty);
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
            if !user_type::is_enum(oid) || !labels.is_sorted_by(|a, b| a.position < b.position) {
                return Err(
                    reader.bad("an enum whose labels are out of order, or with the OID of another type")
                );
            }
            TypeShape::Enum(labels)
        }
        2 => {
            let domain = decode_domain(reader)?;
            if !user_type::is_domain(oid)
                || domain.base.domain.is_some_and(|below| user_type::number(below) >= user_type::number(oid))
            {
                return Err(reader.bad("a domain over a later one, or with the OID of another type"));
            }
            TypeShape::Domain(domain)
        }
        3 => {
            let composite = decode_composite(reader)?;
            if !user_type::is_composite(oid) {
                return Err(reader.bad("a composite type with the OID of another type"));
            }
            TypeShape::Composite(composite)
        }
        _ => return Err(reader.bad("unknown kind of a type")),
    };
    Ok(UserTypeDef { oid, schema, name, shape })
}

fn encode_domain(writer: &mut Writer, def: &DomainDef) {
    encode_sql_type(writer, &def.base);
    writer.bool(def.not_null);
    writer.bool(def.default.is_some());
    if let Some(default) = &def.default {
        writer.string(default);
    }
    writer.count(def.checks.len());
    for check in &def.checks {
        writer.u32(check.oid.0);
        writer.string(&check.name);
        writer.string(&check.text);
        writer.bool(check.validated);
    }
}

fn decode_domain(reader: &mut Reader<'_>) -> Result<DomainDef> {
    Ok(DomainDef {
        base: decode_sql_type(reader)?,
        not_null: reader.bool()?,
        default: if reader.bool()? { Some(reader.string()?) } else { None },
        checks: reader.list(7, |r| {
            Ok(DomainCheck { oid: Oid(r.u32()?), name: r.string()?, text: r.string()?, validated: r.bool()? })
        })?,
    })
}

fn decode_composite(reader: &mut Reader<'_>) -> Result<CompositeDef> {
    let next = ColumnId(reader.u32()?);
    let attributes = reader.list(10, |r| {
        Ok(AttributeDef { number: ColumnId(r.u32()?), name: r.string()?, ty: decode_sql_type(r)? })
    })?;
    let numbers: Vec<ColumnId> = attributes.iter().map(|attribute| attribute.number).collect();
    if !numbers.is_sorted_by(|a, b| a < b) || numbers.last().is_some_and(|last| *last >= next) {
        return Err(reader.bad("attributes whose numbers are out of order"));
    }
    Ok(CompositeDef { attributes, next })
}
