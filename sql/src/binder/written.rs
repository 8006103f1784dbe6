//! The relation whose rows a statement writes: a table, or a view that is simple enough to stand for one.
//!
//! Must not know how rows are written.
//! Invariant: every row of such a view is one row of its table, so the row's address and all columns of the table can be
//! carried through the view's query.

use super::names::Relation;
use super::scope::Whole;
use super::select::Bound;
use super::{BindContext, Binder, ScopeColumn, ScopeTable};
use crate::bound::{ColRef, Expr, Rel, TypedCol, walk};
use crate::parse::{StatementAst, parse};
use base::{Error, ErrorKind, Result};
use catalog::{CheckOption, ColumnDef, TableDef, ViewDef};
use sqlparser::ast;
use std::collections::HashMap;
use std::sync::Arc;

/// A name that no statement can give: of the columns of a table that its view does not show.
const HIDDEN: &str = "\u{1}";

/// What a statement does to the relation that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Insert,
    Update,
    Delete,
}

impl Write {
    fn verb(self) -> &'static str {
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
    view: Option<Box<WrittenView>>,
}

#[derive(Clone, Debug)]
struct WrittenView {
    def: Arc<ViewDef>,
    schema: Option<String>,
    columns: Vec<ShownColumn>,
    rel: Rel,
    row_address: ColRef,
    /// The table's columns, in its order, in `rel`.
    table: Vec<TypedCol>,
    /// The view and those below it, the lowest first.
    levels: Vec<Level>,
}

/// What a view shows of the rows below it.
#[derive(Clone, Debug)]
struct Level {
    view: String,
    check: Option<CheckOption>,
    /// Over the table's columns.
    conditions: Vec<Expr>,
}

impl WrittenView {
    /// The levels whose conditions rows must meet that are written through the view.
    fn checked(&self) -> Vec<&Level> {
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
struct ShownColumn {
    name: String,
    /// In the view's query.
    typed: TypedCol,
    /// Over the table's columns.
    value: Expr,
    /// Position in the table of the column that it is.
    place: Option<usize>,
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
            whole: Whole::Row,
        }
    }

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

    fn written_view(&mut self, def: &Arc<ViewDef>, write: Write) -> Result<Written> {
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

/// Puts values in the place of columns, in subqueries too.
fn substitute(expr: &mut Expr, values: &HashMap<ColRef, Expr>) -> Result<()> {
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

/// Row addresses are unsigned 64-bit numbers; above storage they travel as bigint.
pub(crate) fn address_type() -> Result<types::SqlType> {
    types::SqlType::of(types::sql_type::oid::INT8).ok_or_else(|| Error::internal("bigint has no form"))
}
