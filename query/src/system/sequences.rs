//! Sequences: pg_sequence, pg_sequences, information_schema.sequences, and in pg_depend what they belong to.
//!
//! Invariant: a sequence of an identity column is part of it and no sequence of the standard's.

use crate::engine::DATABASE;
use crate::kernel::system::format_type;
use crate::system::attributes::default_oid;
use crate::system::builtin::SystemCatalog;
use crate::system::default_text::default_text;
use crate::system::relations::OWNER_NAME;
use crate::system::table::{SystemTable, flag, value, word};
use base::Result;
use catalog::SequenceDef;
use types::sql_type::oid;

pub(super) fn sequences(catalog: &SystemCatalog, out: &mut SystemTable) {
    for sequence in catalog.state.sequences() {
        out.row(&[
            ("seqrelid", value(sequence.oid)),
            ("seqtypid", value(sequence.ty)),
            ("seqstart", value(sequence.start)),
            ("seqincrement", value(sequence.increment)),
            ("seqmax", value(sequence.max)),
            ("seqmin", value(sequence.min)),
            ("seqcache", value(sequence.cache)),
            ("seqcycle", flag(sequence.cycle)),
        ]);
    }
}

fn schema_of(catalog: &SystemCatalog, sequence: &SequenceDef) -> String {
    catalog.state.schema(sequence.schema).map(|s| s.name.clone()).unwrap_or_default()
}

pub(super) fn view(catalog: &SystemCatalog, out: &mut SystemTable) -> Result<()> {
    for sequence in catalog.state.sequences() {
        let at = catalog.database.position(sequence)?;
        out.row(&[
            ("schemaname", value(schema_of(catalog, sequence))),
            ("sequencename", value(&sequence.name)),
            ("sequenceowner", word(OWNER_NAME)),
            ("data_type", value(sequence.ty)),
            ("start_value", value(sequence.start)),
            ("min_value", value(sequence.min)),
            ("max_value", value(sequence.max)),
            ("increment_by", value(sequence.increment)),
            ("cycle", flag(sequence.cycle)),
            ("cache_size", value(sequence.cache)),
            ("last_value", at.called.then_some(at.value).and_then(value)),
        ]);
    }
    Ok(())
}

pub(super) fn standard_view(catalog: &SystemCatalog, out: &mut SystemTable) {
    for sequence in catalog.state.sequences() {
        if sequence.owner.is_some_and(|owner| owner.identity) {
            continue;
        }
        let bits = match sequence.ty {
            oid::INT2 => 16,
            oid::INT4 => 32,
            _ => 64,
        };
        out.row(&[
            ("sequence_catalog", word(DATABASE)),
            ("sequence_schema", value(schema_of(catalog, sequence))),
            ("sequence_name", value(&sequence.name)),
            ("data_type", value(format_type(sequence.ty.0, None))),
            ("numeric_precision", value(bits)),
            ("numeric_precision_radix", word("2")),
            ("numeric_scale", word("0")),
            ("start_value", value(sequence.start)),
            ("minimum_value", value(sequence.min)),
            ("maximum_value", value(sequence.max)),
            ("increment", value(sequence.increment)),
            ("cycle_option", word(if sequence.cycle { "YES" } else { "NO" })),
        ]);
    }
}

/// pg_class.oid of pg_class and of pg_attrdef.
const CLASSES: &str = "1259";
const DEFAULTS: &str = "2604";

/// What sequences belong to, and which defaults use them.
pub(super) fn dependencies(catalog: &SystemCatalog, out: &mut SystemTable) {
    for sequence in catalog.state.sequences() {
        let Some(owner) = sequence.owner else { continue };
        let Some(table) = catalog.state.table(owner.table) else { continue };
        out.row(&[
            ("classid", word(CLASSES)),
            ("objid", value(sequence.oid)),
            ("refclassid", word(CLASSES)),
            ("refobjid", value(table.oid)),
            ("refobjsubid", value(owner.column.0)),
            ("deptype", word(if owner.identity { "i" } else { "a" })),
        ]);
    }
    for table in catalog.state.tables() {
        for (number, column) in table.columns.iter().map(|column| (column.id.0, column)) {
            let Some(text) = default_text(column) else { continue };
            out.row(&[
                ("classid", word(DEFAULTS)),
                ("objid", value(default_oid(table, number))),
                ("refclassid", word(CLASSES)),
                ("refobjid", value(table.oid)),
                ("refobjsubid", value(number)),
                ("deptype", word("a")),
            ]);
            let used =
                catalog.state.sequences().filter(|s| text.contains(&catalog::relation_constant(s.oid)));
            for sequence in used {
                out.row(&[
                    ("classid", word(DEFAULTS)),
                    ("objid", value(default_oid(table, number))),
                    ("refclassid", word(CLASSES)),
                    ("refobjid", value(sequence.oid)),
                    ("deptype", word("n")),
                ]);
            }
        }
    }
}
