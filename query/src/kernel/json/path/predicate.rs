//! Predicates: true, false or unknown.
//!
//! Invariant: an error inside a predicate makes it unknown; only an error that silence does not help against goes on.

use super::items::Item;
use super::{Failure, Run};
use crate::kernel::patterns::regex_of_path;
use base::Error;
use std::cmp::Ordering;
use types::json::Value;
use types::jsonpath::{Comparison, Expr};

/// None is unknown.
type Truth = Option<bool>;

impl<'v> Run<'v> {
    pub(super) fn predicate(&self, expr: &Expr, current: &Item<'v>) -> Result<Truth, Failure> {
        match expr {
            Expr::And(left, right) => {
                let left = self.predicate(left, current)?;
                if left == Some(false) {
                    return Ok(left);
                }
                let right = self.predicate(right, current)?;
                Ok(if right == Some(true) { left } else { right })
            }
            Expr::Or(left, right) => {
                let left = self.predicate(left, current)?;
                if left == Some(true) {
                    return Ok(left);
                }
                let right = self.predicate(right, current)?;
                Ok(if right == Some(false) { left } else { right })
            }
            Expr::Not(arg) => Ok(self.predicate(arg, current)?.map(|truth| !truth)),
            Expr::IsUnknown(arg) => Ok(Some(self.predicate(arg, current)?.is_none())),
            Expr::Compare { op, left, right } => {
                self.pairs(left, Some((right.as_ref(), true)), current, |a, b| {
                    b.map_or(Ok(None), |b| self.compare(*op, a, b))
                })
            }
            Expr::StartsWith { value, start } => {
                self.pairs(value, Some((start.as_ref(), false)), current, |a, b| {
                    let start = b.and_then(|b| text(b));
                    Ok(text(a).zip(start).map(|(text, start)| text.starts_with(start)))
                })
            }
            Expr::LikeRegex { value, pattern, flags } => {
                let regex = regex_of_path(pattern, flags).map_err(Failure::Hard)?;
                self.pairs(value, None, current, |a, _| Ok(text(a).map(|text| regex.is_match(text))))
            }
            Expr::Exists(arg) => quiet(self.finds(arg, current)),
            _ => Err(Failure::Hard(Error::internal("a predicate of jsonpath that is none"))),
        }
    }

    /// Whether a test holds for some of the values of two expressions. `right` says whether its arrays are taken apart.
    fn pairs(
        &self,
        left: &Expr,
        right: Option<(&Expr, bool)>,
        current: &Item<'v>,
        test: impl Fn(&Item<'v>, Option<&Item<'v>>) -> Result<Truth, Failure>,
    ) -> Result<Truth, Failure> {
        let Some(lefts) = quiet(self.unwrapped(left, current))? else { return Ok(None) };
        let rights: Vec<Option<Item<'v>>> = match right {
            None => vec![None],
            Some((right, unwrap)) => {
                let found = if unwrap { self.unwrapped(right, current) } else { self.all(right, current) };
                let Some(found) = quiet(found)? else { return Ok(None) };
                found.into_iter().map(Some).collect()
            }
        };
        let (mut found, mut unknown) = (false, false);
        for a in &lefts {
            for b in &rights {
                match test(a, b.as_ref())? {
                    None if !self.lax => return Ok(None),
                    None => unknown = true,
                    Some(true) if self.lax => return Ok(Some(true)),
                    Some(true) => found = true,
                    Some(false) => {}
                }
            }
        }
        Ok(if found { Some(true) } else { (!unknown).then_some(false) })
    }

    fn compare(&self, op: Comparison, a: &Item<'v>, b: &Item<'v>) -> Result<Truth, Failure> {
        let order = match (a, b) {
            (Item::Moment(a), Item::Moment(b)) => {
                let order = a.compare(b, self.zoned, self.io).map_err(Failure::Hard)?;
                match order {
                    Some(order) => order,
                    None => return Ok(None),
                }
            }
            _ => match (a.value(), b.value()) {
                (Some(Value::Null), Some(Value::Null)) => Ordering::Equal,
                (Some(Value::Null), _) | (_, Some(Value::Null)) => {
                    return Ok(Some(op == Comparison::NotEqual));
                }
                (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
                (Some(Value::Number(a)), Some(Value::Number(b))) => a.compare(b),
                (Some(Value::String(a)), Some(Value::String(b))) => a.as_bytes().cmp(b.as_bytes()),
                _ => return Ok(None),
            },
        };
        Ok(Some(match op {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }))
    }
}

fn text<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    match item.value() {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// None for an error that a predicate takes for unknown.
fn quiet<T>(result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Soft(_)) => Ok(None),
        Err(hard) => Err(hard),
    }
}
