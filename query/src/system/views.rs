//! Views: their rows in pg_class, their rules in pg_rewrite, and in pg_depend what they read.
//!
//! Invariant: a view is read only; its rule has an OID of its own that stays the same.

use crate::system::builtin::SystemCatalog;
use crate::system::relations::OWNER;
use crate::system::table::{SystemTable, Value, flag, value, word};
use base::id::Oid;
use catalog::{CheckOption, PG_TYPE, ViewDef};
use types::user_type::{FIRST, UserKind};

pub(super) fn classes(catalog: &SystemCatalog, out: &mut SystemTable) {
    for view in catalog.state.views() {
        let schema = catalog.state.schema(view.schema).map_or(Oid(0), |s| s.oid);
        out.row(&[
            ("oid", value(view.oid)),
            ("relname", value(&view.name)),
            ("relnamespace", value(schema)),
            ("reltype", value(UserKind::TableRow.oid(view.oid.0).unwrap_or(Oid(0)))),
            ("relowner", value(OWNER)),
            ("reltuples", word("-1")),
            ("relkind", word("v")),
            ("relnatts", value(view.columns.len())),
            ("relhasrules", flag(true)),
            ("relpersistence", word("p")),
            ("relispopulated", flag(true)),
            ("relreplident", word("n")),
            ("reloptions", options(view)),
        ]);
    }
}

/// pg_class.reloptions.
fn options(view: &ViewDef) -> Value {
    match view.check {
        None => None,
        Some(CheckOption::Local) => word("{check_option=local}"),
        Some(CheckOption::Cascaded) => word("{check_option=cascaded}"),
    }
}

/// pg_class.oid of pg_class and of pg_rewrite.
const CLASSES: &str = "1259";
const RULES: &str = "2618";
/// Behind the numbers of columns, which defaults are told apart by.
const RULE_NUMBER: u32 = 2_047;

pub(crate) fn rule_oid(view: &ViewDef) -> u32 {
    view.oid.0.wrapping_mul(2_048).wrapping_add(RULE_NUMBER)
}

/// The rule that stands for a view's query.
pub(super) fn rules(catalog: &SystemCatalog, out: &mut SystemTable) {
    for view in catalog.state.views() {
        out.row(&[
            ("oid", value(rule_oid(view))),
            ("rulename", word("_RETURN")),
            ("ev_class", value(view.oid)),
            ("ev_type", word("1")),
            ("ev_enabled", word("O")),
            ("is_instead", flag(true)),
            ("ev_qual", word("<>")),
            ("ev_action", word("<>")),
        ]);
    }
}

/// A rule belongs to its view and needs what the query reads, as a whole.
pub(super) fn dependencies(catalog: &SystemCatalog, out: &mut SystemTable) {
    for view in catalog.state.views() {
        let own = std::iter::once((view.oid, "i"));
        for (relation, kind) in own.chain(view.uses.iter().map(|used| (*used, "n"))) {
            out.row(&[
                ("classid", word(RULES)),
                ("objid", value(rule_oid(view))),
                ("refclassid", if relation >= FIRST { value(PG_TYPE) } else { word(CLASSES) }),
                ("refobjid", value(relation)),
                ("deptype", word(kind)),
            ]);
        }
    }
}
