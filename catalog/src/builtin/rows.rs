//! The data files as rows of text.
//!
//! Invariant: every row has as many values as the relation has columns; the file format is described in
//! `catalog/data/generate`.

use base::id::Oid;
use std::borrow::Cow;
use std::sync::OnceLock;

/// A column of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationColumn {
    pub name: &'static str,
    pub ty: Oid,
}

/// The built-in rows of one relation of pg_catalog; values in the text form of the column's type, `None` for NULL.
#[derive(Debug)]
pub struct Relation {
    pub name: &'static str,
    pub columns: Vec<RelationColumn>,
    pub rows: Vec<Vec<Option<Cow<'static, str>>>>,
}

impl Relation {
    /// Position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}

/// A data file, read when its rows are first asked for.
struct File {
    name: &'static str,
    text: &'static str,
    relation: OnceLock<Relation>,
}

impl File {
    fn relation(&'static self) -> &'static Relation {
        self.relation.get_or_init(|| read(self.name, self.text))
    }
}

macro_rules! data_files {
    ($($name:literal),* $(,)?) => {
        [$(File {
            name: $name,
            text: include_str!(concat!("../../data/", $name, ".tsv")),
            relation: OnceLock::new(),
        }),*]
    };
}

static FILES: [File; 31] = data_files!(
    "information_schema.sql_features",
    "information_schema.sql_implementation_info",
    "information_schema.sql_parts",
    "information_schema.sql_sizing",
    "pg_aggregate",
    "pg_am",
    "pg_amop",
    "pg_amproc",
    "pg_attribute",
    "pg_auth_members",
    "pg_authid",
    "pg_cast",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_database",
    "pg_description",
    "pg_index",
    "pg_language",
    "pg_namespace",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_proc",
    "pg_range",
    "pg_shdescription",
    "pg_tablespace",
    "pg_type",
    "pg_views",
    "parameters",
    "definitions",
);

/// The built-in rows of a relation of pg_catalog by its name, of information_schema by its name behind the schema's.
///
/// pg_class, pg_attribute, pg_index, pg_constraint and pg_type hold the rows that describe pg_catalog's and
/// information_schema's own relations; pg_database holds the row of `postgres` as a template. Two files
/// are no relations: `parameters` has PostgreSQL's parameters as pg_settings describes them, `definitions` the constraints
/// and indexes of the built-in relations as SQL. pg_authid has the roles that every cluster has, without its owner.
pub fn relation(name: &str) -> Option<&'static Relation> {
    FILES.iter().find(|file| file.name == name).map(File::relation)
}

fn read(name: &'static str, text: &'static str) -> Relation {
    let mut lines = text.lines();
    let columns: Vec<RelationColumn> = lines
        .next()
        .unwrap_or_default()
        .split('\t')
        .filter_map(|c| c.split_once(':'))
        .filter_map(|(name, ty)| Some(RelationColumn { name, ty: Oid(ty.parse().ok()?) }))
        .collect();
    let rows = lines.map(|l| l.split('\t').map(value).collect()).collect();
    Relation { name, columns, rows }
}

/// One value of COPY's text format.
fn value(field: &'static str) -> Option<Cow<'static, str>> {
    if field == "\\N" {
        return None;
    }
    if !field.contains('\\') {
        return Some(Cow::Borrowed(field));
    }
    let mut out = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('v') => out.push('\u{b}'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    Some(Cow::Owned(out))
}

/// Reads named columns of one row, for the typed views.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    pub(super) relation: &'r Relation,
    pub(super) values: &'static [Option<Cow<'static, str>>],
}

impl Row<'_> {
    pub(super) fn text(&self, column: &str) -> &'static str {
        self.optional(column).unwrap_or_default()
    }

    pub(super) fn optional(&self, column: &str) -> Option<&'static str> {
        self.values.get(self.relation.column(column)?)?.as_deref()
    }

    pub(super) fn number<T: std::str::FromStr + Default>(&self, column: &str) -> T {
        self.text(column).parse().unwrap_or_default()
    }

    pub(super) fn oid(&self, column: &str) -> Oid {
        Oid(self.number(column))
    }

    pub(super) fn flag(&self, column: &str) -> bool {
        self.text(column) == "t"
    }

    pub(super) fn character(&self, column: &str) -> char {
        self.text(column).chars().next().unwrap_or('\0')
    }

    /// An oidvector: OIDs separated by spaces.
    pub(super) fn oids(&self, column: &str) -> Vec<Oid> {
        self.text(column).split(' ').filter_map(|s| s.parse().ok().map(Oid)).collect()
    }
}

/// The rows of a relation for a typed view.
pub(super) fn rows_of(name: &str) -> impl Iterator<Item = Row<'static>> {
    relation(name)
        .into_iter()
        .flat_map(|relation| relation.rows.iter().map(move |values| Row { relation, values }))
}

#[cfg(test)]
mod tests {
    use super::{FILES, relation, value};

    #[test]
    fn every_row_has_all_columns() {
        for relation in FILES.iter().map(super::File::relation) {
            assert!(!relation.rows.is_empty(), "{} is empty", relation.name);
            for row in &relation.rows {
                assert_eq!(row.len(), relation.columns.len(), "{}: {row:?}", relation.name);
            }
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(value("a\\tb\\\\").as_deref(), Some("a\tb\\"));
        assert_eq!(value("\\N"), None);
        assert_eq!(relation("pg_am").map(|r| r.columns[0].name), Some("oid"));
    }
}
