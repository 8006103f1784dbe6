//! The grammar of transactions, settings and EXPLAIN.
//!
//! Must not know which settings exist.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{SetSpec, SetTarget, StatementAst, Word};
use super::cursor::{Cursor, string_of};
use super::tokens::syntax;
use super::unsupported::refuse;
use crate::bound::{ExplainOptions, Isolation};
use base::{Error, ErrorKind, Result};
use sqlparser::tokenizer::Token;

/// Modes of BEGIN and SET TRANSACTION.
#[derive(Debug, Default)]
struct Modes {
    read_only: Option<bool>,
    isolation: Option<Isolation>,
}

/// Behind BEGIN or START TRANSACTION.
pub(crate) fn begin(cursor: &mut Cursor<'_>, started: bool) -> Result<StatementAst> {
    if !started {
        skip_work(cursor);
    }
    let Modes { read_only, isolation } = if cursor.at_end() { Modes::default() } else { modes(cursor)? };
    Ok(StatementAst::Begin { started, read_only, isolation })
}

/// The words WORK and TRANSACTION say nothing.
fn skip_work(cursor: &mut Cursor<'_>) {
    if !cursor.take_word("work") {
        cursor.take_word("transaction");
    }
}

/// One or more modes; commas between them are optional.
fn modes(cursor: &mut Cursor<'_>) -> Result<Modes> {
    let mut modes = Modes::default();
    loop {
        let at = cursor.at();
        if cursor.take_words(&["isolation", "level"]) {
            modes.isolation = Some(isolation(cursor)?);
        } else if cursor.take_words(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if cursor.take_words(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if cursor.take_words(&["not", "deferrable"]) {
            // The default.
        } else if cursor.is_word("deferrable") {
            return Err(refuse("DEFERRABLE", at)
                .with_hint("It acts on SERIALIZABLE transactions only; leave it out."));
        } else {
            return Err(cursor.syntax_error());
        }
        if !cursor.take(&Token::Comma) && cursor.at_end() {
            return Ok(modes);
        }
    }
}

fn isolation(cursor: &mut Cursor<'_>) -> Result<Isolation> {
    let at = cursor.at();
    if cursor.take_words(&["read", "committed"]) {
        Ok(Isolation::ReadCommitted)
    } else if cursor.take_words(&["read", "uncommitted"]) {
        Ok(Isolation::ReadUncommitted)
    } else if cursor.take_words(&["repeatable", "read"]) {
        Ok(Isolation::RepeatableRead)
    } else if cursor.is_word("serializable") {
        Err(serializable(at))
    } else {
        Err(cursor.syntax_error())
    }
}

fn serializable(at: usize) -> Error {
    refuse("isolation level SERIALIZABLE", at).with_hint("Use REPEATABLE READ, which is snapshot isolation.")
}

/// Behind COMMIT, END, ROLLBACK or ABORT: whether a new transaction follows.
pub(crate) fn chain(cursor: &mut Cursor<'_>) -> Result<bool> {
    if cursor.is_word("prepared") {
        return Err(two_phase(cursor.at()));
    }
    skip_work(cursor);
    if cursor.is_word("to") {
        return Err(savepoint(cursor.at()));
    }
    if !cursor.take_word("and") {
        return Ok(false);
    }
    let no = cursor.take_word("no");
    cursor.expect_words(&["chain"])?;
    Ok(!no)
}

pub(crate) fn savepoint(at: usize) -> Error {
    Error::unsupported("savepoints are not supported")
        .at(at)
        .with_hint("Roll the whole transaction back, or split it.")
}

pub(crate) fn two_phase(at: usize) -> Error {
    Error::unsupported("two-phase commit is not supported").at(at).with_hint("Use COMMIT.")
}

/// Behind the word SET.
pub(crate) fn set(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    if cursor.take_words(&["session", "characteristics", "as", "transaction"]) {
        let Modes { read_only, isolation } = modes(cursor)?;
        return Ok(StatementAst::SetTransaction { read_only, isolation, session: true });
    }
    let local = cursor.is_word("local") && is_setting_word(cursor);
    if local || (cursor.is_word("session") && is_setting_word(cursor)) {
        cursor.next();
    }
    let at = cursor.at();
    if cursor.take_word("transaction") {
        if cursor.is_word("snapshot") {
            return Err(refuse("SET TRANSACTION SNAPSHOT", at)
                .with_hint("SET nyala.as_of lets several sessions read one time."));
        }
        let Modes { read_only, isolation } = modes(cursor)?;
        return Ok(StatementAst::SetTransaction { read_only, isolation, session: false });
    }
    if cursor.take_words(&["time", "zone"]) {
        let value = if cursor.take_word("local") || cursor.take_word("default") {
            SetTarget::Default
        } else if cursor.is_word("interval") {
            return Err(
                refuse("SET TIME ZONE INTERVAL", cursor.at()).with_hint("Name the zone, for example 'UTC'.")
            );
        } else {
            SetTarget::Values(vec![value(cursor)?])
        };
        return Ok(setting("timezone", at, local, value));
    }
    if cursor.is_words(&["names"]) || cursor.is_words(&["schema"]) {
        let name = if cursor.is_word("names") { "client_encoding" } else { "search_path" };
        if string_of(cursor.peek_nth(1)).is_some()
            || (name == "client_encoding" && *cursor.peek_nth(1) == Token::EOF)
        {
            cursor.next();
            let value =
                if cursor.at_end() { SetTarget::Default } else { SetTarget::Values(vec![cursor.string()?]) };
            return Ok(setting(name, at, local, value));
        }
    }
    refuse_special_settings(cursor)?;
    let name = setting_name(cursor)?;
    if cursor.is_words(&["from", "current"]) {
        return Err(refuse("SET .. FROM CURRENT", cursor.at()).with_hint("Leave the setting as it is."));
    }
    if !cursor.take_word("to") {
        cursor.expect(&Token::Eq)?;
    }
    let value = if cursor.take_word("default") {
        SetTarget::Default
    } else {
        SetTarget::Values(cursor.separated(value)?)
    };
    Ok(StatementAst::Set(SetSpec { name, local, value }))
}

/// Whether the word here stands before a setting and is not the setting's name itself.
fn is_setting_word(cursor: &Cursor<'_>) -> bool {
    matches!(cursor.peek_nth(1), Token::Word(_)) && !super::cursor::is_word(cursor.peek_nth(1), "to")
}

fn refuse_special_settings(cursor: &Cursor<'_>) -> Result<()> {
    let at = cursor.at();
    if cursor.is_word("role") || cursor.is_words(&["authorization"]) {
        return Err(refuse("changing the role of a session", at).with_hint("Connect as that role."));
    }
    if cursor.is_word("constraints") {
        return Err(refuse("SET CONSTRAINTS", at).with_hint("Constraints are checked by each statement."));
    }
    if cursor.is_words(&["xml", "option"]) {
        return Err(refuse("SET XML OPTION", at).with_hint("Leave it out: there is no type xml."));
    }
    Ok(())
}

fn setting(name: &str, at: usize, local: bool, value: SetTarget) -> StatementAst {
    StatementAst::Set(SetSpec { name: Word { text: name.to_owned(), at }, local, value })
}

/// `name` or `class.name`.
fn setting_name(cursor: &mut Cursor<'_>) -> Result<Word> {
    let at = cursor.at();
    let mut text = folded(cursor)?;
    while cursor.take(&Token::Period) {
        text.push('.');
        text.push_str(&folded(cursor)?);
    }
    Ok(Word { text, at })
}

fn folded(cursor: &mut Cursor<'_>) -> Result<String> {
    let ident = cursor.name()?;
    Ok(if ident.quote_style.is_some() { ident.value } else { ident.value.to_ascii_lowercase() })
}

/// A word, string or number as a setting's text.
pub(crate) fn value(cursor: &mut Cursor<'_>) -> Result<String> {
    if let Some(text) = string_of(cursor.peek()) {
        cursor.next();
        return Ok(text);
    }
    let negative = cursor.take(&Token::Minus);
    if !negative {
        cursor.take(&Token::Plus);
    }
    if let Token::Number(digits, false) = cursor.peek() {
        let text = if negative { format!("-{digits}") } else { digits.clone() };
        cursor.next();
        return Ok(text);
    }
    let words = ["true", "false", "on"];
    if negative || !(cursor.is_value_word() || words.iter().any(|word| cursor.is_word(word))) {
        return Err(cursor.syntax_error());
    }
    let ident = cursor.label()?;
    Ok(if ident.quote_style.is_some() { ident.value } else { ident.value.to_ascii_lowercase() })
}

/// Behind DEALLOCATE.
pub(crate) fn deallocate(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    // PREPARE says nothing, unless it is the name itself.
    if !matches!(cursor.peek_nth(1), Token::EOF) {
        cursor.take_word("prepare");
    }
    let name = if cursor.take_word("all") { None } else { Some(cursor.name()?) };
    Ok(StatementAst::Deallocate { name })
}

/// Behind SHOW or RESET.
pub(crate) fn setting_or_all(cursor: &mut Cursor<'_>) -> Result<Option<Word>> {
    let at = cursor.at();
    let word = |text: &str| Ok(Some(Word { text: text.to_owned(), at }));
    if cursor.take_word("all") {
        return Ok(None);
    }
    if cursor.take_words(&["time", "zone"]) {
        return word("timezone");
    }
    if cursor.take_words(&["transaction", "isolation", "level"]) {
        return word("transaction_isolation");
    }
    if cursor.take_words(&["session", "authorization"]) {
        return word("session_authorization");
    }
    setting_name(cursor).map(Some)
}

/// Behind EXPLAIN: its options.
pub(crate) fn explain_options(cursor: &mut Cursor<'_>) -> Result<ExplainOptions> {
    let starts_query =
        ["select", "values", "with", "table"].iter().any(|w| super::cursor::is_word(cursor.peek_nth(1), w));
    let mut options = ExplainOptions::default();
    if *cursor.peek() != Token::LParen || starts_query || *cursor.peek_nth(1) == Token::LParen {
        options.analyze = cursor.take_word("analyze") || cursor.take_word("analyse");
        options.verbose = cursor.take_word("verbose");
        return Ok(options);
    }
    cursor.expect(&Token::LParen)?;
    let mut need_analyze = None;
    cursor.separated(|c| {
        let at = c.at();
        let name = c.label()?.value.to_ascii_lowercase();
        let argument = if matches!(c.peek(), Token::Comma | Token::RParen) { None } else { Some(value(c)?) };
        if name == "format" {
            options.json = explain_format(argument.as_deref(), at)?;
            return Ok(());
        }
        let known =
            ["analyze", "analyse", "verbose", "costs", "summary", "timing", "settings", "buffers", "wal"];
        if !known.contains(&name.as_str()) {
            return Err(syntax(format!("unrecognized EXPLAIN option \"{name}\""), at));
        }
        let on = boolean(&name, argument.as_deref())?;
        match name.as_str() {
            "analyze" | "analyse" => options.analyze = on,
            "verbose" => options.verbose = on,
            "costs" => options.costs = Some(on),
            "summary" => options.summary = Some(on),
            // Ours shows none of these, so asking for none is answered truly.
            _ if !on => {}
            _ => need_analyze = Some((name.to_ascii_uppercase(), at)),
        }
        Ok(())
    })?;
    cursor.expect(&Token::RParen)?;
    match need_analyze {
        None => Ok(options),
        Some((name, _)) if !options.analyze && matches!(name.as_str(), "TIMING" | "WAL") => {
            let message = format!("EXPLAIN option {name} requires ANALYZE");
            Err(Error::new(ErrorKind::InvalidParameterValue, message))
        }
        Some((name, at)) => Err(refuse(&format!("EXPLAIN option {name}"), at)
            .with_hint("Use EXPLAIN (ANALYZE, VERBOSE, COSTS, SUMMARY, FORMAT).")),
    }
}

/// Whether the format is JSON.
fn explain_format(argument: Option<&str>, at: usize) -> Result<bool> {
    let Some(format) = argument else {
        return Err(Error::new(ErrorKind::Syntax, "format requires a parameter"));
    };
    match format {
        "text" => Ok(false),
        "json" => Ok(true),
        "xml" | "yaml" => Err(refuse(&format!("EXPLAIN format {}", format.to_ascii_uppercase()), at)
            .with_hint("Use FORMAT TEXT or FORMAT JSON.")),
        _ => {
            let message = format!("unrecognized value for EXPLAIN option \"format\": \"{format}\"");
            Err(Error::new(ErrorKind::InvalidParameterValue, message).at(at))
        }
    }
}

/// A boolean option; without argument it is on.
pub(crate) fn boolean(name: &str, argument: Option<&str>) -> Result<bool> {
    match argument.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "on" | "1") => Ok(true),
        Some("false" | "off" | "0") => Ok(false),
        Some(_) => Err(Error::new(ErrorKind::Syntax, format!("{name} requires a Boolean value"))),
    }
}
