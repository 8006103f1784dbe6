//! Sieves: predicates of somebody else's inside a scan, over memtables, segments, dead rows and own writes.

use crate::rows::{self, Found, K, S, V, batch};
use crate::world::World;
use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, TableId};
use base::{Error, ErrorKind, Result};
use catalog::CatalogEdit;
use futures::StreamExt;
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use storage::{CompareOp, InsertMode, Predicate, ReadView, ScanSpec, Sieve};
use types::Datum;

/// Keeps rows whose `k` is a multiple of a number and whose `s` is not null; unknown for multiples of 4.
#[derive(Debug)]
struct Multiples {
    of: i32,
    bounds: Option<Predicate>,
    /// Fails for this `k`.
    poison: Option<i32>,
    seen: AtomicUsize,
}

impl Multiples {
    fn of(of: i32) -> Self {
        Self { of, bounds: None, poison: None, seen: AtomicUsize::new(0) }
    }

    fn keeps(&self, k: i32, s: bool) -> bool {
        k % self.of == 0 && k % 4 != 0 && s
    }
}

impl Sieve for Multiples {
    fn columns(&self) -> &[ColumnId] {
        &[S, K]
    }

    fn keep(&self, rows: &RecordBatch) -> Result<Option<BooleanArray>> {
        self.seen.fetch_add(rows.num_rows(), Ordering::Relaxed);
        assert_eq!(rows.num_columns(), self.columns().len());
        let k = rows.column_by_name("1").unwrap().as_primitive::<Int32Type>();
        let s = rows.column_by_name("3").unwrap().as_string_view();
        if self.of == 1 {
            return Ok(None);
        }
        let kept = (0..rows.num_rows()).map(|i| {
            if self.poison == Some(k.value(i)) {
                return Err(Error::new(ErrorKind::DivisionByZero, "division by zero"));
            }
            let kept = k.value(i) % self.of == 0 && s.is_valid(i);
            Ok(if k.value(i) % 4 == 0 { None } else { Some(kept) })
        });
        kept.collect::<Result<Vec<_>>>().map(|kept| Some(BooleanArray::from(kept)))
    }

    fn bounds(&self) -> Option<Predicate> {
        self.bounds.clone()
    }
}

/// A table with live rows, dead ones, and some without `s`; returns the keys with whether they have `s`.
fn filled(world: &World) -> TableId {
    let mut txn = world.begin();
    let def = rows::table(txn.catalog(), "sifted", true, 3);
    let table = def.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    let text = |k: i32| (k % 5 != 0).then(|| format!("row {k}"));
    let new: Vec<_> = (0..600).map(|k| (k, (i64::from(k), text(k)))).collect();
    txn.insert(table, &batch(&new), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    // Rows that died, in the same place as live ones.
    let mut txn = world.begin();
    let view = txn.view();
    let dead: Vec<u64> =
        rows::read(&view, table, None).iter().filter(|(k, _, _)| k % 7 == 0).map(|(_, _, a)| *a).collect();
    txn.delete(table, &dead).unwrap();
    txn.commit().unwrap();
    table
}

fn sifted(
    view: &ReadView,
    table: TableId,
    predicate: Option<Predicate>,
    sieve: Arc<dyn Sieve>,
) -> Result<Vec<i32>> {
    // `k` is read by the sieve and comes out; `s` is read only by the sieve; `v` only comes out.
    let spec = ScanSpec { table, projection: vec![V, K], predicate, sieve: Some(sieve), row_address: true };
    let mut keys = Vec::new();
    for split in view.scan(&spec)?.splits {
        let mut batches = split.stream();
        while let Some(batch) = block_on(batches.next()) {
            let batch = batch?;
            let v = batch.column(0).as_primitive::<arrow::datatypes::Int64Type>();
            let k = batch.column(1).as_primitive::<Int32Type>();
            for i in 0..batch.num_rows() {
                assert_eq!(v.value(i), i64::from(k.value(i)), "columns of different rows");
                keys.push(k.value(i));
            }
        }
    }
    keys.sort_unstable();
    Ok(keys)
}

fn expected(all: &[Found], sieve: &Multiples, low: i64) -> Vec<i32> {
    let kept = all.iter().filter(|(k, (v, s), _)| *v >= low && sieve.keeps(*k, s.is_some()));
    kept.map(|(k, _, _)| *k).collect()
}

#[test]
fn a_sieve_drops_rows_wherever_they_are() {
    let world = World::new(1);
    let table = filled(&world);
    for flushed in [false, true] {
        if flushed {
            world.database().flush().unwrap();
        }
        let view = world.database().snapshot().view();
        let all = rows::read(&view, table, None);
        for low in [None, Some(100)] {
            let predicate = low.map(|low| Predicate::Compare {
                column: V,
                op: CompareOp::GreaterOrEqual,
                value: Datum::Int64(low),
            });
            let sieve = Arc::new(Multiples::of(3));
            let keys = sifted(&view, table, predicate.clone(), Arc::clone(&sieve) as _).unwrap();
            assert_eq!(keys, expected(&all, &sieve, low.unwrap_or(0)), "flushed: {flushed}, from {low:?}");
            // Only rows that live and satisfy the predicate.
            let passed = all.iter().filter(|(_, (v, _), _)| *v >= low.unwrap_or(0)).count();
            assert_eq!(sieve.seen.load(Ordering::Relaxed), passed);
        }
        // A sieve that keeps everything, and one that keeps nothing.
        let keys = sifted(&view, table, None, Arc::new(Multiples::of(1))).unwrap();
        assert_eq!(keys.len(), all.len());
        assert!(sifted(&view, table, None, Arc::new(Multiples::of(100_000))).unwrap().is_empty());
    }
}

/// The part of a predicate that is evaluated on decoded columns reads columns of its own; a sieve was given those too.
#[test]
fn a_sieve_sees_its_own_columns_only() {
    let world = World::new(1);
    let table = filled(&world);
    world.database().flush().unwrap();
    let view = world.database().snapshot().view();
    let all = rows::read(&view, table, None);
    // Too long to be evaluated on encoded values.
    let values = (1_000..1_100).map(Datum::Int64).collect();
    let predicate = Predicate::Not(Box::new(Predicate::In { column: V, values }));
    let sieve = Arc::new(Multiples::of(3));
    let keys = sifted(&view, table, Some(predicate), Arc::clone(&sieve) as _).unwrap();
    assert_eq!(keys, expected(&all, &sieve, 0));
}

#[test]
fn own_writes_are_sifted_too() {
    let world = World::new(1);
    let table = filled(&world);
    world.database().flush().unwrap();
    let mut txn = world.begin();
    txn.insert(table, &batch(&[(3_003, (3_003, Some("own".to_owned())))]), InsertMode::Error).unwrap();
    txn.begin_command();
    let view = txn.view();
    let all = rows::read(&view, table, None);
    let sieve = Arc::new(Multiples::of(3));
    let keys = sifted(&view, table, None, Arc::clone(&sieve) as _).unwrap();
    assert!(keys.contains(&3_003));
    assert_eq!(keys, expected(&all, &sieve, 0));
}

#[test]
fn a_failing_sieve_ends_the_scan() {
    let world = World::new(1);
    let table = filled(&world);
    for flushed in [false, true] {
        if flushed {
            world.database().flush().unwrap();
        }
        let view = world.database().snapshot().view();
        let sieve = Multiples { poison: Some(33), ..Multiples::of(3) };
        let error = sifted(&view, table, None, Arc::new(sieve)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DivisionByZero);
        // What is dead or excluded by the predicate is never shown to it: 35 died.
        let sieve = Multiples { poison: Some(35), ..Multiples::of(3) };
        assert!(sifted(&view, table, None, Arc::new(sieve)).is_ok());
    }
}

#[test]
fn bounds_of_a_sieve_spare_reading() {
    let world = World::new(1);
    let table = filled(&world);
    world.database().flush().unwrap();
    let view = world.database().snapshot().view();
    let above = |value| Predicate::Compare { column: K, op: CompareOp::Greater, value: Datum::Int32(value) };
    for (limit, read) in [(-1, true), (10_000, false)] {
        let sieve = Arc::new(Multiples { bounds: Some(above(limit)), ..Multiples::of(3) });
        let keys = sifted(&view, table, None, Arc::clone(&sieve) as _).unwrap();
        assert_eq!(!keys.is_empty(), read);
        assert_eq!(sieve.seen.load(Ordering::Relaxed) > 0, read);
    }
}
