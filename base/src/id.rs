//! Identifiers and sequence numbers as distinct types, so that two of them cannot be swapped.
//!
//! Invariant: ids minted by a database are (epoch, counter) and never used twice.

use std::fmt;

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

newtype!(
    /// Identity of one data directory, random, chosen when it is created.
    DatabaseId(u128)
);
newtype!(
    /// Number of the process that opened the directory for writing; grows by one per open.
    Epoch(u32)
);
newtype!(
    /// PostgreSQL object identifier, as clients see it.
    Oid(u32)
);
newtype!(
    /// A schema (namespace) of the catalog.
    SchemaId(u64)
);
newtype!(
    /// A table of the catalog.
    TableId(u64)
);
newtype!(
    /// A column within its table; never reused by the table.
    ColumnId(u32)
);
newtype!(
    /// A sequence of the catalog.
    SequenceId(u64)
);
newtype!(
    /// A view of the catalog.
    ViewId(u64)
);
newtype!(
    /// Where the numbers of a sequence stand; a sequence that is restarted gets another one.
    CounterId(u64)
);
newtype!(
    /// A tablet: one part of a table's rows.
    TabletId(u64)
);
newtype!(
    /// An immutable segment file.
    SegmentId(u64)
);
newtype!(
    /// One attachment of a segment to a tablet.
    ReferenceId(u64)
);
newtype!(
    /// One generation of a tablet's memtable.
    MemtableId(u64)
);
newtype!(
    /// A running transaction.
    TxnId(u64)
);
newtype!(
    /// Hybrid commit time in microseconds since 1970-01-01 UTC; orders all commits of a database.
    CommitTs(u64)
);
newtype!(
    /// Position of a record in the log; consecutive.
    LogSeq(u64)
);
newtype!(
    /// Number of a command within its transaction.
    CommandNumber(u32)
);
newtype!(
    /// Version of a table's column list, counted from 1.
    SchemaVersion(u32)
);

impl CommitTs {
    /// Before every commit.
    pub const ZERO: CommitTs = CommitTs(0);
    /// After every commit: the end of a row that lives.
    pub const MAX: CommitTs = CommitTs(u64::MAX);
}
