//! Comparison operators by the OID of their function.

use base::id::Oid;
use datafusion::logical_expr::Operator;
use std::collections::HashMap;
use std::sync::OnceLock;
use types::sql_type::{array_element, oid};

/// The comparison that a function of pg_proc stands for, when it compares types of ours.
pub(crate) fn operator_of(proc: Oid) -> Option<Operator> {
    static TABLE: OnceLock<HashMap<Oid, Operator>> = OnceLock::new();
    TABLE.get_or_init(build).get(&proc).copied()
}

const OPERATORS: [(&str, Operator); 6] = [
    ("=", Operator::Eq),
    ("<>", Operator::NotEq),
    ("<", Operator::Lt),
    ("<=", Operator::LtEq),
    (">", Operator::Gt),
    (">=", Operator::GtEq),
];

fn build() -> HashMap<Oid, Operator> {
    let mut table = HashMap::new();
    for (name, operator) in OPERATORS {
        for row in catalog::builtin::operators(name) {
            if comparable(row.left) && comparable(row.right) && !is_special(operator, row.left, row.right) {
                table.insert(row.proc, operator);
            }
        }
    }
    table
}

/// Comparisons that are not those of the forms: xid with integer compares bits, and oidvector is ordered by length
/// first. Both are detached.
fn is_special(operator: Operator, left: Oid, right: Oid) -> bool {
    let ordered = !matches!(operator, Operator::Eq | Operator::NotEq);
    (left == oid::XID) != (right == oid::XID) || (left == oid::OIDVECTOR && ordered)
}

/// Operators of enums are declared for this pseudo-type.
pub(crate) const ANYENUM: Oid = Oid(3500);

/// Types whose values are compared by their form, or by a key.
fn comparable(ty: Oid) -> bool {
    matches!(
        ty,
        oid::BOOL
            | oid::BYTEA
            | oid::CHAR
            | oid::NAME
            | oid::INT2
            | oid::INT4
            | oid::INT8
            | oid::TEXT
            | oid::OID
            | oid::OIDVECTOR
            | oid::FLOAT4
            | oid::FLOAT8
            | oid::BPCHAR
            | oid::DATE
            | oid::TIME
            | oid::TIMETZ
            | oid::JSONB
            | oid::BIT
            | oid::VARBIT
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::INTERVAL
            | oid::NUMERIC
            | oid::UUID
            | oid::XID
            | oid::ANYARRAY
            | ANYENUM
            | oid::RECORD
    ) || array_element(ty).is_some()
}
