//! Expressions that the catalog keeps as text: what may stand in them, and relations and types that they name.
//!
//! Must not know whose expressions they are.
//! Invariant: a relation named by a constant, and a type that a user made, stand in the text by their OIDs.

use crate::binder::Binder;
use crate::parse::Written;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use sqlparser::ast::{Spanned, Visit, Visitor};
use sqlparser::tokenizer::Location;
use std::ops::ControlFlow;
use types::sql_type::oid;

/// Refuses columns, parameters and subqueries where only constants and functions may stand.
pub(super) fn refuse_names(binder: &Binder<'_>, expr: &ast::Expr, place: &str) -> Result<()> {
    refuse_parts(expr, &mut Parts { binder, place, columns: false })
}

/// Refuses parameters and subqueries where columns of one row may stand.
pub(super) fn refuse_subqueries(binder: &Binder<'_>, expr: &ast::Expr, place: &str) -> Result<()> {
    refuse_parts(expr, &mut Parts { binder, place, columns: true })
}

fn refuse_parts(expr: &ast::Expr, parts: &mut Parts<'_, '_>) -> Result<()> {
    match expr.visit(parts) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// What may stand in an expression that is kept.
struct Parts<'b, 'c> {
    binder: &'b Binder<'c>,
    place: &'b str,
    columns: bool,
}

impl Visitor for Parts<'_, '_> {
    type Break = Error;
    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<Error> {
        let what = match expr {
            ast::Expr::Identifier(_) if super::row::is_default(expr) => return ControlFlow::Continue(()),
            ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) if !self.columns => {
                "column reference"
            }
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Placeholder(name), span }) => {
                let message = format!("there is no parameter {name}");
                let at = self.binder.position(span.start);
                return ControlFlow::Break(Error::new(ErrorKind::UndefinedParameter, message).at(at));
            }
            ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => "subquery",
            _ => return ControlFlow::Continue(()),
        };
        let message = format!("cannot use {what} in {}", self.place);
        ControlFlow::Break(Error::unsupported(message).at(self.binder.position(expr.span().start)))
    }
}

/// The text of an expression with relations, where it names them as constants, by their OIDs: they are meant whatever
/// they are called later, and wherever it is bound.
pub(super) fn with_objects(binder: &mut Binder<'_>, written: &Written) -> Result<String> {
    let Written { expr, text, at } = written;
    let edits = object_edits(binder, expr.as_ref(), text, *at)?;
    Ok(edited(text, edits))
}

/// A change of a text: where, how many characters, what in their place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edit {
    pub(super) start: usize,
    pub(super) characters: usize,
    pub(super) text: String,
}

/// A text with changes that do not overlap.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort();
    edits.dedup();
    let mut characters: Vec<char> = text.chars().collect();
    for Edit { start, characters: count, text } in edits.into_iter().rev() {
        characters.splice(start..start + count, text.chars());
    }
    characters.into_iter().collect()
}

/// What brings OIDs in the place of constants that name relations. The text begins at a position of the statement.
pub(super) fn object_edits(
    binder: &mut Binder<'_>,
    node: &impl Visit,
    text: &str,
    at: usize,
) -> Result<Vec<Edit>> {
    if let Some(place) = binder.called_as_field {
        return Err(Error::unsupported("a function called as a field in what is kept")
            .at(place)
            .with_hint("Write function(row) instead of row.function."));
    }
    let mut names = RelationNames::default();
    let _whole: ControlFlow<()> = node.visit(&mut names);
    let characters: Vec<char> = text.chars().collect();
    let mut edits = Vec::with_capacity(names.found.len() + names.types.len());
    for (name, def) in &binder.called {
        // Of other expressions of the statement, too.
        let found = extent(binder, name, text, at);
        edits.extend(found.map(|(start, characters)| {
            let text = catalog::function_name(def.oid, &def.name);
            Edit { start, characters, text }
        }));
    }
    for name in &names.types {
        edits.extend(type_edit(binder, name, text, at)?);
    }
    for (place, name, cast) in names.found {
        let start = binder.position(place).checked_sub(at);
        let literal: Vec<char> = format!("'{}'", name.replace('\'', "''")).chars().collect();
        let fits = start.filter(|s| characters.get(*s..s + literal.len()) == Some(literal.as_slice()));
        let Some(start) = fits else {
            return Err(Error::unsupported(
                "this way to write the name of a relation in an expression that is kept",
            )
            .at(binder.position(place))
            .with_hint("Write the name as a plain string."));
        };
        let id = binder.object(&name, oid::REGCLASS).map_err(|e| e.at(binder.position(place)))?;
        let cast = if cast { "" } else { "::regclass" };
        edits.push(Edit { start, characters: literal.len(), text: format!("'{id}'{cast}") });
    }
    Ok(edits)
}

/// What brings the OID of a type that a user made in the place of its name; None for other types.
fn type_edit(binder: &Binder<'_>, name: &ast::ObjectName, text: &str, at: usize) -> Result<Option<Edit>> {
    let (schema, own) = binder.split_name(name)?;
    let Some(oid) = binder.user_type(schema.as_deref(), &own) else {
        let built_in = schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
            && catalog::builtin::type_named(&own).is_some();
        return match binder.relation(name) {
            Ok(_) if !built_in => {
                let message =
                    format!("the row type of \"{own}\" in an expression that is kept is not supported");
                Err(Error::unsupported(message))
            }
            _ => Ok(None),
        };
    };
    let (start, characters) = extent(binder, name, text, at).ok_or_else(|| {
        let place =
            name.0.iter().find_map(|part| part.as_ident()).map_or(at, |i| binder.position(i.span.start));
        Error::unsupported("this way to write the name of a type in an expression that is kept").at(place)
    })?;
    Ok(Some(Edit { start, characters, text: catalog::relation_name(oid) }))
}

/// Where a name begins in a text, and how many characters it has, if it stands there as it was read.
pub(super) fn extent(
    binder: &Binder<'_>,
    name: &ast::ObjectName,
    text: &str,
    at: usize,
) -> Option<(usize, usize)> {
    let mut idents = name.0.iter().filter_map(|part| part.as_ident());
    let first = idents.next()?;
    let last = idents.next_back().unwrap_or(first);
    let start = binder.position(first.span.start).checked_sub(at)?;
    let end = binder.position(last.span.start).checked_sub(at)?;
    let written = match last.quote_style {
        Some(_) => in_quotes(&last.value),
        None => last.value.clone(),
    };
    let length = written.chars().count();
    text.chars().skip(end).take(length).eq(written.chars()).then_some((start, end + length - start))
}

/// A name as an identifier that means it wherever it stands.
pub(super) fn as_written(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && catalog::builtin::keyword(name).is_none();
    if plain { name.to_owned() } else { in_quotes(name) }
}

/// An identifier in quotes.
pub(super) fn in_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Strings that name a relation: arguments of sequence functions and casts to regclass.
#[derive(Debug, Default)]
struct RelationNames {
    /// Where it stands, the name, and whether the cast is written.
    found: Vec<(Location, String, bool)>,
    /// Types that are named.
    types: Vec<ast::ObjectName>,
}

impl RelationNames {
    fn add(&mut self, expr: &ast::Expr, cast: bool) {
        let ast::Expr::Value(ast::ValueWithSpan { value, span }) = expr else { return };
        let text = match value {
            ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => text.clone(),
            ast::Value::UnicodeStringLiteral(text) => text.clone(),
            ast::Value::DollarQuotedString(text) => text.value.clone(),
            _ => return,
        };
        self.found.push((span.start, text, cast));
    }

    fn add_type(&mut self, ty: &ast::DataType) {
        match ty {
            ast::DataType::Custom(name, _) => self.types.push(name.clone()),
            ast::DataType::Array(ast::ArrayElemTypeDef::SquareBracket(element, _)) => self.add_type(element),
            _ => {}
        }
    }
}

impl Visitor for RelationNames {
    type Break = ();
    fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> ControlFlow<()> {
        if let ast::TableFactor::Table { alias: Some(alias), .. }
        | ast::TableFactor::Function { alias: Some(alias), .. }
        | ast::TableFactor::TableFunction { alias: Some(alias), .. } = factor
        {
            alias
                .columns
                .iter()
                .filter_map(|column| column.data_type.as_ref())
                .for_each(|ty| self.add_type(ty));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Cast { data_type, .. }
        | ast::Expr::TypedString(ast::TypedString { data_type, .. }) = expr
        {
            self.add_type(data_type);
        }
        match expr {
            ast::Expr::Cast { expr, data_type: ast::DataType::Regclass, .. } => self.add(expr, true),
            ast::Expr::Function(function) => {
                let name = function.name.0.last().and_then(|part| part.as_ident());
                let is_known = name.is_some_and(|name| {
                    ["nextval", "currval", "setval"]
                        .iter()
                        .any(|known| name.value.eq_ignore_ascii_case(known))
                });
                if let ast::FunctionArguments::List(list) = &function.args
                    && let Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(first))) =
                        list.args.first()
                    && is_known
                {
                    self.add(first, false);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// What of a name is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Column,
    /// What stands before a column's name.
    Table,
}

/// A kept text in which columns, or the table, called `from` are called `to`.
pub(super) fn renamed(text: &str, part: Part, from: &str, to: &str) -> Result<String> {
    struct Uses<'f> {
        part: Part,
        from: &'f str,
        found: Vec<ast::Ident>,
    }
    impl Visitor for Uses<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
            let idents = match expr {
                ast::Expr::Identifier(ident) => std::slice::from_ref(ident),
                ast::Expr::CompoundIdentifier(idents) => idents.as_slice(),
                _ => &[],
            };
            let named = match (self.part, idents) {
                (Part::Column, [.., last]) => Some(last),
                (Part::Table, [.., table, _]) => Some(table),
                (Part::Column | Part::Table, _) => None,
            };
            self.found.extend(named.filter(|i| crate::binder::fold(i) == self.from).cloned());
            ControlFlow::Continue(())
        }
    }
    let expr = crate::parse::parse_expression(text)?;
    let mut uses = Uses { part, from, found: Vec::new() };
    let _whole: ControlFlow<()> = expr.visit(&mut uses);
    let mut characters: Vec<char> = text.chars().collect();
    uses.found.sort_by_key(|ident| std::cmp::Reverse(ident.span.start.column));
    for ident in uses.found {
        let written: Vec<char> = match ident.quote_style {
            Some(_) => format!("\"{}\"", ident.value.replace('"', "\"\"")).chars().collect(),
            None => ident.value.chars().collect(),
        };
        let start = usize::try_from(ident.span.start.column).ok().and_then(|column| column.checked_sub(1));
        let fits = start.filter(|s| characters.get(*s..s + written.len()) == Some(written.as_slice()));
        let Some(start) = fits else {
            let message =
                format!("\"{}\" is used in an expression in a way that cannot be renamed", ident.value);
            return Err(Error::unsupported(message));
        };
        let name = as_written(to);
        characters.splice(start..start + written.len(), name.chars());
    }
    Ok(characters.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::{Part, renamed};

    #[test]
    fn names_in_kept_texts_follow_their_columns_and_tables() {
        let cases = [
            (Part::Column, "a > 0 AND A < t.a", "b", "b > 0 AND b < t.b"),
            (Part::Column, "\"a\" || 'a' || aa || a.c", "B c", "\"B c\" || 'a' || aa || a.c"),
            (Part::Column, "a::text = a(a)", "user", "\"user\"::text = a(\"user\")"),
            (Part::Table, "a > 0 AND A.a < s.a.b", "b", "a > 0 AND b.a < s.b.b"),
        ];
        for (part, text, to, expected) in cases {
            assert_eq!(renamed(text, part, "a", to).unwrap(), expected);
        }
    }
}
