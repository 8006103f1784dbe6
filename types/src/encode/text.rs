//! Columns to text.

use super::column::{Column, Elements};
use crate::datum::{Interval, TimeTz};
use crate::pgnum::PgNum;
use crate::sql_type::{SqlType, array_element, oid};
use crate::text::{
    ArrayText, IoSettings, quote_element, quote_field, write_bool, write_bytea, write_date, write_decimal,
    write_decimal256, write_f32, write_f64, write_integer, write_interval, write_oid, write_time,
    write_timestamp, write_timestamptz, write_timetz, write_uuid,
};
use arrow::array::ArrayRef;
use base::Result;
use base::id::Oid;
use std::cell::RefCell;
use std::io::Write;

/// Writes the cells of one column as text.
#[derive(Debug)]
pub struct TextEncoder {
    oid: Oid,
    column: Column,
    settings: IoSettings,
    scratch: RefCell<String>,
}

impl TextEncoder {
    /// An array that is not of the type's form is an internal error.
    pub fn new(ty: &SqlType, array: &ArrayRef, settings: &IoSettings) -> Result<Self> {
        let column = Column::new(&ty.form, array)?;
        Ok(Self { oid: ty.oid, column, settings: settings.clone(), scratch: RefCell::default() })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.column.is_null(row)
    }

    /// Appends the text of the cell, which must not be null.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match &self.column {
            Column::Text(a) | Column::Jsonb(a) => out.extend_from_slice(a.value(row).as_bytes()),
            Column::Bool(a) => out.push(if a.value(row) { b't' } else { b'f' }),
            Column::Int16(a) => drop(write!(out, "{}", a.value(row))),
            Column::Int32(a) => drop(write!(out, "{}", a.value(row))),
            Column::Int64(a) => drop(write!(out, "{}", a.value(row))),
            column => {
                let mut text = self.scratch.borrow_mut();
                text.clear();
                let written = write_cell(self.oid, column, row, &self.settings, &mut text);
                out.extend_from_slice(text.as_bytes());
                written?;
            }
        }
        Ok(())
    }
}

fn write_cell(oid: Oid, column: &Column, row: usize, settings: &IoSettings, out: &mut String) -> Result<()> {
    match column {
        Column::Bool(a) => write_bool(a.value(row), out),
        Column::Int16(a) => write_integer(i64::from(a.value(row)), out),
        Column::Int32(a) => write_integer(i64::from(a.value(row)), out),
        Column::Int64(a) => write_integer(a.value(row), out),
        Column::Enum(a) => out.push_str(&settings.enum_label(oid, a.value(row))?),
        Column::UInt32(a) => write_oid(oid, a.value(row), settings, out),
        Column::Float32(a) => write_f32(a.value(row), settings.extra_float_digits, out),
        Column::Float64(a) => write_f64(a.value(row), settings.extra_float_digits, out),
        Column::Decimal128(a, scale) => write_decimal(a.value(row), *scale, out),
        Column::Decimal256(a, scale) => write_decimal256(a.value(row), *scale, out)?,
        Column::PgNum(a) => PgNum::from_bytes(a.value(row))?.format(out),
        Column::Text(a) => out.push_str(a.value(row)),
        Column::Bytes(a) => write_bytea(a.value(row), settings.bytea_output, out),
        Column::Uuid(a) => write_uuid(a.value(row), out),
        Column::Jsonb(a) => out.push_str(a.value(row)),
        Column::Time(a) => write_time(a.value(row), out),
        Column::TimeTz(a) => write_timetz(TimeTz::from_bytes(a.value(row))?, out),
        Column::Date(a) => write_date(a.value(row), settings, out),
        Column::Timestamp(a) => write_timestamp(a.value(row), settings, out),
        Column::TimestampTz(a) => write_timestamptz(a.value(row), settings, out),
        Column::Interval(a) => {
            write_interval(Interval::from_bytes(a.value(row))?, settings.interval_style, out)
        }
        Column::Row(_, columns) => {
            out.push('(');
            for (place, (oid, column)) in columns.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                if !column.is_null(row) {
                    let start = out.len();
                    write_cell(*oid, column, row, settings, out)?;
                    quote_field(out, start);
                }
            }
            out.push(')');
        }
        Column::Array(_, elements) => write_array(oid, elements, row, settings, out)?,
    }
    Ok(())
}

fn write_array(
    oid: Oid,
    elements: &Elements,
    row: usize,
    settings: &IoSettings,
    out: &mut String,
) -> Result<()> {
    let element_oid = array_element(oid).unwrap_or(oid::TEXT);
    let values = elements.values.as_ref();
    let (rows, dimensions) = elements.at(row)?;
    let mut shape = ArrayText::new(oid, &dimensions, out);
    for element in rows {
        shape.before_element(out);
        if values.is_null(element) {
            out.push_str("NULL");
        } else {
            let start = out.len();
            write_cell(element_oid, values, element, settings, out)?;
            quote_element(out, start);
        }
        shape.after_element(out);
    }
    shape.finish(out);
    Ok(())
}
