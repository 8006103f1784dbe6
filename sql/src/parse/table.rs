//! The grammar of CREATE TABLE with our partitioning, CREATE SCHEMA and DROP.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{
    ColumnConstraint, ColumnConstraintKind, ColumnSpec, CreateTableSpec, PartitionBound, PartitionLevel,
    PartitionSpec, StatementAst,
};
use super::cursor::{Cursor, is_word};
use super::definition_ast::{
    CheckSpec, CreateTableAsSpec, DropSpec, Including, KeySpec, LikeSpec, RowsSource, Written,
};
use super::unsupported::refuse;
use super::{foreign_key, unique};
use crate::bound::OnCommit;
use base::{Error, ErrorKind, Result};
use sqlparser::ast::{Expr, Ident, ObjectName};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// What a constraint or clause that is refused is called, and what to do instead.
type Refused = (&'static [&'static str], &'static str, &'static str);

const REFUSED_CONSTRAINTS: &[Refused] = &[
    (&["exclude"], "EXCLUDE constraints", "Declare a PRIMARY KEY."),
    (&["deferrable"], "DEFERRABLE constraints", "Constraints are checked by each statement."),
    (&["initially"], "DEFERRABLE constraints", "Constraints are checked by each statement."),
    (&["not", "deferrable"], "DEFERRABLE constraints", "Constraints are checked by each statement."),
    (&["collate"], "COLLATE on a column", "Text is ordered by its bytes, as with collation \"C\"."),
    (&["storage"], "STORAGE", "Leave the clause out."),
    (&["compression"], "COMPRESSION on a column", "Columns are compressed without being told."),
    (&["options"], "OPTIONS", "Leave the clause out."),
];

const REFUSED_CLAUSES: &[Refused] = &[
    (&["inherits"], "INHERITS", "List the columns in the table itself."),
    (&["using"], "USING in CREATE TABLE", "There is one storage engine; leave the clause out."),
    (&["without"], "WITHOUT OIDS", "Tables have no OIDs; leave the clause out."),
    (&["tablespace"], "TABLESPACE", "Leave the clause out."),
];

const REFUSED_FORMS: &[Refused] = &[
    (&["of"], "CREATE TABLE OF", "List the columns."),
    (
        &["partition", "of"],
        "PARTITION OF",
        "List the partitions in PARTITION BY RANGE (..) (PARTITION p VALUES FROM (..) TO (..)).",
    ),
];

const RANGE_SHAPE: &str = "Write RANGE (column) (PARTITION p VALUES FROM (..) TO (..), ..).";

/// Takes `CREATE [GLOBAL | LOCAL] [TEMPORARY] TABLE`; whether the table is temporary.
pub(crate) fn take_create(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.take_words(&["create", "table"]) {
        return Some(false);
    }
    let scope = cursor.is_words(&["create", "global"]) || cursor.is_words(&["create", "local"]);
    let word = cursor.word_text(if scope { 2 } else { 1 })?.to_ascii_lowercase();
    let table = cursor.word_text(if scope { 3 } else { 2 })?.eq_ignore_ascii_case("table");
    if !matches!(word.as_str(), "temp" | "temporary") || !table {
        return None;
    }
    for _ in 0..if scope { 4 } else { 3 } {
        cursor.next();
    }
    Some(true)
}

/// ON COMMIT, which only temporary tables have; they keep their rows without it.
fn on_commit(cursor: &mut Cursor<'_>, temporary: bool) -> Result<Option<OnCommit>> {
    let action = if !cursor.take_words(&["on", "commit"]) {
        None
    } else if cursor.take_words(&["preserve", "rows"]) {
        Some(OnCommit::PreserveRows)
    } else if cursor.take_words(&["delete", "rows"]) {
        Some(OnCommit::DeleteRows)
    } else {
        cursor.expect_words(&["drop"])?;
        Some(OnCommit::Drop)
    };
    match action {
        Some(_) if !temporary => Err(Error::new(
            ErrorKind::InvalidTableDefinition,
            "ON COMMIT can only be used on temporary tables",
        )),
        action => Ok(temporary.then(|| action.unwrap_or(OnCommit::PreserveRows))),
    }
}

/// Behind CREATE TABLE.
pub(crate) fn create_table(cursor: &mut Cursor<'_>, temporary: bool) -> Result<StatementAst> {
    let if_not_exists = if_not_exists(cursor)?;
    let name = cursor.qualified_name()?;
    if cursor.take_word("clone") {
        return super::alter::clone_table(cursor, name, if_not_exists);
    }
    refuse_any(cursor, REFUSED_FORMS)?;
    let mut table = CreateTableSpec {
        name,
        if_not_exists,
        columns: Vec::new(),
        likes: Vec::new(),
        keys: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        partitions: Vec::new(),
        options: Vec::new(),
        temporary: None,
    };
    if is_from_query(cursor) {
        return created_as(cursor, table.name, if_not_exists, temporary);
    }
    cursor.expect(&Token::LParen)?;
    if !cursor.take(&Token::RParen) {
        cursor.separated(|c| table_item(c, &mut table))?;
        cursor.expect(&Token::RParen)?;
    }
    refuse_any(cursor, REFUSED_CLAUSES)?;
    if cursor.take_words(&["partition", "by"]) {
        table.partitions = cursor.separated(partition_level)?;
    }
    refuse_any(cursor, REFUSED_CLAUSES)?;
    if cursor.take_word("with") {
        table.options = super::alter::options(cursor)?;
        refuse_any(cursor, REFUSED_CLAUSES)?;
    }
    table.temporary = on_commit(cursor, temporary)?;
    refuse_any(cursor, REFUSED_CLAUSES)?;
    Ok(StatementAst::CreateTable(Box::new(table)))
}

/// Whether names of columns or options at most stand before AS.
fn is_from_query(cursor: &Cursor<'_>) -> bool {
    if ["as", "with", "on"].iter().any(|word| cursor.is_word(word)) {
        return true;
    }
    let mut n = 1;
    while matches!(cursor.peek_nth(n), Token::Word(_)) && *cursor.peek_nth(n + 1) == Token::Comma {
        n += 2;
    }
    let closed = matches!(cursor.peek_nth(n), Token::Word(_)) && *cursor.peek_nth(n + 1) == Token::RParen;
    closed && ["as", "with", "on"].iter().any(|word| is_word(cursor.peek_nth(n + 2), word))
}

/// Behind CREATE TABLE name, when its rows and columns are those of a query.
fn created_as(
    cursor: &mut Cursor<'_>,
    name: ObjectName,
    if_not_exists: bool,
    temporary: bool,
) -> Result<StatementAst> {
    let columns = if *cursor.peek() == Token::LParen { cursor.name_list()? } else { Vec::new() };
    let options = if cursor.take_word("with") { super::alter::options(cursor)? } else { Vec::new() };
    let temporary = on_commit(cursor, temporary)?;
    cursor.expect_words(&["as"])?;
    let source = if cursor.take_word("execute") {
        RowsSource::Execute(super::prepared::execution(cursor)?)
    } else {
        RowsSource::Query(cursor.sql(Parser::parse_query)?)
    };
    let with_data = super::view::with_data(cursor);
    let spec = CreateTableAsSpec { name, if_not_exists, columns, options, source, with_data, temporary };
    Ok(StatementAst::CreateTableAs(Box::new(spec)))
}

pub(crate) fn if_not_exists(cursor: &mut Cursor<'_>) -> Result<bool> {
    if !cursor.take_word("if") {
        return Ok(false);
    }
    cursor.expect_words(&["not", "exists"])?;
    Ok(true)
}

/// A column or a constraint of the table.
fn table_item(cursor: &mut Cursor<'_>, table: &mut CreateTableSpec) -> Result<()> {
    if cursor.is_word("like") {
        cursor.next();
        let like = like(cursor, table.columns.len())?;
        table.likes.push(like);
        return Ok(());
    }
    let constraint = ["constraint", "primary", "check", "unique", "foreign"];
    let excludes = cursor.is_words(&["exclude", "using"])
        || cursor.is_word("exclude") && *cursor.peek_nth(1) == Token::LParen;
    if excludes || constraint.iter().any(|word| cursor.is_word(word)) {
        let name = constraint_name(cursor)?;
        let at = cursor.at();
        if cursor.take_words(&["primary", "key"]) {
            if cursor.is_word("using") {
                return Err(
                    refuse("PRIMARY KEY USING INDEX", cursor.at()).with_hint("List the key's columns.")
                );
            }
            let columns = cursor.name_list()?;
            refuse_key_clauses(cursor)?;
            table.keys.push(KeySpec { name, at, columns });
            return Ok(());
        }
        if cursor.is_word("unique") {
            table.unique.push(unique::constraint(cursor, name)?);
            return Ok(());
        }
        if cursor.is_words(&["foreign", "key"]) {
            table.foreign_keys.push(foreign_key::constraint(cursor, name)?);
            return Ok(());
        }
        if cursor.take_word("check") {
            table.checks.push(CheckSpec { name, at, condition: check(cursor)? });
            return Ok(());
        }
        refuse_any(cursor, REFUSED_CONSTRAINTS)?;
        return Err(cursor.syntax_error());
    }
    let column = column(cursor)?;
    table.columns.push(column);
    Ok(())
}

/// Behind LIKE.
fn like(cursor: &mut Cursor<'_>, behind: usize) -> Result<LikeSpec> {
    let table = cursor.qualified_name()?;
    let mut including = Including::default();
    loop {
        let take = cursor.take_word("including");
        if !take && !cursor.take_word("excluding") {
            return Ok(LikeSpec { behind, table, including });
        }
        // What is not taken over in any case has no place here.
        let nothing = ["comments", "compression", "statistics", "storage"];
        if nothing.iter().any(|word| cursor.take_word(word)) {
            continue;
        }
        let Including { defaults, constraints, generated, identity, indexes } = &mut including;
        match () {
            () if cursor.take_word("defaults") => *defaults = take,
            () if cursor.take_word("constraints") => *constraints = take,
            () if cursor.take_word("generated") => *generated = take,
            () if cursor.take_word("identity") => *identity = take,
            () if cursor.take_word("indexes") => *indexes = take,
            () if cursor.take_word("all") => {
                including = Including {
                    defaults: take,
                    constraints: take,
                    generated: take,
                    identity: take,
                    indexes: take,
                };
            }
            () => return Err(cursor.syntax_error()),
        }
    }
}

fn constraint_name(cursor: &mut Cursor<'_>) -> Result<Option<Ident>> {
    if cursor.take_word("constraint") { Ok(Some(cursor.name()?)) } else { Ok(None) }
}

/// A column: its name, its type, its constraints.
pub(crate) fn column(cursor: &mut Cursor<'_>) -> Result<ColumnSpec> {
    let name = cursor.name()?;
    let type_at = cursor.at();
    let ty = cursor.sql(super::forms::data_type)?;
    let mut constraints = Vec::new();
    while !matches!(cursor.peek(), Token::Comma | Token::RParen | Token::SemiColon) && !cursor.at_end() {
        constraints.push(column_constraint(cursor, &name)?);
    }
    Ok(ColumnSpec { name, ty, type_at, constraints })
}

pub(super) fn column_constraint(cursor: &mut Cursor<'_>, column: &Ident) -> Result<ColumnConstraint> {
    let name = constraint_name(cursor)?;
    let at = cursor.at();
    let kind = if cursor.take_words(&["not", "null"]) {
        ColumnConstraintKind::NotNull
    } else if cursor.take_word("null") {
        ColumnConstraintKind::Null
    } else if cursor.take_words(&["primary", "key"]) {
        refuse_key_clauses(cursor)?;
        ColumnConstraintKind::PrimaryKey
    } else if cursor.take_word("unique") {
        unique::nulls(cursor)?;
        refuse_key_clauses(cursor)?;
        ColumnConstraintKind::Unique
    } else if cursor.take_word("references") {
        let columns = vec![column.clone()];
        ColumnConstraintKind::References(foreign_key::references(cursor, name.clone(), at, columns)?)
    } else if cursor.take_word("default") {
        // Words that bind as weak as IS may begin the next constraint (NOT NULL), so they need parentheses.
        let strength = super::dialect::NyalaDialect::default().prec_value(Precedence::Is);
        ColumnConstraintKind::Default(written(cursor, |parser| parser.parse_subexpr(strength))?)
    } else if cursor.take_word("check") {
        ColumnConstraintKind::Check(check(cursor)?)
    } else if cursor.take_word("generated") {
        generated(cursor)?
    } else {
        refuse_any(cursor, REFUSED_CONSTRAINTS)?;
        return Err(cursor.syntax_error());
    };
    Ok(ColumnConstraint { name, at, kind })
}

/// An expression and its text.
pub(crate) fn written(
    cursor: &mut Cursor<'_>,
    parse: impl FnOnce(&mut Parser<'_>) -> Result<Expr, ParserError>,
) -> Result<Written> {
    let at = cursor.at();
    let expr = Box::new(cursor.sql(parse)?);
    Ok(Written { expr, text: cursor.text_since(at).to_owned(), at })
}

/// Behind CHECK.
pub(crate) fn check(cursor: &mut Cursor<'_>) -> Result<Written> {
    cursor.expect(&Token::LParen)?;
    let condition = written(cursor, |parser| parser.parse_expr())?;
    cursor.expect(&Token::RParen)?;
    if cursor.is_words(&["no", "inherit"]) {
        return Err(
            refuse("NO INHERIT", cursor.at()).with_hint("Tables have no children; leave the clause out.")
        );
    }
    if cursor.is_words(&["not", "valid"]) {
        return Err(refuse("NOT VALID", cursor.at()).with_hint("Leave the clause out; the rows are checked."));
    }
    Ok(condition)
}

/// Behind GENERATED.
pub(crate) fn generated(cursor: &mut Cursor<'_>) -> Result<ColumnConstraintKind> {
    let at = cursor.at();
    let always = cursor.take_word("always");
    if !always {
        cursor.expect_words(&["by", "default"])?;
    }
    cursor.expect_words(&["as"])?;
    if cursor.take_word("identity") {
        let mut options = Vec::new();
        if cursor.take(&Token::LParen) {
            options = super::sequence::options(cursor)?;
            if options.is_empty() {
                return Err(cursor.syntax_error());
            }
            cursor.expect(&Token::RParen)?;
        }
        return Ok(ColumnConstraintKind::Identity { always, options });
    }
    cursor.expect(&Token::LParen)?;
    let expression = written(cursor, |parser| parser.parse_expr())?;
    cursor.expect(&Token::RParen)?;
    cursor.expect_words(&["stored"])?;
    if !always {
        let message = "for a generated column, GENERATED ALWAYS must be specified";
        return Err(Error::new(ErrorKind::Syntax, message).at(at));
    }
    Ok(ColumnConstraintKind::Generated(expression))
}

pub(super) fn refuse_key_clauses(cursor: &Cursor<'_>) -> Result<()> {
    const CLAUSES: &[Refused] = &[
        (&["include"], "INCLUDE", "Leave the clause out."),
        (&["with"], "WITH (..) of a key", "Leave the clause out."),
        (&["using", "index"], "USING INDEX TABLESPACE", "Leave the clause out."),
        (&["deferrable"], "DEFERRABLE constraints", "Constraints are checked by each statement."),
        (&["initially", "deferred"], "DEFERRABLE constraints", "Constraints are checked by each statement."),
    ];
    refuse_any(cursor, CLAUSES)
}

/// `HASH (columns) PARTITIONS n` or `RANGE (columns) (PARTITION .., ..)`.
fn partition_level(cursor: &mut Cursor<'_>) -> Result<PartitionLevel> {
    let at = cursor.at();
    if cursor.take_word("hash") {
        let columns = partition_columns(cursor)?;
        if cursor.at_end() {
            return Err(refuse("PARTITION BY HASH without PARTITIONS n", at)
                .with_hint("Write HASH (column) PARTITIONS 4."));
        }
        cursor.expect_words(&["partitions"])?;
        let buckets_at = cursor.at();
        let buckets = match cursor.peek() {
            Token::Number(digits, false) => digits.parse::<u64>().map_err(|_| cursor.syntax_error())?,
            _ => return Err(cursor.syntax_error()),
        };
        cursor.next();
        return Ok(PartitionLevel::Hash { at, columns, buckets, buckets_at });
    }
    if cursor.is_word("list") {
        return Err(refuse("PARTITION BY LIST", at).with_hint("Use HASH (column) PARTITIONS n or RANGE."));
    }
    cursor.expect_words(&["range"])?;
    let columns = partition_columns(cursor)?;
    if cursor.at_end() {
        return Err(refuse("PARTITION BY RANGE without a list of partitions (..)", at).with_hint(RANGE_SHAPE));
    }
    cursor.expect(&Token::LParen)?;
    let partitions = cursor.separated(partition)?;
    cursor.expect(&Token::RParen)?;
    Ok(PartitionLevel::Range { at, columns, partitions })
}

fn partition_columns(cursor: &mut Cursor<'_>) -> Result<Vec<Ident>> {
    cursor.expect(&Token::LParen)?;
    let columns = cursor.separated(|c| {
        if *c.peek() == Token::LParen || (c.is_name() && *c.peek_nth(1) == Token::LParen) {
            return Err(refuse("partitioning by an expression", c.at())
                .with_hint("Partition by columns of the primary key."));
        }
        c.name()
    })?;
    cursor.expect(&Token::RParen)?;
    Ok(columns)
}

pub(crate) fn partition(cursor: &mut Cursor<'_>) -> Result<PartitionSpec> {
    let at = cursor.at();
    cursor.expect_words(&["partition"])?;
    let name = cursor.name()?;
    cursor.take_words(&["for"]);
    cursor.expect_words(&["values"])?;
    if cursor.is_word("in") || cursor.is_word("with") {
        return Err(refuse("this kind of partition bound", cursor.at()).with_hint(RANGE_SHAPE));
    }
    cursor.expect_words(&["from"])?;
    let lower = bounds(cursor)?;
    cursor.expect_words(&["to"])?;
    let upper = bounds(cursor)?;
    Ok(PartitionSpec { name, at, lower, upper })
}

fn bounds(cursor: &mut Cursor<'_>) -> Result<Vec<PartitionBound>> {
    cursor.expect(&Token::LParen)?;
    let bounds = cursor.separated(|c| {
        let at = c.at();
        if c.take_word("minvalue") {
            return Ok(PartitionBound::MinValue { at });
        }
        if c.take_word("maxvalue") {
            return Ok(PartitionBound::MaxValue { at });
        }
        Ok(PartitionBound::Value(Box::new(c.sql(Parser::parse_expr)?)))
    })?;
    cursor.expect(&Token::RParen)?;
    Ok(bounds)
}

/// Behind CREATE SCHEMA.
pub(crate) fn create_schema(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    const HINT: &str = "Every schema belongs to the database's owner; leave the clause out.";
    let if_not_exists = if_not_exists(cursor)?;
    if cursor.is_word("authorization") {
        return Err(refuse("CREATE SCHEMA AUTHORIZATION", cursor.at()).with_hint(HINT));
    }
    let name = cursor.name()?;
    if cursor.is_word("authorization") {
        return Err(refuse("CREATE SCHEMA AUTHORIZATION", cursor.at()).with_hint(HINT));
    }
    if ["create", "grant"].iter().any(|word| cursor.is_word(word)) {
        return Err(refuse("CREATE SCHEMA with objects inside", cursor.at())
            .with_hint("Create the objects in statements of their own."));
    }
    Ok(StatementAst::CreateSchema { name, if_not_exists })
}

/// Behind DROP TABLE or DROP SCHEMA.
pub(crate) fn drop(cursor: &mut Cursor<'_>) -> Result<DropSpec> {
    let if_exists = cursor.take_word("if");
    if if_exists {
        cursor.expect_words(&["exists"])?;
    }
    let names = cursor.separated(Cursor::qualified_name)?;
    let cascade = cursor.take_word("cascade");
    if !cascade {
        cursor.take_word("restrict");
    }
    Ok(DropSpec { names, if_exists, cascade })
}

fn refuse_any(cursor: &Cursor<'_>, refused: &[Refused]) -> Result<()> {
    match refused.iter().find(|(words, ..)| cursor.is_words(words)) {
        Some((_, what, hint)) => Err(refuse(what, cursor.at()).with_hint(*hint)),
        None => Ok(()),
    }
}
