//! Definitions of views.
//!
//! Must not know what a query means.

use crate::comment::PG_CLASS;
use crate::state::CatalogState;
use base::id::{ColumnId, Oid, SchemaId, ViewId};
use base::{Error, Result};
use std::sync::Arc;
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
    /// Which conditions rows that are written through it must meet.
    pub check: Option<CheckOption>,
}

/// WITH CHECK OPTION of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOption {
    /// The view's own conditions.
    Local,
    /// And those of all views below it.
    Cascaded,
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

/// A function as a call names it in a text that is kept, with the name that a column of its values has.
pub fn function_name(function: Oid, name: &str) -> String {
    let name = if name.contains('"') { "" } else { name };
    format!("\"{MARK}{function}{MARK}{name}\"")
}

/// The object that a name without its quotes means, when it is such a name.
pub fn relation_of_name(name: &str) -> Option<Oid> {
    let marked = name.strip_prefix(MARK)?;
    marked.split(MARK).next()?.parse().ok().map(Oid)
}

/// The name that a column of a call's values has, when the call names a function by its OID.
pub fn called_as(name: &str) -> Option<&str> {
    name.strip_prefix(MARK)?.split_once(MARK).map(|(_, name)| name)
}

/// A view's text in pieces: what stands between the names of relations, each with the OID behind it.
pub fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<Oid>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let found = text.split_once("\"\u{1}").and_then(|(before, behind)| {
            let (oid, behind) = behind.split_once('"')?;
            let oid = oid.split(MARK).next()?;
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

impl CatalogState {
    pub fn views(&self) -> impl Iterator<Item = &Arc<ViewDef>> {
        self.views.values()
    }

    pub fn view(&self, id: ViewId) -> Option<&Arc<ViewDef>> {
        self.views.get(&id)
    }

    pub fn view_named(&self, schema: SchemaId, name: &str) -> Option<&Arc<ViewDef>> {
        self.view_names.get(&(schema, name.to_owned())).and_then(|id| self.views.get(id))
    }

    pub(crate) fn create_view(&mut self, def: &ViewDef) -> Result<()> {
        self.check_free(def.schema, &def.name)?;
        self.check_no_type(def.schema, &def.name)?;
        self.claim(def.oid, def.id.0);
        self.put_view(def);
        Ok(())
    }

    pub(crate) fn alter_view(&mut self, def: &ViewDef) -> Result<()> {
        let before = self.views.get(&def.id);
        let before = before.ok_or_else(|| Error::internal("altering an unknown view"))?;
        let old_name = (before.schema, before.name.clone());
        if (old_name.0, old_name.1.as_str()) != (def.schema, def.name.as_str()) {
            self.check_free(def.schema, &def.name)?;
            self.view_names.remove(&old_name);
        }
        self.put_view(def);
        Ok(())
    }

    pub(crate) fn drop_view(&mut self, id: ViewId) -> Result<()> {
        let def = self.views.remove(&id);
        let def = def.ok_or_else(|| Error::internal("dropping an unknown view"))?;
        self.view_names.remove(&(def.schema, def.name.clone()));
        self.forget_comments(PG_CLASS, def.oid);
        Ok(())
    }

    pub(crate) fn put_view(&mut self, def: &ViewDef) {
        self.view_names.insert((def.schema, def.name.clone()), def.id);
        let mut def = def.clone();
        if def.unseen.is_empty() {
            def.unseen = self.first_unseen(&def.uses);
        }
        self.views.insert(def.id, Arc::new(def));
    }
}

#[cfg(test)]
mod tests {
    use super::{called_as, function_name, pieces, relation_name, relation_of_name};
    use base::id::Oid;

    #[test]
    fn relations_are_found_in_a_text() {
        let text = format!("SELECT * FROM {} AS a, {} AS b", relation_name(Oid(7)), relation_name(Oid(80)));
        let found: Vec<_> = pieces(&text).collect();
        assert_eq!(found, [("SELECT * FROM ", Some(Oid(7))), (" AS a, ", Some(Oid(80))), (" AS b", None)]);
        assert_eq!(relation_of_name(relation_name(Oid(7)).trim_matches('"')), Some(Oid(7)));
        assert_eq!(relation_of_name("7"), None);
        let text = format!("SELECT {}(a)", function_name(Oid(9), "f"));
        assert_eq!(pieces(&text).collect::<Vec<_>>(), [("SELECT ", Some(Oid(9))), ("(a)", None)]);
        let name = function_name(Oid(9), "f").trim_matches('"').to_owned();
        assert_eq!((relation_of_name(&name), called_as(&name)), (Some(Oid(9)), Some("f")));
    }
}
