//! Syntax trees of what makes, changes and names functions.
//!
//! Must not know what names mean.
//! Invariants: those of `ast`.

use super::definition_ast::Written;
use catalog::{Parallel, ParameterMode, Volatility};
use sqlparser::ast::{DataType, Ident, ObjectName, Query};

/// A statement about functions.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionAst {
    Create(CreateFunctionSpec),
    Alter(AlterFunctionSpec),
    Drop(DropFunctionSpec),
}

/// CREATE FUNCTION.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateFunctionSpec {
    pub name: ObjectName,
    pub or_replace: bool,
    pub parameters: Vec<ParameterSpec>,
    pub returns: Option<ReturnsSpec>,
    pub options: FunctionOptions,
    /// As written, and where.
    pub language: Option<(String, usize)>,
    pub body: Option<BodySpec>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// None when it is not written.
    pub mode: Option<ParameterMode>,
    pub name: Option<Ident>,
    pub ty: DataType,
    /// Where the parameter begins.
    pub at: usize,
    pub default: Option<Written>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ReturnsSpec {
    Type { ty: DataType, set: bool, at: usize },
    Table(Vec<ParameterSpec>),
}

/// What is said of a function beside parameters, result and body; None where nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FunctionOptions {
    pub volatility: Option<Volatility>,
    pub strict: Option<bool>,
    pub leakproof: Option<bool>,
    pub parallel: Option<Parallel>,
    pub cost: Option<f32>,
    pub rows: Option<f32>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BodySpec {
    /// AS, with where the string begins.
    Text {
        text: String,
        at: usize,
    },
    Return(Written),
    /// BEGIN ATOMIC, whose queries each have their text and where it begins.
    Atomic(Vec<(Box<Query>, String, usize)>),
}

/// A function as statements about it name it.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionName {
    pub name: ObjectName,
    /// None when only the name is given.
    pub parameters: Option<Vec<ParameterSpec>>,
}

/// DROP FUNCTION.
#[derive(Clone, Debug, PartialEq)]
pub struct DropFunctionSpec {
    pub functions: Vec<FunctionName>,
    pub if_exists: bool,
    pub cascade: bool,
}

/// ALTER FUNCTION.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterFunctionSpec {
    pub function: FunctionName,
    pub change: FunctionChange,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FunctionChange {
    Rename(Ident),
    SetSchema(Ident),
    Options(FunctionOptions),
}
