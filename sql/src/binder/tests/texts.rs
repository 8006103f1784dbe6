//! The text of a query's meaning means the same, and is its own text: the 22 queries of TPC-H.

use super::fixture::{bind, catalog};
use super::tpch::{QUERIES, SCHEMA};
use crate::binder::{BindContext, type_name};
use crate::deparse::{Style, TextNames, Viewed, view_text};
use base::id::Oid;
use catalog::CatalogState;
use types::sql_type::oid;

#[derive(Debug)]
struct Names<'c>(&'c CatalogState);

impl TextNames for Names<'_> {
    fn relation(&self, relation: Oid) -> Option<String> {
        self.0.table_of_relation(relation).map(|table| table.name.clone())
    }

    fn function(&self, function: Oid) -> Option<String> {
        self.0.function(function).map(|def| def.name.clone())
    }

    fn type_name(&self, ty: Oid, typmod: i32) -> String {
        if ty == oid::BPCHAR {
            return "bpchar".to_owned();
        }
        let fields = match (ty, typmod >> 16) {
            (oid::INTERVAL, 2) => " month",
            (oid::INTERVAL, 4) => " year",
            (oid::INTERVAL, 8) => " day",
            _ => "",
        };
        type_name(ty) + fields
    }
}

#[test]
fn texts_of_texts_are_the_same() {
    let state = catalog(SCHEMA);
    let path = ["public".to_owned()];
    let context = BindContext::new("", &state).with_search_path(&path);
    for (query, _) in QUERIES {
        let output = bind(&state, query).unwrap().0.output;
        let columns: Vec<String> = output.into_iter().map(|column| column.name).collect();
        for sparing in [false, true] {
            let style = Style { sparing, line: Some(0) };
            let text_of = |text: &str| {
                let view = Viewed { text, unseen: &[], columns: &columns };
                view_text(&context, view, style, &Names(&state))
            };
            let text = text_of(query).unwrap_or_else(|| panic!("no text of {query}"));
            assert_eq!(text_of(&text).as_ref(), Some(&text), "of {query}");
        }
    }
}
