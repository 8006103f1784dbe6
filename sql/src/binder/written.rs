//! The relation whose rows a statement writes: a table, or a view that is simple enough to stand for one.
//!
//! Must not know how rows are written.
//! Invariant: every row of such a view is one row of its table, so the row's address and all columns of the table can be
//! carried through the view's query.

use super::names::Relation;
use super::scope::Whole;
use super::written_view::{ShownColumn, WrittenView};
use super::{BindContext, Binder, ScopeColumn, ScopeTable};
use crate::bound::{ColRef, Expr, Rel, TypedCol, walk};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, TableDef, ViewDef};
use sqlparser::ast;
use std::collections::HashMap;
use std::sync::Arc;

/// What a statement does to the relation that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Insert,
    Update,
    Delete,
}

impl Write {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Write::Insert => "insert into",
            Write::Update => "update",
            Write::Delete => "delete from",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The table whose rows are written.
    pub(crate) table: Arc<TableDef>,
    /// The same table with the names that the statement knows.
    pub(crate) seen: Arc<TableDef>,
    pub(crate) write: Write,
    pub(super) view: Option<Box<WrittenView>>,
}

/// The rows of the written relation.
pub(crate) struct WrittenRows {
    pub(crate) rel: Rel,
    pub(crate) row_address: ColRef,
    /// All columns of the table, in table order.
    pub(crate) columns: Vec<TypedCol>,
}

/// One row of the written table.
pub(crate) struct WrittenRow {
    /// The table's columns, in its order.
    pub(crate) columns: Vec<TypedCol>,
    /// What finds them, and what a view computes from them.
    pub(crate) entry: ScopeTable,
    computed: HashMap<ColRef, Expr>,
}

impl WrittenRow {
    pub(crate) fn has_computed(&self) -> bool {
        !self.computed.is_empty()
    }

    /// Puts what the view computes in the place of its columns.
    pub(crate) fn resolve(&self, expr: &mut Expr) -> Result<()> {
        substitute(expr, &self.computed)
    }
}

/// Which columns of a view can be written; None when it stands for no table.
pub fn written_columns(context: &BindContext<'_>, view: &Arc<ViewDef>) -> Option<Vec<bool>> {
    let written = Binder::new(context).written_view(view, Write::Delete).ok()?;
    let columns = written.view?.columns;
    Some(columns.iter().map(|column| column.place.is_some()).collect())
}

impl Written {
    pub(crate) fn of_table(table: Arc<TableDef>, write: Write) -> Self {
        Self { seen: Arc::clone(&table), table, write, view: None }
    }

    /// The column of that name, with its position in the table; 42703 when there is none, 0A000 when a view computes it.
    pub(crate) fn column(&self, name: &str) -> Result<(usize, &ColumnDef)> {
        let missing = || {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", self.seen.name);
            Error::new(ErrorKind::UndefinedColumn, message)
        };
        let place = match &self.view {
            None => self.seen.columns.iter().position(|c| c.name == name).ok_or_else(missing)?,
            Some(view) => {
                let shown = view.columns.iter().find(|c| c.name == name).ok_or_else(missing)?;
                shown.place.ok_or_else(|| self.not_updatable(shown))?
            }
        };
        self.seen.columns.get(place).map(|column| (place, column)).ok_or_else(missing)
    }

    /// The positions in the table of the columns that are meant when none are named; of a view up to the first that it computes.
    pub(crate) fn all_columns(&self) -> Vec<usize> {
        match &self.view {
            None => (0..self.table.columns.len()).collect(),
            Some(view) => view.columns.iter().map_while(|c| c.place).collect(),
        }
    }

    /// Why there is no value for a column behind `all_columns`, when there is a column.
    pub(crate) fn refused_behind(&self, columns: usize) -> Option<Error> {
        let view = self.view.as_ref()?;
        view.columns.get(columns).map(|shown| self.not_updatable(shown))
    }

    /// The conditions of views that a row, given as the table's columns, must meet to be written, in the order in which they
    /// are looked at. 0A000 for those that cannot be looked at row by row.
    pub(crate) fn view_checks(&self, row: &[TypedCol]) -> Result<Vec<(String, Expr)>> {
        let Some(view) = &self.view else { return Ok(Vec::new()) };
        let row = view.table.iter().zip(row);
        let row: HashMap<ColRef, Expr> = row.map(|(at, new)| (at.col, Expr::Column(new.clone()))).collect();
        let mut checks = Vec::new();
        for level in view.checked() {
            let mut conditions = level.conditions.clone();
            for condition in &mut conditions {
                let mut subquery = false;
                walk::visit(condition, &mut |expr| subquery |= matches!(expr, Expr::Subquery(_)));
                if subquery {
                    let message = format!(
                        "a check option over the subqueries of view \"{}\" is not supported",
                        level.view
                    );
                    return Err(
                        Error::unsupported(message).with_hint("Write to the table that the view reads.")
                    );
                }
                substitute(condition, &row)?;
            }
            if !conditions.is_empty() {
                // What is not known to be shown is refused.
                let shown =
                    Expr::IsBool { arg: Box::new(Expr::And(conditions)), value: Some(true), negated: false };
                checks.push((level.view.clone(), shown));
            }
        }
        Ok(checks)
    }

    /// Whether rows that are written must meet conditions of views.
    pub(crate) fn has_view_checks(&self) -> bool {
        self.view.as_ref().is_some_and(|view| !view.checked().is_empty())
    }

    fn not_updatable(&self, column: &ShownColumn) -> Error {
        let (verb, name) = (self.write.verb(), &column.name);
        Error::unsupported(format!("cannot {verb} column \"{name}\" of view \"{}\"", self.seen.name))
            .with_detail("View columns that are not columns of their base relation are not updatable.")
    }
}

impl Binder<'_> {
    /// The relation of that name to be written: 55000 for a view that stands for no table.
    pub(crate) fn written(&mut self, name: &ast::ObjectName, write: Write) -> Result<Written> {
        match self.relation(name)? {
            Relation::View(def) => self.written_view(&def, write),
            _ => self.table_named(name).map(|table| Written::of_table(table, write)),
        }
    }

    /// The rows of the written relation, and the entry that finds them under the alias or the name.
    pub(crate) fn written_rows(
        &mut self,
        written: &Written,
        alias: Option<&ast::Ident>,
    ) -> Result<(WrittenRows, ScopeTable)> {
        let Some(view) = &written.view else {
            let (scan, entry) = self.scan_table(&written.table, alias, true);
            let row_address =
                scan.row_address.ok_or_else(|| Error::internal("a scan for a write has no row address"))?;
            let columns = scan.columns.iter().map(|(_, typed)| typed.clone()).collect();
            return Ok((WrittenRows { rel: Rel::Scan(scan), row_address, columns }, entry));
        };
        let columns = view.columns.iter().map(|c| c.typed.clone()).collect();
        let entry = self.view_entry(view, alias, columns);
        let (rel, row_address) = (view.rel.clone(), view.row_address);
        Ok((WrittenRows { rel, row_address, columns: view.table.clone() }, entry))
    }

    /// New references for the columns of a row of the table, and what finds them under the alias or the name.
    pub(crate) fn written_row(
        &mut self,
        written: &Written,
        alias: Option<&ast::Ident>,
    ) -> Result<WrittenRow> {
        let table = &written.table;
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            columns.push((column.id, TypedCol { col: self.new_col(), ty: column.ty.clone() }));
        }
        let Some(view) = &written.view else {
            let name = alias.map_or_else(|| table.name.clone(), |a| self.fold(a));
            let entry = self.scope_table(table, name, &columns);
            let columns = columns.into_iter().map(|(_, typed)| typed).collect();
            return Ok(WrittenRow { columns, entry, computed: HashMap::new() });
        };
        let columns: Vec<TypedCol> = columns.into_iter().map(|(_, typed)| typed).collect();
        let row = view.table.iter().zip(&columns);
        let row: HashMap<ColRef, Expr> = row.map(|(at, new)| (at.col, Expr::Column(new.clone()))).collect();
        let (mut shown, mut computed) = (Vec::with_capacity(view.columns.len()), HashMap::new());
        for column in &view.columns {
            if let Some(own) = column.place.and_then(|place| columns.get(place)) {
                shown.push(own.clone());
                continue;
            }
            let typed = TypedCol { col: self.new_col(), ty: column.typed.ty.clone() };
            let mut value = column.value.clone();
            substitute(&mut value, &row)?;
            computed.insert(typed.col, value);
            shown.push(typed);
        }
        let entry = self.view_entry(view, alias, shown);
        Ok(WrittenRow { columns, entry, computed })
    }

    fn view_entry(
        &mut self,
        view: &WrittenView,
        alias: Option<&ast::Ident>,
        columns: Vec<TypedCol>,
    ) -> ScopeTable {
        let name = alias.map_or_else(|| view.def.name.clone(), |a| self.fold(a));
        if alias.is_some() {
            self.aliases.insert(name.clone(), view.def.name.clone());
        }
        let columns = view.columns.iter().zip(columns).zip(1_i16..);
        let columns = columns.map(|((shown, typed), attnum)| ScopeColumn {
            name: shown.name.clone(),
            typed,
            origin: (view.def.oid, attnum),
        });
        ScopeTable {
            schema: view.schema.clone().filter(|_| alias.is_none()),
            name,
            columns: columns.collect(),
            by_name: true,
            unqualified: true,
            whole: Whole::of_relation(view.def.oid),
        }
    }
}

/// Puts values in the place of columns, in subqueries too.
pub(super) fn substitute(expr: &mut Expr, values: &HashMap<ColRef, Expr>) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    walk::rewrite(expr, &mut |node| {
        let value = match node {
            Expr::Column(column) | Expr::Outer(column) => values.get(&column.col),
            _ => None,
        };
        let Some(value) = value else { return Ok(false) };
        let outer = matches!(node, Expr::Outer(_));
        *node = match value {
            Expr::Column(column) if outer => Expr::Outer(column.clone()),
            _ if outer => {
                return Err(Error::unsupported(
                    "a subquery over a column that a view computes is not supported",
                )
                .with_hint("Write to the table that the view reads."));
            }
            value => value.clone(),
        };
        Ok(true)
    })
}

/// Row addresses are unsigned 64-bit numbers; above storage they travel as bigint.
pub(crate) fn address_type() -> Result<types::SqlType> {
    types::SqlType::of(types::sql_type::oid::INT8).ok_or_else(|| Error::internal("bigint has no form"))
}
