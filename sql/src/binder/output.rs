//! The select list: expansion of `*`, names of result columns.

use super::names::{fold, located};
use super::scope::field_name;
use super::type_name::column_name;
use super::{Binder, Scope, ScopeColumn, Term};
use crate::bound::{ColRef, Expr};
use crate::parse::NO_COLUMNS;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use types::sql_type::oid;
use types::{Form, SqlType};

/// An item of a select list.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) term: Term,
    /// Table OID and attnum of a plain table column; else (0, 0).
    pub(super) origin: (Oid, i16),
    /// Columns it uses outside aggregates.
    pub(super) uses: Vec<(ColRef, usize)>,
}

impl Binder<'_> {
    pub(super) fn targets(&mut self, items: &[ast::SelectItem], scope: &Scope<'_>) -> Result<Vec<Target>> {
        let records = self.level().keeps_records;
        let mut fields = Vec::new();
        let mut targets = Vec::with_capacity(items.len());
        for item in items {
            self.take_uses();
            if records && let Some(target) = self.record_target(item, scope, &mut fields)? {
                targets.push(target);
                continue;
            }
            match item {
                item if is_no_column(item) => {}
                ast::SelectItem::UnnamedExpr(expr) if let Some(entry) = starred_entry(expr, scope) => {
                    self.star_of(&entry, scope, &mut targets)?;
                }
                ast::SelectItem::UnnamedExpr(expr) if let Some(row) = super::record::starred(expr) => {
                    let row = self.expr(&row, scope)?;
                    self.row_star(&row, &mut targets)?;
                }
                ast::SelectItem::UnnamedExpr(expr) => {
                    let name = figure_name(expr).map_or_else(|| "?column?".to_owned(), |(n, _)| n);
                    targets.push(self.target(expr, name, scope)?);
                }
                ast::SelectItem::ExprWithAlias { expr, alias } => {
                    targets.push(self.target(expr, fold(alias), scope)?);
                }
                ast::SelectItem::ExprWithAliases { expr, aliases: _ } => {
                    let at = self.start(expr);
                    return Err(self.unsupported("several names for one expression", at));
                }
                ast::SelectItem::Wildcard(options) => {
                    let at = self.wildcard(options)?;
                    if !scope.tables.iter().any(|t| t.unqualified) {
                        let message = "SELECT * with no tables specified is not valid";
                        return Err(located(Error::new(ErrorKind::Syntax, message), at));
                    }
                    if scope.shown().any(ScopeColumn::has_only_fields) {
                        return Err(self.unsupported("a record as a value", at));
                    }
                    targets.extend(scope.shown().map(|c| star(c, at)));
                }
                ast::SelectItem::QualifiedWildcard(kind, options) => {
                    self.wildcard(options)?;
                    self.qualified_star(kind, scope, &mut targets)?;
                }
            }
        }
        targets.extend(fields);
        Ok(targets)
    }

    /// A call that returns records, as an item of a subquery in FROM: a column without value, and behind all others hidden
    /// ones with its fields, which `(column).field` finds. None for any other item.
    fn record_target(
        &mut self,
        item: &ast::SelectItem,
        scope: &Scope<'_>,
        fields: &mut Vec<Target>,
    ) -> Result<Option<Target>> {
        let (expr, name) = match item {
            ast::SelectItem::ExprWithAlias { expr, alias } => (expr, Some(fold(alias))),
            ast::SelectItem::UnnamedExpr(expr) => (expr, None),
            _ => return Ok(None),
        };
        let ast::Expr::Function(function) = expr else { return Ok(None) };
        let Some(found) = self.fields_of_set(function, scope)? else { return Ok(None) };
        let name = name.or_else(|| figure_name(expr).map(|(name, _)| name)).unwrap_or_default();
        let uses = self.take_uses();
        let target = |name, term: Term| Target { name, term, origin: (Oid(0), 0), uses: uses.clone() };
        fields.extend(found.into_iter().map(|(field, term)| target(field_name(&name, &field), term)));
        let nothing = SqlType { oid: oid::RECORD, typmod: -1, form: Form::Text, domain: None };
        let term = Term { expr: Expr::Const(types::Datum::Null, nothing), at: self.start(expr) };
        Ok(Some(target(name, term)))
    }

    fn target(&mut self, expr: &ast::Expr, name: String, scope: &Scope<'_>) -> Result<Target> {
        let term = self.expr(expr, scope)?;
        let origin = match &term.expr {
            Expr::Column(c) => {
                scope.tables.iter().flat_map(|t| &t.columns).find(|s| s.typed.col == c.col).map(|s| s.origin)
            }
            _ => None,
        };
        Ok(Target { name, term, origin: origin.unwrap_or((Oid(0), 0)), uses: self.take_uses() })
    }

    fn qualified_star(
        &mut self,
        kind: &ast::SelectItemQualifiedWildcardKind,
        scope: &Scope<'_>,
        targets: &mut Vec<Target>,
    ) -> Result<()> {
        let name = match kind {
            ast::SelectItemQualifiedWildcardKind::ObjectName(name) => name,
            ast::SelectItemQualifiedWildcardKind::Expr(expr) => {
                let at = self.start(expr);
                return Err(self.unsupported("the columns of a composite value", at));
            }
        };
        self.star_of(name, scope, targets)
    }

    /// `t.*`
    fn star_of(
        &mut self,
        name: &ast::ObjectName,
        scope: &Scope<'_>,
        targets: &mut Vec<Target>,
    ) -> Result<()> {
        let (schema, table, at) = self.qualified(name)?;
        let mut level = Some(scope);
        while let Some(current) = level {
            if let Some(entry) = current.table(schema.as_deref(), &table) {
                let own = current.tables.len() == scope.tables.len() && std::ptr::eq(current, scope);
                if entry.columns.iter().any(ScopeColumn::has_only_fields) {
                    return Err(self.unsupported("a record as a value", at));
                }
                targets.extend(entry.columns.iter().filter(|c| !c.is_hidden()).map(|c| {
                    let mut target = star(c, at);
                    if !own {
                        target.term.expr = Expr::Outer(c.typed.clone());
                        target.origin = (Oid(0), 0);
                    }
                    target
                }));
                return Ok(());
            }
            level = current.parent;
        }
        match self.frame_row(schema.as_deref(), &table, at) {
            Some(row) => self.row_star(&row, targets),
            None => Err(self.missing_table(schema.as_deref(), &table, at, scope)),
        }
    }

    /// `(row).*`: all fields of a row.
    fn row_star(&mut self, row: &Term, targets: &mut Vec<Target>) -> Result<()> {
        let Form::Row(fields) = row.expr.ty().form else {
            let message = format!("type {} is not composite", super::type_name::type_name(row.expr.ty().oid));
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), row.at));
        };
        let uses = self.take_uses();
        for (index, field) in fields.iter().enumerate() {
            let term = Term { expr: self.field_at(&row.expr, index)?, at: row.at };
            let (name, uses) = (field.name.clone(), uses.clone());
            targets.push(Target { name, term, origin: (Oid(0), 0), uses });
        }
        Ok(())
    }

    fn wildcard(&self, options: &ast::WildcardAdditionalOptions) -> Result<usize> {
        let ast::WildcardAdditionalOptions {
            wildcard_token: ast::helpers::attached_token::AttachedToken(token),
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let at = self.at(token.span);
        let plain = opt_ilike.is_none()
            && opt_exclude.is_none()
            && opt_except.is_none()
            && opt_replace.is_none()
            && opt_rename.is_none()
            && opt_alias.is_none();
        if plain { Ok(at) } else { Err(self.unsupported("an option of *", at)) }
    }
}

/// The entry of FROM in `(t).*`, whose columns have the names that they are given here.
fn starred_entry(expr: &ast::Expr, scope: &Scope<'_>) -> Option<ast::ObjectName> {
    let ast::Expr::Nested(inner) = super::record::starred(expr)? else { return None };
    let ast::Expr::Identifier(name) = inner.as_ref() else { return None };
    scope.is_named_row(&fold(name)).then(|| ast::ObjectName::from(vec![name.clone()]))
}

/// Whether the item stands for a list that is not there.
fn is_no_column(item: &ast::SelectItem) -> bool {
    matches!(item, ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) if name.value == NO_COLUMNS)
}

fn star(column: &ScopeColumn, at: usize) -> Target {
    Target {
        name: column.name.clone(),
        term: Term { expr: Expr::Column(column.typed.clone()), at },
        origin: column.origin,
        uses: vec![(column.typed.col, at)],
    }
}

/// The name PostgreSQL gives a result column without alias, and how strong it is: 2 from a name in the expression,
/// 1 from the construct.
pub(super) fn figure_name(expr: &ast::Expr) -> Option<(String, u8)> {
    use ast::Expr as E;
    let strong = |s: &str| Some((s.to_owned(), 2));
    match expr {
        E::Identifier(ident) => Some((fold(ident), 2)),
        E::CompoundIdentifier(parts) => parts.last().map(|i| (fold(i), 2)),
        E::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|a| match a {
                ast::AccessExpr::Dot(inner) => figure_name(inner),
                ast::AccessExpr::Subscript(_) => None,
            });
            field.or_else(|| figure_name(root))
        }
        E::Nested(inner) => figure_name(inner),
        E::Collate { expr, collation: _ } => figure_name(expr),
        E::Function(function) => function.name.0.last().and_then(|p| p.as_ident()).map(|i| {
            let own = catalog::called_as(&i.value).map(str::to_owned);
            (own.unwrap_or_else(|| fold(i)), 2)
        }),
        E::Cast { kind: _, expr, data_type, array: _, format: _ } => match figure_name(expr) {
            Some((name, 2)) => Some((name, 2)),
            _ => type_column_name(data_type).map(|n| (n, 1)),
        },
        E::TypedString(ast::TypedString { data_type, value: _, uses_odbc_syntax: _ }) => {
            type_column_name(data_type).map(|n| (n, 1))
        }
        E::Interval(_) => Some(("interval".to_owned(), 1)),
        E::Case { case_token: _, end_token: _, operand: _, conditions: _, else_result } => {
            match else_result.as_deref().and_then(figure_name) {
                Some((name, 2)) => Some((name, 2)),
                _ => Some(("case".to_owned(), 1)),
            }
        }
        E::Exists { subquery: _, negated: false } => strong("exists"),
        E::IsNormalized { expr: _, form: _, negated: false } => strong("is_normalized"),
        E::BinaryOp { left: _, op: ast::BinaryOperator::Overlaps, right: _ } => strong("overlaps"),
        E::Subquery(query) => Some((subquery_name(query).unwrap_or_else(|| "?column?".to_owned()), 2)),
        E::Array(_) => strong("array"),
        E::Tuple(_) => strong("row"),
        E::Extract { field: _, syntax: _, expr: _ } => strong("extract"),
        E::Ceil { expr: _, field: _ } => strong("ceil"),
        E::Floor { expr: _, field: _ } => strong("floor"),
        E::Position { expr: _, r#in: _ } => strong("position"),
        E::Substring { expr: _, substring_from: _, substring_for: _, special: _, shorthand } => {
            strong(if *shorthand { "substr" } else { "substring" })
        }
        E::Trim { trim_where, trim_what: _, expr: _, trim_characters: _ } => strong(match trim_where {
            None | Some(ast::TrimWhereField::Both) => "btrim",
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
        }),
        E::Overlay { expr: _, overlay_what: _, overlay_from: _, overlay_for: _ } => strong("overlay"),
        E::AtTimeZone { timestamp: _, time_zone: _ } => strong("timezone"),
        _ => None,
    }
}

/// The name of the first column of a subquery; None where it has none, and for that of `*`.
fn subquery_name(query: &ast::Query) -> Option<String> {
    let mut body = query.body.as_ref();
    let select = loop {
        match body {
            ast::SetExpr::Select(select) => break select,
            ast::SetExpr::Query(inner) => return subquery_name(inner),
            ast::SetExpr::SetOperation { left, .. } => body = left,
            ast::SetExpr::Values(_) => return Some("column1".to_owned()),
            _ => return None,
        }
    };
    match select.projection.first()? {
        ast::SelectItem::UnnamedExpr(expr) => figure_name(expr).map(|(name, _)| name),
        ast::SelectItem::ExprWithAlias { expr: _, alias } => Some(fold(alias)),
        _ => None,
    }
}

/// The last part of a type's name in pg_type, as the grammar turns `integer` into `int4`.
fn type_column_name(ty: &ast::DataType) -> Option<String> {
    let context = super::BindContext::new("", empty_catalog());
    let binder = Binder::new(&context);
    match ty {
        ast::DataType::Custom(name, _) => name.0.last().and_then(|p| p.as_ident()).map(fold),
        ast::DataType::Array(
            ast::ArrayElemTypeDef::SquareBracket(element, _)
            | ast::ArrayElemTypeDef::Parenthesis(element)
            | ast::ArrayElemTypeDef::AngleBracket(element),
        ) => type_column_name(element),
        other => binder.sql_type(other).ok().map(|t| column_name(t.oid)),
    }
}

fn empty_catalog() -> &'static catalog::CatalogState {
    static EMPTY: std::sync::OnceLock<catalog::CatalogState> = std::sync::OnceLock::new();
    EMPTY.get_or_init(catalog::CatalogState::initial)
}
