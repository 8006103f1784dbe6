//! The grammar of foreign keys.

use super::cursor::Cursor;
use super::definition_ast::ForeignKeySpec;
use super::unsupported::refuse;
use base::{Error, Result};
use catalog::ForeignKeyAction;
use sqlparser::ast::Ident;
use sqlparser::tokenizer::Token;

/// A table's `FOREIGN KEY (columns) REFERENCES ..`, behind its name.
pub(crate) fn constraint(cursor: &mut Cursor<'_>, name: Option<Ident>) -> Result<ForeignKeySpec> {
    let at = cursor.at();
    cursor.expect_words(&["foreign", "key"])?;
    let columns = cursor.name_list()?;
    cursor.expect_words(&["references"])?;
    references(cursor, name, at, columns)
}

/// Behind REFERENCES.
pub(super) fn references(
    cursor: &mut Cursor<'_>,
    name: Option<Ident>,
    at: usize,
    columns: Vec<Ident>,
) -> Result<ForeignKeySpec> {
    let table = cursor.qualified_name()?;
    let referenced = if *cursor.peek() == Token::LParen { cursor.name_list()? } else { Vec::new() };
    let full = matching(cursor)?;
    let (mut on_delete, mut on_update, mut set_columns) = (None, None, Vec::new());
    loop {
        if on_delete.is_none() && cursor.take_words(&["on", "delete"]) {
            let (action, columns) = action(cursor)?;
            (on_delete, set_columns) = (Some(action), columns);
        } else if on_update.is_none() && cursor.take_words(&["on", "update"]) {
            let at = cursor.at();
            let (action, columns) = action(cursor)?;
            if !columns.is_empty() {
                let word = if action == ForeignKeyAction::SetNull { "NULL" } else { "DEFAULT" };
                let message =
                    format!("a column list with SET {word} is only supported for ON DELETE actions");
                return Err(Error::unsupported(message).at(at));
            }
            on_update = Some(action);
        } else {
            break;
        }
    }
    attributes(cursor)?;
    Ok(ForeignKeySpec {
        name,
        at,
        columns,
        table,
        referenced,
        on_delete: on_delete.unwrap_or_default(),
        on_update: on_update.unwrap_or_default(),
        set_columns,
        full,
    })
}

/// MATCH; whether it is FULL.
fn matching(cursor: &mut Cursor<'_>) -> Result<bool> {
    let at = cursor.at();
    if !cursor.take_word("match") {
        return Ok(false);
    }
    if cursor.take_word("partial") {
        // So it is in PostgreSQL.
        return Err(Error::unsupported("MATCH PARTIAL not yet implemented").at(at));
    }
    if cursor.take_word("full") {
        return Ok(true);
    }
    cursor.expect_words(&["simple"])?;
    Ok(false)
}

/// Behind ON DELETE or ON UPDATE; with the columns that it is about, if it lists some.
fn action(cursor: &mut Cursor<'_>) -> Result<(ForeignKeyAction, Vec<Ident>)> {
    let action = if cursor.take_words(&["no", "action"]) {
        ForeignKeyAction::NoAction
    } else if cursor.take_word("restrict") {
        ForeignKeyAction::Restrict
    } else if cursor.take_word("cascade") {
        ForeignKeyAction::Cascade
    } else if cursor.take_words(&["set", "null"]) {
        ForeignKeyAction::SetNull
    } else {
        cursor.expect_words(&["set", "default"])?;
        ForeignKeyAction::SetDefault
    };
    let sets = matches!(action, ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault);
    let columns = if sets && *cursor.peek() == Token::LParen { cursor.name_list()? } else { Vec::new() };
    Ok((action, columns))
}

/// When it is checked: by each statement, and of all rows.
fn attributes(cursor: &mut Cursor<'_>) -> Result<()> {
    loop {
        let at = cursor.at();
        let deferred = cursor.is_word("deferrable") || cursor.is_words(&["initially", "deferred"]);
        if deferred {
            return Err(refuse("DEFERRABLE constraints", at)
                .with_hint("Foreign keys are checked at the end of each statement."));
        }
        if cursor.is_words(&["not", "valid"]) {
            return Err(refuse("NOT VALID", at).with_hint("Leave the clause out; the rows are checked."));
        }
        if !cursor.take_words(&["not", "deferrable"]) && !cursor.take_words(&["initially", "immediate"]) {
            return Ok(());
        }
    }
}
