//! How tables are partitioned, as SQL text: `nyala.partitions`, bounds of tablets, and pg_get_partkeydef.
//!
//! A partitioned table is one relation with tablets, not one of relations: pg_class.relkind is 'r', and pg_inherits and
//! pg_partitioned_table know nothing of it. Invariant: a bound reads back as the value that it is.

use crate::kernel::quoting::{quote_ident, quote_literal};
use crate::names::Names;
use crate::system::SystemCatalog;
use crate::system::relations::schema_name;
use crate::system::table::{SystemTable, value, word};
use base::Result;
use base::id::ColumnId;
use catalog::{RangeLevel, RangePartition, TableDef};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::{Datum, IoSettings, SqlType};

/// `nyala.partitions`: a row for each hash level, and one for each range partition.
pub(super) fn partitions(catalog: &SystemCatalog, out: &mut SystemTable) -> Result<()> {
    for table in catalog.state.tables() {
        let partitioning = &table.partitioning;
        for (level, hash) in (1_u32..).zip(&partitioning.hash) {
            out.row(&[
                ("schema_name", value(schema_name(catalog, table))),
                ("table_name", value(&table.name)),
                ("level", value(level)),
                ("kind", word("hash")),
                ("columns", value(columns(table, &hash.columns))),
                ("buckets", value(hash.buckets)),
            ]);
        }
        let Some(range) = &partitioning.range else { continue };
        for partition in &range.partitions {
            let (lower, upper) = bounds(catalog, table, range, partition)?;
            out.row(&[
                ("schema_name", value(schema_name(catalog, table))),
                ("table_name", value(&table.name)),
                ("level", value(partitioning.hash.len() + 1)),
                ("kind", word("range")),
                ("columns", value(columns(table, &range.columns))),
                ("partition", value(&partition.name)),
                ("lower_bound", value(lower)),
                ("upper_bound", value(upper)),
            ]);
        }
    }
    Ok(())
}

/// What stands behind PARTITION BY, without the range partitions; None for a table that is not partitioned.
pub(crate) fn key_text(table: &TableDef) -> Option<String> {
    let partitioning = &table.partitioning;
    let hash = partitioning.hash.iter();
    let hash =
        hash.map(|level| format!("HASH ({}) PARTITIONS {}", columns(table, &level.columns), level.buckets));
    let range = partitioning.range.iter().map(|level| format!("RANGE ({})", columns(table, &level.columns)));
    let levels: Vec<String> = hash.chain(range).collect();
    (!levels.is_empty()).then(|| levels.join(", "))
}

/// The bounds of a range partition as they stand behind FROM and TO.
pub(super) fn bounds(
    catalog: &SystemCatalog,
    table: &TableDef,
    level: &RangeLevel,
    partition: &RangePartition,
) -> Result<(String, String)> {
    let names = Names::new(Arc::clone(&catalog.state), Vec::new(), "", BTreeSet::new());
    let io = IoSettings { names: Some(Arc::new(names)), ..IoSettings::default() };
    let bound = |values: &[Datum], open: &str| {
        let column = |(place, id): (usize, &ColumnId)| match (values.get(place), table.column(*id)) {
            (Some(datum), Some(column)) => literal(&column.ty, datum, &io),
            _ => Ok(open.to_owned()),
        };
        let texts: Vec<String> = level.columns.iter().enumerate().map(column).collect::<Result<_>>()?;
        Ok(format!("({})", texts.join(", ")))
    };
    Ok((bound(&partition.lower, "MINVALUE")?, bound(&partition.upper, "MAXVALUE")?))
}

/// Digits as they are, anything else in quotes.
fn literal(ty: &SqlType, datum: &Datum, io: &IoSettings) -> Result<String> {
    let mut text = String::new();
    types::format_text(ty, datum, io, &mut text)?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_text = matches!(datum, Datum::Text(_));
    Ok(if is_number && !is_text { text } else { quote_literal(&text) })
}

fn columns(table: &TableDef, ids: &[ColumnId]) -> String {
    let names = ids.iter().filter_map(|id| table.column(*id)).map(|column| quote_ident(&column.name));
    names.collect::<Vec<_>>().join(", ")
}
