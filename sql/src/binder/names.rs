//! Identifiers, positions, and relations and schemas by name.
//!
//! Invariant: pg_catalog is searched first unless the search path lists it.

use super::Binder;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{SystemRelation, system_relation};
use catalog::{SchemaDef, SequenceDef, TableDef, UserTypeDef, ViewDef};
use sqlparser::ast;
use sqlparser::tokenizer::{Location, Span};
use std::sync::Arc;

/// What a relation's name means.
#[derive(Debug)]
pub(crate) enum Relation {
    Table(Arc<TableDef>),
    Sequence(Arc<SequenceDef>),
    View(Arc<ViewDef>),
    System(&'static SystemRelation),
}

/// Character offsets of the beginnings of lines.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(i, _)| i + 1));
        Self(starts)
    }

    /// Of a text whose positions mean nothing to the client.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether the text is one that the catalog keeps.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, at: Location) -> usize {
        let line = usize::try_from(at.line).unwrap_or(0);
        let column = usize::try_from(at.column).unwrap_or(0);
        match line.checked_sub(1).and_then(|l| self.0.get(l)) {
            Some(start) => start + column,
            None => 0,
        }
    }
}

/// An identifier as PostgreSQL folds it.
pub(crate) fn fold(ident: &ast::Ident) -> String {
    let mut name = ident.value.clone();
    if ident.quote_style != Some('"') {
        name.make_ascii_lowercase();
    }
    if name.len() > base::limits::IDENTIFIER_BYTES_MAX {
        let cut =
            (0..=base::limits::IDENTIFIER_BYTES_MAX).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
        name.truncate(cut);
    }
    name
}

impl Binder<'_> {
    /// An identifier as PostgreSQL folds it: lower case unless quoted, cut to 63 bytes.
    pub fn fold(&self, ident: &ast::Ident) -> String {
        fold(ident)
    }

    /// Position of a place in the statement, in characters from 1; 0 when the place is not known.
    pub fn position(&self, at: Location) -> usize {
        self.lines.position(at)
    }

    pub(crate) fn at(&self, span: Span) -> usize {
        self.lines.position(span.start)
    }

    /// 0A000 at a place.
    pub fn unsupported(&self, what: &str, at: usize) -> Error {
        located(Error::unsupported(format!("{what} is not supported")), at)
    }

    /// The folded parts of a dotted name and the position of its first part.
    pub(super) fn parts(&self, name: &ast::ObjectName) -> Result<(Vec<String>, usize)> {
        let mut parts = Vec::with_capacity(name.0.len());
        let mut at = 0;
        for part in &name.0 {
            match part {
                ast::ObjectNamePart::Identifier(ident) => {
                    if parts.is_empty() {
                        at = self.at(ident.span);
                    }
                    parts.push(fold(ident));
                }
                ast::ObjectNamePart::Function(_) => {
                    return Err(self.unsupported("a name made by a function", at));
                }
            }
        }
        Ok((parts, at))
    }

    /// Schema (when given) and name; the database part, when given, must be the own one.
    pub(super) fn qualified(&self, name: &ast::ObjectName) -> Result<(Option<String>, String, usize)> {
        let (parts, at) = self.parts(name)?;
        match parts.as_slice() {
            [name] => Ok((None, name.clone(), at)),
            [schema, name] => Ok((Some(schema.clone()), name.clone(), at)),
            [database, schema, name] if database == self.context.database => {
                Ok((Some(schema.clone()), name.clone(), at))
            }
            [_, _, _] => {
                let message = format!("cross-database references are not implemented: {}", dotted(&parts));
                Err(located(Error::unsupported(message), at))
            }
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", parts.join("."));
                Err(located(Error::new(ErrorKind::Syntax, message), at))
            }
        }
    }

    /// The relation of that name; `None` when there is none.
    pub(super) fn find_relation(&self, schema: Option<&str>, name: &str) -> Option<Relation> {
        if let Some(relation) = self.relation_in_view(name) {
            return Some(relation);
        }
        match schema {
            Some(schema) => self.relation_in(schema, name),
            None => {
                // In a view's query only relations of pg_catalog stand without schema.
                let listed = self.views == 0 && self.context.search_path.iter().any(|s| s == "pg_catalog");
                let first = (!listed).then(|| self.relation_in("pg_catalog", name)).flatten();
                first.or_else(|| self.context.search_path.iter().find_map(|s| self.relation_in(s, name)))
            }
        }
    }

    fn relation_in(&self, schema: &str, name: &str) -> Option<Relation> {
        if let Some(system) = system_relation(schema, name) {
            return Some(Relation::System(system));
        }
        let schema = match schema {
            TEMPORARY => self.context.temporary?,
            other if is_temporary(other) && self.context.temporary != Some(other) => return None,
            other => other,
        };
        let schema = self.context.catalog.schema_named(schema)?;
        let catalog = self.context.catalog;
        if let Some(table) = catalog.table_named(schema.id, name) {
            return Some(Relation::Table(Arc::clone(table)));
        }
        if let Some(view) = catalog.view_named(schema.id, name) {
            return Some(Relation::View(Arc::clone(view)));
        }
        catalog.sequence_named(schema.id, name).cloned().map(Relation::Sequence)
    }

    /// Whether a schema has a relation of that name.
    pub(crate) fn has_relation(&self, schema: &SchemaDef, name: &str) -> bool {
        self.relation_in(&schema.name, name).is_some()
    }

    /// The folded schema, when given, and name of an object.
    pub fn split_name(&self, name: &ast::ObjectName) -> Result<(Option<String>, String)> {
        self.qualified(name).map(|(schema, name, _)| (schema, name))
    }

    pub(crate) fn relation(&self, name: &ast::ObjectName) -> Result<Relation> {
        let (schema, table, at) = self.qualified(name)?;
        if let Some(found) = self.find_relation(schema.as_deref(), &table) {
            return Ok(found);
        }
        if let Some(def) = self.composite(schema.as_deref(), &table) {
            let message = format!("\"{}\" is a composite type", def.name);
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        let later = self.context.present.and_then(|now| self.table_in(now, schema.as_deref(), &table));
        Err(self.collected(None, later.as_deref(), at)?.unwrap_or_else(|| {
            let shown = schema.as_ref().map_or_else(|| table.clone(), |s| format!("{s}.{table}"));
            let message = format!("relation \"{shown}\" does not exist");
            let error = located(Error::new(ErrorKind::UndefinedTable, message), at);
            match later {
                Some(_) => error.with_hint("It did not exist at the time that nyala.as_of names."),
                None => error,
            }
        }))
    }

    /// The composite type that a name of relations means.
    pub(crate) fn composite(&self, schema: Option<&str>, name: &str) -> Option<&Arc<UserTypeDef>> {
        let catalog = self.context.catalog;
        let within = |schema: &String| catalog.composite_named(catalog.schema_named(schema)?.id, name);
        match schema {
            Some(schema) => within(&schema.to_owned()),
            None => self.context.search_path.iter().find_map(within),
        }
    }

    /// The user table of that name, by search_path; 42P01 when there is none, 42501 for a system relation.
    pub fn table_named(&self, name: &ast::ObjectName) -> Result<Arc<TableDef>> {
        match self.relation(name)? {
            Relation::Table(table) if self.is_materialized(&table) => {
                let message = format!("cannot change materialized view \"{}\"", table.name);
                Err(Error::new(ErrorKind::WrongObjectType, message))
            }
            Relation::Table(table) => Ok(table),
            Relation::Sequence(sequence) => {
                let message = format!("cannot change sequence \"{}\"", sequence.name);
                Err(Error::new(ErrorKind::WrongObjectType, message))
            }
            Relation::View(view) => {
                let message = format!("view \"{}\" is not a table: changing it is not supported", view.name);
                Err(Error::unsupported(message).with_hint("Name the tables that the view reads."))
            }
            Relation::System(system) if system.kind == 'v' => {
                let message = format!("cannot change view \"{}\"", system.name);
                Err(Error::new(ErrorKind::WrongObjectType, message))
            }
            Relation::System(system) => {
                let message = format!("permission denied for table {}", system.name);
                Err(Error::new(ErrorKind::InsufficientPrivilege, message))
            }
        }
    }

    /// 0A000 when MERGE cannot write to the relation of that name.
    pub(crate) fn check_merged(&self, name: &ast::ObjectName) -> Result<()> {
        match self.relation(name)? {
            Relation::View(view) => {
                let message = format!("cannot execute MERGE on relation \"{}\"", view.name);
                Err(Error::unsupported(message).with_detail("This operation is not supported for views."))
            }
            Relation::Table(table) if self.is_materialized(&table) => {
                let message = format!("cannot execute MERGE on relation \"{}\"", table.name);
                let detail = "This operation is not supported for materialized views.";
                Err(Error::unsupported(message).with_detail(detail))
            }
            Relation::Table(_) | Relation::Sequence(_) | Relation::System(_) => Ok(()),
        }
    }

    pub(crate) fn is_materialized(&self, table: &TableDef) -> bool {
        self.context.catalog.materialized_view(table.id).is_some()
    }

    /// The table of that name, a materialized view among them.
    pub(crate) fn stored_named(&self, name: &ast::ObjectName) -> Result<Arc<TableDef>> {
        match self.relation(name)? {
            Relation::Table(table) => Ok(table),
            _ => self.table_named(name),
        }
    }

    /// The materialized view of that name; what another relation is called, and what drops it, else.
    pub(crate) fn materialized_named(
        &self,
        name: &ast::ObjectName,
    ) -> Result<std::result::Result<Arc<TableDef>, (String, &'static str)>> {
        Ok(match self.relation(name).map_err(Error::without_position)? {
            Relation::Table(table) if self.is_materialized(&table) => Ok(table),
            Relation::Table(table) => Err((table.name.clone(), "Use DROP TABLE to remove a table.")),
            Relation::View(view) => Err((view.name.clone(), "Use DROP VIEW to remove a view.")),
            Relation::Sequence(sequence) => {
                Err((sequence.name.clone(), "Use DROP SEQUENCE to remove a sequence."))
            }
            Relation::System(system) => Err((system.name.to_owned(), "Built-in relations stay.")),
        })
    }

    /// The same for DROP TABLE, which says what else to use.
    pub fn table_to_drop(&self, name: &ast::ObjectName) -> Result<Arc<TableDef>> {
        match self.relation(name)? {
            Relation::Sequence(sequence) => {
                let message = format!("\"{}\" is not a table", sequence.name);
                Err(Error::new(ErrorKind::WrongObjectType, message)
                    .with_hint("Use DROP SEQUENCE to remove a sequence."))
            }
            Relation::View(view) => {
                let message = format!("\"{}\" is not a table", view.name);
                Err(Error::new(ErrorKind::WrongObjectType, message)
                    .with_hint("Use DROP VIEW to remove a view."))
            }
            Relation::Table(table) if self.is_materialized(&table) => {
                let message = format!("\"{}\" is not a table", table.name);
                Err(Error::new(ErrorKind::WrongObjectType, message).with_hint(DROP_MATERIALIZED))
            }
            Relation::Table(_) | Relation::System(_) => self.table_named(name),
        }
    }

    /// The sequence of that name; 42P01 when there is none, 42809 for another relation.
    pub fn sequence_named(&self, name: &ast::ObjectName) -> Result<Arc<SequenceDef>> {
        let other = match self.relation(name).map_err(Error::without_position)? {
            Relation::Sequence(sequence) => return Ok(sequence),
            Relation::Table(table) => table.name.clone(),
            Relation::View(view) => view.name.clone(),
            Relation::System(system) => system.name.to_owned(),
        };
        Err(Error::new(ErrorKind::WrongObjectType, format!("\"{other}\" is not a sequence")))
    }

    /// The view of that name; 42P01 when there is none, 42809 for another relation.
    pub fn view_named(&self, name: &ast::ObjectName) -> Result<Arc<ViewDef>> {
        let (other, hint) = match self.relation(name).map_err(Error::without_position)? {
            Relation::View(view) => return Ok(view),
            Relation::Table(table) if self.is_materialized(&table) => (table.name.clone(), DROP_MATERIALIZED),
            Relation::Table(table) => (table.name.clone(), "Use DROP TABLE to remove a table."),
            Relation::Sequence(sequence) => {
                (sequence.name.clone(), "Use DROP SEQUENCE to remove a sequence.")
            }
            Relation::System(system) => {
                let message = format!("permission denied: \"{}\" is a system catalog", system.name);
                return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
            }
        };
        Err(Error::new(ErrorKind::WrongObjectType, format!("\"{other}\" is not a view")).with_hint(hint))
    }

    /// The schema of that name; 3F000 when there is none, 42501 for pg_catalog and information_schema.
    pub fn schema_named(&self, name: &ast::ObjectName) -> Result<Arc<SchemaDef>> {
        let (parts, at) = self.parts(name)?;
        match parts.as_slice() {
            [schema] => self.schema(schema),
            [database, schema] if database == self.context.database => self.schema(schema),
            _ => {
                let message = format!("cross-database references are not implemented: {}", dotted(&parts));
                Err(located(Error::unsupported(message), at))
            }
        }
    }

    fn schema(&self, name: &str) -> Result<Arc<SchemaDef>> {
        if matches!(name, "pg_catalog" | "information_schema" | "nyala" | TEMPORARY) || is_temporary(name) {
            let message = format!("permission denied for schema {name}");
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
        self.context.catalog.schema_named(name).cloned().ok_or_else(|| {
            Error::new(ErrorKind::UndefinedSchema, format!("schema \"{name}\" does not exist"))
        })
    }

    /// The name of a new temporary table.
    pub(crate) fn temporary_target(&self, name: &ast::ObjectName) -> Result<String> {
        let (schema, table, _) = self.qualified(name)?;
        match schema {
            Some(schema) if schema != TEMPORARY && self.context.temporary != Some(schema.as_str()) => {
                self.schema(&schema)?;
                let message = "cannot create temporary relation in non-temporary schema";
                Err(Error::new(ErrorKind::InvalidTableDefinition, message))
            }
            _ => Ok(table),
        }
    }

    /// Where CREATE TABLE `name` puts the table: the named or the first existing schema of search_path, and the name.
    pub fn creation_target(&self, name: &ast::ObjectName) -> Result<(Arc<SchemaDef>, String)> {
        let (schema, table, at) = self.qualified(name)?;
        if let Some(schema) = schema {
            return self.schema(&schema).map(|s| (s, table)).map_err(|e| located(e, at));
        }
        let mut path = self.context.search_path.iter().filter(|s| !is_temporary(s)).peekable();
        if path.peek().is_some_and(|first| *first == TEMPORARY) {
            return Err(Error::unsupported("creating temporary objects by search_path is not supported")
                .with_hint("Use CREATE TEMPORARY TABLE."));
        }
        let found = path.find_map(|s| self.context.catalog.schema_named(s));
        found.cloned().map(|s| (s, table)).ok_or_else(|| {
            located(Error::new(ErrorKind::UndefinedSchema, "no schema has been selected to create in"), at)
        })
    }
}

const DROP_MATERIALIZED: &str = "Use DROP MATERIALIZED VIEW to remove a materialized view.";

/// What every session calls the schema of its temporary tables.
const TEMPORARY: &str = "pg_temp";

/// Whether a schema holds the temporary tables of a session.
pub fn is_temporary(schema: &str) -> bool {
    schema.starts_with("pg_temp_")
}

/// The system relation of that name; without schema those of pg_catalog, which are found first.
pub(super) fn system_of(schema: Option<&str>, name: &str) -> Option<&'static SystemRelation> {
    system_relation(schema.unwrap_or("pg_catalog"), name)
}

/// A quoted dotted name as messages show it.
fn dotted(parts: &[String]) -> String {
    format!("\"{}\"", parts.join("."))
}

/// The error with a position, unless the position is not known.
pub(super) fn located(error: Error, at: usize) -> Error {
    if at == 0 { error } else { error.at(at) }
}
