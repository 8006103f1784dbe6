//! Text to syntax trees: tokens, limits, statements.
//!
//! Expressions and queries are parsed by sqlparser under our dialect; the grammar of every other statement is ours, so
//! that what is not understood is refused at its position instead of being accepted and dropped.
//! Must not know the catalog or types.
//! Invariant: every span in a tree has line 1 and, as its column, the position in characters (from 1) in the
//! whole query string; it is what an error's position means.

mod alter;
mod ast;
mod clauses;
mod comment;
mod copy;
mod cursor;
mod definition_ast;
mod dialect;
mod domain;
mod equivalents;
mod foreign_key;
mod forms;
mod function;
mod function_ast;
mod in_list;
mod index;
mod literal_rows;
mod maintenance;
mod merge;
mod modifying;
mod no_columns;
mod operators;
mod pieces;
mod postfix;
mod prepared;
mod row_stars;
mod rows_from;
mod sequence;
mod session;
mod statement;
mod table;
mod target;
mod tokens;
mod typed_literal;
mod unicode;
mod unique;
mod unnamed_columns;
mod unsupported;
mod user_type;
mod versions;
mod view;
mod whole_table;
mod words;
mod write;

pub use ast::{
    AlterAction, AlterTableSpec, AnalyzeSpec, ColumnConstraint, ColumnConstraintKind, ColumnSpec,
    ConflictAction, ConflictSpec, ConflictTarget, CopyOption, CopySource, CopySpec, CopyValue,
    CreateTableSpec, DeleteSpec, ExecuteSpec, ExplainSpec, InsertSource, InsertSpec, MergeAction,
    MergeInsert, MergeSpec, MergeWhen, Overriding, PartitionBound, PartitionLevel, PartitionSpec,
    PrepareSpec, SetClause, SetSpec, SetTarget, StatementAst, TableOption, TableTarget, TruncateSpec,
    UpdateSpec, VacuumSpec, Word,
};
pub(crate) use clauses::{EXCLUDE, JOIN_ALIAS, WITH_TIES};
pub use definition_ast::{
    AlterDomainSpec, AlterSequenceSpec, AlterTypeSpec, AlterViewSpec, AttributeChange, AttributeSpec,
    CheckSpec, CloneSpec, CommentSpec, CommentTarget, CreateDomainSpec, CreateTableAsSpec, CreateTypeSpec,
    DomainChange, DropSpec, ForeignKeySpec, Including, IndexSpec, KeySpec, LikeSpec, MaterializedSpec,
    RefreshSpec, RelationKind, RowsSource, SequenceChange, SequenceOption, SequenceOptionKind, SequenceSpec,
    TypeChange, TypeSpec, ViewSpec, Written,
};
pub use domain::with_value_in_capitals;
pub(crate) use forms::{DISTINCT, ESCAPE, SYMMETRIC, VARIADIC};
pub use function_ast::{
    AlterFunctionSpec, BodySpec, CreateFunctionSpec, DropFunctionSpec, FunctionAst, FunctionChange,
    FunctionName, FunctionOptions, ParameterSpec, ReturnsSpec,
};
pub use literal_rows::LiteralRows;
pub(crate) use modifying::write_of;
pub(crate) use no_columns::NO_COLUMNS;
pub(crate) use postfix::USING;
pub(crate) use row_stars::ROW_STAR;
pub(crate) use rows_from::ROWS_FROM;
pub use statement::{ParsedStatement, is_operation, parse, parse_expression};
pub use target::{PartOfColumn, PartStep, TargetColumn};
