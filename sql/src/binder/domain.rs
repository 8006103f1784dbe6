//! Values that become those of a domain: what they are held as first, then what the domain asks of them.
//!
//! Must not know how values are checked.
//! Invariants: the rules of a domain are bound once per statement; a value that is of the domain already is not checked.

use super::coerce::relabel;
use super::scope::Whole;
use super::type_name::{held, type_name};
use super::{Binder, Clause, Scope, ScopeColumn, ScopeTable, Term};
use crate::bound::{DomainRules, Expr, TypedCol};
use base::id::Oid;
use base::{Error, Result};
use catalog::builtin::CastContext;
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
            return known.ok_or_else(|| Error::internal(format!("cache lookup failed for type {oid}")));
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
