//! Tables at an earlier time: the time that AS OF names, and the table under its name of that time.
//!
//! Must not know how a time is computed; that is `Past`'s. Invariant: names and columns are those of the catalog of the
//! time, never of the statement's own.

use super::names::{located, system_of};
use super::{Binder, Clause, Scope, Term};
use crate::bound::{Expr, Rel, walk};
use base::id::CommitTs;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use catalog::{CatalogState, TableDef};
use sqlparser::ast;
use std::sync::Arc;
use types::SqlType;
use types::sql_type::oid;

const VIEW_HINT: &str =
    "A view is read at an earlier time with nyala.as_of, or with AS OF behind the tables of its query.";

/// A time that a statement names, and what is defined then.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// While parameters that it depends on have no values, the end of time.
    pub(crate) ts: CommitTs,
    pub(crate) catalog: Arc<CatalogState>,
    pub(crate) at: usize,
}

impl Binder<'_> {
    /// The time that an expression stands for; `what` names its place in errors.
    pub(crate) fn moment(&mut self, time: &ast::Expr, what: &str) -> Result<Moment> {
        let at = self.start(time);
        self.names_time = true;
        let term = self.bind_expr(time, &Scope::empty(), Clause::AsOf)?;
        let expr = self.as_time(term, what)?;
        let mut subquery = false;
        walk::visit(&expr, &mut |e| subquery |= matches!(e, Expr::Subquery(_)));
        if subquery {
            return Err(self
                .unsupported(&format!("a subquery in {what}"), at)
                .with_hint("Compute the time first and send it as a parameter."));
        }
        let past = self.context.past.ok_or_else(|| self.unsupported("a table at an earlier time", at))?;
        let Some(ts) = past.commit_ts(&expr).map_err(|e| located(e, at))? else {
            let catalog = Arc::new(self.context.catalog.clone());
            return Ok(Moment { ts: CommitTs::MAX, catalog, at });
        };
        let catalog = past.catalog(ts).map_err(|e| located(e, at))?;
        Ok(Moment { ts, catalog, at })
    }

    /// timestamptz, interval, bigint, or a text constant of which the value decides.
    fn as_time(&mut self, term: Term, what: &str) -> Result<Expr> {
        let target = match term.expr.ty().oid {
            oid::TIMESTAMPTZ | oid::INTERVAL | oid::INT8 => return Ok(term.expr),
            oid::UNKNOWN if matches!(term.expr, Expr::Const(..)) => return Ok(term.expr),
            oid::INT2 | oid::INT4 => oid::INT8,
            oid::UNKNOWN | oid::DATE | oid::TIMESTAMP => oid::TIMESTAMPTZ,
            other => {
                let name = super::type_name::type_name(other);
                let message = format!(
                    "{what} must be of type timestamp with time zone, interval or bigint, not type {name}"
                );
                return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), term.at));
            }
        };
        let target = SqlType::of(target).ok_or_else(|| Error::internal("a type of times without form"))?;
        Ok(self.coerce(term, &target, CastContext::Implicit)?.expr)
    }

    /// The user table of a name in a catalog; None when there is none.
    pub(super) fn table_in(
        &self,
        catalog: &CatalogState,
        schema: Option<&str>,
        name: &str,
    ) -> Option<Arc<TableDef>> {
        let find = |schema: &str| {
            let schema = catalog.schema_named(schema)?;
            catalog.table_named(schema.id, name).cloned()
        };
        match schema {
            Some(schema) => find(schema),
            None => self.context.search_path.iter().find_map(|schema| find(schema)),
        }
    }

    /// Whether a name means a view or a sequence in a catalog.
    fn is_other_relation(&self, catalog: &CatalogState, schema: Option<&str>, name: &str) -> bool {
        let is_other = |schema: &str| {
            let schema = catalog.schema_named(schema)?.id;
            let other =
                catalog.view_named(schema, name).is_some() || catalog.sequence_named(schema, name).is_some();
            (other || catalog.table_named(schema, name).is_some()).then_some(other)
        };
        let found = match schema {
            Some(schema) => is_other(schema),
            None => self.context.search_path.iter().find_map(|schema| is_other(schema)),
        };
        found == Some(true)
    }

    /// The user table that a name means at a time; errors as for `table_named`. `other_hint` says what to do where it means
    /// a view.
    pub(crate) fn table_at(
        &self,
        moment: &Moment,
        name: &ast::ObjectName,
        other_hint: &'static str,
    ) -> Result<Arc<TableDef>> {
        let (schema, table, at) = self.qualified(name)?;
        if let Some(system) = system_of(schema.as_deref(), &table) {
            let message = format!("reading {} at an earlier time is not supported", system.name);
            let hint = "Set nyala.as_of to see system relations as they were.";
            return Err(located(Error::unsupported(message).with_hint(hint), at));
        }
        if self.is_other_relation(&moment.catalog, schema.as_deref(), &table) {
            let message = format!("\"{table}\" is not a table");
            return Err(located(Error::new(ErrorKind::WrongObjectType, message).with_hint(other_hint), at));
        }
        if let Some(found) = self.table_in(&moment.catalog, schema.as_deref(), &table) {
            return Ok(found);
        }
        let present = self.context.present.unwrap_or(self.context.catalog);
        let now = self.table_in(present, schema.as_deref(), &table).filter(|_| moment.ts != CommitTs::MAX);
        Err(self.collected(Some(moment.ts), now.as_deref(), at)?.unwrap_or_else(|| {
            let shown = schema.map_or_else(|| table.clone(), |s| format!("{s}.{table}"));
            let message = format!("relation \"{shown}\" does not exist");
            let error = located(Error::new(ErrorKind::UndefinedTable, message), at);
            if now.is_some() {
                error.with_hint("It did not exist yet at the time that AS OF names.")
            } else if moment.ts == CommitTs::MAX {
                error.with_hint(
                    "Tables that are gone need a time that stands in the statement, not a parameter.",
                )
            } else {
                error
            }
        }))
    }

    /// Why there is no table at a time (of nyala.as_of: None) that there is now: what it was then may be gone.
    pub(super) fn collected(
        &self,
        ts: Option<CommitTs>,
        now: Option<&TableDef>,
        at: usize,
    ) -> Result<Option<Error>> {
        let (Some(past), Some(now)) = (self.context.past, now) else { return Ok(None) };
        Ok(past.collected(ts, now.id)?.map(|error| located(error, at)))
    }

    /// `name FOR SYSTEM_TIME AS OF time`. Its entry joins `scope`.
    pub(super) fn past_relation(
        &mut self,
        name: &ast::ObjectName,
        alias: Option<&ast::TableAlias>,
        time: &ast::Expr,
        scope: &mut Scope<'_>,
    ) -> Result<Rel> {
        let (schema, table, at) = self.qualified(name)?;
        if schema.is_none() && scope.cte(&table).is_some() {
            return Err(self
                .unsupported("AS OF of a WITH query", at)
                .with_hint("Write AS OF behind the tables inside the WITH query."));
        }
        let moment = self.moment(time, Clause::AsOf.phrase())?;
        let def = self.table_at(&moment, name, VIEW_HINT)?;
        self.check_populated(&moment.catalog, &def)?;
        let (mut scan, mut entry) = self.scan_table(&def, alias.map(|a| &a.name), false);
        entry.schema = moment.catalog.schema(def.schema).map(|s| s.name.clone()).filter(|_| alias.is_none());
        scan.as_of = Some(moment.ts);
        if let Some(alias) = alias {
            entry = self.aliased(entry.columns, Some(alias), def.name.clone(), "table")?;
            scan.alias = entry.name.clone();
        }
        scope.add(entry);
        Ok(Rel::Scan(scan))
    }
}
