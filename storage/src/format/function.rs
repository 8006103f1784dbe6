//! Definitions of functions as bytes.

use super::codec::{Reader, Writer};
use base::Result;
use base::id::{ColumnId, Oid, SchemaId};
use catalog::{FunctionBody, FunctionDef, FunctionTraits, Parallel, Parameter, ParameterMode, Volatility};

/// The first version of checkpoints that has functions.
pub(super) const FUNCTIONS_SINCE: u32 = 12;

const STRICT: u8 = 1;
const LEAKPROOF: u8 = 2;
const RETURNS_SET: u8 = 4;

pub(super) fn encode_function(writer: &mut Writer, def: &FunctionDef) {
    writer.u32(def.oid.0);
    writer.varint(def.schema.0);
    writer.string(&def.name);
    writer.count(def.parameters.len());
    for Parameter { mode, name, ty, default } in &def.parameters {
        writer.u8(match mode {
            ParameterMode::In => 1,
            ParameterMode::Out => 2,
            ParameterMode::InOut => 3,
            ParameterMode::Variadic => 4,
            ParameterMode::Table => 5,
        });
        writer.string(name);
        writer.u32(ty.0);
        writer.bool(default.is_some());
        if let Some(default) = default {
            writer.string(default);
        }
    }
    writer.u32(def.result.0);
    writer.u32(def.rows_of.unwrap_or(Oid(0)).0);
    encode_traits(writer, &def.traits, def.returns_set);
    let (kind, text) = match &def.body {
        FunctionBody::Text(text) => (1, text),
        FunctionBody::Return(text) => (2, text),
        FunctionBody::Atomic(text) => (3, text),
    };
    writer.u8(kind);
    writer.string(text);
    writer.count(def.uses.len());
    def.uses.iter().for_each(|object| writer.u32(object.0));
    writer.count(def.unseen.len());
    for (table, column) in &def.unseen {
        writer.u32(table.0);
        writer.u32(column.0);
    }
}

fn encode_traits(writer: &mut Writer, traits: &FunctionTraits, returns_set: bool) {
    let FunctionTraits { volatility, strict, leakproof, parallel, cost, rows } = traits;
    writer.u8(match volatility {
        Volatility::Immutable => 1,
        Volatility::Stable => 2,
        Volatility::Volatile => 3,
    });
    writer.u8(match parallel {
        Parallel::Unsafe => 1,
        Parallel::Restricted => 2,
        Parallel::Safe => 3,
    });
    let flag = |is_so: bool, flag: u8| if is_so { flag } else { 0 };
    writer.u8(flag(*strict, STRICT) | flag(*leakproof, LEAKPROOF) | flag(returns_set, RETURNS_SET));
    writer.u32(cost.to_bits());
    writer.u32(rows.to_bits());
}

pub(super) fn decode_function(reader: &mut Reader<'_>) -> Result<FunctionDef> {
    let (oid, schema, name) = (Oid(reader.u32()?), SchemaId(reader.varint()?), reader.string()?);
    let parameters = reader.list(7, decode_parameter)?;
    let result = Oid(reader.u32()?);
    let rows_of = Some(Oid(reader.u32()?)).filter(|relation| *relation != Oid(0));
    let (traits, returns_set) = decode_traits(reader)?;
    let kind = reader.u8()?;
    let text = reader.string()?;
    let body = match kind {
        1 => FunctionBody::Text(text),
        2 => FunctionBody::Return(text),
        3 => FunctionBody::Atomic(text),
        _ => return Err(reader.bad("unknown kind of a function's body")),
    };
    let uses = reader.list(4, |r| Ok(Oid(r.u32()?)))?;
    let unseen = reader.list(8, |r| Ok((Oid(r.u32()?), ColumnId(r.u32()?))))?;
    Ok(FunctionDef {
        oid,
        schema,
        name,
        parameters,
        result,
        rows_of,
        returns_set,
        traits,
        body,
        uses,
        unseen,
    })
}

fn decode_parameter(reader: &mut Reader<'_>) -> Result<Parameter> {
    let mode = match reader.u8()? {
        1 => ParameterMode::In,
        2 => ParameterMode::Out,
        3 => ParameterMode::InOut,
        4 => ParameterMode::Variadic,
        5 => ParameterMode::Table,
        _ => return Err(reader.bad("unknown mode of a parameter")),
    };
    let (name, ty) = (reader.string()?, Oid(reader.u32()?));
    let default = if reader.bool()? { Some(reader.string()?) } else { None };
    Ok(Parameter { mode, name, ty, default })
}

fn decode_traits(reader: &mut Reader<'_>) -> Result<(FunctionTraits, bool)> {
    let volatility = match reader.u8()? {
        1 => Volatility::Immutable,
        2 => Volatility::Stable,
        3 => Volatility::Volatile,
        _ => return Err(reader.bad("unknown volatility of a function")),
    };
    let parallel = match reader.u8()? {
        1 => Parallel::Unsafe,
        2 => Parallel::Restricted,
        3 => Parallel::Safe,
        _ => return Err(reader.bad("unknown parallel mode of a function")),
    };
    let flags = reader.u8()?;
    if flags > STRICT | LEAKPROOF | RETURNS_SET {
        return Err(reader.bad("unknown flags of a function"));
    }
    let (cost, rows) = (f32::from_bits(reader.u32()?), f32::from_bits(reader.u32()?));
    if !(cost.is_finite() && rows.is_finite()) {
        return Err(reader.bad("a cost of a function that is no number"));
    }
    let has = |flag: u8| flags & flag != 0;
    let traits =
        FunctionTraits { volatility, strict: has(STRICT), leakproof: has(LEAKPROOF), parallel, cost, rows };
    Ok((traits, has(RETURNS_SET)))
}
