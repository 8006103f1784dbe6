//! Type names: from the syntax tree to types, and from types to the names in messages.

use super::Binder;
use super::names::{Relation, located};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use sqlparser::ast::{self, DataType};
use types::sql_type::oid;
use types::text::interval_range::FULL_PRECISION;
use types::text::interval_range::field::{ALL, DAY, HOUR, MINUTE, MONTH, SECOND, YEAR};
use types::user_type::UserKind;
use types::{SqlType, user_type};

impl Binder<'_> {
    /// The type that a type name means; 42704 when there is none, 0A000 when this version does not hold it.
    pub fn sql_type(&self, ty: &ast::DataType) -> Result<SqlType> {
        let (oid, typmod) = self.type_and_modifier(ty)?;
        self.type_of(oid, typmod)
    }

    pub(super) fn type_and_modifier(&self, ty: &DataType) -> Result<(Oid, i32)> {
        Ok(match ty {
            DataType::Character(length) | DataType::Char(length) => {
                (oid::BPCHAR, char_length("char", length, 1)?)
            }
            DataType::CharacterVarying(length)
            | DataType::CharVarying(length)
            | DataType::Varchar(length) => (oid::VARCHAR, char_length("varchar", length, -1)?),
            DataType::Uuid => (oid::UUID, -1),
            DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
                (oid::NUMERIC, numeric_modifier(info)?)
            }
            DataType::Float(info) => (float_width(info)?, -1),
            DataType::Int2(None) | DataType::SmallInt(None) => (oid::INT2, -1),
            DataType::Int(None) | DataType::Int4(None) | DataType::Integer(None) => (oid::INT4, -1),
            DataType::Int8(None) | DataType::BigInt(None) => (oid::INT8, -1),
            DataType::Float4 | DataType::Real => (oid::FLOAT4, -1),
            DataType::Float8 | DataType::DoublePrecision => (oid::FLOAT8, -1),
            DataType::Bool | DataType::Boolean => (oid::BOOL, -1),
            DataType::Date => (oid::DATE, -1),
            DataType::Time(precision, zone) => {
                let oid = match zone {
                    ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone => oid::TIME,
                    ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz => oid::TIMETZ,
                };
                (oid, seconds_precision(*precision))
            }
            DataType::Bit(length) => (oid::BIT, bit_length("bit", Some(length.unwrap_or(1)))?),
            DataType::BitVarying(length) | DataType::VarBit(length) => {
                (oid::VARBIT, bit_length("varbit", *length)?)
            }
            DataType::Timestamp(precision, zone) => {
                let oid = match zone {
                    ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone => oid::TIMESTAMP,
                    ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz => oid::TIMESTAMPTZ,
                };
                (oid, seconds_precision(*precision))
            }
            DataType::Interval { fields, precision } => {
                (oid::INTERVAL, interval_modifier(fields.as_ref(), *precision))
            }
            DataType::JSON => (oid::JSON, -1),
            DataType::JSONB => (oid::JSONB, -1),
            DataType::Regclass => (oid::REGCLASS, -1),
            DataType::Text => (oid::TEXT, -1),
            DataType::Bytea => (oid::BYTEA, -1),
            DataType::Custom(name, modifiers) => return self.custom_type(name, modifiers),
            DataType::Array(ast::ArrayElemTypeDef::SquareBracket(element, _)) => {
                let (element, modifier) = self.type_and_modifier(element)?;
                let built_in = builtin::type_by_oid(element).map(|t| t.array);
                let array = built_in.or_else(|| user_type::array_of(element)).unwrap_or(Oid(0));
                if array == Oid(0) && types::sql_type::array_element(element).is_some() {
                    // PostgreSQL's arrays have any number of dimensions in one type.
                    (element, modifier)
                } else if array == Oid(0) {
                    return Err(undefined_type(&format!("{}[]", type_name(element)), 0));
                } else {
                    (array, modifier)
                }
            }
            // A word that the parser has a kind of its own for.
            other => {
                let word = other.to_string().to_ascii_lowercase();
                match builtin::type_named(&word) {
                    Some(row) => (row.oid, -1),
                    None => return Err(undefined_type(&word, 0)),
                }
            }
        })
    }

    fn custom_type(&self, name: &ast::ObjectName, modifiers: &[String]) -> Result<(Oid, i32)> {
        let (schema, ty, at) = self.qualified(name)?;
        if let Some(oid) = catalog::relation_of_name(&ty).filter(|_| self.lines.are_none()) {
            let known = self.context.catalog.type_of(user_type::array_element(oid).unwrap_or(oid));
            return known.map(|_| (oid, -1)).ok_or_else(|| undefined_type(&oid.to_string(), 0));
        }
        if modifiers.is_empty()
            && let Some(oid) = self.user_type(schema.as_deref(), &ty)
        {
            return Ok((oid, -1));
        }
        let row = match schema.as_deref() {
            None | Some("pg_catalog") => builtin::type_named(&ty),
            // Its domains are their base types, as they are in results.
            Some("information_schema") => match builtin::domain_named(&ty).filter(|_| modifiers.is_empty()) {
                Some(domain) => return Ok((domain.base, domain.base_typmod)),
                None => None,
            },
            Some(_) => None,
        };
        if row.is_none()
            && let Some(of) = ty.strip_prefix('_')
            && let Some(array) =
                self.find_relation(schema.as_deref(), of).and_then(|relation| row_of(&relation))
        {
            return user_type::array_of(array).map(|oid| (oid, -1)).ok_or_else(|| undefined_type(&ty, at));
        }
        if row.is_none()
            && let Some(relation) = self.find_relation(schema.as_deref(), &ty)
        {
            return match row_of(&relation).filter(|_| modifiers.is_empty()) {
                Some(oid) => Ok((oid, -1)),
                None => Err(self.unsupported(&format!("the row type of \"{ty}\""), at)),
            };
        }
        let shown = schema.map_or_else(|| ty.clone(), |s| format!("{s}.{ty}"));
        let row = row.ok_or_else(|| undefined_type(&shown, at))?;
        let numbers: Vec<u64> = modifiers.iter().filter_map(|m| m.parse().ok()).collect();
        if numbers.len() != modifiers.len() {
            let message = format!("invalid type modifier for type {shown}");
            return Err(located(Error::new(ErrorKind::InvalidParameterValue, message), at));
        }
        let length = |n: u64| ast::CharacterLength::IntegerLength { length: n, unit: None };
        let typmod = match (row.oid, numbers.as_slice()) {
            (_, []) => -1,
            (oid::BPCHAR, [n]) => char_length("char", &Some(length(*n)), 1)?,
            (oid::VARCHAR, [n]) => char_length("varchar", &Some(length(*n)), 1)?,
            (oid::NUMERIC, [p]) => numeric_modifier(&ast::ExactNumberInfo::Precision(*p))?,
            (oid::NUMERIC, [p, s]) => {
                let scale = i64::try_from(*s).unwrap_or(i64::MAX);
                numeric_modifier(&ast::ExactNumberInfo::PrecisionAndScale(*p, scale))?
            }
            (oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ, [p]) => seconds_precision(Some(*p)),
            (oid::BIT, [n]) => bit_length("bit", Some(*n))?,
            (oid::VARBIT, [n]) => bit_length("varbit", Some(*n))?,
            (oid::INTERVAL, [p]) => interval_modifier(None, Some(*p)),
            _ => {
                let message = format!("type modifier is not allowed for type \"{shown}\"");
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
        };
        Ok((row.oid, typmod))
    }
}

impl Binder<'_> {
    /// The type that a user made, or the type of arrays over one, of that name. Types of pg_catalog are found first.
    pub(crate) fn user_type(&self, schema: Option<&str>, name: &str) -> Option<Oid> {
        let catalog = self.context.catalog;
        let within = |schema: &str| {
            let schema = catalog.schema_named(schema)?.id;
            if let Some(def) = catalog.type_named(schema, name) {
                return Some(def.oid);
            }
            let mut arrays = catalog.types().filter(|def| def.schema == schema && name.starts_with('_'));
            arrays.find(|def| def.array_name() == name).and_then(|def| user_type::array_of(def.oid))
        };
        match schema {
            Some(schema) => within(schema),
            None if builtin::type_named(name).is_some() => None,
            None => self.context.search_path.iter().find_map(|schema| within(schema)),
        }
    }

    /// An error in which types that users made have their names instead of their OIDs.
    pub(crate) fn with_type_names(&self, error: Error) -> Error {
        let catalog = self.context.catalog;
        let named = |text: &str| {
            if !text.contains(MARK) {
                return text.to_owned();
            }
            let types = catalog.types().map(|def| (Some(def.oid), &def.name));
            let rows = catalog.tables().map(|table| (UserKind::TableRow.oid(table.oid.0), &table.name));
            let of_views = catalog.views().map(|view| (UserKind::TableRow.oid(view.oid.0), &view.name));
            let all = types.chain(rows).chain(of_views).filter_map(|(oid, name)| Some((oid?, name)));
            all.fold(text.to_owned(), |text, (oid, name)| text.replace(&marked(oid), name))
        };
        let (message, detail) = (named(error.message()), error.detail().map(named));
        let error = error.with_message(message);
        match detail {
            Some(detail) => error.with_detail(detail),
            None => error,
        }
    }
}

/// The type of a relation's rows.
fn row_of(relation: &Relation) -> Option<Oid> {
    match relation {
        Relation::Table(table) => UserKind::TableRow.oid(table.oid.0),
        Relation::View(view) => UserKind::TableRow.oid(view.oid.0),
        Relation::Sequence(_) | Relation::System(_) => None,
    }
}

/// What no text of a user contains.
const MARK: char = '\u{1}';

/// What stands for the name of a type that a user made until `Binder::with_type_names` gives it: no other text has it.
fn marked(ty: Oid) -> String {
    format!("{MARK}{ty}{MARK}")
}

/// The type in the form this version holds it in; 0A000 when it holds none.
pub(super) fn held(oid: Oid, typmod: i32) -> Result<SqlType> {
    SqlType::with_typmod(oid, typmod).ok_or_else(|| not_held(&type_name(oid)))
}

fn not_held(name: &str) -> Error {
    Error::unsupported(format!("type {name} is not supported"))
        .with_hint("Store the value as text, or as one of the types that docs/types.md lists.")
}

fn undefined_type(name: &str, at: usize) -> Error {
    located(Error::new(ErrorKind::UndefinedObject, format!("type \"{name}\" does not exist")), at)
}

fn char_length(name: &str, length: &Option<ast::CharacterLength>, default: i32) -> Result<i32> {
    let length = match length {
        None if default < 0 => return Ok(-1),
        None => u64::try_from(default).unwrap_or(1),
        Some(ast::CharacterLength::IntegerLength { length, unit: _ }) => *length,
        Some(ast::CharacterLength::Max) => {
            return Err(Error::new(ErrorKind::Syntax, "length MAX is not known"));
        }
    };
    let bad = |what: String| Error::new(ErrorKind::InvalidParameterValue, what);
    match i32::try_from(length) {
        Ok(0) => Err(bad(format!("length for type {name} must be at least 1"))),
        Ok(n) if n <= 10_485_760 => Ok(n + 4),
        _ => Err(bad(format!("length for type {name} cannot exceed 10485760"))),
    }
}

/// The modifier of a bit string of so many bits.
fn bit_length(name: &str, length: Option<u64>) -> Result<i32> {
    const BITS_MAX: i32 = 83_886_080;
    let bad = |what: String| Error::new(ErrorKind::InvalidParameterValue, what);
    match length.map(i32::try_from) {
        None => Ok(-1),
        Some(Ok(0)) => Err(bad(format!("length for type {name} must be at least 1"))),
        Some(Ok(n)) if n <= BITS_MAX => Ok(n),
        Some(_) => Err(bad(format!("length for type {name} cannot exceed {BITS_MAX}"))),
    }
}

fn numeric_modifier(info: &ast::ExactNumberInfo) -> Result<i32> {
    let (precision, scale) = match info {
        ast::ExactNumberInfo::None => return Ok(-1),
        ast::ExactNumberInfo::Precision(p) => (*p, 0),
        ast::ExactNumberInfo::PrecisionAndScale(p, s) => (*p, *s),
    };
    let bad = |what: String| Error::new(ErrorKind::InvalidParameterValue, what);
    let Some(p) = u16::try_from(precision).ok().filter(|p| (1..=1000).contains(p)) else {
        return Err(bad(format!("NUMERIC precision {precision} must be between 1 and 1000")));
    };
    if !(-1000..=1000).contains(&scale) {
        return Err(bad(format!("NUMERIC scale {scale} must be between -1000 and 1000")));
    }
    // The scale is a signed number of 11 bits.
    let scale = u16::try_from(scale & 0x7ff).map_err(|_| Error::internal("a scale beyond 11 bits"))?;
    Ok(SqlType::numeric_typmod(p, scale))
}

fn float_width(info: &ast::ExactNumberInfo) -> Result<Oid> {
    let bad = |what: &str| Error::new(ErrorKind::InvalidParameterValue, what);
    match info {
        ast::ExactNumberInfo::None => Ok(oid::FLOAT8),
        ast::ExactNumberInfo::Precision(0) => Err(bad("precision for type float must be at least 1 bit")),
        ast::ExactNumberInfo::Precision(1..=24) => Ok(oid::FLOAT4),
        ast::ExactNumberInfo::Precision(25..=53) => Ok(oid::FLOAT8),
        ast::ExactNumberInfo::Precision(_) => Err(bad("precision for type float must be less than 54 bits")),
        ast::ExactNumberInfo::PrecisionAndScale(_, _) => {
            Err(Error::new(ErrorKind::Syntax, "type float takes one modifier"))
        }
    }
}

/// Digits behind the seconds' point; PostgreSQL cuts the number to 6.
fn seconds_precision(precision: Option<u64>) -> i32 {
    precision.map_or(-1, |p| i32::try_from(p.min(6)).unwrap_or(6))
}

pub(super) fn interval_modifier(fields: Option<&ast::IntervalFields>, precision: Option<u64>) -> i32 {
    use ast::IntervalFields as F;
    let range = match fields {
        None => ALL,
        Some(F::Year) => YEAR,
        Some(F::Month) => MONTH,
        Some(F::Day) => DAY,
        Some(F::Hour) => HOUR,
        Some(F::Minute) => MINUTE,
        Some(F::Second) => SECOND,
        Some(F::YearToMonth) => YEAR | MONTH,
        Some(F::DayToHour) => DAY | HOUR,
        Some(F::DayToMinute) => DAY | HOUR | MINUTE,
        Some(F::DayToSecond) => DAY | HOUR | MINUTE | SECOND,
        Some(F::HourToMinute) => HOUR | MINUTE,
        Some(F::HourToSecond) => HOUR | MINUTE | SECOND,
        Some(F::MinuteToSecond) => MINUTE | SECOND,
    };
    match (fields, precision) {
        (None, None) => -1,
        (_, precision) => {
            let digits = precision.map_or(FULL_PRECISION, |p| i32::try_from(p.min(6)).unwrap_or(6));
            (range << 16) | digits
        }
    }
}

/// A type as PostgreSQL's messages name it.
pub(crate) fn type_name(ty: Oid) -> String {
    if let Some(element) = user_type::array_element(ty) {
        return format!("{}[]", marked(element));
    }
    if user_type::is_enum(ty) || user_type::is_domain(ty) || user_type::is_composite(ty) {
        return marked(ty);
    }
    let row = builtin::type_by_oid(ty);
    let is_array = |r: &&builtin::TypeRow| builtin::type_by_oid(r.element).is_some_and(|e| e.array == ty);
    if let Some(row) = row.filter(is_array) {
        return format!("{}[]", type_name(row.element));
    }
    match ty {
        oid::BOOL => "boolean",
        oid::INT2 => "smallint",
        oid::INT4 => "integer",
        oid::INT8 => "bigint",
        oid::FLOAT4 => "real",
        oid::FLOAT8 => "double precision",
        oid::BPCHAR => "character",
        oid::VARCHAR => "character varying",
        oid::TIME => "time without time zone",
        oid::TIMETZ => "time with time zone",
        oid::VARBIT => "bit varying",
        oid::TIMESTAMP => "timestamp without time zone",
        oid::TIMESTAMPTZ => "timestamp with time zone",
        oid::CHAR => "\"char\"",
        oid::ANY => "\"any\"",
        _ => return row.map_or_else(|| ty.to_string(), |r| r.name.to_owned()),
    }
    .to_owned()
}

/// The name of a cast's result column: the type's name in pg_type.
pub(super) fn column_name(ty: Oid) -> String {
    builtin::type_by_oid(ty)
        .map_or("?column?", |r| if r.is_true_array { r.name.trim_start_matches('_') } else { r.name })
        .to_owned()
}
