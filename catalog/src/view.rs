//! Definitions of views.
//!
//! Must not know what a query means.

use base::id::{ColumnId, Oid, SchemaId, ViewId};
use types::SqlType;

/// A view.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewDef {
    pub id: ViewId,
    /// What clients see as pg_class.oid.
    pub oid: Oid,
    pub schema: SchemaId,
    pub name: String,
    pub columns: Vec<ViewColumn>,
    /// Source text of the query. Relations of the user stand in it by `relation_name` of their OIDs.
    pub text: String,
    /// OIDs of the relations in it.
    pub uses: Vec<Oid>,
    /// Tables of them, each with the first column that the view does not see: those that came later would change what
    /// its text means. `CatalogState::apply` fills it in when it is empty.
    pub unseen: Vec<(Oid, ColumnId)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ViewColumn {
    pub name: String,
    pub ty: SqlType,
}

/// What begins a name that means a relation by its OID. No name that a statement gives contains it.
const MARK: char = '\u{1}';

/// A relation as FROM names it in the query of a view.
pub fn relation_name(relation: Oid) -> String {
    format!("\"{MARK}{relation}\"")
}

/// The relation that a name without its quotes means, when it is such a name.
pub fn relation_of_name(name: &str) -> Option<Oid> {
    name.strip_prefix(MARK)?.parse().ok().map(Oid)
}

/// A view's text in pieces: what stands between the names of relations, each with the OID behind it.
pub fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<Oid>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let found = text.split_once("\"\u{1}").and_then(|(before, behind)| {
            let (oid, behind) = behind.split_once('"')?;
            Some((before, oid.parse().ok()?, behind))
        });
        match found {
            Some((before, oid, behind)) => {
                rest = Some(behind);
                Some((before, Some(Oid(oid))))
            }
            None => Some((text, None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{pieces, relation_name, relation_of_name};
    use base::id::Oid;

    #[test]
    fn relations_are_found_in_a_text() {
        let text = format!("SELECT * FROM {} AS a, {} AS b", relation_name(Oid(7)), relation_name(Oid(80)));
        let found: Vec<_> = pieces(&text).collect();
        assert_eq!(found, [("SELECT * FROM ", Some(Oid(7))), (" AS a, ", Some(Oid(80))), (" AS b", None)]);
        assert_eq!(relation_of_name(relation_name(Oid(7)).trim_matches('"')), Some(Oid(7)));
        assert_eq!(relation_of_name("7"), None);
    }
}
