//! The queries of the views of pg_catalog and information_schema.
//!
//! Invariant: a view that has a query here has no rows of its own, and the query names relations of pg_catalog without
//! schema and all others with theirs.

use super::rows::rows_of;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// Views over what is not kept as rows of other relations: whoever answers for a view here gives its rows. Those of which
/// there is nothing to tell are empty.
const WITHOUT_QUERY: &[&str] = &[
    "pg_available_extension_versions",
    "pg_available_extensions",
    "pg_backend_memory_contexts",
    "pg_config",
    "pg_cursors",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_policies",
    "pg_prepared_xacts",
    "pg_publication_tables",
    "pg_replication_origin_status",
    "pg_replication_slots",
    "pg_rules",
    "pg_seclabels",
    "pg_shmem_allocations",
    "pg_stat_archiver",
    "pg_stat_bgwriter",
    "pg_stat_progress_analyze",
    "pg_stat_progress_basebackup",
    "pg_stat_progress_cluster",
    "pg_stat_progress_copy",
    "pg_stat_progress_create_index",
    "pg_stat_progress_vacuum",
    "pg_stat_recovery_prefetch",
    "pg_stat_replication",
    "pg_stat_replication_slots",
    "pg_stat_slru",
    "pg_stat_subscription",
    "pg_stat_subscription_stats",
    "pg_stat_wal",
    "pg_stat_wal_receiver",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_timezone_abbrevs",
];

/// Calls with rows as arguments, and what they compute.
const CALLS: &[(&str, &str)] = &[
    (
        "information_schema._pg_truetypid(a.*, t.*)",
        "CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END",
    ),
    (
        "information_schema._pg_truetypmod(a.*, t.*)",
        "CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END",
    ),
];

/// The query of a view as PostgreSQL shows it.
pub fn view_definition(schema: &str, name: &str) -> Option<&'static str> {
    static DEFINITIONS: OnceLock<HashMap<(&str, &str), &str>> = OnceLock::new();
    let definitions = DEFINITIONS.get_or_init(|| {
        let rows = rows_of("pg_views");
        rows.map(|row| ((row.text("schemaname"), row.text("viewname")), row.text("definition"))).collect()
    });
    definitions.get(&(schema, name)).copied()
}

/// The query that answers for a view; None where its rows come from elsewhere.
pub fn view_query(schema: &str, name: &str) -> Option<String> {
    static OTHERS: OnceLock<HashSet<&str>> = OnceLock::new();
    let others = OTHERS.get_or_init(|| WITHOUT_QUERY.iter().copied().collect());
    if schema == "pg_catalog" && others.contains(name) {
        return None;
    }
    let mut query = view_definition(schema, name)?.trim_end_matches(';').to_owned();
    for (call, meaning) in CALLS {
        query = query.replace(call, meaning);
    }
    Some(query)
}

#[cfg(test)]
mod tests {
    use super::{WITHOUT_QUERY, view_definition, view_query};

    #[test]
    fn views_have_queries() {
        assert!(WITHOUT_QUERY.iter().all(|name| view_definition("pg_catalog", name).is_some()));
        let columns = view_query("information_schema", "columns").unwrap();
        assert!(columns.contains("pg_attribute") && !columns.contains("a.*"), "{columns}");
        assert_eq!(view_query("pg_catalog", "pg_cursors"), None);
        assert_eq!(view_query("pg_catalog", "pg_class"), None);
    }
}
