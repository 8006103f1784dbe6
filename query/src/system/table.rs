//! A system relation being filled: rows given as named values, made into arrays of the columns' forms.
//!
//! Invariant: a column that a row does not name is NULL, or the neutral value of its type where NULL is not allowed.

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use catalog::builtin::{SystemColumn, SystemRelation};
use std::borrow::Cow;
use std::sync::Arc;
use types::sql_type::oid;
use types::text::{IoSettings, parse_text};
use types::{Datum, Form, SqlType};

/// A value in the text form of its column's type.
pub(crate) type Value = Option<Cow<'static, str>>;

#[derive(Debug)]
pub(crate) struct SystemTable {
    relation: &'static SystemRelation,
    rows: Vec<Vec<Value>>,
}

impl SystemTable {
    pub(crate) fn new(relation: &'static SystemRelation) -> Self {
        Self { relation, rows: Vec::new() }
    }

    /// Adds a row from (column, value) pairs; a column that the relation does not have is ignored with a debug failure.
    pub(crate) fn row(&mut self, values: &[(&str, Value)]) {
        let mut row: Vec<Value> = self.relation.columns.iter().map(neutral).collect();
        for (name, value) in values {
            let place = self.relation.columns.iter().position(|c| c.name == *name);
            debug_assert!(place.is_some(), "{} has no column {name}", self.relation.name);
            if let Some(slot) = place.and_then(|p| row.get_mut(p)) {
                slot.clone_from(value);
            }
        }
        self.rows.push(row);
    }

    /// Adds a row whose values are in the relation's order already.
    pub(crate) fn whole_row(&mut self, values: Vec<Value>) {
        self.rows.push(values);
    }

    /// The rows as arrays.
    pub(crate) fn finish(self) -> Result<RecordBatch> {
        let settings = IoSettings::default();
        let mut fields = Vec::with_capacity(self.relation.columns.len());
        let mut arrays = Vec::with_capacity(self.relation.columns.len());
        for (index, column) in self.relation.columns.iter().enumerate() {
            let array = self.column(index, column, &settings)?;
            fields.push(Field::new(column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(crate::failure::from_arrow)
    }

    fn column(&self, index: usize, column: &SystemColumn, settings: &IoSettings) -> Result<ArrayRef> {
        let Some(ty) = SqlType::with_typmod(column.ty, column.typmod) else {
            // The binder refuses columns whose type has no form; the place is kept.
            return Ok(new_null_array(&DataType::Utf8View, self.rows.len()));
        };
        let data = self
            .rows
            .iter()
            .map(|row| match row.get(index).and_then(Option::as_deref) {
                None => Ok(Datum::Null),
                Some(text) => parse_text(&ty, text, settings).map_err(|e| {
                    Error::internal(format!("{}.{}: \"{text}\": {e}", self.relation.name, column.name))
                }),
            })
            .collect::<Result<Vec<_>>>()?;
        types::array::from_data(&ty.form, &data)
    }
}

/// The value of a column that a row does not mention.
fn neutral(column: &SystemColumn) -> Value {
    if !column.not_null {
        return None;
    }
    let form = SqlType::of(column.ty).map(|t| t.form);
    Some(Cow::Borrowed(match form {
        Some(Form::Bool) => "f",
        Some(Form::Int16 | Form::Int32 | Form::Int64 | Form::UInt32 | Form::Float32 | Form::Float64) => "0",
        Some(Form::Array(_)) if matches!(column.ty, oid::INT2VECTOR | oid::OIDVECTOR) => "",
        Some(Form::Array(_)) => "{}",
        _ => "",
    }))
}

/// Any value by its text.
pub(crate) fn value(text: impl ToString) -> Value {
    Some(Cow::Owned(text.to_string()))
}

/// A fixed text.
pub(crate) fn word(text: &'static str) -> Value {
    Some(Cow::Borrowed(text))
}

pub(crate) fn flag(is_true: bool) -> Value {
    word(if is_true { "t" } else { "f" })
}

/// Numbers as int2vector and oidvector print them.
pub(crate) fn vector(numbers: impl IntoIterator<Item = impl ToString>) -> Value {
    let numbers: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
    value(numbers.join(" "))
}

/// Numbers as an array prints them.
pub(crate) fn array(numbers: impl IntoIterator<Item = impl ToString>) -> Value {
    let numbers: Vec<String> = numbers.into_iter().map(|n| n.to_string()).collect();
    value(format!("{{{}}}", numbers.join(",")))
}
