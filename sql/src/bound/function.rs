//! What statements about functions mean.

use super::DroppedColumn;
use base::id::{Oid, TableId};
use catalog::FunctionDef;

#[derive(Clone, Debug, PartialEq)]
pub enum FunctionStatement {
    /// Without an OID; with the one of the function whose place it takes.
    Create { def: FunctionDef, replaces: Option<Oid> },
    /// The definition that it then has.
    Alter { def: FunctionDef },
    Drop {
        functions: Vec<Oid>,
        /// What tables lose with them.
        columns: Vec<(TableId, DroppedColumn)>,
        cascade: bool,
        notices: Vec<String>,
    },
}

impl FunctionStatement {
    pub fn command(&self) -> &'static str {
        match self {
            FunctionStatement::Create { .. } => "CREATE FUNCTION",
            FunctionStatement::Alter { .. } => "ALTER FUNCTION",
            FunctionStatement::Drop { .. } => "DROP FUNCTION",
        }
    }
}
