//! Definitions of types that users make, and the edits of them.
//!
//! Must not know values. Invariants: the position of an enum's label never changes and no other label of the enum has
//! it, as rows hold positions; labels stand in the order of their positions.

use crate::comment::{PG_CLASS, PG_CONSTRAINT, PG_TYPE};
use crate::composite::CompositeDef;
use crate::domain::DomainDef;
use crate::state::CatalogState;
use base::id::{ColumnId, Oid, SchemaId};
use base::limits::IDENTIFIER_BYTES_MAX;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTypeDef {
    /// What clients see as pg_type.oid; it says the kind (`types::user_type`).
    pub oid: Oid,
    pub schema: SchemaId,
    pub name: String,
    pub shape: TypeShape,
}

/// What the values of a type are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeShape {
    /// Its labels in their order.
    Enum(Vec<EnumLabel>),
    Domain(DomainDef),
    Composite(CompositeDef),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumLabel {
    /// What clients see as pg_enum.oid.
    pub oid: Oid,
    /// What a row holds; values are ordered by it.
    pub position: i64,
    pub name: String,
}

/// Positions between the labels that an enum is made with, so that others find room between them.
const STEP: i64 = 1 << 32;

/// Where a new label goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Neighbour {
    Last,
    Before(String),
    After(String),
}

impl UserTypeDef {
    /// The labels of an enum in their order.
    pub fn labels(&self) -> &[EnumLabel] {
        match &self.shape {
            TypeShape::Enum(labels) => labels,
            TypeShape::Domain(_) | TypeShape::Composite(_) => &[],
        }
    }

    /// The OIDs of its parts: labels, checks.
    fn parts(&self) -> Vec<Oid> {
        match &self.shape {
            TypeShape::Enum(labels) => labels.iter().map(|label| label.oid).collect(),
            TypeShape::Domain(domain) => domain.checks.iter().map(|check| check.oid).collect(),
            TypeShape::Composite(_) => Vec::new(),
        }
    }

    pub fn label_named(&self, name: &str) -> Option<&EnumLabel> {
        self.labels().iter().find(|label| label.name == name)
    }

    pub fn label_at(&self, position: i64) -> Option<&EnumLabel> {
        let place = self.labels().binary_search_by_key(&position, |label| label.position).ok()?;
        self.labels().get(place)
    }

    /// The name of the type of its arrays, as pg_type has it.
    pub fn array_name(&self) -> String {
        array_name(&self.name)
    }

    /// What stands for a label's place in pg_enum.enumsortorder: labels that the enum was made with count from 1.
    pub fn sort_order(label: &EnumLabel) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "shown to clients, which read a float4 here")]
        let (position, step) = (label.position as f64, STEP as f64);
        position / step
    }
}

/// The name of the type of arrays over a type, as pg_type has it.
pub fn array_name(of: &str) -> String {
    let mut name = format!("_{of}");
    name.truncate(name.floor_char_boundary(IDENTIFIER_BYTES_MAX));
    name
}

/// Labels of a new enum, with OIDs from `first` on.
pub fn labels_of(names: &[String], first: Oid) -> Vec<EnumLabel> {
    let numbered = names.iter().zip(1_i64..).zip(first.0..);
    numbered
        .map(|((name, place), oid)| EnumLabel { oid: Oid(oid), position: place * STEP, name: name.clone() })
        .collect()
}

/// The labels with one more; None when the neighbour does not exist. Refused when there is no room left at that place.
pub fn with_label(
    labels: &[EnumLabel],
    name: &str,
    oid: Oid,
    place: &Neighbour,
) -> Result<Option<Vec<EnumLabel>>> {
    let position_of = |name: &String| labels.iter().position(|label| label.name == *name);
    let at = match place {
        Neighbour::Last => Some(labels.len()),
        Neighbour::Before(name) => position_of(name),
        Neighbour::After(name) => position_of(name).map(|at| at + 1),
    };
    let Some(at) = at else { return Ok(None) };
    let before = at.checked_sub(1).and_then(|before| labels.get(before)).map(|label| label.position);
    let after = labels.get(at).map(|label| label.position);
    let position = match (before, after) {
        (None, None) => Some(STEP),
        (Some(before), None) => before.checked_add(STEP),
        (None, Some(after)) => after.checked_sub(STEP),
        (Some(before), Some(after)) => {
            Some(before.midpoint(after)).filter(|middle| *middle != before && *middle != after)
        }
    };
    let position = position.ok_or_else(|| {
        Error::unsupported(format!("there is no room for \"{name}\" between its neighbours"))
            .with_hint("Make a new type with all labels, and bring the columns to it through text.")
    })?;
    let mut labels = labels.to_vec();
    labels.insert(at, EnumLabel { oid, position, name: name.to_owned() });
    Ok(Some(labels))
}

impl CatalogState {
    pub fn types(&self) -> impl Iterator<Item = &Arc<UserTypeDef>> {
        self.types.values()
    }

    /// A type by its OID, not by that of its array type.
    pub fn type_of(&self, oid: Oid) -> Option<&Arc<UserTypeDef>> {
        self.types.get(&oid)
    }

    pub fn type_named(&self, schema: SchemaId, name: &str) -> Option<&Arc<UserTypeDef>> {
        self.type_names.get(&(schema, name.to_owned())).and_then(|oid| self.types.get(oid))
    }

    /// The same state with other types.
    #[must_use]
    pub fn with_types(mut self, types: Vec<UserTypeDef>) -> Self {
        self.type_names = types.iter().map(|ty| ((ty.schema, ty.name.clone()), ty.oid)).collect();
        self.types = types.into_iter().map(|ty| (ty.oid, Arc::new(ty))).collect();
        self
    }

    pub(crate) fn create_type(&mut self, def: &UserTypeDef) -> Result<()> {
        self.check_type_free(def.schema, &def.name)?;
        if def.composite().is_some() {
            self.check_free(def.schema, &def.name)?;
        }
        self.put_type(def);
        Ok(())
    }

    pub(crate) fn alter_type(&mut self, def: &UserTypeDef) -> Result<()> {
        let before = self.types.get(&def.oid);
        let before = before.ok_or_else(|| Error::internal("altering an unknown type"))?;
        let lost = before.parts();
        let old_name = (before.schema, before.name.clone());
        if (old_name.0, old_name.1.as_str()) != (def.schema, def.name.as_str()) {
            self.check_type_free(def.schema, &def.name)?;
            self.type_names.remove(&old_name);
        }
        if let (Some(relation), Some(composite)) = (def.relation(), def.composite()) {
            let kept: Vec<ColumnId> = composite.attributes.iter().map(|a| a.number).collect();
            self.forget_columns(PG_CLASS, relation, &kept);
        }
        let kept = def.parts();
        lost.iter()
            .filter(|oid| !kept.contains(oid))
            .for_each(|oid| self.forget_comments(PG_CONSTRAINT, *oid));
        self.put_type(def);
        Ok(())
    }

    pub(crate) fn drop_type(&mut self, oid: Oid) -> Result<()> {
        let def = self.types.remove(&oid);
        let def = def.ok_or_else(|| Error::internal("dropping an unknown type"))?;
        self.type_names.remove(&(def.schema, def.name.clone()));
        self.forget_comments(PG_TYPE, def.oid);
        if let Some(relation) = def.relation() {
            self.forget_comments(PG_CLASS, relation);
        }
        def.parts().into_iter().for_each(|oid| self.forget_comments(PG_CONSTRAINT, oid));
        Ok(())
    }

    /// 42710 when a type has the name that a table or view, and so its type, is to have.
    pub(crate) fn check_no_type(&self, schema: SchemaId, name: &str) -> Result<()> {
        if !self.type_names.contains_key(&(schema, name.to_owned())) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::DuplicateObject, format!("type \"{name}\" already exists")).with_hint(
            "A relation has an associated type of the same name, so you must use a name that doesn't conflict with \
             any existing type.",
        ))
    }

    /// 42710 when a type has the name; tables and views have types of their names.
    fn check_type_free(&self, schema: SchemaId, name: &str) -> Result<()> {
        if !self.schemas.contains_key(&schema) {
            return Err(Error::internal("a type in an unknown schema"));
        }
        let key = (schema, name.to_owned());
        let relation = self.table_names.contains_key(&key) || self.view_names.contains_key(&key);
        if relation || self.type_names.contains_key(&key) {
            return Err(Error::new(ErrorKind::DuplicateObject, format!("type \"{name}\" already exists")));
        }
        Ok(())
    }

    fn put_type(&mut self, def: &UserTypeDef) {
        let numbers =
            types::user_type::number(def.oid).into_iter().chain(def.parts().into_iter().map(|oid| oid.0));
        for number in numbers {
            self.next_oid = self.next_oid.max(Oid(number.saturating_add(1)));
        }
        self.type_names.insert((def.schema, def.name.clone()), def.oid);
        self.types.insert(def.oid, Arc::new(def.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::{EnumLabel, Neighbour, labels_of, with_label};
    use base::id::Oid;

    fn names(labels: &[EnumLabel]) -> Vec<&str> {
        labels.iter().map(|label| label.name.as_str()).collect()
    }

    #[test]
    fn labels_keep_their_positions_and_order() {
        let first = labels_of(&["a".to_owned(), "c".to_owned()], Oid(5));
        let add = |labels: &[EnumLabel], name: &str, place| with_label(labels, name, Oid(9), &place).unwrap();
        let labels = add(&first, "b", Neighbour::After("a".to_owned())).unwrap();
        let labels = add(&labels, "0", Neighbour::Before("a".to_owned())).unwrap();
        let labels = add(&labels, "d", Neighbour::Last).unwrap();
        assert_eq!(names(&labels), ["0", "a", "b", "c", "d"]);
        assert!(labels.is_sorted_by(|x, y| x.position < y.position));
        assert!(first.iter().all(|label| labels.contains(label)));
        assert_eq!(add(&labels, "e", Neighbour::Before("z".to_owned())), None);
    }

    /// PostgreSQL's own script adds thirty labels at one place.
    #[test]
    fn thirty_labels_fit_between_two() {
        let mut labels = labels_of(&["a".to_owned(), "z".to_owned()], Oid(5));
        for n in 0..30 {
            let place = Neighbour::Before("z".to_owned());
            labels = with_label(&labels, &format!("i{n}"), Oid(9), &place).unwrap().unwrap();
        }
        assert!(labels.is_sorted_by(|x, y| x.position < y.position));
        let place = Neighbour::Before("z".to_owned());
        labels = with_label(&labels, "i30", Oid(9), &place).unwrap().unwrap();
        labels = with_label(&labels, "i31", Oid(9), &place).unwrap().unwrap();
        assert!(with_label(&labels, "i32", Oid(9), &place).is_err());
    }
}
