//! CREATE, ALTER and DROP FUNCTION.

use super::drop::drop_functions;
use super::table::command;
use crate::api::Execution;
use crate::session::Core;
use base::Result;
use catalog::CatalogEdit;
use sql::bound::FunctionStatement;

pub(crate) fn function(core: &mut Core, statement: &FunctionStatement) -> Result<Execution> {
    let edit = match statement {
        FunctionStatement::Drop { functions, columns, cascade, notices } => {
            return drop_functions(core, functions, columns, *cascade, notices);
        }
        FunctionStatement::Create { def, replaces: Some(oid) } => {
            let mut def = def.clone();
            def.oid = *oid;
            CatalogEdit::AlterFunction(Box::new(def))
        }
        FunctionStatement::Create { def, replaces: None } => {
            let mut def = def.clone();
            def.oid = core.transaction.current()?.catalog().next_oid();
            CatalogEdit::CreateFunction(Box::new(def))
        }
        FunctionStatement::Alter { def } => CatalogEdit::AlterFunction(Box::new(def.clone())),
    };
    core.transaction.current()?.edit_catalog(edit)?;
    Ok(command(statement.command()))
}
