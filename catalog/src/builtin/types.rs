//! Types of pg_type by OID and name.

use super::rows::rows_of;
use base::id::Oid;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A row of pg_type, as far as types are resolved with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRow {
    pub oid: Oid,
    pub name: &'static str,
    /// pg_namespace.oid.
    pub namespace: Oid,
    /// b base, c composite, d domain, p pseudo, r range, m multirange.
    pub kind: char,
    /// typcategory.
    pub category: char,
    pub preferred: bool,
    /// Element type of an array (or of a subscriptable type such as name); 0 for none.
    pub element: Oid,
    /// The array type over this type; 0 for none.
    pub array: Oid,
    /// Subscripting handler is the one of true arrays.
    pub is_true_array: bool,
    /// Base type and modifier of a domain.
    pub base: Oid,
    pub base_typmod: i32,
    /// Bytes of a value; negative for a variable length.
    pub length: i16,
}

/// pg_proc OID of array_subscript_handler.
const ARRAY_SUBSCRIPT_HANDLER: Oid = Oid(6179);

struct Index {
    types: Vec<TypeRow>,
    by_oid: HashMap<Oid, usize>,
    by_name: HashMap<&'static str, usize>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let types: Vec<TypeRow> = rows_of("pg_type")
            .map(|row| TypeRow {
                oid: row.oid("oid"),
                name: row.text("typname"),
                namespace: row.oid("typnamespace"),
                kind: row.character("typtype"),
                category: row.character("typcategory"),
                preferred: row.flag("typispreferred"),
                element: row.oid("typelem"),
                array: row.oid("typarray"),
                is_true_array: row.oid("typsubscript") == ARRAY_SUBSCRIPT_HANDLER,
                base: row.oid("typbasetype"),
                base_typmod: row.number("typtypmod"),
                length: row.number("typlen"),
            })
            .collect();
        let by_oid = types.iter().enumerate().map(|(i, t)| (t.oid, i)).collect();
        // Only pg_catalog's names are found without a schema.
        let by_name = types
            .iter()
            .enumerate()
            .filter(|(_, t)| t.namespace == Oid(11))
            .map(|(i, t)| (t.name, i))
            .collect();
        Index { types, by_oid, by_name }
    })
}

/// All built-in types, by OID.
pub fn types() -> &'static [TypeRow] {
    &index().types
}

pub fn type_by_oid(oid: Oid) -> Option<&'static TypeRow> {
    let index = index();
    index.by_oid.get(&oid).and_then(|i| index.types.get(*i))
}

/// A type of pg_catalog by its pg_type.typname, for example `int4` or `_text`.
pub fn type_named(name: &str) -> Option<&'static TypeRow> {
    let index = index();
    index.by_name.get(name).and_then(|i| index.types.get(*i))
}

/// A domain of information_schema by its pg_type.typname.
pub fn domain_named(name: &str) -> Option<&'static TypeRow> {
    types().iter().find(|ty| ty.kind == 'd' && ty.name == name)
}

#[cfg(test)]
mod tests {
    use super::{type_by_oid, type_named};
    use types::sql_type::oid;

    #[test]
    fn types_are_found() {
        let int4 = type_named("int4").unwrap();
        assert_eq!(
            (int4.oid, int4.category, int4.preferred, int4.array),
            (oid::INT4, 'N', false, oid::INT4_ARRAY)
        );
        assert!(type_by_oid(oid::TEXT).unwrap().preferred);
        assert!(type_by_oid(oid::INT4_ARRAY).unwrap().is_true_array);
    }
}
