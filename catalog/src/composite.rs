//! Definitions of composite types: rows with a name.
//!
//! Must not know values. Invariants: the form of a composite type, wherever it stands, has the fields of its definition; the
//! number of an attribute is never another's.

use crate::state::CatalogState;
use crate::table::ColumnDef;
use crate::user_type::{TypeShape, UserTypeDef};
use crate::view::ViewColumn;
use base::id::{ColumnId, Oid, SchemaId};
use std::sync::Arc;
use types::sql_type::RowField;
use types::{Form, SqlType, user_type};

/// What the rows of a type have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeDef {
    pub attributes: Vec<AttributeDef>,
    /// The number of the next attribute.
    pub next: ColumnId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeDef {
    /// What clients see as pg_attribute.attnum.
    pub number: ColumnId,
    pub name: String,
    pub ty: SqlType,
}

impl CompositeDef {
    pub fn new(attributes: Vec<(String, SqlType)>) -> Self {
        let mut def = Self { attributes: Vec::with_capacity(attributes.len()), next: ColumnId(1) };
        attributes.into_iter().for_each(|(name, ty)| def.add(name, ty));
        def
    }

    /// One more attribute behind the others.
    pub fn add(&mut self, name: String, ty: SqlType) {
        self.attributes.push(AttributeDef { number: self.next, name, ty: ty.of_field() });
        self.next = ColumnId(self.next.0.saturating_add(1));
    }

    pub fn attribute(&self, name: &str) -> Option<&AttributeDef> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

impl UserTypeDef {
    /// What it is when it is a composite type.
    pub fn composite(&self) -> Option<&CompositeDef> {
        match &self.shape {
            TypeShape::Composite(composite) => Some(composite),
            TypeShape::Enum(_) | TypeShape::Domain(_) => None,
        }
    }

    /// What clients see as pg_class.oid of a composite type.
    pub fn relation(&self) -> Option<Oid> {
        self.composite().and_then(|_| user_type::number(self.oid)).map(Oid)
    }

    /// The type of a composite type's values.
    pub fn composite_type(&self) -> Option<SqlType> {
        let fields = self.composite()?.attributes.iter();
        let field = |a: &AttributeDef| RowField { name: a.name.clone(), ty: a.ty.clone() };
        Some(SqlType::composite(self.oid, fields.map(field).collect()))
    }
}

impl CatalogState {
    /// The type that a composite type, the rows of a table or view, or arrays over one have.
    pub fn composite_type(&self, oid: Oid) -> Option<SqlType> {
        let element = user_type::array_element(oid);
        let row = match user_type::table_of_row(oid) {
            Some(table) => self.row_of_table(element.unwrap_or(oid), table)?,
            None => self.type_of(element.unwrap_or(oid))?.composite_type()?,
        };
        if element.is_some() { row.array() } else { Some(row) }
    }

    fn row_of_table(&self, oid: Oid, table: Oid) -> Option<SqlType> {
        let Some(table) = self.table_of_relation(table) else {
            return self.row_of_view(oid, table);
        };
        let field = |c: &ColumnDef| RowField { name: c.name.clone(), ty: c.ty.clone().of_field() };
        Some(SqlType::composite(oid, table.columns.iter().map(field).collect()))
    }

    fn row_of_view(&self, oid: Oid, view: Oid) -> Option<SqlType> {
        let view = self.view_of_relation(view)?;
        let field = |c: &ViewColumn| RowField { name: c.name.clone(), ty: c.ty.clone().of_field() };
        Some(SqlType::composite(oid, view.columns.iter().map(field).collect()))
    }

    /// The composite type that a name of relations means.
    pub fn composite_named(&self, schema: SchemaId, name: &str) -> Option<&Arc<UserTypeDef>> {
        self.type_named(schema, name).filter(|def| def.composite().is_some())
    }

    /// The composite type with a row of that OID in pg_class.
    pub fn composite_of_relation(&self, relation: Oid) -> Option<&Arc<UserTypeDef>> {
        let number = user_type::UserKind::Composite.oid(relation.0)?;
        self.type_of(number)
    }

    /// The composite types with a type among what their rows hold, itself first; those over others come behind these.
    pub fn composites_over(&self, ty: Oid) -> Vec<&Arc<UserTypeDef>> {
        let mut found: Vec<&Arc<UserTypeDef>> = self.type_of(ty).into_iter().collect();
        // The forms are complete: a type over one that is over another holds both.
        let mut over: Vec<&Arc<UserTypeDef>> = self.types().filter(|def| def.oid != ty).collect();
        over.retain(|def| def.composite_type().is_some_and(|row| holds(&row, ty)));
        over.sort_by_key(|def| def.composite_type().map_or(0, |row| row.form.depth()));
        found.extend(over);
        found
    }
}

/// Whether values of a type hold values of another one, or are such.
pub fn holds(ty: &SqlType, wanted: Oid) -> bool {
    ty.named() == wanted
        || ty.oid == wanted
        || ty.element().is_some_and(|element| holds(&element, wanted))
        || ty.fields().is_some_and(|fields| fields.iter().any(|field| holds(&field.ty, wanted)))
}

/// Whether rows have fields of domains, or rows with such fields: then who makes one out of a text has to look at them.
pub fn has_domains(ty: &SqlType) -> bool {
    ty.element().is_some_and(|element| has_domains(&element))
        || ty.fields().is_some_and(|fields| {
            fields.iter().any(|field| field.ty.domain.is_some() || has_domains(&field.ty))
        })
}

/// A type in which another one has its form of now.
#[must_use]
pub fn with_form_of(ty: &SqlType, changed: &SqlType) -> SqlType {
    if ty.oid == changed.oid {
        return SqlType { form: changed.form.clone(), ..ty.clone() };
    }
    if let Some(element) = ty.element() {
        let form = Form::Array(Box::new(with_form_of(&element, changed).form));
        return if holds(&element, changed.oid) { SqlType { form, ..ty.clone() } } else { ty.clone() };
    }
    let Some(fields) = ty.fields() else { return ty.clone() };
    let field = |f: &RowField| RowField { name: f.name.clone(), ty: with_form_of(&f.ty, changed) };
    SqlType { form: Form::Row(fields.iter().map(field).collect()), ..ty.clone() }
}

#[cfg(test)]
mod tests {
    use super::{CompositeDef, holds, with_form_of};
    use crate::user_type::{TypeShape, UserTypeDef};
    use base::id::SchemaId;
    use types::sql_type::oid;
    use types::user_type::UserKind;
    use types::{Form, SqlType};

    fn made(number: u32, attributes: Vec<(&str, SqlType)>) -> UserTypeDef {
        let attributes = attributes.into_iter().map(|(name, ty)| (name.to_owned(), ty));
        let shape = TypeShape::Composite(CompositeDef::new(attributes.collect()));
        let oid = UserKind::Composite.oid(number).unwrap();
        UserTypeDef { oid, schema: SchemaId(1), name: "c".to_owned(), shape }
    }

    #[test]
    fn a_new_form_reaches_whatever_holds_the_type() {
        let numeric = SqlType::with_typmod(oid::NUMERIC, SqlType::numeric_typmod(5, 2)).unwrap();
        let inner = made(20_000, vec![("a", numeric)]).composite_type().unwrap();
        let fields = inner.fields().unwrap();
        assert_eq!((&fields[0].ty.form, fields[0].ty.typmod), (&Form::PgNum, SqlType::numeric_typmod(5, 2)));
        let array = inner.array().unwrap();
        assert_eq!(array.element(), Some(inner.clone()));
        let outer = made(20_001, vec![("x", SqlType::of(oid::INT4).unwrap()), ("y", array.clone())]);
        let outer = outer.composite_type().unwrap();
        assert!(holds(&outer, inner.oid) && holds(&array, inner.oid) && !holds(&inner, outer.oid));
        let changed = made(20_000, vec![("b", SqlType::of(oid::TEXT).unwrap())]).composite_type().unwrap();
        let renewed = with_form_of(&outer, &changed);
        assert_eq!(renewed.fields().unwrap()[1].ty.element(), Some(changed.clone()));
        assert_eq!(renewed.fields().unwrap()[0], outer.fields().unwrap()[0]);
        assert_eq!(with_form_of(&array, &changed), changed.array().unwrap());
        assert_eq!(with_form_of(&changed, &inner), inner);
    }
}
