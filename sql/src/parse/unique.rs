//! The grammar of UNIQUE.

use super::cursor::Cursor;
use super::definition_ast::KeySpec;
use super::table::refuse_key_clauses;
use super::unsupported::refuse;
use base::Result;
use sqlparser::ast::Ident;

/// A table's `UNIQUE (columns)`, behind its name.
pub(crate) fn constraint(cursor: &mut Cursor<'_>, name: Option<Ident>) -> Result<KeySpec> {
    let at = cursor.at();
    cursor.expect_words(&["unique"])?;
    nulls(cursor)?;
    if cursor.is_words(&["using", "index"]) {
        return Err(refuse("UNIQUE USING INDEX", cursor.at()).with_hint("List the columns."));
    }
    let columns = cursor.name_list()?;
    refuse_key_clauses(cursor)?;
    Ok(KeySpec { name, at, columns })
}

/// Behind UNIQUE: rows with a null differ from all others.
pub(super) fn nulls(cursor: &mut Cursor<'_>) -> Result<()> {
    let at = cursor.at();
    if cursor.take_words(&["nulls", "not", "distinct"]) {
        return Err(refuse("NULLS NOT DISTINCT", at).with_hint("Declare the columns NOT NULL."));
    }
    cursor.take_words(&["nulls", "distinct"]);
    Ok(())
}
