//! Texts that name objects of the catalog, as the input functions of the reg* types read them.
//!
//! Must not know values of other types. Invariant: a name without schema is looked for along the search path.

use super::Binder;
use super::context::BindContext;
use super::names::{Relation, located};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::FunctionDef;
use catalog::builtin::{self, Operator, Proc};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use std::sync::Arc;
use types::sql_type::{is_registry, oid};
use types::{Datum, SqlType};

/// The object that `text` names as a value of the reg* type `ty`.
pub fn object_named(context: &BindContext<'_>, ty: Oid, text: &str) -> Result<Oid> {
    Binder::new(context).object(text, ty).map(Oid)
}

impl Binder<'_> {
    /// The object a text names when `ty` is a reg* type; `None` for other types.
    pub(super) fn object_constant(&self, text: &str, ty: &SqlType, at: usize) -> Result<Option<Datum>> {
        if !is_registry(ty.oid) {
            return Ok(None);
        }
        self.object(text, ty.oid).map(|n| Some(Datum::UInt32(n))).map_err(|e| located(e, at))
    }

    /// The OID of the object that a text names; `ty` is a reg* type.
    pub(crate) fn object(&self, text: &str, ty: Oid) -> Result<u32> {
        let trimmed = text.trim();
        let is_operator = matches!(ty, oid::REGOPER | oid::REGOPERATOR);
        match trimmed {
            "-" if !is_operator => Ok(0),
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| {
                    let message = format!("value \"{digits}\" is out of range for type oid");
                    Error::new(ErrorKind::NumericOutOfRange, message)
                })
            }
            _ => self.named_object(text, ty),
        }
    }

    fn named_object(&self, text: &str, ty: Oid) -> Result<u32> {
        match ty {
            oid::REGTYPE => self.type_oid(text),
            oid::REGCLASS => self.relation_oid(text),
            oid::REGPROC => {
                let own = self.functions_of_text(text)?;
                let name = system_name(text)?;
                let built_in = name.iter().any(|name| builtin::procs_named(name).next().is_some());
                match own.as_slice() {
                    [] => {}
                    [one] if !built_in => return Ok(one.oid.0),
                    _ => {
                        let message = format!("more than one function named \"{text}\"");
                        return Err(Error::new(ErrorKind::AmbiguousFunction, message));
                    }
                }
                let found: Vec<&Proc> = name.iter().flat_map(|name| builtin::procs_named(name)).collect();
                single(
                    &found,
                    |p| p.oid,
                    || no_function(text),
                    || {
                        let message = format!("more than one function named \"{text}\"");
                        Error::new(ErrorKind::AmbiguousFunction, message)
                    },
                )
            }
            oid::REGPROCEDURE => {
                let (name, args) = self.signature(text)?;
                let own = self.functions_of_text(&name)?;
                let name = system_name(&name)?;
                let mut found = name.iter().flat_map(|name| builtin::procs_named(name));
                let wanted: Vec<Oid> = args.into_iter().flatten().collect();
                let built_in = found.find(|p| p.args == wanted).map(|p| p.oid.0);
                let own = || own.iter().find(|def| def.input_types() == wanted).map(|def| def.oid.0);
                built_in.or_else(own).ok_or_else(|| no_function(text))
            }
            oid::REGOPER => {
                let found: Vec<&Operator> =
                    operator_name(text).map_or(&[][..], builtin::operators).iter().collect();
                single(
                    &found,
                    |o| o.oid,
                    || no_operator(text),
                    || {
                        let message = format!("more than one operator named {text}");
                        Error::new(ErrorKind::AmbiguousFunction, message)
                    },
                )
            }
            oid::REGOPERATOR => self.operator_oid(text),
            oid::REGNAMESPACE => {
                let name = lone_name(text)?;
                self.schema_oid(&name).ok_or_else(|| no_schema(&name))
            }
            _ => {
                let name = lone_name(text)?;
                if name == self.context.user {
                    return Ok(builtin::OWNER.0);
                }
                builtin::role_named(&name).map(|role| role.0).ok_or_else(|| undefined("role", &name))
            }
        }
    }

    /// Functions that users made of the name that a text is.
    fn functions_of_text(&self, text: &str) -> Result<Vec<Arc<FunctionDef>>> {
        Ok(match split(text)?.as_slice() {
            [name] => self.functions_called(None, name),
            [schema, name] => self.functions_called(Some(schema), name),
            _ => Vec::new(),
        })
    }

    fn type_oid(&self, text: &str) -> Result<u32> {
        let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut parser| {
            let ty = parser.parse_data_type()?;
            parser.expect_token(&sqlparser::tokenizer::Token::EOF).map(|_| ty)
        });
        match parsed {
            Ok(ty) => self.type_and_modifier(&ty).map(|(oid, _)| oid.0),
            Err(_) => Err(undefined("type", text)),
        }
    }

    fn relation_oid(&self, text: &str) -> Result<u32> {
        let parts = split(text)?;
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name.as_str()),
            [schema, name] => (Some(schema.as_str()), name.as_str()),
            [database, schema, name] if *database == self.context.database => {
                (Some(schema.as_str()), name.as_str())
            }
            [_, _, _] => {
                let message =
                    format!("cross-database references are not implemented: \"{}\"", parts.join("."));
                return Err(Error::unsupported(message));
            }
            _ => return Err(invalid_name()),
        };
        if let Some(schema) = schema
            && self.schema_oid(schema).is_none()
        {
            return Err(no_schema(schema));
        }
        match self.find_relation(schema, name) {
            Some(Relation::Table(table)) => return Ok(table.oid.0),
            Some(Relation::Sequence(sequence)) => return Ok(sequence.oid.0),
            Some(Relation::View(view)) => return Ok(view.oid.0),
            Some(Relation::System(system)) => return Ok(system.oid.0),
            None => {}
        }
        if let Some(relation) = self.composite(schema, name).and_then(|def| def.relation()) {
            return Ok(relation.0);
        }
        self.key_oid(schema, name).ok_or_else(|| {
            let message = format!("relation \"{}\" does not exist", parts.join("."));
            Error::new(ErrorKind::UndefinedTable, message)
        })
    }

    /// The index of a primary key has the OID behind its table's.
    fn key_oid(&self, schema: Option<&str>, name: &str) -> Option<u32> {
        let mut system = builtin::system_indexes().iter();
        if matches!(schema, None | Some("pg_catalog"))
            && let Some((_, _, oid)) = system.find(|(_, own, _)| *own == name)
        {
            return Some(oid.0);
        }
        let catalog = self.context.catalog;
        let searched = match schema {
            Some(schema) => vec![schema.to_owned()],
            None => self.context.search_path.to_vec(),
        };
        searched.iter().filter_map(|schema| catalog.schema_named(schema)).find_map(|schema| {
            let mut tables = catalog.tables().filter(|t| t.schema == schema.id && t.has_primary_key());
            let key = tables.find(|t| t.primary_key_name == name).map(|t| t.oid.0.saturating_add(1));
            key.or_else(|| catalog.index_named(schema.id, name).map(|(_, unique)| unique.oid.0))
        })
    }

    fn schema_oid(&self, name: &str) -> Option<u32> {
        let user = self.context.catalog.schema_named(name).map(|s| s.oid.0);
        user.or_else(|| built_in_schema(name))
    }

    /// An operator with its operand types, NONE for a missing one.
    fn operator_oid(&self, text: &str) -> Result<u32> {
        let (name, args) = self.signature(text)?;
        let bad = |what: &str, hint: &str| {
            Error::new(ErrorKind::UndefinedParameter, what.to_owned()).with_hint(hint.to_owned())
        };
        let (left, right) = match args.as_slice() {
            [_] => {
                return Err(bad(
                    "missing argument",
                    "Use NONE to denote the missing argument of a unary operator.",
                ));
            }
            [left, right] => (left.unwrap_or(Oid(0)), right.unwrap_or(Oid(0))),
            _ => {
                let error = Error::new(ErrorKind::TooManyArguments, "too many arguments");
                return Err(error.with_hint("Provide two argument types for operator."));
            }
        };
        let known = operator_name(&name).map_or(&[][..], builtin::operators);
        let found = known.iter().find(|o| o.left == left && o.right == right);
        found.map(|o| o.oid.0).ok_or_else(|| no_operator(text))
    }

    /// `name(type, ..)` as its name and the types, None where NONE stands.
    fn signature(&self, text: &str) -> Result<(String, Vec<Option<Oid>>)> {
        let wrong = |what: &str| Error::new(ErrorKind::InvalidText, what.to_owned());
        let mut quoted = false;
        let open = text.char_indices().find(|(_, c)| {
            quoted ^= *c == '"';
            *c == '(' && !quoted
        });
        let Some((open, _)) = open else { return Err(wrong("expected a left parenthesis")) };
        let (name, rest) = text.split_at(open);
        let Some(list) = rest.trim_end().strip_prefix('(').and_then(|r| r.strip_suffix(')')) else {
            return Err(wrong("expected a right parenthesis"));
        };
        let mut args = Vec::new();
        if list.trim().is_empty() {
            return Ok((name.trim().to_owned(), args));
        }
        for part in outer_parts(list) {
            let part = part.trim();
            match part {
                "" => return Err(wrong("expected a type name")),
                none if none.eq_ignore_ascii_case("none") => args.push(None),
                part => args.push(Some(Oid(self.type_oid(part)?))),
            }
        }
        Ok((name.trim().to_owned(), args))
    }
}

/// Parts between the commas that are not inside quotes, parentheses or brackets.
fn outer_parts(list: &str) -> Vec<&str> {
    let (mut quoted, mut depth) = (false, 0_i32);
    list.split(|c| {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            _ => {}
        }
        c == ',' && !quoted && depth == 0
    })
    .collect()
}

fn single<T>(
    found: &[&T],
    oid_of: impl Fn(&T) -> Oid,
    none: impl FnOnce() -> Error,
    many: impl FnOnce() -> Error,
) -> Result<u32> {
    match found {
        [one] => Ok(oid_of(one).0),
        [] => Err(none()),
        _ => Err(many()),
    }
}

/// The name of an object that only pg_catalog has; None when another schema is named.
fn system_name(text: &str) -> Result<Option<String>> {
    let parts = split(text)?;
    Ok(match parts.as_slice() {
        [name] => Some(name.clone()),
        [schema, name] => super::function::called_name(Some(schema), name),
        _ => None,
    })
}

/// Operators are named without quotes, behind a schema or not.
fn operator_name(text: &str) -> Option<&str> {
    let text = text.trim();
    match text.split_once('.') {
        Some((schema, name)) => (schema.trim() == "pg_catalog").then(|| name.trim()),
        None => Some(text),
    }
}

/// A name that has no schema.
fn lone_name(text: &str) -> Result<String> {
    match split(text)?.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(invalid_name()),
    }
}

/// The parts of a dotted name: quoted as they stand, others in lower case.
fn split(text: &str) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let mut part = String::new();
        if let Some(mut inner) = rest.strip_prefix('"') {
            loop {
                let end = inner.find('"').ok_or_else(invalid_name)?;
                part.push_str(inner.get(..end).unwrap_or_default());
                inner = inner.get(end + 1..).unwrap_or_default();
                match inner.strip_prefix('"') {
                    Some(more) => {
                        part.push('"');
                        inner = more;
                    }
                    None => break,
                }
            }
            rest = inner;
        } else {
            let end = rest.find(|c: char| c == '.' || c.is_ascii_whitespace()).unwrap_or(rest.len());
            part.push_str(&rest.get(..end).unwrap_or_default().to_ascii_lowercase());
            rest = rest.get(end..).unwrap_or_default();
        }
        if part.is_empty() {
            return Err(invalid_name());
        }
        part.truncate(part.floor_char_boundary(base::limits::IDENTIFIER_BYTES_MAX));
        parts.push(part);
        rest = rest.trim_start();
        match rest.strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => return Ok(parts),
            None => return Err(invalid_name()),
        }
    }
}

fn built_in_schema(name: &str) -> Option<u32> {
    let relation = builtin::relation("pg_namespace")?;
    let (oid, column) = (relation.column("oid")?, relation.column("nspname")?);
    let row = relation.rows.iter().find(|r| r.get(column).and_then(|v| v.as_deref()) == Some(name))?;
    row.get(oid)?.as_deref()?.parse().ok()
}

fn invalid_name() -> Error {
    Error::new(ErrorKind::InvalidName, "invalid name syntax")
}

fn no_schema(name: &str) -> Error {
    Error::new(ErrorKind::UndefinedSchema, format!("schema \"{name}\" does not exist"))
}

fn undefined(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::UndefinedObject, format!("{what} \"{name}\" does not exist"))
}

fn no_function(text: &str) -> Error {
    Error::new(ErrorKind::UndefinedFunction, format!("function \"{text}\" does not exist"))
}

fn no_operator(text: &str) -> Error {
    Error::new(ErrorKind::UndefinedFunction, format!("operator does not exist: {text}"))
}
