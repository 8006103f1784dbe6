//! Values that become those of a domain: what they are held as first, then what the domain asks of them.
//!
//! Must not know how values are checked.
//! Invariants: the rules of a domain are bound once per statement; a value that is of the domain already is not checked.

use super::coerce::relabel;
use super::scope::Whole;
use super::type_name::{held, type_name};
use super::{Binder, Clause, Scope, ScopeColumn, ScopeTable, Term};
use crate::bound::{DomainRules, Expr, TypedCol, walk};
use base::id::Oid;
use base::{Error, Result};
use catalog::builtin::CastContext;
use catalog::has_domains;
use sqlparser::ast;
use std::sync::Arc;
use types::{SqlType, user_type};

/// What a domain's checks call the value.
const VALUE: &str = "value";

impl Binder<'_> {
    /// The type with an OID, that of a domain, of a composite type or of arrays over one included.
    pub(super) fn type_of(&self, oid: Oid, typmod: i32) -> Result<SqlType> {
        if user_type::of_composite(oid) {
            let known = self.context.catalog.composite_type(oid);
            let ty = known.ok_or_else(|| Error::internal(format!("cache lookup failed for type {oid}")))?;
            if ty.fields().is_none() && has_domains(&ty) || holds_arrays_of_domains(&ty) {
                let message = "arrays of domains within rows, and of rows with domains, are not supported";
                return Err(Error::unsupported(message));
            }
            return Ok(ty);
        }
        if !user_type::of_domain(oid) {
            return held(oid, typmod);
        }
        self.context.catalog.domain_type(oid).ok_or_else(|| {
            Error::unsupported(format!("type {} is not supported", type_name(oid)))
                .with_hint("Arrays over a domain of arrays are not held; make the domain one of elements.")
        })
    }

    /// The type that a type is computed with: what a domain is over in the end.
    pub(crate) fn base_type(&self, ty: &SqlType) -> SqlType {
        self.context.catalog.base_type(ty)
    }

    /// A term as a value of a domain, or of arrays over one.
    pub(super) fn coerce_to_domain(
        &mut self,
        term: Term,
        target: &SqlType,
        context: CastContext,
    ) -> Result<Term> {
        let Some(domain) = target.domain else { return self.coerce(term, target, context) };
        if term.expr.ty().domain == target.domain {
            return Ok(term);
        }
        let own = self.type_of(domain, -1)?;
        if own.form != target.form {
            // A field of a row has a numeric in the form of any numeric; a domain looks at it in its own.
            let Term { expr, at } = self.coerce_to_domain(term, &own, context)?;
            return Ok(Term { expr: self.in_form(expr, target)?, at });
        }
        let base = match user_type::array_element(domain) {
            Some(_) => target.clone().as_domain(None),
            None => self.base_type(target),
        };
        let Term { expr, at } = self.coerce(term, &base, context)?;
        let expr = self.in_form(expr, &base)?;
        let ty = SqlType { form: expr.ty().form, ..target.clone() };
        let expr = match self.domain_rules(user_type::array_element(domain).unwrap_or(domain))? {
            None => relabel(expr, &ty),
            Some(rules) => Expr::Domain { rules, arg: Box::new(expr), ty },
        };
        Ok(Term { expr, at })
    }

    /// What a domain asks of its values; None when that is nothing.
    fn domain_rules(&mut self, domain: Oid) -> Result<Option<Arc<DomainRules>>> {
        if let Some(known) = self.domains.get(&domain) {
            return Ok(known.clone());
        }
        let ty = self.type_of(domain, -1)?;
        let catalog = self.context.catalog;
        let below = catalog.domains_below(&ty);
        if below.iter().any(|(oid, _)| self.open_domains.contains(oid)) {
            return Err(Error::unsupported(
                "a check of a domain that makes values of the domain is not supported",
            )
            .with_hint("Compare VALUE itself."));
        }
        let open = self.open_domains.len();
        self.open_domains.extend(below.iter().map(|(oid, _)| *oid));
        let value = TypedCol { col: self.new_col(), ty: self.base_type(&ty) };
        let mut checks = Vec::new();
        // Those of what it is over come first, and within one domain they go by their names.
        for (_, def) in below.iter().rev() {
            let mut own: Vec<_> = def.checks.iter().collect();
            own.sort_by(|a, b| a.name.cmp(&b.name));
            for check in own {
                let typed = TypedCol { ty: def.base.clone(), ..value.clone() };
                let condition =
                    self.stored(&check.text, &check.name, |b, expr| b.domain_condition(expr, typed))?;
                checks.push((check.name.clone(), condition));
            }
        }
        self.open_domains.truncate(open);
        let not_null = below.iter().any(|(_, def)| def.not_null);
        let rules = DomainRules { domain, not_null, checks, value };
        let rules = (not_null || !rules.checks.is_empty()).then(|| Arc::new(rules));
        self.domains.insert(domain, rules.clone());
        Ok(rules)
    }

    /// A value of a composite type that came as a whole, out of a text or from a client, with what the domains among its
    /// fields ask.
    pub(crate) fn with_checked_fields(&mut self, expr: Expr) -> Result<Expr> {
        let ty = expr.ty();
        if self.outlines.on || ty.fields().is_none() || !has_domains(&ty) {
            return Ok(expr);
        }
        let checked = |arg, rules| Expr::Domain { rules, arg: Box::new(arg), ty: ty.clone() };
        Ok(self.field_rules(&ty)?.into_iter().fold(expr, checked))
    }

    /// What domains among the fields of a row ask of the row.
    fn field_rules(&mut self, row: &SqlType) -> Result<Vec<Arc<DomainRules>>> {
        if let Some(known) = self.field_rules.get(&row.oid) {
            return Ok(known.clone());
        }
        let mut paths = Vec::new();
        domain_paths(row, &mut Vec::new(), &mut paths);
        let mut found = Vec::new();
        for (path, domain) in paths {
            let Some(rules) = self.domain_rules(domain)? else { continue };
            let value = TypedCol { col: self.new_col(), ty: row.clone() };
            // Fields of a row that is null ask nothing.
            let mut absent = Vec::new();
            let mut field = Expr::Column(value.clone());
            for index in path {
                absent.push(Expr::IsNull { arg: Box::new(field.clone()), negated: false });
                field = self.field_at(&field, index)?;
            }
            let unless_absent = |condition| Expr::Or(absent.iter().cloned().chain([condition]).collect());
            let mut checks = Vec::new();
            if rules.not_null {
                let present = Expr::IsNull { arg: Box::new(field.clone()), negated: true };
                checks.push((String::new(), unless_absent(present)));
            }
            for (name, check) in &rules.checks {
                let mut check = check.clone();
                walk::rewrite(&mut check, &mut |e| match e {
                    Expr::Column(column) if column.col == rules.value.col => {
                        *e = self.in_form(field.clone(), &column.ty.clone())?;
                        Ok(true)
                    }
                    _ => Ok(false),
                })?;
                checks.push((name.clone(), unless_absent(check)));
            }
            found.push(Arc::new(DomainRules { domain, not_null: false, checks, value }));
        }
        self.field_rules.insert(row.oid, found.clone());
        Ok(found)
    }

    /// A check of a domain over what VALUE is.
    fn domain_condition(&mut self, expr: &ast::Expr, value: TypedCol) -> Result<Expr> {
        let mut scope = Scope::empty();
        scope.add(ScopeTable {
            name: String::new(),
            schema: None,
            columns: vec![ScopeColumn { name: VALUE.to_owned(), typed: value, origin: (Oid(0), 0) }],
            by_name: false,
            unqualified: true,
            whole: Whole::Value,
        });
        let outlines = std::mem::take(&mut self.outlines);
        let bound = self.bind_condition(expr, &scope, Clause::Check);
        self.outlines = outlines;
        bound
    }

    /// Binds a new check of a domain over what VALUE is.
    pub(crate) fn new_domain_condition(
        &mut self,
        domain: Option<Oid>,
        expr: &ast::Expr,
        value: TypedCol,
    ) -> Result<Expr> {
        self.open_domains.extend(domain);
        let bound = self.domain_condition(expr, value);
        self.open_domains.clear();
        bound
    }
}

/// The fields of a row that are of domains, as places within places, each with its domain.
fn domain_paths(row: &SqlType, path: &mut Vec<usize>, found: &mut Vec<(Vec<usize>, Oid)>) {
    for (index, field) in row.fields().into_iter().flat_map(|fields| fields.iter()).enumerate() {
        path.push(index);
        if let Some(domain) = field.ty.domain {
            found.push((path.clone(), domain));
        }
        domain_paths(&field.ty, path, found);
        path.pop();
    }
}

/// Whether a row has arrays over a domain, or over rows with domains, whose elements nobody would look at.
fn holds_arrays_of_domains(ty: &SqlType) -> bool {
    ty.fields().into_iter().flat_map(|fields| fields.iter()).any(|field| {
        field.ty.domain.is_some_and(user_type::is_array)
            || field.ty.element().is_some_and(|element| has_domains(&element))
            || holds_arrays_of_domains(&field.ty)
    })
}
