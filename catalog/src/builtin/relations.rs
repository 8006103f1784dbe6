//! Column lists of the relations of pg_catalog and information_schema; those of our own schema are a neighbour's.
//!
//! Invariant: a column's type is never a domain; information_schema's domains show as their base types.

use super::functions::{Proc, procs};
use super::rows::rows_of;
use super::types::type_by_oid;
use base::id::Oid;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A relation of pg_catalog, information_schema or nyala, or the rows of a function.
#[derive(Debug, PartialEq, Eq)]
pub struct SystemRelation {
    /// "pg_catalog", "information_schema" or "nyala".
    pub schema: &'static str,
    pub name: &'static str,
    pub oid: Oid,
    /// pg_class.relkind: 'r' or 'v'; 'f' for a function's rows.
    pub kind: char,
    pub columns: Vec<SystemColumn>,
}

/// A column of a system relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemColumn {
    pub name: &'static str,
    pub ty: Oid,
    pub typmod: i32,
    pub not_null: bool,
    pub attnum: i16,
}

struct Index {
    relations: Vec<SystemRelation>,
    by_name: HashMap<(&'static str, &'static str), usize>,
    by_oid: HashMap<Oid, usize>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut columns: HashMap<Oid, Vec<SystemColumn>> = HashMap::new();
        for row in rows_of("pg_attribute") {
            let mut ty = row.oid("atttypid");
            let mut typmod: i32 = row.number("atttypmod");
            if let Some(domain) = type_by_oid(ty).filter(|t| t.kind == 'd') {
                (ty, typmod) = (domain.base, domain.base_typmod);
            }
            columns.entry(row.oid("attrelid")).or_default().push(SystemColumn {
                name: row.text("attname"),
                ty,
                typmod,
                not_null: row.flag("attnotnull"),
                attnum: row.number("attnum"),
            });
        }
        let tables = rows_of("pg_class").filter(|row| matches!(row.character("relkind"), 'r' | 'v'));
        let built_in = tables.map(|row| SystemRelation {
            schema: if row.text("relnamespace") == "11" { "pg_catalog" } else { "information_schema" },
            name: row.text("relname"),
            oid: row.oid("oid"),
            kind: row.character("relkind"),
            columns: columns.remove(&row.oid("oid")).unwrap_or_default(),
        });
        let relations: Vec<SystemRelation> = built_in.chain(super::nyala::relations()).collect();
        let by_name = relations.iter().enumerate().map(|(i, r)| ((r.schema, r.name), i)).collect();
        let by_oid = relations.iter().enumerate().map(|(i, r)| (r.oid, i)).collect();
        Index { relations, by_name, by_oid }
    })
}

/// The rows of a function that returns records, as a relation without schema: what it calls its columns, and their types.
pub fn function_relation(proc: Oid) -> Option<&'static SystemRelation> {
    static RELATIONS: OnceLock<HashMap<Oid, SystemRelation>> = OnceLock::new();
    let relations = RELATIONS.get_or_init(|| {
        let records = procs().iter().filter(|proc| !proc.out_types.is_empty());
        let relation = |proc: &'static Proc| {
            let outputs = (1..).zip(proc.out_names.iter().zip(&proc.out_types));
            let columns = outputs.map(|(attnum, (name, ty))| {
                let name = name.as_str();
                SystemColumn { name, ty: *ty, typmod: -1, not_null: false, attnum }
            });
            let (name, oid) = (proc.name, proc.oid);
            SystemRelation { schema: "", name, oid, kind: 'f', columns: columns.collect() }
        };
        records.map(|proc| (proc.oid, relation(proc))).collect()
    });
    relations.get(&proc)
}

/// All system relations, PostgreSQL's by OID, then ours.
pub fn system_relations() -> &'static [SystemRelation] {
    &index().relations
}

/// A relation by schema ("pg_catalog", "information_schema") and name.
pub fn system_relation(schema: &str, name: &str) -> Option<&'static SystemRelation> {
    let index = index();
    index.by_name.get(&(schema, name)).and_then(|i| index.relations.get(*i))
}

pub fn system_relation_by_oid(oid: Oid) -> Option<&'static SystemRelation> {
    let index = index();
    index.by_oid.get(&oid).and_then(|i| index.relations.get(*i))
}

/// The indexes of the system relations: schema, name and OID.
pub fn system_indexes() -> &'static [(&'static str, &'static str, Oid)] {
    static INDEXES: OnceLock<Vec<(&'static str, &'static str, Oid)>> = OnceLock::new();
    INDEXES.get_or_init(|| {
        let indexes = rows_of("pg_class").filter(|row| row.character("relkind") == 'i');
        indexes.map(|row| ("pg_catalog", row.text("relname"), row.oid("oid"))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{system_relation, system_relation_by_oid};
    use base::id::Oid;
    use types::sql_type::oid;

    #[test]
    fn columns_come_in_order_and_without_domains() {
        let class = system_relation("pg_catalog", "pg_class").unwrap();
        assert_eq!((class.oid, class.columns[0].name, class.columns[1].name), (Oid(1259), "oid", "relname"));
        let columns = system_relation("information_schema", "columns").unwrap();
        assert_eq!((columns.columns[0].name, columns.columns[0].ty), ("table_catalog", oid::NAME));
        assert_eq!(system_relation_by_oid(Oid(1259)).map(|r| r.name), Some("pg_class"));
    }
}
