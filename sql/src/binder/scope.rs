//! Names that an expression may use: the relations of its query, common table expressions, enclosing queries.
//!
//! Invariant: a scope lives only while its query is bound; columns keep their `ColRef` afterwards.

use super::names::{fold, located};
use super::{Binder, Term};
use crate::bound::{CteId, Expr, TypedCol};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use types::Form;
use types::sql_type::oid;
use types::user_type::UserKind;

/// The relations visible to the expressions of one query level.
#[derive(Clone, Debug, Default)]
pub struct Scope<'p> {
    pub(crate) parent: Option<&'p Scope<'p>>,
    pub(crate) tables: Vec<ScopeTable>,
    pub(crate) ctes: Vec<ScopeCte>,
}

/// One entry of FROM.
#[derive(Clone, Debug)]
pub struct ScopeTable {
    /// Alias or name.
    pub name: String,
    /// Set when the table was named without alias; then `schema.table.column` works too.
    pub schema: Option<String>,
    pub columns: Vec<ScopeColumn>,
    /// `name.column` and `name.*` find it.
    pub by_name: bool,
    /// Unqualified column names find it, and `*` shows it.
    pub unqualified: bool,
    pub(crate) whole: Whole,
}

/// What the name of an entry of FROM means as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Row,
    /// The row of a relation, of the type with this OID: a column that is NOT NULL is null nowhere in it.
    Named(Oid),
    /// The only column: of a function whose rows are plain values.
    Value,
    /// A row, or null where an outer join has none.
    Maybe,
    /// The same of a relation.
    MaybeNamed(Oid),
}

impl Whole {
    /// The row of a table or view.
    pub(super) fn of_relation(relation: Oid) -> Self {
        UserKind::TableRow.oid(relation.0).map_or(Whole::Row, Whole::Named)
    }

    /// On the side of an outer join that may have no row.
    pub(super) fn optional(self) -> Self {
        match self {
            Whole::Named(ty) | Whole::MaybeNamed(ty) => Whole::MaybeNamed(ty),
            Whole::Row | Whole::Value | Whole::Maybe => Whole::Maybe,
        }
    }
}

/// A column of an entry of FROM.
#[derive(Clone, Debug)]
pub struct ScopeColumn {
    pub name: String,
    pub typed: TypedCol,
    /// Table OID and attnum of a plain table column; else (0, 0).
    pub origin: (Oid, i16),
}

/// What begins the name of a column that `*` does not show: no name that a statement gives contains it.
const HIDDEN: char = '\u{1}';

impl ScopeColumn {
    /// A record that is no value: its fields are hidden columns.
    pub(super) fn has_only_fields(&self) -> bool {
        self.typed.ty.oid == oid::RECORD && !matches!(self.typed.ty.form, Form::Row(_))
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.name.starts_with(HIDDEN)
    }
}

/// The name of the hidden column that has a field of a column of records.
pub(super) fn field_name(column: &str, field: &str) -> String {
    format!("{HIDDEN}{column}.{field}")
}

/// The name of the hidden column that has the OID of a row's relation.
pub(super) fn hidden_name(name: &str) -> String {
    format!("{HIDDEN}{name}")
}

/// Columns that every table of PostgreSQL has.
const SYSTEM_COLUMNS: &[&str] = &["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"];

/// A common table expression in scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeCte {
    pub(crate) name: String,
    pub(crate) id: CteId,
    pub(crate) columns: Vec<ScopeColumn>,
    pub(crate) status: CteStatus,
}

/// What naming a common table expression means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CteStatus {
    /// Its rows.
    Plain,
    /// It stands behind the query that names it, and needs that one.
    Later,
    /// It is being bound, and is no union; where its name stands.
    NoUnion(usize),
    /// Its start is being bound.
    Start,
    /// Its step is being bound: the rows found last.
    Recursive,
    /// It writes, and is being bound; where its name stands.
    Writing(usize),
    /// It writes, without RETURNING.
    Silent,
}

impl ScopeTable {
    /// Whether its rows are those of one table.
    fn is_stored(&self) -> bool {
        self.columns.iter().any(|c| c.origin.0 != Oid(0))
    }
}

impl<'p> Scope<'p> {
    /// Without relations: constants and parameters only.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A scope inside another one, whose columns are then outer columns.
    pub fn inside(parent: &'p Scope<'p>) -> Self {
        Self { parent: Some(parent), tables: Vec::new(), ctes: Vec::new() }
    }

    /// The same level with further relations, for what may see them.
    pub(super) fn with(&self, tables: &[ScopeTable]) -> Scope<'p> {
        let mut all = self.tables.clone();
        all.extend_from_slice(tables);
        Scope { parent: self.parent, tables: all, ctes: self.ctes.clone() }
    }

    pub fn add(&mut self, table: ScopeTable) {
        self.tables.push(table);
    }

    /// Whether a name, where it stands as a value, is the row of a relation with a type of its own, and not a column.
    pub(super) fn is_named_row(&self, name: &str) -> bool {
        let is_column = self.levels().any(|level| level.visible().any(|column| column.name == name));
        let entry = self.levels().find_map(|level| level.table(None, name));
        !is_column && entry.is_some_and(|entry| matches!(entry.whole, Whole::Named(_) | Whole::MaybeNamed(_)))
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = &Scope<'p>> {
        std::iter::successors(Some(self), |s| s.parent)
    }

    pub(super) fn cte(&self, name: &str) -> Option<&ScopeCte> {
        self.levels().find_map(|s| s.ctes.iter().rev().find(|c| c.name == name))
    }

    /// Columns that `*` shows, in order.
    pub(super) fn shown(&self) -> impl Iterator<Item = &ScopeColumn> {
        self.visible().filter(|c| !c.is_hidden())
    }

    /// Columns that a name without table finds.
    fn visible(&self) -> impl Iterator<Item = &ScopeColumn> {
        self.tables.iter().filter(|t| t.unqualified).flat_map(|t| &t.columns)
    }

    pub(super) fn table(&self, schema: Option<&str>, name: &str) -> Option<&ScopeTable> {
        self.tables
            .iter()
            .find(|t| t.by_name && t.name == name && schema.is_none_or(|s| t.schema.as_deref() == Some(s)))
    }
}

impl Binder<'_> {
    pub(super) fn column(&mut self, idents: &[ast::Ident], scope: &Scope<'_>) -> Result<Term> {
        let at = idents.first().map_or(0, |i| self.at(i.span));
        let parts: Vec<String> = idents.iter().map(fold).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [name] => {
                self.unqualified_column(name, idents.iter().all(|i| i.quote_style.is_none()), at, scope)
            }
            [table, name] => self.qualified_column(None, table, name, at, scope),
            [schema, table, name] => self.qualified_column(Some(schema), table, name, at, scope),
            [database, schema, table, name] if *database == self.context.database => {
                self.qualified_column(Some(schema), table, name, at, scope)
            }
            [_, _, _, _] => {
                let message = format!("cross-database references are not implemented: {}", parts.join("."));
                Err(located(Error::unsupported(message), at))
            }
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", parts.join("."));
                Err(located(Error::new(ErrorKind::Syntax, message), at))
            }
        }
    }

    fn unqualified_column(&mut self, name: &str, bare: bool, at: usize, scope: &Scope<'_>) -> Result<Term> {
        let hidden = hidden_name(name);
        for (depth, level) in scope.levels().enumerate() {
            let own = level.visible().any(|c| c.name == name);
            let wanted = if own { name } else { hidden.as_str() };
            let mut found = level.visible().filter(|c| c.name == wanted);
            if let Some(column) = found.next() {
                if found.next().is_some() {
                    let message = format!("column reference \"{name}\" is ambiguous");
                    return Err(located(Error::new(ErrorKind::AmbiguousColumn, message), at));
                }
                return self.use_value(column, depth, at);
            }
            if SYSTEM_COLUMNS.contains(&name) && level.tables.iter().any(ScopeTable::is_stored) {
                return Err(self.unsupported(&format!("the system column {name}"), at));
            }
        }
        if let Some(table) = self.barred.as_ref().filter(|t| t.columns.iter().any(|c| c.name == name)) {
            return Err(barred(&table.name, at));
        }
        // Words that are functions without parentheses, where the parser took them for names.
        if bare
            && matches!(name, "current_role" | "current_schema" | "user" | "session_user" | "current_catalog")
        {
            return self.value_word(name, at);
        }
        let entry = scope.levels().enumerate().find_map(|(depth, l)| l.table(None, name).map(|t| (t, depth)));
        if let Some((table, depth)) = entry {
            let table = table.clone();
            return self.whole_row(&table, depth, at);
        }
        if let Some(parameter) = self.frame_named(None, name, at) {
            return Ok(parameter);
        }
        let error = Error::new(ErrorKind::UndefinedColumn, format!("column \"{name}\" does not exist"));
        Err(located(with_near(error, name, None, scope), at))
    }

    fn qualified_column(
        &mut self,
        schema: Option<&str>,
        table: &str,
        name: &str,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        for (depth, level) in scope.levels().enumerate() {
            let mut entries = level.tables.iter().filter(|t| {
                t.by_name && t.name == table && schema.is_none_or(|s| t.schema.as_deref() == Some(s))
            });
            let Some(entry) = entries.next() else { continue };
            if entries.next().is_some() {
                let message = format!("table reference \"{table}\" is ambiguous");
                return Err(located(Error::new(ErrorKind::AmbiguousAlias, message), at));
            }
            let hidden = hidden_name(name);
            let own = entry.columns.iter().any(|c| c.name == name);
            let wanted = if own { name } else { hidden.as_str() };
            let mut found = entry.columns.iter().filter(|c| c.name == wanted);
            let Some(column) = found.next() else {
                if SYSTEM_COLUMNS.contains(&name) && entry.is_stored() {
                    return Err(self.unsupported(&format!("the system column {name}"), at));
                }
                let entry = entry.clone();
                if !self.user_functions(None, name).is_empty() {
                    let row = self.whole_row(&entry, depth, at)?;
                    if let Some(found) = self.call_as_field(&row, name)? {
                        return Ok(found);
                    }
                }
                let error =
                    Error::new(ErrorKind::UndefinedColumn, format!("column {table}.{name} does not exist"));
                return Err(located(with_near(error, name, Some(table), scope), at));
            };
            if found.next().is_some() {
                let message = format!("column reference \"{name}\" is ambiguous");
                return Err(located(Error::new(ErrorKind::AmbiguousColumn, message), at));
            }
            return self.use_value(column, depth, at);
        }
        if let Some(parameter) = self.frame_qualified(schema, table, name, at) {
            return parameter;
        }
        match &self.barred {
            Some(entry) if schema.is_none() && entry.name == table => Err(barred(table, at)),
            _ => Err(self.missing_table(schema, table, at, scope)),
        }
    }

    /// A column as a value; one of records has only fields.
    pub(super) fn use_value(&mut self, column: &ScopeColumn, depth: usize, at: usize) -> Result<Term> {
        if column.has_only_fields() {
            return Err(self
                .unsupported("a record as a value", at)
                .with_hint("Name its fields: (column).field"));
        }
        Ok(self.use_column(column, depth, at))
    }

    /// No entry of FROM has that name; a table that an alias hides gets a hint.
    pub(super) fn missing_table(
        &self,
        schema: Option<&str>,
        table: &str,
        at: usize,
        scope: &Scope<'_>,
    ) -> Error {
        let aliased = scope
            .levels()
            .flat_map(|l| &l.tables)
            .find(|t| t.by_name && self.aliases.get(&t.name).is_some_and(|original| original == table));
        let hidden = schema.is_none() && self.siblings.iter().flatten().any(|name| name == table);
        let invalid = || {
            let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
            Error::new(ErrorKind::UndefinedTable, message)
        };
        let error = match aliased {
            Some(entry) => invalid()
                .with_hint(format!("Perhaps you meant to reference the table alias \"{}\".", entry.name)),
            None if hidden => invalid().with_hint(format!(
                "There is an entry for table \"{table}\", but it cannot be referenced from this part of the query."
            )),
            None => {
                Error::new(ErrorKind::UndefinedTable, format!("missing FROM-clause entry for table \"{table}\""))
            }
        };
        located(error, at)
    }

    pub(super) fn use_column(&mut self, column: &ScopeColumn, depth: usize, at: usize) -> Term {
        let typed = column.typed.clone();
        let name = column.name.clone();
        self.uses.entry(typed.col).or_insert((at, name));
        if depth == 0 {
            self.note_use(typed.col, at);
            Term { expr: Expr::Column(typed), at }
        } else {
            Term { expr: Expr::Outer(typed), at }
        }
    }
}

/// A LATERAL relation beside the table that is written uses it.
fn barred(table: &str, at: usize) -> Error {
    let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
    let hint = format!(
        "There is an entry for table \"{table}\", but it cannot be referenced from this part of the query."
    );
    located(Error::new(ErrorKind::InvalidColumnReference, message).with_hint(hint), at)
}

/// Adds PostgreSQL's hint when a column of nearly that name can be seen.
fn with_near(error: Error, name: &str, table: Option<&str>, scope: &Scope<'_>) -> Error {
    let mut best: Option<(usize, String)> = None;
    let mut ties = 0;
    for entry in scope.levels().flat_map(|l| &l.tables).filter(|t| t.by_name) {
        let table_distance = table.map_or(0, |t| distance(t, &entry.name));
        for column in entry.columns.iter().filter(|c| !c.is_hidden()) {
            let total = table_distance + distance(name, &column.name);
            // Half the letters wrong is another word.
            if total > 3 || total > name.len() / 2 {
                continue;
            }
            let shown = format!("{}.{}", entry.name, column.name);
            match &best {
                Some((least, _)) if *least < total => {}
                Some((least, _)) if *least == total => ties += 1,
                _ => {
                    best = Some((total, shown));
                    ties = 0;
                }
            }
        }
    }
    match best {
        Some((_, shown)) if ties == 0 => {
            error.with_hint(format!("Perhaps you meant to reference the column \"{shown}\"."))
        }
        _ => error,
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(x != *y);
            left = cost.min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
