//! Expressions and the steps behind them.

use super::datetime::Moment;
use super::identity;
use super::items::Item;
use super::{Failure, Flow, Run, Sink};
use base::{Error, ErrorKind};
use types::json::Value;
use types::jsonpath::{Arithmetic, Expr, Method, Step};
use types::pgnum::PgNum;

impl<'v> Run<'v> {
    /// Gives what an expression finds, `current` being `@`.
    pub(super) fn expr(&self, expr: &Expr, current: &Item<'v>, sink: Sink<'_, 'v>) -> Flow {
        match expr {
            Expr::Null => sink(Item::owned(Value::Null)),
            Expr::Bool(value) => sink(Item::owned(Value::Bool(*value))),
            Expr::Number(value) => sink(Item::owned(Value::Number(value.clone()))),
            Expr::String(value) => sink(Item::owned(Value::String(value.clone()))),
            Expr::Variable(name) => sink(self.variable(name)?),
            Expr::Root => sink(Item::of(self.root)),
            Expr::Current => sink(current.clone()),
            Expr::Last => {
                let size = self.last.ok_or_else(|| {
                    Failure::Hard(Error::internal("evaluating jsonpath LAST outside of array subscript"))
                })?;
                sink(Item::owned(Value::Number(PgNum::from_i64(size - 1))))
            }
            Expr::Path { head, steps } => {
                self.expr(head, current, &mut |item| self.steps(steps, item, self.lax, sink))
            }
            Expr::Arithmetic { op, left, right } => {
                let left = self.operand(left, *op, "left", current)?;
                let right = self.operand(right, *op, "right", current)?;
                let result = match op {
                    Arithmetic::Add => left.add(&right),
                    Arithmetic::Subtract => left.sub(&right),
                    Arithmetic::Multiply => left.mul(&right),
                    Arithmetic::Divide => left.div(&right),
                    Arithmetic::Modulo => left.rem(&right),
                };
                sink(Item::owned(Value::Number(result.map_err(Failure::Soft)?)))
            }
            Expr::Sign { negative, arg } => {
                for item in self.unwrapped(arg, current)? {
                    let Some(Value::Number(number)) = item.value() else {
                        let sign = if *negative { '-' } else { '+' };
                        return Err(Failure::soft(
                            ErrorKind::JsonNumberNotFound,
                            format!("operand of unary jsonpath operator {sign} is not a numeric value"),
                        ));
                    };
                    let number = if *negative { number.neg() } else { number.clone() };
                    if !sink(Item::owned(Value::Number(number)))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            predicate => sink(Item::owned(match self.silenced().predicate(predicate, current)? {
                Some(truth) => Value::Bool(truth),
                None => Value::Null,
            })),
        }
    }

    fn silenced(&self) -> Self {
        Run { silent: true, ..*self }
    }

    fn variable(&self, name: &str) -> Result<Item<'v>, Failure> {
        self.vars.field(name).map(Item::of).ok_or_else(|| {
            let message = format!("could not find jsonpath variable \"{name}\"");
            Failure::Hard(Error::new(ErrorKind::UndefinedObject, message))
        })
    }

    /// All that an expression finds.
    pub(super) fn all(&self, expr: &Expr, current: &Item<'v>) -> Result<Vec<Item<'v>>, Failure> {
        let mut found = Vec::new();
        self.expr(expr, current, &mut |item| {
            found.push(item);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Whether an expression finds something. Only strict mode looks behind the first item, and nothing looks for what a
    /// sign cannot stand before.
    pub(super) fn finds(&self, expr: &Expr, current: &Item<'v>) -> Result<bool, Failure> {
        if !self.lax {
            return Ok(!self.all(expr, current)?.is_empty());
        }
        if let Expr::Sign { negative: _, arg } = expr {
            let found = self.unwrapped(arg, current)?;
            return Ok(found.iter().any(|item| matches!(item.value(), Some(Value::Number(_)))));
        }
        let mut some = false;
        self.expr(expr, current, &mut |_| {
            some = true;
            Ok(false)
        })?;
        Ok(some)
    }

    /// All that an expression finds, arrays taken apart once in lax mode.
    pub(super) fn unwrapped(&self, expr: &Expr, current: &Item<'v>) -> Result<Vec<Item<'v>>, Failure> {
        let found = self.all(expr, current)?;
        if !self.lax || !found.iter().any(Item::is_array) {
            return Ok(found);
        }
        Ok(found.into_iter().flat_map(|item| item.elements().unwrap_or_else(|| vec![item])).collect())
    }

    fn operand(&self, expr: &Expr, op: Arithmetic, side: &str, current: &Item<'v>) -> Result<PgNum, Failure> {
        let found = self.unwrapped(expr, current)?;
        if let [one] = found.as_slice()
            && let Some(Value::Number(number)) = one.value()
        {
            return Ok(number.clone());
        }
        let sign = op.sign();
        let message = format!("{side} operand of jsonpath operator {sign} is not a single numeric value");
        Err(Failure::soft(ErrorKind::SingletonJsonItemRequired, message))
    }

    /// Goes on from an item; `unwrap` says whether a step may go into the elements of an array by itself.
    fn steps(&self, steps: &[Step], item: Item<'v>, unwrap: bool, sink: Sink<'_, 'v>) -> Flow {
        let Some((step, rest)) = steps.split_first() else { return sink(item) };
        let goes_in = matches!(step, Step::Key(_) | Step::AnyKey | Step::Filter(_) | Step::Datetime(_))
            || matches!(
                step,
                Step::Method(
                    Method::Abs | Method::Floor | Method::Ceiling | Method::Double | Method::KeyValue
                )
            );
        if unwrap
            && goes_in
            && let Some(elements) = item.elements()
        {
            return each(elements, |element| self.steps(steps, element, false, sink));
        }
        match step {
            Step::Key(key) => match item.field(key) {
                Some(found) => self.steps(rest, found, self.lax, sink),
                None if self.forgiving => Ok(true),
                None if item.is_object() => {
                    let message = format!("JSON object does not contain key \"{key}\"");
                    Err(Failure::soft(ErrorKind::JsonMemberNotFound, message))
                }
                None => Err(Failure::soft(
                    ErrorKind::JsonMemberNotFound,
                    "jsonpath member accessor can only be applied to an object",
                )),
            },
            Step::AnyKey => match item.parts() {
                Some(values) if item.is_object() => {
                    each(values, |value| self.steps(rest, value, self.lax, sink))
                }
                _ if self.forgiving => Ok(true),
                _ => Err(Failure::soft(
                    ErrorKind::JsonObjectNotFound,
                    "jsonpath wildcard member accessor can only be applied to an object",
                )),
            },
            Step::Any { first, last } => self.levels(*first, *last, rest, item, sink),
            Step::AnyElement => match item.elements() {
                Some(elements) => each(elements, |element| self.steps(rest, element, self.lax, sink)),
                None if self.lax => self.steps(rest, item, self.lax, sink),
                None if self.forgiving => Ok(true),
                None => Err(Failure::soft(
                    ErrorKind::JsonArrayNotFound,
                    "jsonpath wildcard array accessor can only be applied to an array",
                )),
            },
            Step::Elements(ranges) => self.elements(ranges, rest, &item, sink),
            Step::Filter(predicate) => match self.silenced().predicate(predicate, &item)? {
                Some(true) => self.steps(rest, item, self.lax, sink),
                Some(false) | None => Ok(true),
            },
            Step::Method(method) => self.method(*method, rest, &item, sink),
            Step::Datetime(template) => {
                let moment = Moment::of(&item, template.as_deref(), self.io)?;
                self.steps(rest, Item::Moment(moment), self.lax, sink)
            }
        }
    }

    /// `.**`: the item and what is in it, by levels.
    fn levels(
        &self,
        first: Option<u32>,
        last: Option<u32>,
        rest: &[Step],
        item: Item<'v>,
        sink: Sink<'_, 'v>,
    ) -> Flow {
        let forgiving = Run { forgiving: true, ..*self };
        let inside = item.parts();
        if first == Some(0) {
            match forgiving.steps(rest, item, self.lax, sink) {
                Ok(true) => {}
                // What counts is how the search ends in the item.
                Err(Failure::Soft(_)) if self.silent && inside.is_some() => {}
                ended => return ended,
            }
        }
        forgiving.inside(inside, 1, (first, last), rest, sink)
    }

    fn inside(
        &self,
        parts: Option<Vec<Item<'v>>>,
        level: u32,
        (first, last): (Option<u32>, Option<u32>),
        rest: &[Step],
        sink: Sink<'_, 'v>,
    ) -> Flow {
        let (low, high) = (first.unwrap_or(u32::MAX), last.unwrap_or(u32::MAX));
        if level > high {
            return Ok(true);
        }
        for part in parts.into_iter().flatten() {
            let inner = part.parts();
            // The last level alone are the values that nothing is in.
            let wanted = level >= low || (first.is_none() && last.is_none() && inner.is_none());
            if wanted && !self.steps(rest, part, self.lax, sink)? {
                return Ok(false);
            }
            if level < high && inner.is_some() && !self.inside(inner, level + 1, (first, last), rest, sink)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn elements(
        &self,
        ranges: &[(Expr, Option<Expr>)],
        rest: &[Step],
        item: &Item<'v>,
        sink: Sink<'_, 'v>,
    ) -> Flow {
        let elements = match item.elements() {
            Some(elements) => elements,
            None if self.lax => vec![item.clone()],
            None if self.forgiving => return Ok(true),
            None => {
                return Err(Failure::soft(
                    ErrorKind::JsonArrayNotFound,
                    "jsonpath array accessor can only be applied to an array",
                ));
            }
        };
        let size = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        let inner = Run { last: Some(size), ..*self };
        for (from, to) in ranges {
            let from = inner.index(from, item)?;
            let to = match to {
                Some(to) => inner.index(to, item)?,
                None => from,
            };
            if !self.forgiving && (from < 0 || from > to || to >= size) {
                return Err(Failure::soft(
                    ErrorKind::InvalidJsonSubscript,
                    "jsonpath array subscript is out of bounds",
                ));
            }
            let (from, to) = (from.max(0), to.min(size - 1));
            let count = usize::try_from(to - from + 1).unwrap_or(0);
            let chosen = elements.iter().skip(usize::try_from(from).unwrap_or(0)).take(count).cloned();
            if !each(chosen, |element| inner.steps(rest, element, self.lax, sink))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn index(&self, expr: &Expr, item: &Item<'v>) -> Result<i64, Failure> {
        let found = self.all(expr, item)?;
        let number = match found.as_slice() {
            [one] => match one.value() {
                Some(Value::Number(number)) => Some(number.trunc(0)),
                _ => None,
            },
            _ => None,
        };
        let number = number.ok_or_else(|| {
            let message = "jsonpath array subscript is not a single numeric value";
            Failure::soft(ErrorKind::InvalidJsonSubscript, message)
        })?;
        number.to_i32().map(i64::from).map_err(|_| {
            let message = "jsonpath array subscript is out of integer range";
            Failure::soft(ErrorKind::InvalidJsonSubscript, message)
        })
    }

    fn method(&self, method: Method, rest: &[Step], item: &Item<'v>, sink: Sink<'_, 'v>) -> Flow {
        let name = method.name();
        let soft = |kind, message: String| Err(Failure::soft(kind, message));
        let value = match (method, item.value()) {
            (Method::Type, value) => Value::String(match (value, item) {
                (_, Item::Moment(moment)) => moment.type_name().to_owned(),
                (Some(Value::Null) | None, _) => "null".to_owned(),
                (Some(Value::Bool(_)), _) => "boolean".to_owned(),
                (Some(Value::Number(_)), _) => "number".to_owned(),
                (Some(Value::String(_)), _) => "string".to_owned(),
                (Some(Value::Array(_)), _) => "array".to_owned(),
                (Some(Value::Object(_)), _) => "object".to_owned(),
            }),
            (Method::Size, Some(Value::Array(items))) => {
                Value::Number(PgNum::from_i64(i64::try_from(items.len()).unwrap_or(i64::MAX)))
            }
            (Method::Size, _) if self.lax => Value::Number(PgNum::from_i64(1)),
            (Method::Size, _) if self.forgiving => return Ok(true),
            (Method::Size, _) => {
                let message = format!("jsonpath item method .{name}() can only be applied to an array");
                return soft(ErrorKind::JsonArrayNotFound, message);
            }
            (Method::Abs, Some(Value::Number(number))) => Value::Number(number.abs()),
            (Method::Floor, Some(Value::Number(number))) => {
                Value::Number(number.floor().map_err(Failure::Soft)?)
            }
            (Method::Ceiling, Some(Value::Number(number))) => {
                Value::Number(number.ceil().map_err(Failure::Soft)?)
            }
            (Method::Abs | Method::Floor | Method::Ceiling, _) => {
                let message =
                    format!("jsonpath item method .{name}() can only be applied to a numeric value");
                return soft(ErrorKind::NonNumericJsonItem, message);
            }
            (Method::Double, value) => double(value, name)?,
            (Method::KeyValue, _) => return self.key_values(rest, item, sink),
        };
        self.steps(rest, Item::owned(value), self.lax, sink)
    }

    /// `.keyvalue()`: each pair as an object, with a number that tells its object from others.
    fn key_values(&self, rest: &[Step], item: &Item<'v>, sink: Sink<'_, 'v>) -> Flow {
        let Some(Value::Object(pairs)) = item.value() else {
            return Err(Failure::soft(
                ErrorKind::JsonObjectNotFound,
                "jsonpath item method .keyvalue() can only be applied to an object",
            ));
        };
        let id = identity::of(self.root, self.vars, item)?;
        let rows = pairs.iter().map(|(key, value)| {
            Item::owned(Value::object(vec![
                ("key".to_owned(), Value::String(key.clone())),
                ("value".to_owned(), value.clone()),
                ("id".to_owned(), Value::Number(id.clone())),
            ]))
        });
        each(rows, |row| self.steps(rest, row, self.lax, sink))
    }
}

/// Calls for each until one wants no more.
fn each<'v>(items: impl IntoIterator<Item = Item<'v>>, mut f: impl FnMut(Item<'v>) -> Flow) -> Flow {
    for item in items {
        if !f(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn double(value: Option<&Value>, name: &str) -> Result<Value, Failure> {
    let soft = |message: String| Failure::soft(ErrorKind::NonNumericJsonItem, message);
    let float = match value {
        Some(Value::Number(number)) => number.to_f64().map_err(|_| {
            soft(format!(
                "numeric argument of jsonpath item method .{name}() is out of range for type double precision"
            ))
        })?,
        Some(Value::String(text)) => {
            let ty = types::SqlType::of(types::sql_type::oid::FLOAT8)
                .ok_or_else(|| Failure::Hard(Error::internal("double precision has no form")))?;
            match types::parse_text(&ty, text, &types::IoSettings::default()) {
                Ok(types::Datum::Float64(value)) => value,
                _ => {
                    return Err(soft(format!(
                        "string argument of jsonpath item method .{name}() is not a valid representation of a double \
                         precision number"
                    )));
                }
            }
        }
        _ => {
            return Err(soft(format!(
                "jsonpath item method .{name}() can only be applied to a string or numeric value"
            )));
        }
    };
    if !float.is_finite() {
        return Err(soft(format!("NaN or Infinity is not allowed for jsonpath item method .{name}()")));
    }
    match value {
        // A number stays as it is, once it is known to fit.
        Some(number @ Value::Number(_)) => Ok(number.clone()),
        _ => PgNum::from_f64(float).map(Value::Number).map_err(Failure::Soft),
    }
}
