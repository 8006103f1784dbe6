//! Definitions of functions that users make, and the edits of them.
//!
//! Must not know what a body means. Invariant: within a schema a name stands for one function of the same input types.

use crate::comment::PG_PROC;
use crate::state::CatalogState;
use base::id::{ColumnId, Oid, SchemaId};
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::user_type::{self, UserKind};

/// A function written in SQL.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionDef {
    /// What clients see as pg_proc.oid.
    pub oid: Oid,
    pub schema: SchemaId,
    pub name: String,
    /// In the order in which they were written, those of the result among them.
    pub parameters: Vec<Parameter>,
    /// What clients see as pg_proc.prorettype; record where `rows_of` tells the type.
    pub result: Oid,
    /// The relation whose rows it returns.
    pub rows_of: Option<Oid>,
    pub returns_set: bool,
    pub traits: FunctionTraits,
    pub body: FunctionBody,
    /// OIDs of the relations, types and functions in a body that was bound when the function was made.
    pub uses: Vec<Oid>,
    /// Tables of them, each with the first column that the body does not see.
    pub unseen: Vec<(Oid, ColumnId)>,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub mode: ParameterMode,
    /// Empty when it has none.
    pub name: String,
    pub ty: Oid,
    /// Source text of the default, as tables keep theirs.
    pub default: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterMode {
    In,
    Out,
    InOut,
    Variadic,
    /// A column of RETURNS TABLE.
    Table,
}

impl ParameterMode {
    /// Whether a call gives it.
    pub fn is_input(self) -> bool {
        matches!(self, ParameterMode::In | ParameterMode::InOut | ParameterMode::Variadic)
    }

    /// Whether it is a part of the result.
    pub fn is_output(self) -> bool {
        matches!(self, ParameterMode::Out | ParameterMode::InOut | ParameterMode::Table)
    }
}

/// What is said of a function beside what it takes and returns.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionTraits {
    pub volatility: Volatility,
    /// Null when an argument is null.
    pub strict: bool,
    pub leakproof: bool,
    pub parallel: Parallel,
    pub cost: f32,
    /// 0 unless it returns a set.
    pub rows: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallel {
    Unsafe,
    Restricted,
    Safe,
}

/// What a function computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionBody {
    /// AS '..': names mean what they mean where it is called.
    Text(String),
    /// RETURN: an expression, whose names mean what they meant when the function was made.
    Return(String),
    /// BEGIN ATOMIC .. END: the query in it, likewise.
    Atomic(String),
}

impl FunctionBody {
    /// The source text, objects of the user by their OIDs where that is how they are meant.
    pub fn text(&self) -> &str {
        match self {
            FunctionBody::Text(text) | FunctionBody::Return(text) | FunctionBody::Atomic(text) => text,
        }
    }
}

impl FunctionDef {
    /// What a call gives, in order.
    pub fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.mode.is_input())
    }

    pub fn input_types(&self) -> Vec<Oid> {
        self.inputs().map(|parameter| parameter.ty).collect()
    }

    /// The type of the rows that are returned, when it has a name.
    pub fn row_type(&self) -> Option<Oid> {
        match self.rows_of {
            Some(relation) => UserKind::TableRow.oid(relation.0),
            None => Some(self.result).filter(|ty| user_type::is_composite(*ty)),
        }
    }

    /// The columns of the result that parameters stand for.
    pub fn outputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.mode.is_output())
    }

    /// Whether a type that `is` tells is that of a parameter or the result; that of a relation's rows is told by the relation.
    pub fn is_declared_with(&self, is: impl Fn(Oid) -> bool) -> bool {
        let element = |ty: Oid| {
            let ty = user_type::array_element(ty).unwrap_or(ty);
            user_type::table_of_row(ty).unwrap_or(ty)
        };
        is(element(self.result))
            || self.rows_of.is_some_and(&is)
            || self.parameters.iter().any(|parameter| is(element(parameter.ty)))
    }

    /// Whether a type, a relation or a function that `is` tells is a part of its definition.
    pub fn is_made_with(&self, is: impl Fn(Oid) -> bool) -> bool {
        let names = |text: &String| crate::view::pieces(text).any(|(_, oid)| oid.is_some_and(&is));
        self.is_declared_with(&is)
            || self.parameters.iter().any(|p| p.default.as_ref().is_some_and(names))
            || self.uses.iter().any(|oid| is(*oid))
    }

    /// How many of the last inputs have defaults.
    pub fn defaults(&self) -> usize {
        self.inputs().filter(|parameter| parameter.default.is_some()).count()
    }
}

impl CatalogState {
    pub fn functions(&self) -> impl Iterator<Item = &Arc<FunctionDef>> {
        self.functions.values()
    }

    pub fn function(&self, oid: Oid) -> Option<&Arc<FunctionDef>> {
        self.functions.get(&oid)
    }

    /// The functions of a name in a schema, in order of their OIDs.
    pub fn functions_named<'c>(
        &'c self,
        schema: SchemaId,
        name: &str,
    ) -> impl Iterator<Item = &'c Arc<FunctionDef>> + use<'c> {
        let key = |oid| (schema, name.to_owned(), oid);
        let found = self.function_names.range(key(Oid(0))..=key(Oid(u32::MAX)));
        found.filter_map(move |(_, _, oid)| self.functions.get(oid))
    }

    /// The function of a name in a schema with these input types.
    pub fn function_of(&self, schema: SchemaId, name: &str, inputs: &[Oid]) -> Option<&Arc<FunctionDef>> {
        self.functions_named(schema, name).find(|def| def.inputs().map(|p| p.ty).eq(inputs.iter().copied()))
    }

    /// The same state with other functions.
    #[must_use]
    pub fn with_functions(mut self, functions: Vec<FunctionDef>) -> Self {
        self.function_names = functions.iter().map(|def| (def.schema, def.name.clone(), def.oid)).collect();
        self.functions = functions.into_iter().map(|def| (def.oid, Arc::new(def))).collect();
        self
    }

    pub(crate) fn create_function(&mut self, def: &FunctionDef) -> Result<()> {
        self.check_function_free(def)?;
        self.next_oid = self.next_oid.max(Oid(def.oid.0.saturating_add(1)));
        self.put_function(def);
        Ok(())
    }

    pub(crate) fn alter_function(&mut self, def: &FunctionDef) -> Result<()> {
        let before = self.functions.get(&def.oid);
        let before = before.ok_or_else(|| Error::internal("altering an unknown function"))?;
        let old_name = (before.schema, before.name.clone(), before.oid);
        self.check_function_free(def)?;
        self.function_names.remove(&old_name);
        self.put_function(def);
        Ok(())
    }

    pub(crate) fn drop_function(&mut self, oid: Oid) -> Result<()> {
        let def = self.functions.remove(&oid);
        let def = def.ok_or_else(|| Error::internal("dropping an unknown function"))?;
        self.function_names.remove(&(def.schema, def.name.clone(), oid));
        self.forget_comments(PG_PROC, oid);
        Ok(())
    }

    /// 42723 when another function has the name and the input types.
    fn check_function_free(&self, def: &FunctionDef) -> Result<()> {
        if self.schema(def.schema).is_none() {
            return Err(Error::internal("a function in an unknown schema"));
        }
        let other = self.function_of(def.schema, &def.name, &def.input_types());
        if other.is_some_and(|other| other.oid != def.oid) {
            let message = format!("function \"{}\" already exists with same argument types", def.name);
            return Err(Error::new(ErrorKind::DuplicateFunction, message));
        }
        Ok(())
    }

    fn put_function(&mut self, def: &FunctionDef) {
        let mut def = def.clone();
        if def.unseen.is_empty() {
            def.unseen = self.first_unseen(&def.uses);
        }
        self.function_names.insert((def.schema, def.name.clone(), def.oid));
        self.functions.insert(def.oid, Arc::new(def));
    }
}
