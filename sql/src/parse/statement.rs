//! The entry of parsing and the dispatch by a statement's first words.
//!
//! Must not know what names mean.
//! Invariants: a query string is refused as a whole when one of its statements is; deep trees are dropped on a thread
//! whose stack suffices, wherever their owner is dropped.

use super::ast::{ExplainSpec, StatementAst};
use super::cursor::{Cursor, is_word};
use super::dialect::NyalaDialect;
use super::tokens::{StatementTokens, position, statements};
use super::unsupported::{refuse, refused_statement};
use super::{alter, copy, maintenance, sequence, session, table, view, write};
use crate::limits::{DEFINITION_CHAIN_MAX, Depth, check_bytes, check_tokens, too_complex};
use crate::text::Text;
use base::limits::STACK_BYTES;
use base::{Error, Result, spawn};
use sqlparser::ast::{Expr, Query, With};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

/// A statement of a query string.
#[derive(Debug)]
pub struct ParsedStatement {
    ast: Option<Box<StatementAst>>,
    /// The statement without what surrounds it (blanks, comments, the semicolon).
    pub text: String,
    /// Characters of the query string in front of `text`. Positions in `ast` count from the start of the query string.
    pub offset: usize,
    depth: Depth,
}

/// Trees deeper than this are not dropped on the stack of whoever owns them.
const DROP_IN_PLACE_DEPTH_MAX: usize = 200;

impl ParsedStatement {
    pub fn ast(&self) -> &StatementAst {
        self.ast.as_deref().unwrap_or(&StatementAst::Checkpoint)
    }
}

impl Drop for ParsedStatement {
    fn drop(&mut self) {
        let ast = self.ast.take();
        if self.depth.chain.max(self.depth.nesting) <= DROP_IN_PLACE_DEPTH_MAX {
            return;
        }
        // Without a thread the tree is leaked: better than overflowing the owner's stack.
        let ast = std::mem::ManuallyDrop::new(ast);
        let dropper = move || drop(std::mem::ManuallyDrop::into_inner(ast));
        if let Ok(thread) = spawn::big_stack_thread("drop-statement", STACK_BYTES, dropper) {
            // A panic there has nothing left to tell.
            let _ = thread.join();
        }
    }
}

/// Parses a query string: no statement, one or many.
///
/// Call it on a thread with `base::limits::STACK_BYTES` of stack: recursion follows the nesting of the text.
/// Errors: 42601 with PostgreSQL's words and position, 54001 when it nests too deep, 0A000 for statements and clauses
/// of PostgreSQL that are not supported.
pub fn parse(sql: &str) -> Result<Vec<ParsedStatement>> {
    check_bytes(sql)?;
    let text = Text::new(sql);
    statements(&text)?.into_iter().map(|tokens| parse_one(&text, tokens)).collect()
}

/// Parses the text of one expression, such as a stored DEFAULT. Stack as for `parse`.
pub fn parse_expression(text: &str) -> Result<Expr> {
    let text = Text::new(text);
    let mut all = statements(&text)?.into_iter();
    let tokens =
        all.next().unwrap_or(StatementTokens { tokens: Vec::new(), rows: None, end: 1, semicolon: None });
    check_tokens(&tokens.tokens)?;
    let dialect = NyalaDialect::for_tokens(&tokens.tokens);
    let mut cursor = Cursor::new(&text, &dialect, tokens);
    let expr = cursor.sql(Parser::parse_expr)?;
    cursor.expect_end()?;
    Ok(expr)
}

/// Whether an expression that is kept as text is an operation, which PostgreSQL shows in parentheses. Stack as for
/// `parse`.
pub fn is_operation(text: &str) -> bool {
    parse_expression(text).is_ok_and(|expr| {
        matches!(
            expr,
            Expr::BinaryOp { .. }
                | Expr::UnaryOp { .. }
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsNotTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsNotFalse(_)
                | Expr::IsUnknown(_)
                | Expr::IsNotUnknown(_)
                | Expr::IsDistinctFrom(..)
                | Expr::IsNotDistinctFrom(..)
                | Expr::Between { .. }
                | Expr::InList { .. }
                | Expr::Like { .. }
                | Expr::ILike { .. }
                | Expr::AnyOp { .. }
                | Expr::AllOp { .. }
        )
    })
}

fn parse_one(text: &Text<'_>, tokens: StatementTokens) -> Result<ParsedStatement> {
    let depth = check_tokens(&tokens.tokens)?;
    let start = tokens.tokens.first().map_or(1, |t| position(t.span.start));
    let own_text = text.slice(start, tokens.end).to_owned();
    let dialect = NyalaDialect::for_tokens(&tokens.tokens);
    let (with, tokens) = split_with(text, &dialect, tokens)?;
    let mut cursor = Cursor::new(text, &dialect, tokens);
    let ast = statement(&mut cursor, with)?;
    cursor.expect_end()?;
    let defines = matches!(
        ast,
        StatementAst::CreateTable(_) | StatementAst::AlterTable(_) | StatementAst::CreateView(_)
    );
    if defines && depth.chain > DEFINITION_CHAIN_MAX {
        return Err(too_complex());
    }
    Ok(ParsedStatement { ast: Some(Box::new(ast)), text: own_text, offset: start.saturating_sub(1), depth })
}

/// One statement, by its first words. `with` was in front of it.
fn statement(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    if cursor.take_word("insert") {
        return write::insert(cursor, with);
    }
    if cursor.take_word("upsert") {
        return write::upsert(cursor, with);
    }
    if cursor.take_word("update") {
        return write::update(cursor, with);
    }
    if cursor.take_word("delete") {
        return write::delete(cursor, with);
    }
    let is_query = *cursor.peek() == Token::LParen
        || ["select", "with", "values", "table"].iter().any(|word| cursor.is_word(word));
    if is_query {
        return query(cursor).map(StatementAst::Query);
    }
    if cursor.take_word("explain") {
        return explain(cursor, with);
    }
    definition(cursor)
}

/// A query as a statement of its own; `TABLE t` among them.
fn query(cursor: &mut Cursor<'_>) -> Result<Box<Query>> {
    cursor.sql(Parser::parse_query)
}

/// Statements other than queries and writes.
fn definition(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let at = cursor.at();
    if cursor.take_words(&["create", "table"]) {
        return table::create_table(cursor);
    }
    if cursor.take_words(&["create", "schema"]) {
        return table::create_schema(cursor);
    }
    if cursor.take_words(&["create", "sequence"]) {
        return sequence::create(cursor);
    }
    if cursor.take_words(&["alter", "sequence"]) {
        return sequence::alter(cursor);
    }
    if cursor.take_words(&["drop", "sequence"]) {
        return table::drop(cursor).map(StatementAst::DropSequence);
    }
    if cursor.take_words(&["create", "view"]) {
        return view::create(cursor, false);
    }
    if cursor.take_words(&["create", "or", "replace", "view"]) {
        return view::create(cursor, true);
    }
    if cursor.take_words(&["drop", "view"]) {
        return table::drop(cursor).map(StatementAst::DropView);
    }
    if cursor.take_words(&["drop", "table"]) {
        return table::drop(cursor).map(StatementAst::DropTable);
    }
    if cursor.take_words(&["drop", "schema"]) {
        return table::drop(cursor).map(StatementAst::DropSchema);
    }
    if cursor.take_word("copy") {
        return copy::copy(cursor);
    }
    if cursor.take_words(&["alter", "table"]) {
        return alter::alter_table(cursor);
    }
    if cursor.take_word("undrop") {
        return alter::undrop(cursor);
    }
    if cursor.take_word("truncate") {
        return maintenance::truncate(cursor);
    }
    if cursor.take_word("vacuum") {
        return maintenance::vacuum(cursor);
    }
    if cursor.take_word("analyze") || cursor.take_word("analyse") {
        return maintenance::analyze(cursor);
    }
    if cursor.take_word("checkpoint") {
        return Ok(StatementAst::Checkpoint);
    }
    if cursor.take_word("deallocate") {
        return session::deallocate(cursor);
    }
    if cursor.take_word("discard") {
        if ["plans", "sequences", "temp", "temporary"].iter().any(|word| cursor.is_word(word)) {
            return Err(refuse("this form of DISCARD", at).with_hint("Use DISCARD ALL."));
        }
        cursor.expect_words(&["all"])?;
        return Ok(StatementAst::DiscardAll);
    }
    match settings(cursor)? {
        Some(ast) => Ok(ast),
        None => transaction(cursor),
    }
}

fn settings(cursor: &mut Cursor<'_>) -> Result<Option<StatementAst>> {
    if cursor.take_word("set") {
        return session::set(cursor).map(Some);
    }
    if cursor.take_word("show") {
        let name = session::setting_or_all(cursor)?;
        return Ok(Some(name.map_or(StatementAst::ShowAll, |name| StatementAst::Show { name })));
    }
    if cursor.take_word("reset") {
        return Ok(Some(StatementAst::Reset { name: session::setting_or_all(cursor)? }));
    }
    Ok(None)
}

fn transaction(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let at = cursor.at();
    if cursor.take_word("begin") {
        return session::begin(cursor, false);
    }
    if cursor.take_word("start") {
        cursor.expect_words(&["transaction"])?;
        return session::begin(cursor, true);
    }
    if cursor.take_word("commit") || cursor.take_word("end") {
        return session::chain(cursor).map(|chain| StatementAst::Commit { chain });
    }
    if cursor.take_word("rollback") || cursor.take_word("abort") {
        return session::chain(cursor).map(|chain| StatementAst::Rollback { chain });
    }
    if cursor.is_word("savepoint") || cursor.is_word("release") {
        return Err(session::savepoint(at));
    }
    if cursor.is_words(&["prepare", "transaction"]) {
        return Err(session::two_phase(at));
    }
    Err(refused_statement(cursor).unwrap_or_else(|| cursor.syntax_error()))
}

/// Behind EXPLAIN.
fn explain(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    let (analyze, verbose) = session::explain_options(cursor)?;
    let at = cursor.at();
    if cursor.is_words(&["create", "table"]) || cursor.is_word("execute") || cursor.is_word("declare") {
        return Err(refuse("EXPLAIN of this statement", at)
            .with_hint("EXPLAIN takes queries, INSERT, UPDATE and DELETE."));
    }
    let statement = match cursor.word_text(0).map(str::to_ascii_lowercase).as_deref() {
        Some("insert" | "upsert" | "update" | "delete" | "select" | "with" | "values" | "table") => {
            statement(cursor, with)?
        }
        _ if *cursor.peek() == Token::LParen => statement(cursor, with)?,
        _ => return Err(cursor.syntax_error()),
    };
    Ok(StatementAst::Explain(Box::new(ExplainSpec { statement, analyze, verbose })))
}

/// Takes `WITH ..` from the front of INSERT, UPDATE or DELETE (also behind EXPLAIN); queries keep theirs.
fn split_with(
    text: &Text<'_>,
    dialect: &NyalaDialect,
    mut statement: StatementTokens,
) -> Result<(Option<With>, StatementTokens)> {
    let first = statement.tokens.first().map(|t| &t.token);
    let start = match first {
        Some(token) if is_word(token, "with") => 0,
        Some(token) if is_word(token, "explain") => match explain_with(&statement.tokens) {
            Some(start) => start,
            None => return Ok((None, statement)),
        },
        _ => return Ok((None, statement)),
    };
    let Some(verb) = written_verb(&statement.tokens, start) else {
        return Ok((None, statement));
    };
    // The clause is read as that of a query of its own.
    let mut clause: Vec<TokenWithSpan> = statement.tokens.drain(start..verb).collect();
    let span = statement.tokens.get(start).map_or(Span::empty(), |t| t.span);
    let values = Word { value: "VALUES".to_owned(), quote_style: None, keyword: Keyword::VALUES };
    let body = [Token::Word(values), Token::LParen, Token::Number("0".to_owned(), false), Token::RParen];
    clause.extend(body.map(|token| TokenWithSpan { token, span }));
    let semicolon = statement.semicolon;
    let clause = StatementTokens { tokens: clause, rows: None, end: statement.end, semicolon };
    let mut cursor = Cursor::new(text, dialect, clause);
    let query = query(&mut cursor)?;
    cursor.expect_end()?;
    let with = query.with.ok_or_else(|| Error::internal("a WITH clause was lost while parsing"))?;
    Ok((Some(with), statement))
}

/// Where WITH stands behind EXPLAIN and its options.
fn explain_with(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(1) {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            token if depth == 0 => {
                if is_word(token, "with") {
                    return Some(index);
                }
                if !["analyze", "analyse", "verbose"].iter().any(|word| is_word(token, word)) {
                    return None;
                }
            }
            _ => {}
        }
    }
    None
}

/// Where INSERT, UPDATE or DELETE stands behind the WITH at `start`; `None` when a query follows.
fn written_verb(tokens: &[TokenWithSpan], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut closed = false;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.saturating_sub(1);
                closed = depth == 0;
            }
            token if depth == 0 => {
                if closed
                    && ["insert", "upsert", "update", "delete", "merge"]
                        .iter()
                        .any(|word| is_word(token, word))
                {
                    return Some(index);
                }
                if ["select", "values", "table"].iter().any(|word| is_word(token, word)) {
                    return None;
                }
                closed = false;
            }
            _ => {}
        }
    }
    None
}
