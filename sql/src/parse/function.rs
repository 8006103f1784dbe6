//! The grammar of CREATE, ALTER and DROP FUNCTION.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::StatementAst;
use super::cursor::{Cursor, is_word};
use super::function_ast::{
    AlterFunctionSpec, BodySpec, CreateFunctionSpec, DropFunctionSpec, FunctionAst, FunctionChange,
    FunctionName, FunctionOptions, ParameterSpec, ReturnsSpec,
};
use super::table::written;
use super::tokens::syntax;
use super::unsupported::refuse;
use base::{Error, ErrorKind, Result};
use catalog::{Parallel, ParameterMode, Volatility};
use sqlparser::ast::DataType;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

const HINT_STATEMENTS: &str = "Write the body as one SELECT; send other statements to the server one by one.";

/// Behind CREATE [OR REPLACE] FUNCTION.
pub(crate) fn create(cursor: &mut Cursor<'_>, or_replace: bool) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    let parameters = parameters(cursor)?;
    let returns = if cursor.take_word("returns") { Some(returns(cursor)?) } else { None };
    let mut spec = CreateFunctionSpec {
        name,
        or_replace,
        parameters,
        returns,
        options: FunctionOptions::default(),
        language: None,
        body: None,
    };
    while !cursor.at_end() {
        let at = cursor.at();
        if option(cursor, &mut spec.options)? {
            continue;
        }
        if cursor.take_word("language") {
            let language = language(cursor)?;
            once(&mut spec.language, (language, at), at)?;
        } else if cursor.take_word("as") {
            let body = text_body(cursor)?;
            once(&mut spec.body, body, at)?;
        } else if cursor.take_word("return") {
            let body = BodySpec::Return(written(cursor, |parser| parser.parse_expr())?);
            only_body(&mut spec, body)?;
            break;
        } else if cursor.take_words(&["begin", "atomic"]) {
            let body = BodySpec::Atomic(atomic(cursor)?);
            only_body(&mut spec, body)?;
            break;
        } else {
            return Err(refused_option(cursor, at).unwrap_or_else(|| cursor.syntax_error()));
        }
    }
    Ok(StatementAst::Function(Box::new(FunctionAst::Create(spec))))
}

/// 42601 when an option was given before.
fn once<T>(slot: &mut Option<T>, value: T, at: usize) -> Result<()> {
    if slot.is_some() {
        return Err(syntax("conflicting or redundant options".to_owned(), at));
    }
    *slot = Some(value);
    Ok(())
}

fn only_body(spec: &mut CreateFunctionSpec, body: BodySpec) -> Result<()> {
    if spec.body.is_some() {
        let message = "duplicate function body specified";
        return Err(Error::new(ErrorKind::InvalidFunctionDefinition, message));
    }
    spec.body = Some(body);
    Ok(())
}

fn language(cursor: &mut Cursor<'_>) -> Result<String> {
    match super::cursor::string_of(cursor.peek()) {
        Some(text) => {
            cursor.next();
            Ok(text)
        }
        None => Ok(crate::binder::fold(&cursor.label()?)),
    }
}

/// Behind AS.
fn text_body(cursor: &mut Cursor<'_>) -> Result<BodySpec> {
    let at = cursor.at();
    let text = cursor.string()?;
    if *cursor.peek() == Token::Comma {
        return Err(refuse("a function of a library", cursor.at())
            .with_hint("Functions can be written in SQL: CREATE FUNCTION .. LANGUAGE sql."));
    }
    Ok(BodySpec::Text { text, at })
}

/// Behind BEGIN ATOMIC.
fn atomic(cursor: &mut Cursor<'_>) -> Result<Vec<(Box<sqlparser::ast::Query>, String, usize)>> {
    let mut queries = Vec::new();
    loop {
        if cursor.take(&Token::SemiColon) {
            continue;
        }
        if cursor.take_word("end") {
            return Ok(queries);
        }
        let at = cursor.at();
        let is_query = *cursor.peek() == Token::LParen
            || ["select", "with", "values", "table"].iter().any(|word| cursor.is_word(word));
        if !is_query {
            let known = ["insert", "update", "delete", "merge", "return"];
            return Err(match known.iter().any(|word| cursor.is_word(word)) {
                true => refuse("this statement in a function", at).with_hint(HINT_STATEMENTS),
                false => cursor.syntax_error(),
            });
        }
        let query = cursor.sql(Parser::parse_query)?;
        let text = cursor.text_since(at).to_owned();
        queries.push((query, text, at));
        cursor.expect(&Token::SemiColon)?;
    }
}

/// `(parameter, ..)`.
fn parameters(cursor: &mut Cursor<'_>) -> Result<Vec<ParameterSpec>> {
    cursor.expect(&Token::LParen)?;
    let all = if *cursor.peek() == Token::RParen {
        Vec::new()
    } else {
        cursor.separated(|c| parameter(c, None))?
    };
    cursor.expect(&Token::RParen)?;
    Ok(all)
}

/// A parameter, or a column of RETURNS TABLE.
fn parameter(cursor: &mut Cursor<'_>, fixed: Option<ParameterMode>) -> Result<ParameterSpec> {
    let at = cursor.at();
    let mut mode = fixed;
    if fixed.is_none() {
        mode = take_mode(cursor);
    }
    let (name, ty) = match only_type(cursor)? {
        Some(ty) => (None, ty),
        None if cursor.is_value_word() => {
            let name = cursor.label()?;
            if mode.is_none() {
                mode = take_mode(cursor);
            }
            (Some(name), data_type(cursor)?)
        }
        None => (None, data_type(cursor)?),
    };
    let mut default = None;
    if fixed.is_none() && (cursor.take_word("default") || cursor.take(&Token::Eq)) {
        default = Some(written(cursor, |parser| parser.parse_expr())?);
    }
    Ok(ParameterSpec { mode, name, ty, at, default })
}

fn take_mode(cursor: &mut Cursor<'_>) -> Option<ParameterMode> {
    // A type or a name behind it tells the word from a name.
    let followed =
        |cursor: &Cursor<'_>| !matches!(cursor.peek_nth(1), Token::Comma | Token::RParen | Token::Eq);
    if cursor.take_words(&["in", "out"]) || cursor.take_word("inout") {
        return Some(ParameterMode::InOut);
    }
    if cursor.take_word("in") {
        return Some(ParameterMode::In);
    }
    if cursor.is_word("out") && followed(cursor) {
        cursor.next();
        return Some(ParameterMode::Out);
    }
    cursor.take_word("variadic").then_some(ParameterMode::Variadic)
}

/// The type of a parameter without a name; None when a name stands here.
fn only_type(cursor: &mut Cursor<'_>) -> Result<Option<DataType>> {
    refuse_type(cursor)?;
    cursor.sql(|parser| {
        parser.maybe_parse(|parser| {
            let ty = parser.parse_data_type()?;
            let next = parser.peek_token_ref();
            let ends = matches!(next.token, Token::Comma | Token::RParen | Token::Eq | Token::EOF)
                || is_word(&next.token, "default");
            match ends {
                true => Ok(ty),
                false => Err(ParserError::ParserError("a name".to_owned())),
            }
        })
    })
}

fn data_type(cursor: &mut Cursor<'_>) -> Result<DataType> {
    refuse_type(cursor)?;
    let ty = cursor.sql(Parser::parse_data_type)?;
    if *cursor.peek() == Token::Mod {
        return Err(refuse("%TYPE", cursor.at()).with_hint("Write the name of the type."));
    }
    Ok(ty)
}

fn refuse_type(cursor: &Cursor<'_>) -> Result<()> {
    let set = cursor.is_word("setof") && !matches!(cursor.peek_nth(1), Token::Comma | Token::RParen);
    if set {
        let message = "functions cannot accept set arguments";
        return Err(Error::new(ErrorKind::InvalidFunctionDefinition, message));
    }
    Ok(())
}

/// Behind RETURNS.
fn returns(cursor: &mut Cursor<'_>) -> Result<ReturnsSpec> {
    if cursor.is_word("table") && *cursor.peek_nth(1) == Token::LParen {
        cursor.next();
        cursor.expect(&Token::LParen)?;
        let columns = cursor.separated(|c| parameter(c, Some(ParameterMode::Table)))?;
        cursor.expect(&Token::RParen)?;
        return Ok(ReturnsSpec::Table(columns));
    }
    let set = cursor.take_word("setof");
    let at = cursor.at();
    Ok(ReturnsSpec::Type { ty: data_type(cursor)?, set, at })
}

/// Takes an option that ALTER FUNCTION has too.
fn option(cursor: &mut Cursor<'_>, options: &mut FunctionOptions) -> Result<bool> {
    let at = cursor.at();
    if cursor.take_word("immutable") {
        once(&mut options.volatility, Volatility::Immutable, at)?;
    } else if cursor.take_word("stable") {
        once(&mut options.volatility, Volatility::Stable, at)?;
    } else if cursor.take_word("volatile") {
        once(&mut options.volatility, Volatility::Volatile, at)?;
    } else if cursor.take_words(&["called", "on", "null", "input"]) {
        once(&mut options.strict, false, at)?;
    } else if cursor.take_word("strict") || cursor.take_words(&["returns", "null", "on", "null", "input"]) {
        once(&mut options.strict, true, at)?;
    } else if cursor.take_words(&["not", "leakproof"]) {
        once(&mut options.leakproof, false, at)?;
    } else if cursor.take_word("leakproof") {
        once(&mut options.leakproof, true, at)?;
    } else if cursor.take_word("parallel") {
        let word = cursor.label()?;
        let parallel = match crate::binder::fold(&word).as_str() {
            "unsafe" => Parallel::Unsafe,
            "restricted" => Parallel::Restricted,
            "safe" => Parallel::Safe,
            _ => {
                let message = "parameter \"parallel\" must be SAFE, RESTRICTED, or UNSAFE";
                return Err(Error::new(ErrorKind::Syntax, message));
            }
        };
        once(&mut options.parallel, parallel, at)?;
    } else if cursor.take_word("cost") {
        let cost = positive(cursor, "COST")?;
        once(&mut options.cost, cost, at)?;
    } else if cursor.take_word("rows") {
        let rows = positive(cursor, "ROWS")?;
        once(&mut options.rows, rows, at)?;
    } else {
        return Ok(cursor.take_words(&["external", "security", "invoker"])
            || cursor.take_words(&["security", "invoker"]));
    }
    Ok(true)
}

/// The number behind COST or ROWS.
fn positive(cursor: &mut Cursor<'_>, what: &str) -> Result<f32> {
    let negative = cursor.take(&Token::Minus);
    if !negative {
        cursor.take(&Token::Plus);
    }
    let TokenWithSpan { token: Token::Number(text, _), span: _ } = cursor.next() else {
        return Err(cursor.syntax_error());
    };
    let number: f32 = text.parse().map_err(|_| cursor.syntax_error())?;
    if negative || number <= 0.0 || !number.is_finite() {
        let message = format!("{what} must be positive");
        return Err(Error::new(ErrorKind::InvalidParameterValue, message));
    }
    Ok(number)
}

fn refused_option(cursor: &Cursor<'_>, at: usize) -> Option<Error> {
    if cursor.is_words(&["security", "definer"]) || cursor.is_words(&["external", "security", "definer"]) {
        return Some(refuse("SECURITY DEFINER", at).with_hint("Leave it out: there is one role."));
    }
    if cursor.is_word("set") {
        let hint = "Leave the clause out; write names with their schemas where the search path matters.";
        return Some(refuse("SET of a function", at).with_hint(hint));
    }
    let others = [("window", "WINDOW"), ("support", "SUPPORT"), ("transform", "TRANSFORM")];
    let (_, what) = others.iter().find(|(word, _)| cursor.is_word(word))?;
    Some(refuse(what, at).with_hint("Leave the clause out."))
}

/// `name [(parameters)]`.
pub(crate) fn function_name(cursor: &mut Cursor<'_>) -> Result<FunctionName> {
    let name = cursor.qualified_name()?;
    let parameters = if *cursor.peek() == Token::LParen { Some(parameters(cursor)?) } else { None };
    Ok(FunctionName { name, parameters })
}

/// Behind DROP FUNCTION.
pub(crate) fn drop(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let if_exists = cursor.take_words(&["if", "exists"]);
    let functions = cursor.separated(function_name)?;
    let cascade = cursor.take_word("cascade");
    if !cascade {
        cursor.take_word("restrict");
    }
    Ok(StatementAst::Function(Box::new(FunctionAst::Drop(DropFunctionSpec {
        functions,
        if_exists,
        cascade,
    }))))
}

/// Behind ALTER FUNCTION.
pub(crate) fn alter(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let function = function_name(cursor)?;
    let at = cursor.at();
    let change = if cursor.take_words(&["rename", "to"]) {
        FunctionChange::Rename(cursor.name()?)
    } else if cursor.take_words(&["set", "schema"]) {
        FunctionChange::SetSchema(cursor.name()?)
    } else if cursor.is_words(&["owner", "to"]) {
        return Err(refuse("ALTER FUNCTION OWNER TO", at)
            .with_hint("Everything belongs to the database's owner; leave the statement out."));
    } else if ["depends", "no", "reset"].iter().any(|word| cursor.is_word(word)) {
        return Err(refuse("this form of ALTER FUNCTION", at)
            .with_hint("Use RENAME TO, SET SCHEMA or the options of CREATE FUNCTION."));
    } else {
        let mut options = FunctionOptions::default();
        while option(cursor, &mut options)? {}
        if cursor.at() == at {
            return Err(refused_option(cursor, at).unwrap_or_else(|| cursor.syntax_error()));
        }
        cursor.take_word("restrict");
        FunctionChange::Options(options)
    };
    Ok(StatementAst::Function(Box::new(FunctionAst::Alter(AlterFunctionSpec { function, change }))))
}

/// Whether the tokens of a statement end between BEGIN ATOMIC and its END.
pub(super) fn is_in_body(tokens: &[TokenWithSpan]) -> bool {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|t| is_word(&t.token, word));
    let function = is(1, "function") || is(1, "or") && is(2, "replace") && is(3, "function");
    if !is(0, "create") || !function {
        return false;
    }
    let Some(begin) = (0..tokens.len()).find(|at| is(*at, "begin") && is(at + 1, "atomic")) else {
        return false;
    };
    let inside = (begin + 2..tokens.len()).fold(1_usize, |depth, at| match () {
        () if is(at, "case") => depth + 1,
        () if is(at, "end") => depth.saturating_sub(1),
        () => depth,
    });
    inside > 0
}
