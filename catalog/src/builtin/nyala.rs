//! The relations of our own schema `nyala`: what operators may ask of a running database.
//!
//! Must not know where the rows come from. Invariant: OIDs lie between PostgreSQL's built-in ones and those of users.

use super::relations::{SystemColumn, SystemRelation};
use base::id::Oid;
use types::sql_type::oid::{INT4, INT8, TEXT, TIMESTAMPTZ};

/// Name, type, and whether it is always there.
type Column = (&'static str, Oid, bool);

/// The user's tables, their live rows, the fingerprint of their content, and how far back they can be read.
const TABLES: &[Column] = &[
    ("schema_name", TEXT, true),
    ("table_name", TEXT, true),
    ("row_count", INT8, true),
    ("fingerprint", TEXT, true),
    ("history_retention", TEXT, false),
    ("history_max_bytes", INT8, false),
    ("compression", TEXT, true),
    ("oldest_readable", TIMESTAMPTZ, false),
    ("live_bytes", INT8, false),
    ("history_bytes", INT8, false),
    ("distinct_values", TEXT, false),
];

const TABLETS: &[Column] = &[
    ("schema_name", TEXT, false),
    ("table_name", TEXT, false),
    ("index_name", TEXT, false),
    ("table_id", INT8, true),
    ("tablet_id", INT8, true),
    ("buckets", TEXT, false),
    ("partition", TEXT, false),
    ("lower_bound", TEXT, false),
    ("upper_bound", TEXT, false),
    ("dropped_at", TIMESTAMPTZ, false),
    ("memtables", INT8, true),
    ("memtable_rows", INT8, true),
    ("memtable_bytes", INT8, true),
    ("live_segments", INT8, true),
    ("live_segment_rows", INT8, true),
    ("dead_rows", INT8, true),
    ("live_segment_bytes", INT8, true),
    ("history_segments", INT8, true),
    ("history_segment_bytes", INT8, true),
    ("oldest_readable", TIMESTAMPTZ, true),
];

/// Hash levels, and the partitions of the range level.
const PARTITIONS: &[Column] = &[
    ("schema_name", TEXT, true),
    ("table_name", TEXT, true),
    ("level", INT4, true),
    ("kind", TEXT, true),
    ("columns", TEXT, true),
    ("buckets", INT4, false),
    ("partition", TEXT, false),
    ("lower_bound", TEXT, false),
    ("upper_bound", TEXT, false),
];

const SEGMENTS: &[Column] = &[
    ("schema_name", TEXT, false),
    ("table_name", TEXT, false),
    ("index_name", TEXT, false),
    ("table_id", INT8, true),
    ("tablet_id", INT8, true),
    ("reference_id", TEXT, true),
    ("segment_id", TEXT, true),
    ("kind", TEXT, true),
    ("rows", INT8, true),
    ("dead_rows", INT8, true),
    ("file_bytes", INT8, true),
    ("attached_at", TIMESTAMPTZ, false),
    ("detached_at", TIMESTAMPTZ, false),
    ("first_begin", TIMESTAMPTZ, true),
    ("last_begin", TIMESTAMPTZ, true),
];

const PINS: &[Column] = &[
    ("owner", TEXT, true),
    ("reads_at", TIMESTAMPTZ, true),
    ("commit_ts", INT8, true),
    ("readers", INT8, true),
];

const JOBS: &[Column] = &[
    ("job_id", INT8, true),
    ("kind", TEXT, true),
    ("schema_name", TEXT, false),
    ("table_name", TEXT, false),
    ("index_name", TEXT, false),
    ("tablet_id", INT8, false),
    ("started_at", TIMESTAMPTZ, true),
    ("rows_done", INT8, true),
    ("rows_total", INT8, false),
];

/// 16,001 is the schema's own OID.
const RELATIONS: [(&str, Oid, &[Column]); 6] = [
    ("tables", Oid(16_000), TABLES),
    ("tablets", Oid(16_002), TABLETS),
    ("segments", Oid(16_003), SEGMENTS),
    ("pins", Oid(16_004), PINS),
    ("jobs", Oid(16_005), JOBS),
    ("partitions", Oid(16_006), PARTITIONS),
];

pub(super) fn relations() -> impl Iterator<Item = SystemRelation> {
    RELATIONS.into_iter().map(|(name, oid, columns)| SystemRelation {
        schema: "nyala",
        name,
        oid,
        kind: 'v',
        columns: (1..)
            .zip(columns)
            .map(|(attnum, (name, ty, not_null))| SystemColumn {
                name,
                ty: *ty,
                typmod: -1,
                not_null: *not_null,
                attnum,
            })
            .collect(),
    })
}
