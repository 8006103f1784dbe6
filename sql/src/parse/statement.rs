//! The entry of parsing and the dispatch by a statement's first words.
//!
//! Must not know what names mean.
//! Invariants: a query string is refused as a whole when one of its statements is; deep trees are dropped on a thread
//! whose stack suffices, wherever their owner is dropped.

use super::ast::{ExplainSpec, StatementAst};
use super::cursor::Cursor;
use super::definition_ast::{CreateTableAsSpec, RowsSource};
use super::dialect::NyalaDialect;
use super::tokens::{StatementTokens, position, statements, syntax};
use super::unsupported::{refuse, refused_statement};
use super::{
    alter, comment, copy, domain, function, index, maintenance, merge, modifying, prepared, sequence,
    session, table, user_type, view, write,
};
use crate::bound::OnCommit;
use crate::limits::{DEFINITION_CHAIN_MAX, Depth, check_bytes, check_tokens, too_complex};
use crate::text::Text;
use base::limits::STACK_BYTES;
use base::{Result, spawn};
use sqlparser::ast::{Expr, SelectInto, SetExpr, With};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;
use std::sync::Arc;

/// A statement of a query string.
#[derive(Debug)]
pub struct ParsedStatement {
    ast: Option<Box<StatementAst>>,
    /// The statements that write inside its WITH.
    writes: Vec<StatementAst>,
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

    /// The statements that write inside WITH, by the numbers that stand for them.
    pub fn writes(&self) -> &[StatementAst] {
        &self.writes
    }

    /// A statement within a statement, whose depth and writes are those of the whole.
    pub(super) fn within(ast: StatementAst, text: &str, at: usize) -> Self {
        let (ast, text) = (Some(Box::new(ast)), text.to_owned());
        Self { ast, writes: Vec::new(), text, offset: at.saturating_sub(1), depth: Depth::default() }
    }
}

impl PartialEq for ParsedStatement {
    fn eq(&self, other: &Self) -> bool {
        self.ast == other.ast && self.writes == other.writes && self.text == other.text
    }
}

impl Drop for ParsedStatement {
    fn drop(&mut self) {
        let ast = (self.ast.take(), std::mem::take(&mut self.writes));
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
    let mut tokens = tokens;
    let bodies = modifying::take_out(&mut tokens.tokens);
    let mut cursor = Cursor::new(text, &dialect, tokens);
    let mut writes = modifying::read(&cursor, bodies)?;
    let mut ast = statement(&mut cursor)?;
    cursor.expect_end()?;
    if let StatementAst::Prepare(spec) = &mut ast
        && let Some(inner) = Arc::get_mut(&mut spec.statement)
    {
        inner.depth = depth;
        inner.writes = std::mem::take(&mut writes);
    }
    let defines = matches!(
        ast,
        StatementAst::CreateTable(_)
            | StatementAst::AlterTable(_)
            | StatementAst::CreateView(_)
            | StatementAst::CreateMaterialized(_)
            | StatementAst::Function(_)
    );
    if defines && depth.chain > DEFINITION_CHAIN_MAX {
        return Err(too_complex());
    }
    let offset = start.saturating_sub(1);
    Ok(ParsedStatement { ast: Some(Box::new(ast)), writes, text: own_text, offset, depth })
}

/// One statement, by its first words.
pub(super) fn statement(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let with = modifying::with(cursor)?;
    if let Some(ast) = write(cursor, with)? {
        return Ok(ast);
    }
    if is_query(cursor) {
        return query(cursor);
    }
    if cursor.take_word("explain") {
        return explain(cursor);
    }
    definition(cursor)
}

/// A statement that writes rows, behind its WITH.
fn write(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<Option<StatementAst>> {
    Ok(Some(match () {
        () if cursor.take_word("insert") => write::insert(cursor, with)?,
        () if cursor.take_word("upsert") => write::upsert(cursor, with)?,
        () if cursor.take_word("update") => write::update(cursor, with)?,
        () if cursor.take_word("delete") => write::delete(cursor, with)?,
        () if cursor.take_word("merge") => merge::merge(cursor, with)?,
        () => return Ok(None),
    }))
}

fn is_query(cursor: &Cursor<'_>) -> bool {
    *cursor.peek() == Token::LParen
        || ["select", "with", "values", "table"].iter().any(|word| cursor.is_word(word))
}

/// A query as a statement of its own; `TABLE t` among them. SELECT INTO is CREATE TABLE AS.
fn query(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let at = cursor.at();
    let mut query = cursor.sql(Parser::parse_query)?;
    refuse_later_into(&query.body)?;
    match select_into(&mut query.body) {
        None => Ok(StatementAst::Query(query)),
        Some(SelectInto { unlogged: true, .. }) => {
            Err(refuse("an unlogged table", at).with_hint("Leave UNLOGGED out."))
        }
        Some(SelectInto { temporary, unlogged: false, table: _, name }) => {
            let spec = CreateTableAsSpec {
                name,
                if_not_exists: false,
                columns: Vec::new(),
                options: Vec::new(),
                source: RowsSource::Query(query),
                with_data: true,
                temporary: temporary.then_some(OnCommit::PreserveRows),
            };
            Ok(StatementAst::CreateTableAs(Box::new(spec)))
        }
    }
}

/// 42601 for INTO in another SELECT than the first.
fn refuse_later_into(body: &SetExpr) -> Result<()> {
    let SetExpr::SetOperation { left, right, .. } = body else { return Ok(()) };
    if let SetExpr::Select(select) = right.as_ref()
        && let Some(into) = &select.into
    {
        let message = "INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT";
        let first = into.name.0.first().and_then(|part| part.as_ident());
        return Err(syntax(message.to_owned(), first.map_or(0, |ident| position(ident.span.start))));
    }
    refuse_later_into(left)
}

/// Takes INTO out of the first SELECT of a query.
fn select_into(body: &mut SetExpr) -> Option<SelectInto> {
    match body {
        SetExpr::Select(select) => select.into.take(),
        SetExpr::SetOperation { left, .. } => select_into(left),
        SetExpr::Query(query) => select_into(&mut query.body),
        _ => None,
    }
}

/// Definitions of views and types.
fn view_or_type(cursor: &mut Cursor<'_>) -> Result<Option<StatementAst>> {
    if cursor.take_words(&["create", "view"]) {
        return view::create(cursor, false).map(Some);
    }
    if cursor.take_words(&["create", "or", "replace", "view"]) {
        return view::create(cursor, true).map(Some);
    }
    if cursor.take_words(&["create", "materialized", "view"]) {
        return view::create_materialized(cursor).map(Some);
    }
    if cursor.take_words(&["alter", "view"]) {
        return view::alter(cursor, false).map(Some);
    }
    if cursor.take_words(&["alter", "materialized", "view"]) {
        return view::alter(cursor, true).map(Some);
    }
    if cursor.take_words(&["refresh", "materialized", "view"]) {
        return view::refresh(cursor).map(Some);
    }
    if cursor.take_words(&["drop", "materialized", "view"]) {
        return table::drop(cursor).map(StatementAst::DropMaterialized).map(Some);
    }
    if cursor.take_words(&["drop", "view"]) {
        return table::drop(cursor).map(StatementAst::DropView).map(Some);
    }
    if cursor.take_words(&["create", "type"]) {
        return user_type::create(cursor).map(Some);
    }
    if cursor.take_words(&["alter", "type"]) {
        return user_type::alter(cursor).map(Some);
    }
    if cursor.take_words(&["drop", "type"]) {
        return table::drop(cursor).map(StatementAst::DropType).map(Some);
    }
    if cursor.take_words(&["create", "domain"]) {
        return domain::create(cursor).map(Some);
    }
    if cursor.take_words(&["alter", "domain"]) {
        return domain::alter(cursor).map(Some);
    }
    if cursor.take_words(&["drop", "domain"]) {
        return table::drop(cursor).map(StatementAst::DropDomain).map(Some);
    }
    Ok(None)
}

fn function(cursor: &mut Cursor<'_>) -> Result<Option<StatementAst>> {
    if cursor.take_words(&["create", "function"]) {
        return function::create(cursor, false).map(Some);
    }
    if cursor.take_words(&["create", "or", "replace", "function"]) {
        return function::create(cursor, true).map(Some);
    }
    if cursor.take_words(&["alter", "function"]) {
        return function::alter(cursor).map(Some);
    }
    if cursor.take_words(&["drop", "function"]) {
        return function::drop(cursor).map(Some);
    }
    Ok(None)
}

/// Statements other than queries and writes.
fn definition(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let at = cursor.at();
    if let Some(temporary) = table::take_create(cursor) {
        return table::create_table(cursor, temporary);
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
    if let Some(ast) = view_or_type(cursor)? {
        return Ok(ast);
    }
    if let Some(ast) = function(cursor)? {
        return Ok(ast);
    }
    if cursor.take_words(&["create", "unique", "index"]) {
        return index::create_unique(cursor);
    }
    if cursor.take_words(&["drop", "index"]) {
        return index::drop(cursor);
    }
    if cursor.take_words(&["drop", "table"]) {
        return table::drop(cursor).map(StatementAst::DropTable);
    }
    if cursor.take_words(&["drop", "schema"]) {
        return table::drop(cursor).map(StatementAst::DropSchema);
    }
    if cursor.take_word("comment") {
        return comment::comment(cursor);
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
    if cursor.is_word("prepare") && !cursor.is_words(&["prepare", "transaction"]) {
        cursor.next();
        return prepared::prepare(cursor);
    }
    if cursor.take_word("execute") {
        return prepared::execute(cursor);
    }
    if cursor.take_word("discard") {
        return discard(cursor, at);
    }
    match settings(cursor)? {
        Some(ast) => Ok(ast),
        None => transaction(cursor),
    }
}

/// Behind DISCARD, which stands at a position.
fn discard(cursor: &mut Cursor<'_>, at: usize) -> Result<StatementAst> {
    if cursor.take_word("temp") || cursor.take_word("temporary") {
        return Ok(StatementAst::DiscardTemp);
    }
    if cursor.take_word("sequences") {
        return Ok(StatementAst::DiscardSequences);
    }
    if cursor.is_word("plans") {
        return Err(refuse("this form of DISCARD", at).with_hint("Use DISCARD ALL."));
    }
    cursor.expect_words(&["all"])?;
    Ok(StatementAst::DiscardAll)
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
fn explain(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let options = session::explain_options(cursor)?;
    let at = cursor.at();
    if cursor.is_word("declare") {
        return Err(refuse("EXPLAIN of DECLARE CURSOR", at).with_hint("EXPLAIN its query."));
    }
    if cursor.is_words(&["create", "materialized"]) || cursor.is_words(&["refresh", "materialized"]) {
        return Err(refuse("EXPLAIN of a materialized view", at).with_hint("EXPLAIN its query."));
    }
    let statement = match () {
        () if let Some(temporary) = table::take_create(cursor) => {
            let ast = table::create_table(cursor, temporary)?;
            if !matches!(ast, StatementAst::CreateTableAs(_)) {
                return Err(syntax("syntax error at or near \"create\"".to_owned(), at));
            }
            ast
        }
        () if cursor.take_word("execute") => prepared::execute(cursor)?,
        () => preparable(cursor)?,
    };
    Ok(StatementAst::Explain(Box::new(ExplainSpec { statement, options })))
}

/// A query or a statement that writes rows.
pub(super) fn preparable(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let with = modifying::with(cursor)?;
    if let Some(ast) = write(cursor, with)? {
        return Ok(ast);
    }
    if is_query(cursor) {
        return query(cursor);
    }
    Err(cursor.syntax_error())
}
