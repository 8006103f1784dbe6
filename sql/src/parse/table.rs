//! The grammar of CREATE TABLE with our partitioning, CREATE SCHEMA and DROP.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{
    ColumnConstraint, ColumnConstraintKind, ColumnSpec, CreateTableSpec, DropSpec, KeySpec, PartitionBound,
    PartitionLevel, PartitionSpec, StatementAst,
};
use super::cursor::{Cursor, is_word};
use super::unsupported::refuse;
use base::{Error, Result};
use sqlparser::ast::Ident;
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// What a constraint or clause that is refused is called, and what to do instead.
type Refused = (&'static [&'static str], &'static str, &'static str);

const REFUSED_CONSTRAINTS: &[Refused] = &[
    (&["check"], "CHECK constraints", "Check values in the statements that write them."),
    (&["unique"], "UNIQUE constraints", "Declare the columns as PRIMARY KEY; a table has one key."),
    (&["references"], "foreign keys", "Leave REFERENCES out."),
    (&["foreign", "key"], "foreign keys", "Leave FOREIGN KEY out."),
    (&["exclude"], "EXCLUDE constraints", "Declare a PRIMARY KEY."),
    (&["generated"], "generated and identity columns", "Compute the value in the statement that writes it."),
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
    (&["on", "commit"], "ON COMMIT", "There are no temporary tables."),
    (&["tablespace"], "TABLESPACE", "Leave the clause out."),
    (&["as"], "CREATE TABLE AS", "Create the table, then INSERT INTO .. SELECT."),
];

const REFUSED_FORMS: &[Refused] = &[
    (&["of"], "CREATE TABLE OF", "List the columns."),
    (
        &["partition", "of"],
        "PARTITION OF",
        "List the partitions in PARTITION BY RANGE (..) (PARTITION p VALUES FROM (..) TO (..)).",
    ),
    (&["as"], "CREATE TABLE AS", "Create the table, then INSERT INTO .. SELECT."),
];

const RANGE_SHAPE: &str = "Write RANGE (column) (PARTITION p VALUES FROM (..) TO (..), ..).";

/// Behind CREATE TABLE.
pub(crate) fn create_table(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
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
        keys: Vec::new(),
        partitions: Vec::new(),
        options: Vec::new(),
    };
    if let Some(error) = names_only(cursor) {
        return Err(error);
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
    Ok(StatementAst::CreateTable(Box::new(table)))
}

/// `(a, b) AS query`: columns without types.
fn names_only(cursor: &Cursor<'_>) -> Option<Error> {
    let mut n = 1;
    while matches!(cursor.peek_nth(n), Token::Word(_)) && *cursor.peek_nth(n + 1) == Token::Comma {
        n += 2;
    }
    let closed = matches!(cursor.peek_nth(n), Token::Word(_)) && *cursor.peek_nth(n + 1) == Token::RParen;
    let is_query = closed && is_word(cursor.peek_nth(n + 2), "as");
    is_query.then(|| {
        refuse("CREATE TABLE AS", cursor.at()).with_hint("Create the table, then INSERT INTO .. SELECT.")
    })
}

fn if_not_exists(cursor: &mut Cursor<'_>) -> Result<bool> {
    if !cursor.take_word("if") {
        return Ok(false);
    }
    cursor.expect_words(&["not", "exists"])?;
    Ok(true)
}

/// A column or a constraint of the table.
fn table_item(cursor: &mut Cursor<'_>, table: &mut CreateTableSpec) -> Result<()> {
    if cursor.is_word("like") {
        return Err(refuse("LIKE in CREATE TABLE", cursor.at()).with_hint("List the columns."));
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
        refuse_any(cursor, REFUSED_CONSTRAINTS)?;
        return Err(cursor.syntax_error());
    }
    let column = column(cursor)?;
    table.columns.push(column);
    Ok(())
}

fn constraint_name(cursor: &mut Cursor<'_>) -> Result<Option<Ident>> {
    if cursor.take_word("constraint") { Ok(Some(cursor.name()?)) } else { Ok(None) }
}

fn column(cursor: &mut Cursor<'_>) -> Result<ColumnSpec> {
    let name = cursor.name()?;
    let type_at = cursor.at();
    let ty = cursor.sql(Parser::parse_data_type)?;
    let mut constraints = Vec::new();
    while !matches!(cursor.peek(), Token::Comma | Token::RParen) {
        constraints.push(column_constraint(cursor)?);
    }
    Ok(ColumnSpec { name, ty, type_at, constraints })
}

fn column_constraint(cursor: &mut Cursor<'_>) -> Result<ColumnConstraint> {
    let name = constraint_name(cursor)?;
    let at = cursor.at();
    let kind = if cursor.take_words(&["not", "null"]) {
        ColumnConstraintKind::NotNull
    } else if cursor.take_word("null") {
        ColumnConstraintKind::Null
    } else if cursor.take_words(&["primary", "key"]) {
        refuse_key_clauses(cursor)?;
        ColumnConstraintKind::PrimaryKey
    } else if cursor.take_word("default") {
        let start = cursor.at();
        // Words that bind as weak as IS may begin the next constraint (NOT NULL), so they need parentheses.
        let strength = super::dialect::NyalaDialect::default().prec_value(Precedence::Is);
        let expr = cursor.sql(|parser| parser.parse_subexpr(strength))?;
        ColumnConstraintKind::Default(Box::new(expr), cursor.text_since(start).to_owned())
    } else {
        refuse_any(cursor, REFUSED_CONSTRAINTS)?;
        return Err(cursor.syntax_error());
    };
    Ok(ColumnConstraint { name, at, kind })
}

fn refuse_key_clauses(cursor: &Cursor<'_>) -> Result<()> {
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
