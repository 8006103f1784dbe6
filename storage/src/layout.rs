//! How the rows of a table lie in memtables, log and segments: its columns in table order and, for a table
//! without a key, the hidden row id behind them.
//!
//! Must not know where rows are stored. Invariants: fields are named by column id in decimal; every stored row has
//! a key, and two versions of a row have the same one; rows written with other columns are read by column id.

use crate::conversion::converted;
use crate::detail::with_key;
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::id::{ColumnId, TableId};
use base::plant::{Flaw, planted};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, TableDef};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::array::{field, repeated};
use types::key::encode_keys;
use types::{Datum, Form};

/// An encoded key: the primary key, or the hidden row id.
pub(crate) type Key = Arc<[u8]>;

/// How hash tables of keys in memory hash. Nothing of it is stored.
pub(crate) type KeyHasher = foldhash::quality::RandomState;

/// The hidden column of a table without key. No column of a table gets this id.
pub(crate) const ROW_ID: ColumnId = ColumnId(u32::MAX);

/// The stored form of one version of a table's column list.
#[derive(Debug)]
pub(crate) struct Layout {
    def: Arc<TableDef>,
    columns: Vec<(ColumnId, Form)>,
    /// Of each of them, what rows have that were written without it.
    missing: Vec<Datum>,
    schema: SchemaRef,
    /// Positions of the key's columns, in key order.
    key: Vec<usize>,
}

impl Layout {
    /// Rows of a definition: they have its columns.
    pub(crate) fn new(def: &Arc<TableDef>) -> Result<Self> {
        Self::storing(def, std::iter::empty())
    }

    /// Rows of a definition that also have, behind its own, the columns of those before it: times that can still be
    /// read ask for them.
    pub(crate) fn storing<'d>(
        def: &Arc<TableDef>,
        before: impl Iterator<Item = &'d Arc<TableDef>>,
    ) -> Result<Self> {
        let mut columns: Vec<_> = def.columns.iter().map(|c| (c.id, c.ty.form.clone())).collect();
        let mut missing: Vec<Datum> = def.columns.iter().map(|c| c.missing.clone()).collect();
        let mut key = Vec::new();
        if def.has_primary_key() {
            for id in &def.primary_key {
                let missing = || Error::internal(format!("table {} lacks key column {id}", def.id));
                key.push(def.column_index(*id).ok_or_else(missing)?);
            }
        } else {
            key.push(columns.len());
            columns.push((ROW_ID, Form::Int64));
            missing.push(Datum::Null);
        }
        let mut dropped: BTreeMap<ColumnId, &ColumnDef> = BTreeMap::new();
        for column in before.flat_map(|def| &def.columns).filter(|c| def.column(c.id).is_none()) {
            dropped.insert(column.id, column);
        }
        for (id, column) in dropped {
            columns.push((id, column.ty.form.clone()));
            missing.push(column.missing.clone());
        }
        let fields: Vec<_> = columns.iter().map(|(id, form)| field(&id.to_string(), form)).collect();
        Ok(Self { def: Arc::clone(def), columns, missing, schema: Arc::new(Schema::new(fields)), key })
    }

    pub(crate) fn def(&self) -> &Arc<TableDef> {
        &self.def
    }

    pub(crate) fn table(&self) -> TableId {
        self.def.id
    }

    /// Stored columns with their forms, in order.
    pub(crate) fn columns(&self) -> &[(ColumnId, Form)] {
        &self.columns
    }

    pub(crate) fn forms(&self) -> Vec<Form> {
        self.columns.iter().map(|(_, form)| form.clone()).collect()
    }

    pub(crate) fn form(&self, column: ColumnId) -> Option<&Form> {
        self.columns.iter().find(|(id, _)| *id == column).map(|(_, form)| form)
    }

    /// What rows have that were written without a column.
    pub(crate) fn missing(&self, column: ColumnId) -> Datum {
        let found = self.columns.iter().zip(&self.missing).find(|((id, _), _)| *id == column);
        let found = found.filter(|_| !planted(Flaw::ForgetMissingValues));
        found.map_or(Datum::Null, |(_, missing)| missing.clone())
    }

    /// Stored rows, with whatever columns they were written, as rows of this layout.
    pub(crate) fn aligned(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        if Arc::ptr_eq(rows.schema_ref(), &self.schema) {
            return Ok(rows.clone());
        }
        let every: Vec<ColumnId> = self.columns.iter().map(|(id, _)| *id).collect();
        self.chosen(rows, &every, Arc::clone(&self.schema))
    }

    /// Some columns of stored rows, in the order asked for, with whatever columns they were written.
    pub(crate) fn project(&self, rows: &RecordBatch, columns: &[ColumnId]) -> Result<RecordBatch> {
        let positions = columns.iter().map(|id| {
            let position = self.columns.iter().position(|(held, _)| held == id);
            position.ok_or_else(|| Error::internal(format!("table {} has no column {id}", self.table())))
        });
        let positions: Vec<usize> = positions.collect::<Result<_>>()?;
        if Arc::ptr_eq(rows.schema_ref(), &self.schema) {
            return rows.project(&positions).map_err(|e| Error::internal(format!("choose columns: {e}")));
        }
        let schema = self.schema.project(&positions);
        let schema = schema.map_err(|e| Error::internal(format!("choose columns: {e}")))?;
        self.chosen(rows, columns, Arc::new(schema))
    }

    fn chosen(&self, rows: &RecordBatch, columns: &[ColumnId], schema: SchemaRef) -> Result<RecordBatch> {
        let arrays = columns.iter().zip(schema.fields()).map(|(id, field)| {
            if let Some(held) = rows.column_by_name(field.name()) {
                return converted(held, field.data_type());
            }
            let form = self.form(*id).ok_or_else(|| Error::internal("a column without a form"))?;
            repeated(form, &self.missing(*id), rows.num_rows())
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|e| Error::internal(format!("stored rows do not fit their table: {e}")))
    }

    /// Schema of stored rows.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn key_columns(&self) -> Vec<ColumnId> {
        self.key.iter().filter_map(|i| self.columns.get(*i)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn has_row_id(&self) -> bool {
        !self.def.has_primary_key()
    }

    /// Rows as given by a caller (the table's columns) in stored form; `row_ids` for a table without key.
    pub(crate) fn store(&self, rows: &RecordBatch, row_ids: Option<Int64Array>) -> Result<RecordBatch> {
        let visible = self.def.columns.len();
        if rows.num_columns() != visible {
            let message = format!("{} columns given for a table of {visible}", rows.num_columns());
            return Err(Error::internal(message));
        }
        for (column, (id, form)) in rows.columns().iter().zip(&self.columns) {
            if *column.data_type() != form.arrow() {
                let message = format!("column {id} given as {}, stored as {form:?}", column.data_type());
                return Err(Error::internal(message));
            }
        }
        let mut columns = rows.columns().to_vec();
        if let Some(ids) = row_ids {
            columns.push(Arc::new(ids) as ArrayRef);
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|e| Error::internal(format!("rows do not fit their table: {e}")))
    }

    /// Keys of stored rows.
    pub(crate) fn keys(&self, stored: &RecordBatch) -> Result<Vec<Key>> {
        let columns: Vec<ArrayRef> = self.key.iter().map(|i| Arc::clone(stored.column(*i))).collect();
        self.keys_of(&columns)
    }

    /// Keys from the key's columns alone, in key order.
    pub(crate) fn keys_of(&self, columns: &[ArrayRef]) -> Result<Vec<Key>> {
        let forms = self.key.iter().filter_map(|i| self.columns.get(*i)).map(|(_, form)| form.clone());
        let columns: Vec<(Form, ArrayRef)> = forms.zip(columns.iter().cloned()).collect();
        Ok(encode_keys(&columns)?.iter().map(Key::from).collect())
    }

    /// The error of a duplicate key, as PostgreSQL words it. `row` is a row of `rows`, whose first columns are the table's.
    pub(crate) fn duplicate(&self, rows: &RecordBatch, row: usize) -> Error {
        let message =
            format!("duplicate key value violates unique constraint \"{}\"", self.def.primary_key_name);
        let columns = self.def.primary_key.as_slice();
        let error = Error::new(ErrorKind::UniqueViolation, message)
            .about(self.def.subject(None, Some(&self.def.primary_key_name)));
        with_key(error, &self.def, self.values_of(columns, rows), row, " already exists.")
    }

    /// Some columns of rows with their values.
    pub(crate) fn values_of<'a>(
        &self,
        columns: &'a [ColumnId],
        rows: &'a RecordBatch,
    ) -> impl Iterator<Item = (&'a ColumnId, &'a ArrayRef)> {
        columns.iter().filter_map(|id| Some((id, rows.columns().get(self.def.column_index(*id)?)?)))
    }
}
