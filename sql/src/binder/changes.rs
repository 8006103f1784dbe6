//! `table_changes('t', from, to [, old_images => true])` in FROM.
//!
//! Must not know how changes are read. Invariant: the columns are the table's at `to`, then `operation`, `commit_ts`.

use super::join::Side;
use super::names::{fold, located};
use super::past::Moment;
use super::{Binder, Clause, Scope, ScopeColumn};
use crate::bound::{ChangeColumn, ChangesScan, Expr, Rel, TypedCol};
use base::id::{CommitTs, Oid};
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, SqlType};

pub(super) const NAME: &str = "table_changes";
const VIEW_HINT: &str = "Ask for the changes of the tables that the view reads.";
const USAGE: &str = "Write table_changes('table', from, to [, old_images => true]).";

/// The arguments of a call.
struct Arguments<'a> {
    table: &'a ast::Expr,
    after: &'a ast::Expr,
    until: &'a ast::Expr,
    old_images: Option<&'a ast::Expr>,
}

impl Binder<'_> {
    pub(super) fn table_changes(
        &mut self,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        at: usize,
    ) -> Result<Side> {
        let Arguments { table, after, until, old_images } = self.change_arguments(args, at)?;
        let old_images = old_images.map_or(Ok(false), |e| self.constant_flag(e))?;
        let until = self.moment(until, "the end of changes")?;
        let after = self.moment(after, "the start of changes")?;
        if after.ts > until.ts && until.ts != CommitTs::MAX && after.ts != CommitTs::MAX {
            let message = "the start of changes lies behind their end";
            let hint = "The first time is the earlier one.";
            return Err(located(
                Error::new(ErrorKind::InvalidParameterValue, message).with_hint(hint),
                after.at,
            ));
        }
        let def = self.changed_table(table, &until)?;
        let columns = self.change_columns(&def)?;
        let typed = columns.iter().map(|(what, c)| (*what, c.typed.clone())).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        let entry = self.aliased(columns, alias, NAME.to_owned(), "table")?;
        let scan = ChangesScan {
            table: def.id,
            alias: def.name.clone(),
            after: after.ts,
            until: until.ts,
            old_images,
            columns: typed,
        };
        self.lose_outline();
        Ok(Side { rel: Rel::Changes(scan), tables: vec![entry], lateral: false, shown: None })
    }

    fn change_arguments<'a>(&self, args: &'a [ast::FunctionArg], at: usize) -> Result<Arguments<'a>> {
        let wrong =
            |message: String| located(Error::new(ErrorKind::UndefinedFunction, message).with_hint(USAGE), at);
        let mut positional = Vec::new();
        let mut old_images = None;
        for arg in args {
            match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) if old_images.is_none() => {
                    positional.push(expr);
                }
                ast::FunctionArg::Named { name, arg: ast::FunctionArgExpr::Expr(expr), operator: _ }
                    if fold(name) == "old_images" && old_images.is_none() =>
                {
                    old_images = Some(expr);
                }
                _ => return Err(wrong("table_changes was called with an unknown argument".to_owned())),
            }
        }
        match (positional.as_slice(), old_images) {
            ([table, after, until], old_images) => Ok(Arguments { table, after, until, old_images }),
            ([table, after, until, flag], None) => {
                Ok(Arguments { table, after, until, old_images: Some(flag) })
            }
            _ => Err(wrong(format!("table_changes takes 3 or 4 arguments, not {}", args.len()))),
        }
    }

    fn constant_flag(&mut self, expr: &ast::Expr) -> Result<bool> {
        let at = self.start(expr);
        match self.bind_condition(expr, &Scope::empty(), Clause::AsOf)? {
            Expr::Const(Datum::Bool(value), _) => Ok(value),
            _ => Err(located(Error::unsupported("old_images must be a constant, true or false"), at)),
        }
    }

    fn changed_table(&mut self, expr: &ast::Expr, until: &Moment) -> Result<Arc<TableDef>> {
        let at = self.start(expr);
        let term = self.bind_expr(expr, &Scope::empty(), Clause::AsOf)?;
        let text = match term.expr {
            Expr::Const(Datum::Text(text), _) => text,
            _ => {
                let message = "the table of table_changes must be a constant text";
                return Err(located(Error::unsupported(message).with_hint(USAGE), at));
            }
        };
        let name = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut p| {
            let name = p.parse_object_name(false)?;
            p.expect_token(&Token::EOF).map(|_| name)
        });
        let name =
            name.map_err(|_| located(Error::new(ErrorKind::InvalidText, "invalid name syntax"), at))?;
        let name = ast::ObjectName(
            name.0
                .into_iter()
                .map(|part| match part {
                    // Places in the text are none in the statement.
                    ast::ObjectNamePart::Identifier(ident) => {
                        ast::ObjectNamePart::Identifier(ast::Ident { span: Span::empty(), ..ident })
                    }
                    other => other,
                })
                .collect(),
        );
        self.table_at(until, &name, VIEW_HINT).map_err(|e| located(e, at))
    }

    fn change_columns(&mut self, def: &TableDef) -> Result<Vec<(ChangeColumn, ScopeColumn)>> {
        let mut columns: Vec<(ChangeColumn, ScopeColumn)> = Vec::with_capacity(def.columns.len() + 2);
        for column in &def.columns {
            columns
                .push((ChangeColumn::Stored(column.id), self.change_column(&column.name, column.ty.clone())));
        }
        let of = |ty| SqlType::of(ty).ok_or_else(|| Error::internal("a built-in type without form"));
        columns.push((ChangeColumn::Operation, self.change_column("operation", of(oid::TEXT)?)));
        columns.push((ChangeColumn::CommitTs, self.change_column("commit_ts", of(oid::INT8)?)));
        Ok(columns)
    }

    fn change_column(&mut self, name: &str, ty: SqlType) -> ScopeColumn {
        let typed = TypedCol { col: self.new_col(), ty };
        ScopeColumn { name: name.to_owned(), typed, origin: (Oid(0), 0) }
    }
}
