//! A SQL type: PostgreSQL's identity of it and the form in which Arrow holds its values.
//!
//! Invariants: `form` follows from `oid` and `typmod`, except that a numeric may be exact at a fixed
//! scale (`Decimal128`, `Decimal256`) or carry its own scale per value (`PgNum`), as fields of rows do, and that rows have their
//! fields in the form; `oid` is never a domain's.

use crate::user_type;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use base::id::Oid;
use std::sync::Arc;

/// Type OIDs of PostgreSQL 15 that the binder and the codecs name.
pub mod oid {
    use base::id::Oid;
    pub const BOOL: Oid = Oid(16);
    pub const BYTEA: Oid = Oid(17);
    /// `"char"`, one byte.
    pub const CHAR: Oid = Oid(18);
    pub const NAME: Oid = Oid(19);
    pub const INT8: Oid = Oid(20);
    pub const INT2: Oid = Oid(21);
    pub const INT2VECTOR: Oid = Oid(22);
    pub const INT4: Oid = Oid(23);
    pub const REGPROC: Oid = Oid(24);
    pub const TEXT: Oid = Oid(25);
    pub const OID: Oid = Oid(26);
    pub const XID: Oid = Oid(28);
    pub const OIDVECTOR: Oid = Oid(30);
    pub const JSON: Oid = Oid(114);
    pub const JSON_ARRAY: Oid = Oid(199);
    pub const PG_NODE_TREE: Oid = Oid(194);
    pub const FLOAT4: Oid = Oid(700);
    pub const FLOAT8: Oid = Oid(701);
    pub const UNKNOWN: Oid = Oid(705);
    pub const BOOL_ARRAY: Oid = Oid(1000);
    pub const BYTEA_ARRAY: Oid = Oid(1001);
    pub const CHAR_ARRAY: Oid = Oid(1002);
    pub const NAME_ARRAY: Oid = Oid(1003);
    pub const INT2_ARRAY: Oid = Oid(1005);
    pub const INT4_ARRAY: Oid = Oid(1007);
    pub const REGPROC_ARRAY: Oid = Oid(1008);
    pub const TEXT_ARRAY: Oid = Oid(1009);
    pub const XID_ARRAY: Oid = Oid(1011);
    pub const BPCHAR_ARRAY: Oid = Oid(1014);
    pub const VARCHAR_ARRAY: Oid = Oid(1015);
    pub const INT8_ARRAY: Oid = Oid(1016);
    pub const FLOAT4_ARRAY: Oid = Oid(1021);
    pub const FLOAT8_ARRAY: Oid = Oid(1022);
    pub const OID_ARRAY: Oid = Oid(1028);
    pub const ACLITEM: Oid = Oid(1033);
    pub const ACLITEM_ARRAY: Oid = Oid(1034);
    pub const BPCHAR: Oid = Oid(1042);
    pub const VARCHAR: Oid = Oid(1043);
    pub const DATE: Oid = Oid(1082);
    pub const TIME: Oid = Oid(1083);
    pub const TIMESTAMP: Oid = Oid(1114);
    pub const TIMESTAMP_ARRAY: Oid = Oid(1115);
    pub const DATE_ARRAY: Oid = Oid(1182);
    pub const TIMESTAMPTZ: Oid = Oid(1184);
    pub const TIME_ARRAY: Oid = Oid(1183);
    pub const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);
    pub const INTERVAL: Oid = Oid(1186);
    pub const INTERVAL_ARRAY: Oid = Oid(1187);
    pub const NUMERIC_ARRAY: Oid = Oid(1231);
    pub const TIMETZ: Oid = Oid(1266);
    pub const TIMETZ_ARRAY: Oid = Oid(1270);
    pub const BIT: Oid = Oid(1560);
    pub const BIT_ARRAY: Oid = Oid(1561);
    pub const VARBIT: Oid = Oid(1562);
    pub const VARBIT_ARRAY: Oid = Oid(1563);
    pub const NUMERIC: Oid = Oid(1700);
    pub const REGPROCEDURE: Oid = Oid(2202);
    pub const REGOPER: Oid = Oid(2203);
    pub const REGOPERATOR: Oid = Oid(2204);
    pub const REGCLASS: Oid = Oid(2205);
    pub const REGTYPE: Oid = Oid(2206);
    pub const REGPROCEDURE_ARRAY: Oid = Oid(2207);
    pub const REGOPER_ARRAY: Oid = Oid(2208);
    pub const REGOPERATOR_ARRAY: Oid = Oid(2209);
    pub const REGCLASS_ARRAY: Oid = Oid(2210);
    pub const REGTYPE_ARRAY: Oid = Oid(2211);
    pub const INT2VECTOR_ARRAY: Oid = Oid(1006);
    pub const OIDVECTOR_ARRAY: Oid = Oid(1013);
    pub const RECORD: Oid = Oid(2249);
    pub const RECORD_ARRAY: Oid = Oid(2287);
    pub const CSTRING: Oid = Oid(2275);
    pub const ANY: Oid = Oid(2276);
    pub const ANYARRAY: Oid = Oid(2277);
    pub const ANYENUM: Oid = Oid(3500);
    pub const VOID: Oid = Oid(2278);
    pub const ANYELEMENT: Oid = Oid(2283);
    pub const ANYNONARRAY: Oid = Oid(2776);
    pub const ANYCOMPATIBLE: Oid = Oid(5077);
    pub const UUID: Oid = Oid(2950);
    pub const UUID_ARRAY: Oid = Oid(2951);
    pub const JSONB: Oid = Oid(3802);
    pub const JSONB_ARRAY: Oid = Oid(3807);
    pub const JSONPATH: Oid = Oid(4072);
    pub const JSONPATH_ARRAY: Oid = Oid(4073);
    pub const REGNAMESPACE: Oid = Oid(4089);
    pub const REGNAMESPACE_ARRAY: Oid = Oid(4090);
    pub const REGROLE: Oid = Oid(4096);
    pub const REGROLE_ARRAY: Oid = Oid(4097);
}

/// How Arrow holds the values of a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Bool,
    Int16,
    Int32,
    Int64,
    /// Int64: the place of an enum's label in the order of labels, which never changes; what the labels are only the
    /// catalog knows.
    Enum,
    /// oid and the reg* types.
    UInt32,
    Float32,
    Float64,
    /// Numeric with a scale known while planning, at most 38 digits: value times 10^scale.
    Decimal128 {
        scale: u8,
    },
    /// Numeric with a scale known while planning, at most 76 digits.
    Decimal256 {
        scale: u8,
    },
    /// Numeric with a display scale per value, NaN and infinities; encoded by `types::pgnum` into BinaryView.
    PgNum,
    /// Utf8View: text, varchar, name, "char", json as it was written, bit strings as the digits 0 and 1 (whose order
    /// is that of their bytes), unknown, aclitem and the like.
    Text,
    /// Utf8View: jsonb in its canonical text (`types::json`), whose order is that of a key.
    Jsonb,
    /// BinaryView: bytea.
    Bytes,
    /// BinaryView of 16 bytes.
    Uuid,
    /// Time64(us): microseconds since midnight, 24:00 included.
    Time,
    /// BinaryView of the 12 bytes of `TimeTz::to_bytes`, whose order is PostgreSQL's.
    TimeTz,
    /// Date32: days since 1970-01-01; i32::MIN and MAX are the infinities.
    Date,
    /// Timestamp(us): microseconds since 1970-01-01; i64::MIN and MAX are the infinities.
    Timestamp,
    /// Timestamp(us, "UTC").
    TimestampTz,
    /// FixedSizeBinary of the 16 bytes of `Interval::to_bytes`. Arrow's own type counts nanoseconds, of which 64 bits are
    /// only 292 years, and Arrow would compute with it (docs/adr/0014).
    Interval,
    /// Struct of `elements`, a list, and `bounds`, a BinaryView of `types::list::bounds_to_bytes` that is null unless
    /// the array has several dimensions or begins with another number than 1. Elements may be null.
    Array(Box<Form>),
    /// Struct of the fields, each named by its place from 0: a row, with or without a name for its type.
    Row(Arc<[RowField]>),
    /// List of values that go together within a plan. No SQL type is held so, and none is stored.
    List(Box<Form>),
}

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowField {
    pub name: String,
    pub ty: SqlType,
}

/// Width of the values of `Form::Interval`: `Interval::BYTES` as Arrow counts.
pub(crate) const INTERVAL_BYTES: i32 = 16;

/// How many arrays and rows may stand within each other in one type.
pub const DEPTH_MAX: u8 = 16;

impl Form {
    /// How many arrays and rows stand within each other.
    pub fn depth(&self) -> u8 {
        match self {
            Form::Array(element) | Form::List(element) => element.depth().saturating_add(1),
            Form::Row(fields) => {
                let deepest = fields.iter().map(|field| field.ty.form.depth()).max();
                deepest.unwrap_or(0).saturating_add(1)
            }
            _ => 0,
        }
    }

    /// The Arrow type of a column of this form.
    pub fn arrow(&self) -> DataType {
        match self {
            Form::Bool => DataType::Boolean,
            Form::Int16 => DataType::Int16,
            Form::Int32 => DataType::Int32,
            Form::Int64 | Form::Enum => DataType::Int64,
            Form::UInt32 => DataType::UInt32,
            Form::Float32 => DataType::Float32,
            Form::Float64 => DataType::Float64,
            Form::Decimal128 { scale } => DataType::Decimal128(38, signed_scale(*scale)),
            Form::Decimal256 { scale } => DataType::Decimal256(76, signed_scale(*scale)),
            Form::PgNum | Form::Bytes | Form::Uuid | Form::TimeTz => DataType::BinaryView,
            Form::Text | Form::Jsonb => DataType::Utf8View,
            Form::Time => DataType::Time64(TimeUnit::Microsecond),
            Form::Date => DataType::Date32,
            Form::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Form::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Form::Interval => DataType::FixedSizeBinary(INTERVAL_BYTES),
            Form::Array(element) => DataType::Struct(array_fields(element)),
            Form::Row(fields) => DataType::Struct(row_fields(fields)),
            Form::List(element) => DataType::List(item_field(element)),
        }
    }

    /// Whether Arrow's comparison of two values is PostgreSQL's order and equality; then values that are equal cannot be
    /// told apart. Floats are not: PostgreSQL has NaN equal to itself and above all, and -0 equal to 0. Nor are numerics
    /// with any number of digits, nor intervals, which have several ways to say a month.
    pub fn arrow_order_is_sql_order(&self) -> bool {
        !matches!(
            self,
            Form::Float32
                | Form::Float64
                | Form::PgNum
                | Form::Jsonb
                | Form::Interval
                | Form::Array(_)
                | Form::Row(_)
                | Form::List(_)
        )
    }
}

/// The field of a list's elements.
pub(crate) fn item_field(element: &Form) -> FieldRef {
    Arc::new(Field::new("item", element.arrow(), true))
}

/// The parts of a `Form::Array`.
pub(crate) fn array_fields(element: &Form) -> Fields {
    let elements = Field::new("elements", DataType::List(item_field(element)), true);
    Fields::from(vec![elements, Field::new("bounds", DataType::BinaryView, true)])
}

/// The parts of a `Form::Row`.
pub(crate) fn row_fields(fields: &[RowField]) -> Fields {
    let field =
        |(place, field): (usize, &RowField)| Field::new(place.to_string(), field.ty.form.arrow(), true);
    fields.iter().enumerate().map(field).collect()
}

fn signed_scale(scale: u8) -> i8 {
    i8::try_from(scale).unwrap_or(i8::MAX)
}

/// A type as the binder resolves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SqlType {
    pub oid: Oid,
    /// PostgreSQL's type modifier; -1 for none.
    pub typmod: i32,
    pub form: Form,
    /// The domain over this type that it is, or the type of arrays over a domain: the rest is what values are held and
    /// computed with.
    pub domain: Option<Oid>,
}

impl SqlType {
    /// A type without modifier; `None` for an OID this version has no form for.
    pub fn of(oid: Oid) -> Option<Self> {
        Self::with_typmod(oid, -1)
    }

    /// The type with PostgreSQL's modifier; `None` for an OID this version has no form for.
    pub fn with_typmod(oid: Oid, typmod: i32) -> Option<Self> {
        Some(Self { oid, typmod, form: form_of(oid, typmod)?, domain: None })
    }

    /// A row whose type has no name.
    pub fn row(fields: Vec<RowField>) -> Self {
        Self { oid: oid::RECORD, typmod: -1, form: Form::Row(fields.into()), domain: None }
    }

    /// The composite type of fields.
    pub fn composite(oid: Oid, fields: Vec<RowField>) -> Self {
        Self { oid, typmod: -1, form: Form::Row(fields.into()), domain: None }
    }

    /// The fields of a row.
    pub fn fields(&self) -> Option<&Arc<[RowField]>> {
        match &self.form {
            Form::Row(fields) => Some(fields),
            _ => None,
        }
    }

    /// The type as a field of a row has it: numerics are of the form of any numeric.
    #[must_use]
    pub fn of_field(self) -> Self {
        if self.oid == oid::NUMERIC { Self { form: Form::PgNum, ..self } } else { self }
    }

    /// The OID that names the type: the domain's where it is one.
    pub fn named(&self) -> Oid {
        self.domain.unwrap_or(self.oid)
    }

    /// PostgreSQL's modifier beside the name; what a domain's values have is the domain's.
    pub fn named_typmod(&self) -> i32 {
        if self.domain.is_some() { -1 } else { self.typmod }
    }

    /// The type as that domain over it.
    #[must_use]
    pub fn as_domain(self, domain: Option<Oid>) -> Self {
        Self { domain, ..self }
    }

    /// The type of an array of such values; `None` when there is none.
    pub fn array(&self) -> Option<Self> {
        let oid = array_of(self.oid)?;
        let array = match &self.form {
            Form::Row(_) => {
                Self { oid, typmod: -1, form: Form::Array(Box::new(self.form.clone())), domain: None }
            }
            _ => Self::of(oid)?,
        };
        match self.domain {
            None => Some(array),
            Some(domain) => user_type::array_of(domain).map(|domain| array.as_domain(Some(domain))),
        }
    }

    /// The type of an array's elements; `None` for what is no array.
    pub fn element(&self) -> Option<Self> {
        let oid = array_element(self.oid)?;
        let element = match &self.form {
            Form::Array(form) if matches!(**form, Form::Row(_)) => {
                Self { oid, typmod: -1, form: form.as_ref().clone(), domain: None }
            }
            _ => Self::of(oid)?,
        };
        Some(element.as_domain(self.domain.and_then(user_type::array_element)))
    }

    /// numeric in the form that fits digits before and behind the point known while planning.
    pub fn numeric_at_scale(scale: u8) -> Self {
        Self { oid: oid::NUMERIC, typmod: -1, form: Form::Decimal128 { scale }, domain: None }
    }

    /// The modifier of `numeric(precision, scale)`.
    pub fn numeric_typmod(precision: u16, scale: u16) -> i32 {
        ((i32::from(precision) << 16) | i32::from(scale)) + 4
    }

    /// Precision and scale of a numeric with modifier.
    pub fn numeric_precision_scale(&self) -> Option<(u16, u16)> {
        if self.oid != oid::NUMERIC || self.typmod < 4 {
            return None;
        }
        let packed = self.typmod - 4;
        Some((u16::try_from(packed >> 16).ok()?, u16::try_from(packed & 0x7ff).ok()?))
    }

    /// Maximal length in characters of a varchar or char with modifier.
    pub fn length_max(&self) -> Option<usize> {
        match self.oid {
            oid::VARCHAR | oid::BPCHAR if self.typmod >= 4 => usize::try_from(self.typmod - 4).ok(),
            _ => None,
        }
    }
}

fn form_of(oid: Oid, typmod: i32) -> Option<Form> {
    Some(match oid {
        oid::BOOL => Form::Bool,
        oid::INT2 => Form::Int16,
        oid::INT4 => Form::Int32,
        oid::INT8 => Form::Int64,
        oid::OID | oid::XID => Form::UInt32,
        registry if is_registry(registry) => Form::UInt32,
        user if user_type::is_enum(user) => Form::Enum,
        oid::FLOAT4 => Form::Float32,
        oid::FLOAT8 => Form::Float64,
        oid::NUMERIC => numeric_form(typmod),
        oid::TEXT
        | oid::VARCHAR
        | oid::BPCHAR
        | oid::NAME
        | oid::CHAR
        | oid::JSON
        | oid::BIT
        | oid::VARBIT
        | oid::UNKNOWN
        | oid::ACLITEM
        | oid::CSTRING
        | oid::VOID
        | oid::JSONPATH
        | oid::PG_NODE_TREE => Form::Text,
        oid::BYTEA => Form::Bytes,
        oid::UUID => Form::Uuid,
        oid::JSONB => Form::Jsonb,
        oid::TIME => Form::Time,
        oid::TIMETZ => Form::TimeTz,
        oid::DATE => Form::Date,
        oid::TIMESTAMP => Form::Timestamp,
        oid::TIMESTAMPTZ => Form::TimestampTz,
        oid::INTERVAL => Form::Interval,
        _ => Form::Array(Box::new(form_of(array_element(oid)?, -1)?)),
    })
}

fn numeric_form(typmod: i32) -> Form {
    if typmod < 4 {
        return Form::PgNum;
    }
    let precision = (typmod - 4) >> 16;
    match u8::try_from((typmod - 4) & 0x7ff) {
        Ok(scale) if precision <= 38 && i32::from(scale) <= precision => Form::Decimal128 { scale },
        Ok(scale) if precision <= 76 && i32::from(scale) <= precision => Form::Decimal256 { scale },
        _ => Form::PgNum,
    }
}

/// Whether values of the type stand for objects of the catalog and are written as their names.
pub fn is_registry(ty: Oid) -> bool {
    matches!(
        ty,
        oid::REGPROC
            | oid::REGPROCEDURE
            | oid::REGOPER
            | oid::REGOPERATOR
            | oid::REGCLASS
            | oid::REGTYPE
            | oid::REGNAMESPACE
            | oid::REGROLE
    )
}

/// Whether the type is one of the vectors of the catalog, which count from 0.
pub fn is_vector(ty: Oid) -> bool {
    matches!(ty, oid::INT2VECTOR | oid::OIDVECTOR)
}

/// The element type of an array type.
pub fn array_element(array: Oid) -> Option<Oid> {
    let built_in = ARRAYS.iter().find(|(a, _)| *a == array).map(|(_, e)| *e);
    built_in.or_else(|| user_type::array_element(array))
}

/// The array type over an element type.
pub fn array_of(element: Oid) -> Option<Oid> {
    let built_in = ARRAYS.iter().rev().find(|(_, e)| *e == element).map(|(a, _)| *a);
    built_in.or_else(|| user_type::array_of(element))
}

/// Array type and element type; the vectors come first so that `array_of` finds the true array.
const ARRAYS: &[(Oid, Oid)] = &[
    (oid::INT2VECTOR, oid::INT2),
    (oid::OIDVECTOR, oid::OID),
    (oid::BOOL_ARRAY, oid::BOOL),
    (oid::BYTEA_ARRAY, oid::BYTEA),
    (oid::CHAR_ARRAY, oid::CHAR),
    (oid::NAME_ARRAY, oid::NAME),
    (oid::INT2_ARRAY, oid::INT2),
    (oid::INT4_ARRAY, oid::INT4),
    (oid::INT8_ARRAY, oid::INT8),
    (oid::TEXT_ARRAY, oid::TEXT),
    (oid::VARCHAR_ARRAY, oid::VARCHAR),
    (oid::FLOAT4_ARRAY, oid::FLOAT4),
    (oid::FLOAT8_ARRAY, oid::FLOAT8),
    (oid::OID_ARRAY, oid::OID),
    (oid::ACLITEM_ARRAY, oid::ACLITEM),
    (oid::TIMESTAMP_ARRAY, oid::TIMESTAMP),
    (oid::DATE_ARRAY, oid::DATE),
    (oid::TIMESTAMPTZ_ARRAY, oid::TIMESTAMPTZ),
    (oid::NUMERIC_ARRAY, oid::NUMERIC),
    (oid::UUID_ARRAY, oid::UUID),
    (oid::BPCHAR_ARRAY, oid::BPCHAR),
    (oid::XID_ARRAY, oid::XID),
    (oid::INTERVAL_ARRAY, oid::INTERVAL),
    (oid::TIME_ARRAY, oid::TIME),
    (oid::TIMETZ_ARRAY, oid::TIMETZ),
    (oid::JSON_ARRAY, oid::JSON),
    (oid::JSONPATH_ARRAY, oid::JSONPATH),
    (oid::JSONB_ARRAY, oid::JSONB),
    (oid::BIT_ARRAY, oid::BIT),
    (oid::VARBIT_ARRAY, oid::VARBIT),
    (oid::REGPROC_ARRAY, oid::REGPROC),
    (oid::REGPROCEDURE_ARRAY, oid::REGPROCEDURE),
    (oid::REGOPER_ARRAY, oid::REGOPER),
    (oid::REGOPERATOR_ARRAY, oid::REGOPERATOR),
    (oid::REGCLASS_ARRAY, oid::REGCLASS),
    (oid::REGTYPE_ARRAY, oid::REGTYPE),
    (oid::REGNAMESPACE_ARRAY, oid::REGNAMESPACE),
    (oid::REGROLE_ARRAY, oid::REGROLE),
    (oid::RECORD_ARRAY, oid::RECORD),
    (oid::INT2VECTOR_ARRAY, oid::INT2VECTOR),
    (oid::OIDVECTOR_ARRAY, oid::OIDVECTOR),
];
