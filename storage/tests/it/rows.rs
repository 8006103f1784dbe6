//! Tables and rows that the tests use.

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, StringViewArray};
use arrow::datatypes::{Int32Type, Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use catalog::{CatalogState, ColumnDef, ColumnKind, HashLevel, Partitioning, TableDef, TabletDef};
use futures::StreamExt;
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Predicate, ReadView, ScanSpec};
use types::sql_type::oid;
use types::{Datum, SqlType};

/// Value of a row: `v` and `s`.
pub(crate) type Value = (i64, Option<String>);
pub(crate) type Model = BTreeMap<i32, Value>;

pub(crate) const K: ColumnId = ColumnId(1);
pub(crate) const V: ColumnId = ColumnId(2);
pub(crate) const S: ColumnId = ColumnId(3);

fn column(id: ColumnId, name: &str, ty: Oid, not_null: bool) -> ColumnDef {
    ColumnDef {
        id,
        name: name.to_owned(),
        ty: SqlType::of(ty).unwrap(),
        not_null,
        default: None,
        kind: ColumnKind::Plain,
        missing: types::Datum::Null,
    }
}

/// `(k int4, v int8 not null, s text)` in `buckets` tablets by hash of `k`, with or without primary key.
pub(crate) fn table(catalog: &CatalogState, name: &str, key: bool, buckets: u32) -> TableDef {
    let id = catalog.next_id();
    let tablets = (0..buckets).map(|b| TabletDef {
        id: TabletId(id + 1 + u64::from(b)),
        buckets: vec![b],
        range: None,
    });
    TableDef {
        id: TableId(id),
        oid: catalog.next_oid(),
        schema: SchemaId(1),
        name: name.to_owned(),
        schema_version: SchemaVersion(1),
        columns: vec![
            column(K, "k", oid::INT4, key),
            column(V, "v", oid::INT8, true),
            column(S, "s", oid::TEXT, false),
        ],
        next_column: ColumnId(4),
        primary_key: if key { vec![K] } else { Vec::new() },
        primary_key_name: if key { format!("{name}_pkey") } else { String::new() },
        partitioning: Partitioning { hash: vec![HashLevel { columns: vec![K], buckets }], range: None },
        tablets: tablets.collect(),
        options: catalog::TableOptions::default(),
        distinct: Vec::new(),
        checks: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    }
}

/// The text column of a table: the third, whichever it is by now; with what rows have that are older than it.
pub(crate) fn text_column(def: &TableDef) -> (ColumnId, Option<String>) {
    let column = &def.columns[2];
    let missing = match &column.missing {
        Datum::Text(text) => Some(text.clone()),
        _ => None,
    };
    (column.id, missing)
}

/// The table with a new text column in the place of the one it has.
pub(crate) fn with_text_column(def: &TableDef, missing: Option<String>) -> TableDef {
    let mut def = def.without_column(text_column(def).0);
    let missing = missing.map_or(Datum::Null, Datum::Text);
    def.columns.push(ColumnDef { missing, ..column(def.next_column, "s", oid::TEXT, false) });
    def.next_column = ColumnId(def.next_column.0 + 1);
    def.schema_version = SchemaVersion(def.schema_version.0 + 1);
    def
}

pub(crate) fn batch(rows: &[(i32, Value)]) -> RecordBatch {
    let k: ArrayRef = Arc::new(Int32Array::from_iter_values(rows.iter().map(|(k, _)| *k)));
    let v: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, (v, _))| *v)));
    let s: ArrayRef = Arc::new(rows.iter().map(|(_, (_, s))| s.as_deref()).collect::<StringViewArray>());
    RecordBatch::try_from_iter_with_nullable([("k", k, true), ("v", v, true), ("s", s, true)]).unwrap()
}

/// A row with its address.
pub(crate) type Found = (i32, Value, u64);

/// All rows with their addresses, in order of `k`, `v`.
pub(crate) fn read(view: &ReadView, table: TableId, predicate: Option<Predicate>) -> Vec<Found> {
    try_read(view, table, predicate).unwrap()
}

/// The same on a disk that may fail.
pub(crate) fn try_read(view: &ReadView, table: TableId, predicate: Option<Predicate>) -> Result<Vec<Found>> {
    let text = view.catalog().table(table).map_or(S, |def| text_column(def).0);
    let spec = ScanSpec { table, projection: vec![K, V, text], predicate, sieve: None, row_address: true };
    let mut rows = Vec::new();
    for split in view.scan(&spec)?.splits {
        let mut batches = split.stream();
        while let Some(batch) = block_on(batches.next()) {
            let batch = batch?;
            let k = batch.column(0).as_primitive::<Int32Type>();
            let v = batch.column(1).as_primitive::<Int64Type>();
            let s = batch.column(2).as_string_view();
            let address = batch.column(3).as_primitive::<UInt64Type>();
            for i in 0..batch.num_rows() {
                let text = s.is_valid(i).then(|| s.value(i).to_owned());
                rows.push((k.value(i), (v.value(i), text), address.value(i)));
            }
        }
    }
    rows.sort();
    Ok(rows)
}

/// The rows of a table with a key as a map; two rows with one key fail the test.
pub(crate) fn read_map(view: &ReadView, table: TableId) -> Model {
    map_of(read(view, table, None))
}

pub(crate) fn map_of(rows: Vec<Found>) -> Model {
    let count = rows.len();
    let map: Model = rows.into_iter().map(|(k, value, _)| (k, value)).collect();
    assert_eq!(map.len(), count, "a key is alive twice");
    map
}

pub(crate) fn address_of(view: &ReadView, table: TableId, key: i32) -> Option<u64> {
    address_in(&read(view, table, None), key)
}

pub(crate) fn address_in(rows: &[Found], key: i32) -> Option<u64> {
    rows.iter().find(|(k, _, _)| *k == key).map(|(_, _, address)| *address)
}
