//! Definitions of domains: types whose values are those of another type, as long as they fulfil conditions.
//!
//! Must not know values. Invariants: a domain is over types that were there before it, so that the way down to what holds
//! its values ends; the conditions of all domains on that way hold for its values.

use crate::state::CatalogState;
use crate::user_type::{TypeShape, UserTypeDef};
use base::id::Oid;
use types::{SqlType, user_type};

/// What values a domain has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainDef {
    /// What it is over; the type of a domain, when it is over one.
    pub base: SqlType,
    pub not_null: bool,
    /// As an expression.
    pub default: Option<String>,
    pub checks: Vec<DomainCheck>,
}

/// A condition, told over the name VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainCheck {
    /// What clients see as pg_constraint.oid.
    pub oid: Oid,
    pub name: String,
    pub text: String,
    /// Whether stored values are known to fulfil it.
    pub validated: bool,
}

impl UserTypeDef {
    /// What it is when it is a domain.
    pub fn domain(&self) -> Option<&DomainDef> {
        match &self.shape {
            TypeShape::Domain(domain) => Some(domain),
            TypeShape::Enum(_) | TypeShape::Composite(_) => None,
        }
    }

    /// The type of a domain's values.
    pub fn domain_type(&self) -> Option<SqlType> {
        self.domain().map(|domain| domain.base.clone().as_domain(Some(self.oid)))
    }
}

impl CatalogState {
    /// The type that a domain, or arrays over one, has; none for arrays over a domain of arrays, which are not held.
    pub fn domain_type(&self, oid: Oid) -> Option<SqlType> {
        let element = user_type::array_element(oid);
        let domain = self.type_of(element.unwrap_or(oid))?.domain_type()?;
        let Some(_) = element else { return Some(domain) };
        let array = domain.array()?;
        Some(SqlType { typmod: domain.typmod, ..array })
    }

    /// The domains that a type stands on, itself first.
    pub fn domains_below(&self, ty: &SqlType) -> Vec<(Oid, &DomainDef)> {
        let mut found = Vec::new();
        let mut next = ty.domain;
        while let Some(oid) = next {
            let Some(domain) = self.type_of(oid).and_then(|def| def.domain()) else { break };
            found.push((oid, domain));
            next = domain.base.domain;
        }
        found
    }

    /// The type that a domain is over in the end, in which arrays over a domain are one; any other type itself.
    pub fn base_type(&self, ty: &SqlType) -> SqlType {
        match self.domains_below(ty).last() {
            None => ty.clone(),
            Some((_, domain)) => ty.clone().as_domain(domain.base.domain),
        }
    }

    /// How values of a type are values of a domain.
    pub fn domain_use(&self, ty: &SqlType, domain: Oid) -> DomainUse {
        let below = self.domains_below(ty);
        if below.iter().any(|(oid, _)| *oid == domain) {
            return DomainUse::Itself;
        }
        let element = self.base_type(ty).domain.and_then(user_type::array_element);
        match element.and_then(|element| self.domain_type(element)) {
            Some(element) if self.domain_use(&element, domain) != DomainUse::None => DomainUse::Within,
            _ if self.is_field_of(ty, domain) => DomainUse::Within,
            _ => DomainUse::None,
        }
    }

    /// Whether rows that values of a type are or hold have fields that are values of a domain.
    fn is_field_of(&self, ty: &SqlType, domain: Oid) -> bool {
        let fields = ty.fields().into_iter().flat_map(|fields| fields.iter());
        let mut parts = fields.map(|field| &field.ty);
        parts.any(|part| self.domain_use(part, domain) != DomainUse::None)
            || ty.element().is_some_and(|e| e.fields().is_some() && self.is_field_of(&e, domain))
    }

    /// The types that cannot be without some types: these, then the domains over them, each with what it is over.
    pub fn types_over(&self, types: &[Oid]) -> Vec<(Oid, Option<Oid>)> {
        let mut found: Vec<(Oid, Option<Oid>)> = types.iter().map(|ty| (*ty, None)).collect();
        let mut next = 0;
        while let Some((ty, _)) = found.get(next).copied() {
            next += 1;
            let over = self.types().filter_map(|def| {
                let below = def.domain()?.base.named();
                (user_type::array_element(below).unwrap_or(below) == ty).then_some((def.oid, Some(below)))
            });
            let over: Vec<_> = over.filter(|(oid, _)| found.iter().all(|(known, _)| known != oid)).collect();
            found.extend(over);
        }
        found
    }

    /// The default of a domain. What it is over had a default when it was made counts no more.
    pub fn domain_default(&self, ty: &SqlType) -> Option<&str> {
        self.type_of(ty.domain?)?.domain()?.default.as_deref()
    }
}

/// How values of a type are values of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainUse {
    None,
    Itself,
    /// Elements of arrays, or fields of rows, are.
    Within,
}
