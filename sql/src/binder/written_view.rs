//! A view that is simple enough to stand for a table: what it shows of it, and what it asks of rows that are written.
//!
//! Must not know which statement writes.
//! Invariant: every row of such a view is one row of its table, so the row's address and all columns of the table can be
//! carried through the view's query.

use super::Binder;
use super::names::Relation;
use super::select::Bound;
use super::written::{Write, Written, address_type, substitute};
use crate::bound::{ColRef, Expr, Rel, TypedCol};
use crate::parse::{StatementAst, parse};
use base::{Error, ErrorKind, Result};
use catalog::{CheckOption, TableDef, ViewDef};
use sqlparser::ast;
use std::collections::HashMap;
use std::sync::Arc;

/// A name that no statement can give: of the columns of a table that its view does not show.
const HIDDEN: &str = "\u{1}";

#[derive(Clone, Debug)]
pub(super) struct WrittenView {
    pub(super) def: Arc<ViewDef>,
    pub(super) schema: Option<String>,
    pub(super) columns: Vec<ShownColumn>,
    pub(super) rel: Rel,
    pub(super) row_address: ColRef,
    /// The table's columns, in its order, in `rel`.
    pub(super) table: Vec<TypedCol>,
    /// The view and those below it, the lowest first.
    levels: Vec<Level>,
}

/// What a view shows of the rows below it.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) view: String,
    check: Option<CheckOption>,
    /// Over the table's columns.
    pub(super) conditions: Vec<Expr>,
}

impl WrittenView {
    /// The levels whose conditions rows must meet that are written through the view.
    pub(super) fn checked(&self) -> Vec<&Level> {
        let mut cascaded = false;
        let mut checked = Vec::new();
        for level in self.levels.iter().rev() {
            if cascaded || level.check.is_some() {
                checked.push(level);
            }
            cascaded |= level.check == Some(CheckOption::Cascaded);
        }
        checked.reverse();
        checked
    }
}

/// A column of a view.
#[derive(Clone, Debug)]
pub(super) struct ShownColumn {
    pub(super) name: String,
    /// In the view's query.
    pub(super) typed: TypedCol,
    /// Over the table's columns.
    pub(super) value: Expr,
    /// Position in the table of the column that it is.
    pub(super) place: Option<usize>,
}

impl Binder<'_> {
    /// 0A000 when a view that is to have a check option stands for no table, or cannot be checked row by row.
    pub(crate) fn check_updatable(&mut self, def: &Arc<ViewDef>) -> Result<()> {
        let written = match self.written_view(def, Write::Insert) {
            Err(e) if e.kind() == ErrorKind::WrongObjectState => {
                let refused = Error::unsupported(
                    "WITH CHECK OPTION is supported only on automatically updatable views",
                );
                return Err(match e.detail() {
                    Some(why) => refused.with_hint(why.to_owned()),
                    None => refused,
                });
            }
            written => written?,
        };
        let row = written.view.as_ref().map(|view| view.table.clone());
        written.view_checks(&row.unwrap_or_default()).map(|_| ())
    }

    pub(super) fn written_view(&mut self, def: &Arc<ViewDef>, write: Write) -> Result<Written> {
        let refused = |why: &str| {
            let message = format!("cannot {} view \"{}\"", write.verb(), def.name);
            Error::new(ErrorKind::WrongObjectState, message)
                .with_detail(why.to_owned())
                .with_hint("Write to the tables that the view reads.")
        };
        let below = match self.check_simple(def, write)? {
            Ok(below) => below,
            Err(why) => return Err(refused(why)),
        };
        let Bound { mut rel, columns, outline: _ } = self.view_query(&def.text, &def.unseen)?;
        let opened = self.opened(&mut rel)?;
        let opened = opened.map_err(refused)?;
        let mut shown = Vec::with_capacity(def.columns.len());
        for (column, named) in columns.into_iter().zip(&def.columns) {
            let typed = TypedCol { col: column.typed.col, ty: column.typed.ty };
            let value = opened.values.get(&typed.col).cloned();
            let value = value.unwrap_or_else(|| Expr::Column(typed.clone()));
            let place = match &value {
                Expr::Column(at) => opened.columns.iter().position(|column| column.col == at.col),
                _ => None,
            };
            shown.push(ShownColumn { name: named.name.clone(), typed, value, place });
        }
        if write != Write::Delete && shown.iter().all(|column| column.place.is_none()) {
            return Err(refused("Views that have no updatable columns are not automatically updatable."));
        }
        let mut seen = opened.table.as_ref().clone();
        seen.name.clone_from(&def.name);
        for (place, column) in seen.columns.iter_mut().enumerate() {
            let name = shown.iter().find(|shown| shown.place == Some(place)).map(|shown| shown.name.as_str());
            name.unwrap_or(HIDDEN).clone_into(&mut column.name);
        }
        let levels = levels(def, below, &opened)?;
        let view = WrittenView {
            levels,
            def: Arc::clone(def),
            schema: self.context.catalog.schema(def.schema).map(|schema| schema.name.clone()),
            columns: shown,
            rel,
            row_address: opened.row_address,
            table: opened.columns,
        };
        Ok(Written { table: opened.table, seen: Arc::new(seen), write, view: Some(Box::new(view)) })
    }

    /// The view that a view's query reads, if it is one. Why the query, as written, stands for no table; 55000 when that is
    /// said of a view that it reads.
    fn check_simple(
        &mut self,
        def: &ViewDef,
        write: Write,
    ) -> Result<std::result::Result<Option<WrittenView>, &'static str>> {
        let statements = parse(&def.text).map_err(|e| Error::internal(format!("query of a view: {e}")))?;
        let Some(StatementAst::Query(query)) = statements.first().map(|s| s.ast()) else {
            return Err(Error::internal("a view has no query"));
        };
        let name = match single_relation(query) {
            Ok(name) => name,
            Err(why) => return Ok(Err(why)),
        };
        self.views += 1;
        let relation = self.relation(name);
        self.views -= 1;
        match relation? {
            Relation::View(inner) => Ok(Ok(self.written_view(&inner, write)?.view.map(|view| *view))),
            Relation::Table(table) if self.is_materialized(&table) => {
                self.table_named(name).map(|_| Ok(None))
            }
            Relation::Table(_) => Ok(Ok(None)),
            Relation::Sequence(_) | Relation::System(_) => Ok(Err(NO_SINGLE)),
        }
    }

    /// Makes the rows of a simple query carry their addresses and all columns of their table.
    fn opened(&mut self, rel: &mut Rel) -> Result<std::result::Result<Opened, &'static str>> {
        Ok(match rel {
            Rel::Scan(scan) if scan.as_of.is_none() => {
                let table = self.context.catalog.table(scan.table).cloned();
                let table = table.ok_or_else(|| Error::internal("a view without its table"))?;
                let mut columns = Vec::with_capacity(table.columns.len());
                for column in &table.columns {
                    let known = scan.columns.iter().find(|(id, _)| *id == column.id);
                    let typed = match known {
                        Some((_, typed)) => typed.clone(),
                        None => {
                            let typed = TypedCol { col: self.new_col(), ty: column.ty.clone() };
                            scan.columns.push((column.id, typed.clone()));
                            typed
                        }
                    };
                    columns.push(typed);
                }
                let row_address = self.new_col();
                scan.row_address = Some(row_address);
                Ok(Opened { table, columns, row_address, values: HashMap::new(), conditions: Vec::new() })
            }
            Rel::Filter { input, predicate } => match self.opened(input)? {
                Err(why) => Err(why),
                Ok(mut opened) => {
                    let mut condition = predicate.clone();
                    substitute(&mut condition, &opened.values)?;
                    opened.conditions.push(condition);
                    Ok(opened)
                }
            },
            Rel::Sort { input, keys: _ } => self.opened(input)?,
            Rel::Project { input, items } => match self.opened(input)? {
                Err(why) => Err(why),
                Ok(mut opened) => {
                    opened.project(items)?;
                    Ok(opened)
                }
            },
            Rel::Aggregate { .. } | Rel::GroupingSets { .. } => {
                Err("Views that return aggregate functions are not automatically updatable.")
            }
            Rel::Window { .. } => Err("Views that return window functions are not automatically updatable."),
            Rel::ProjectSet { .. } => {
                Err("Views that return set-returning functions are not automatically updatable.")
            }
            _ => Err(NO_SINGLE),
        })
    }
}

const NO_SINGLE: &str =
    "Views that do not select from a single table or view are not automatically updatable.";

/// A simple query over a table.
struct Opened {
    table: Arc<TableDef>,
    columns: Vec<TypedCol>,
    row_address: ColRef,
    /// What columns of the query are, over those of the table.
    values: HashMap<ColRef, Expr>,
    /// What rows are shown, over the table's columns, the conditions of the lowest view first.
    conditions: Vec<Expr>,
}

/// The levels of a view over those of the view below it.
fn levels(def: &ViewDef, below: Option<WrittenView>, opened: &Opened) -> Result<Vec<Level>> {
    let (mut levels, table) = below.map_or_else(Default::default, |below| (below.levels, below.table));
    let here = table.iter().zip(&opened.columns);
    let here: HashMap<ColRef, Expr> = here.map(|(at, col)| (at.col, Expr::Column(col.clone()))).collect();
    let conditions = levels.iter_mut().flat_map(|level| &mut level.conditions);
    let mut known = 0;
    for condition in conditions {
        substitute(condition, &here)?;
        known += 1;
    }
    let own = opened.conditions.get(known..);
    let conditions = own.ok_or_else(|| Error::internal("a view shows more than the view below it"))?.to_vec();
    levels.push(Level { view: def.name.clone(), check: def.check, conditions });
    Ok(levels)
}

impl Opened {
    /// Takes note of a projection, and has it carry the address and the table's columns.
    fn project(&mut self, items: &mut Vec<(Expr, ColRef)>) -> Result<()> {
        let mut values = HashMap::new();
        for (value, col) in items.iter() {
            let mut value = value.clone();
            substitute(&mut value, &self.values)?;
            values.insert(*col, value);
        }
        self.values = values;
        let address = TypedCol { col: self.row_address, ty: address_type()? };
        for column in self.columns.iter().chain([&address]) {
            if !items.iter().any(|(_, col)| *col == column.col) {
                items.push((Expr::Column(column.clone()), column.col));
            }
        }
        Ok(())
    }
}

/// The name of the only relation that a query reads, row by row.
fn single_relation(query: &ast::Query) -> std::result::Result<&ast::ObjectName, &'static str> {
    let ast::SetExpr::Select(select) = query.body.as_ref() else {
        return Err(match query.body.as_ref() {
            ast::SetExpr::SetOperation { .. } => {
                "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable."
            }
            ast::SetExpr::Query(inner) if is_bare(query) => return single_relation(inner),
            _ => NO_SINGLE,
        });
    };
    let grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(by, mods) if by.is_empty() && mods.is_empty());
    let refused = [
        (select.distinct.is_some(), "Views containing DISTINCT are not automatically updatable."),
        (grouped, "Views containing GROUP BY are not automatically updatable."),
        (select.having.is_some(), "Views containing HAVING are not automatically updatable."),
        (query.with.is_some(), "Views containing WITH are not automatically updatable."),
        (
            query.limit_clause.is_some() || query.fetch.is_some(),
            "Views containing LIMIT or OFFSET are not automatically updatable.",
        ),
    ];
    if let Some((_, why)) = refused.iter().find(|(is, _)| *is) {
        return Err(why);
    }
    let [ast::TableWithJoins { relation, joins }] = select.from.as_slice() else { return Err(NO_SINGLE) };
    match relation {
        ast::TableFactor::Table { sample: Some(_), .. } => {
            Err("Views containing TABLESAMPLE are not automatically updatable.")
        }
        ast::TableFactor::Table { name, args: None, .. } if joins.is_empty() => Ok(name),
        _ => Err(NO_SINGLE),
    }
}

/// Whether a query in parentheses has nothing behind it.
fn is_bare(query: &ast::Query) -> bool {
    query.with.is_none() && query.limit_clause.is_none() && query.fetch.is_none()
}
