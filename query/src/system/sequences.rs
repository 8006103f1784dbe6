//! Sequences: pg_sequence, and in pg_depend what they belong to.

use crate::system::attributes::default_oid;
use crate::system::builtin::SystemCatalog;
use crate::system::default_text::default_text;
use crate::system::table::{SystemTable, flag, value, word};

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
