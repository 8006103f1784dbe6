//! Descriptions of results and parameters as clients are told of them.

use crate::frontend::Format;
use base::{Error, ErrorKind, Result};
use pgwire::messages::data::{FieldDescription, ParameterDescription, RowDescription};
use sql::bound::OutputColumn;
use types::sql_type::oid;
use types::{Form, SqlType};

/// One format per column from the list of a Bind: none is text, one is for all.
pub(crate) fn spread(formats: &[Format], columns: usize) -> Result<Vec<Format>> {
    match formats {
        [] => Ok(vec![Format::Text; columns]),
        [one] => Ok(vec![*one; columns]),
        many if many.len() == columns => Ok(many.to_vec()),
        many => {
            let message =
                format!("bind message has {} result formats but query has {columns} columns", many.len());
            Err(Error::new(ErrorKind::ProtocolViolation, message))
        }
    }
}

pub(crate) fn rows(columns: &[OutputColumn], formats: &[Format]) -> RowDescription {
    let fields = columns.iter().zip(formats).map(|(column, format)| {
        FieldDescription::new(
            column.name.clone(),
            i32::from_ne_bytes(column.table_oid.0.to_ne_bytes()),
            column.attnum,
            announced(&column.ty).0,
            type_size(&column.ty),
            if announced(&column.ty) == column.ty.oid { column.ty.typmod } else { -1 },
            match format {
                Format::Text => 0,
                Format::Binary => 1,
            },
        )
    });
    RowDescription::new(fields.collect())
}

pub(crate) fn parameters(types: &[SqlType]) -> ParameterDescription {
    ParameterDescription::new(types.iter().map(|t| announced(t).0).collect())
}

/// Results never have the pseudo-type unknown: PostgreSQL calls them text. Those of a domain have the type that it is over,
/// but arrays over one have a type of their own.
fn announced(ty: &SqlType) -> base::id::Oid {
    match ty.domain.filter(|domain| types::user_type::is_array(*domain)) {
        Some(array) => array,
        None if ty.oid == oid::UNKNOWN => oid::TEXT,
        None => ty.oid,
    }
}

/// pg_type.typlen.
fn type_size(ty: &SqlType) -> i16 {
    match (&ty.form, ty.oid) {
        (_, oid::NAME) => 64,
        (_, oid::CHAR) => 1,
        (_, oid::VOID) => 4,
        (_, oid::ACLITEM) => 12,
        (_, oid::CSTRING | oid::UNKNOWN) if ty.oid == oid::CSTRING => -2,
        (Form::Bool, _) => 1,
        (Form::Int16, _) => 2,
        (Form::Int32 | Form::UInt32 | Form::Float32 | Form::Date | Form::Enum, _) => 4,
        (Form::Int64 | Form::Float64 | Form::Time | Form::Timestamp | Form::TimestampTz, _) => 8,
        (Form::TimeTz, _) => 12,
        (Form::Interval | Form::Uuid, _) => 16,
        (
            Form::Decimal128 { .. }
            | Form::Decimal256 { .. }
            | Form::PgNum
            | Form::Text
            | Form::Jsonb
            | Form::Bytes
            | Form::Array(_)
            | Form::Row(_)
            | Form::List(_),
            _,
        ) => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::spread;
    use crate::frontend::Format;

    #[test]
    fn formats_are_spread_over_the_columns() {
        assert_eq!(spread(&[], 2).unwrap(), [Format::Text, Format::Text]);
        assert_eq!(spread(&[Format::Binary], 2).unwrap(), [Format::Binary, Format::Binary]);
        assert!(spread(&[Format::Text, Format::Text], 3).is_err());
    }
}
