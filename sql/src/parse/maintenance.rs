//! The grammar of VACUUM, ANALYZE and TRUNCATE.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{AnalyzeSpec, StatementAst, TableTarget, TruncateSpec, VacuumSpec};
use super::cursor::Cursor;
use super::session::{boolean, value};
use super::tokens::syntax;
use super::unsupported::refuse;
use base::Result;
use sqlparser::tokenizer::Token;

/// Options of PostgreSQL's VACUUM that stand for work that is not there to do; switching them off is the truth.
const ABSENT: &[&str] =
    &["freeze", "disable_page_skipping", "skip_locked", "process_toast", "truncate", "index_cleanup"];

/// Behind VACUUM.
pub(crate) fn vacuum(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let mut spec = VacuumSpec { full: false, verbose: false, analyze: false, tables: Vec::new() };
    if cursor.take(&Token::LParen) {
        cursor.separated(|c| vacuum_option(c, &mut spec))?;
        cursor.expect(&Token::RParen)?;
    } else {
        spec.full = cursor.take_word("full");
        if cursor.is_word("freeze") {
            return Err(refuse("VACUUM FREEZE", cursor.at())
                .with_hint("Rows hold no transaction numbers; leave the word out."));
        }
        spec.verbose = cursor.take_word("verbose");
        spec.analyze = cursor.take_word("analyze") || cursor.take_word("analyse");
    }
    spec.tables = targets(cursor)?;
    if let Some(at) = spec.tables.iter().find_map(|t| t.columns_at).filter(|_| !spec.analyze) {
        return Err(base::Error::unsupported(
            "ANALYZE option must be specified when a column list is provided",
        )
        .at(at));
    }
    Ok(StatementAst::Vacuum(spec))
}

fn vacuum_option(cursor: &mut Cursor<'_>, spec: &mut VacuumSpec) -> Result<()> {
    let at = cursor.at();
    let (name, argument) = option(cursor)?;
    match name.as_str() {
        "full" => spec.full = boolean(&name, argument.as_deref())?,
        "verbose" => spec.verbose = boolean(&name, argument.as_deref())?,
        "analyze" | "analyse" => spec.analyze = boolean(&name, argument.as_deref())?,
        absent if ABSENT.contains(&absent) => {
            let is_auto = argument.as_deref() == Some("auto") && name == "index_cleanup";
            if !is_auto && boolean(&name, argument.as_deref())? {
                return Err(refuse(&format!("VACUUM option {}", name.to_ascii_uppercase()), at)
                    .with_hint("Use VACUUM (FULL, VERBOSE, ANALYZE)."));
            }
        }
        "parallel" => {
            return Err(refuse("VACUUM option PARALLEL", at)
                .with_hint("The server compacts with threads of its own; leave the option out."));
        }
        _ => return Err(syntax(format!("unrecognized VACUUM option \"{name}\""), at)),
    }
    Ok(())
}

/// Behind ANALYZE.
pub(crate) fn analyze(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let mut verbose = false;
    if cursor.take(&Token::LParen) {
        cursor.separated(|c| {
            let at = c.at();
            let (name, argument) = option(c)?;
            match name.as_str() {
                "verbose" => verbose = boolean(&name, argument.as_deref())?,
                "skip_locked" => {
                    if boolean(&name, argument.as_deref())? {
                        return Err(refuse("ANALYZE option SKIP_LOCKED", at)
                            .with_hint("ANALYZE waits for no lock of rows; leave the option out."));
                    }
                }
                _ => return Err(syntax(format!("unrecognized ANALYZE option \"{name}\""), at)),
            }
            Ok(())
        })?;
        cursor.expect(&Token::RParen)?;
    } else {
        verbose = cursor.take_word("verbose");
    }
    Ok(StatementAst::Analyze(AnalyzeSpec { verbose, tables: targets(cursor)? }))
}

/// A name and perhaps a value.
fn option(cursor: &mut Cursor<'_>) -> Result<(String, Option<String>)> {
    let name = cursor.label()?.value.to_ascii_lowercase();
    let bare = matches!(cursor.peek(), Token::Comma | Token::RParen);
    Ok((name, if bare { None } else { Some(value(cursor)?) }))
}

/// `t, t (column, ..), ..`, or nothing.
fn targets(cursor: &mut Cursor<'_>) -> Result<Vec<TableTarget>> {
    if cursor.at_end() {
        return Ok(Vec::new());
    }
    cursor.separated(|c| {
        let name = c.qualified_name()?;
        let (columns_at, columns) = match c.peek() {
            Token::LParen => (Some(c.at()), c.name_list()?),
            _ => (None, Vec::new()),
        };
        Ok(TableTarget { name, columns, columns_at })
    })
}

/// Behind TRUNCATE.
pub(crate) fn truncate(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    cursor.take_word("table");
    let tables = cursor.separated(|c| {
        if c.is_word("only") {
            // Tables have no children: ONLY says what is so anyway.
            c.next();
        }
        let name = c.qualified_name()?;
        c.take(&Token::Mul);
        Ok(name)
    })?;
    let restart = cursor.take_word("restart");
    if restart || cursor.take_word("continue") {
        cursor.expect_words(&["identity"])?;
    }
    let cascade = cursor.take_word("cascade");
    if !cascade {
        cursor.take_word("restrict");
    }
    Ok(StatementAst::Truncate(TruncateSpec { tables, restart, cascade }))
}
