//! What functions that users make return: values, or rows of which columns.
//!
//! Must not know calls. Invariant: the columns of a named type have the type's modifiers, which the body's values get.

use super::Binder;
use super::numeric::per_value;
use base::id::Oid;
use base::{Error, Result};
use catalog::FunctionDef;
use types::sql_type::oid;
use types::{SqlType, user_type};

/// What a function returns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Void,
    Value(SqlType),
    /// Rows of these columns.
    Row(Vec<(String, SqlType)>),
    /// Rows of columns that the call tells.
    Open,
}

impl Binder<'_> {
    pub(super) fn shape(&self, def: &FunctionDef, settled: impl Fn(Oid) -> Result<Oid>) -> Result<Shape> {
        let mut outputs = Vec::new();
        for parameter in def.outputs() {
            outputs.push((parameter.name.clone(), self.held_type(settled(parameter.ty)?)?));
        }
        Ok(match outputs.len() {
            _ if def.rows_of.is_some() => Shape::Row(self.columns_of_rows(def)?),
            0 if user_type::is_composite(def.result) => {
                Shape::Row(self::columns(&self.held_type(def.result)?))
            }
            0 | 1 if def.result == oid::VOID => Shape::Void,
            0 if def.result == oid::RECORD => Shape::Open,
            0 | 1 => Shape::Value(self.held_type(settled(def.result)?)?),
            _ => Shape::Row(named(outputs)),
        })
    }

    /// The type of the rows that a function returns, when it has a name.
    pub(super) fn row_type_of(&self, def: &FunctionDef) -> Option<SqlType> {
        def.row_type().and_then(|row| self.context.catalog.composite_type(row))
    }

    /// The columns of the relation whose rows a function returns.
    fn columns_of_rows(&self, def: &FunctionDef) -> Result<Vec<(String, SqlType)>> {
        let relation = def.rows_of.unwrap_or(Oid(0));
        let catalog = self.context.catalog;
        // A numeric without modifier is any numeric, whatever its column holds it as.
        let declared = |ty: &SqlType| match ty.named() {
            oid::NUMERIC if ty.typmod == -1 => per_value(),
            _ => ty.clone(),
        };
        if let Some(table) = catalog.table_of_relation(relation) {
            let table = self.as_seen(table);
            return Ok(table.columns.iter().map(|c| (c.name.clone(), declared(&c.ty))).collect());
        }
        let view = catalog.view_of_relation(relation);
        let view = view.ok_or_else(|| Error::internal("a function of rows of an unknown relation"))?;
        Ok(view.columns.iter().map(|c| (c.name.clone(), declared(&c.ty))).collect())
    }
}

/// The fields of a row as columns.
pub(super) fn columns(row: &SqlType) -> Vec<(String, SqlType)> {
    let fields = row.fields().into_iter().flat_map(|fields| fields.iter());
    fields.map(|field| (field.name.clone(), field.ty.clone())).collect()
}

/// Columns without a name are numbered.
fn named(columns: Vec<(String, SqlType)>) -> Vec<(String, SqlType)> {
    let numbered = |number: usize, name: String| match name.is_empty() {
        true => format!("column{number}"),
        false => name,
    };
    columns.into_iter().zip(1..).map(|((name, ty), number)| (numbered(number, name), ty)).collect()
}
