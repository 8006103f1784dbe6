//! The oldest time a table can be read at is that of the newest row that is gone, not the limit of what is kept.

use crate::rows::{self, batch};
use base::clock::ManualClock;
use base::fs::SimulatedFileSystem;
use base::id::{CommitTs, TableId};
use base::random::Random;
use catalog::CatalogEdit;
use std::sync::Arc;
use storage::{Database, StorageSettings, Upsert};

const RETENTION_US: u64 = 10_000_000;

fn write(database: &Database, table: TableId, key: i32, value: i64) -> CommitTs {
    let mut txn = database.begin();
    txn.upsert(table, &batch(&[(key, (value, None))]), Upsert::Replace).unwrap();
    txn.commit().unwrap()
}

/// Compactions and checkpoints once raised it to the retention's limit each time, although every row was still there:
/// AS OF then refused times at which nothing had ever been lost.
#[test]
fn only_what_is_gone_raises_the_oldest_readable_time() {
    let disk = SimulatedFileSystem::new(1);
    let clock = Arc::new(ManualClock::new(1_000_000));
    let settings = StorageSettings {
        background: false,
        history_retention_us: RETENTION_US,
        ..StorageSettings::default()
    };
    let random = Arc::new(Random::from_seed(1));
    let database = Database::open(disk.process(), clock.clone(), random, settings).unwrap();
    let mut txn = database.begin();
    let def = rows::table(txn.catalog(), "t", true, 1);
    let table = def.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    txn.commit().unwrap();

    let oldest = || database.history(table).unwrap().unwrap().oldest_readable;
    let long_after = || {
        // Running time is noted at both ends.
        for _ in 0..2 {
            database.collect().unwrap();
            clock.advance(2 * RETENTION_US);
        }
    };
    let compact = || {
        database.compact(table, true, Arc::new(|| false)).unwrap();
        database.checkpoint().unwrap();
    };

    let mut last = CommitTs::ZERO;
    for key in 0..4 {
        last = write(&database, table, key, 1);
        database.flush().unwrap();
    }
    long_after();
    compact();
    assert_eq!(oldest(), CommitTs::ZERO, "nothing was lost");

    // Two rows lose their first versions: in a segment, and in a memtable.
    write(&database, table, 0, 2);
    let gone = write(&database, table, 0, 3);
    write(&database, table, 5, 1);
    long_after();
    write(&database, table, 6, 1);
    compact();
    assert_eq!(oldest(), gone, "the newest version that is gone ended then");
    assert_eq!(rows::read(&database.snapshot_at(gone).unwrap().view(), table, None).len(), 4);
    assert!(rows::try_read(&database.snapshot_at(last).unwrap().view(), table, None).is_err());

    // Rows of the past that expire as a whole.
    let end = write(&database, table, 1, 9);
    database.flush().unwrap();
    compact();
    assert_eq!(oldest(), gone, "what may go is still there");
    long_after();
    database.collect().unwrap();
    compact();
    assert_eq!(oldest(), end);
    assert_eq!(rows::read(&database.snapshot_at(end).unwrap().view(), table, None).len(), 6);
}
