//! Operators: arithmetic and comparison, AND and OR, BETWEEN, LIKE, ANY and ALL over arrays.
//!
//! Invariant: an operator becomes a call of the function behind it; AND, OR and NOT stay nodes of their own.

use super::expr::boolean;
use super::names::located;
use super::record::result_type;
use super::resolve::{self, Refused};
use super::type_name::type_name;
use super::{Binder, Scope, Term};
use crate::bound::Expr;
use crate::bound::outline::Spelling;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use sqlparser::ast::{self, BinaryOperator, Spanned, UnaryOperator};

const HINT_TWO: &str =
    "No operator matches the given name and argument types. You might need to add explicit type casts.";
const HINT_ONE: &str =
    "No operator matches the given name and argument type. You might need to add an explicit type cast.";
const HINT_CHOICE: &str =
    "Could not choose a best candidate operator. You might need to add explicit type casts.";

impl Binder<'_> {
    /// A chain of binary operators that leans left, bound from its leftmost operand on.
    pub(super) fn binary_chain(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> Result<Term> {
        if let ast::Expr::BinaryOp {
            left: _,
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            right: _,
        } = expr
        {
            return self.logical_chain(expr, op, scope);
        }
        if let ast::Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } = expr {
            return self.overlaps(left, right, scope);
        }
        let mut rest = Vec::new();
        let mut at = expr;
        while let ast::Expr::BinaryOp { left, op, right } = at {
            if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
                break;
            }
            rest.push((left, op, right));
            at = left;
        }
        let mut term = match rest.last() {
            Some((left, op, right)) if super::row::row_fields(left).is_some() => {
                let name = self.operator_name(op, left)?;
                let term = self.row_operation(&name, left, right, scope)?;
                rest.pop();
                term.ok_or_else(|| Error::internal("a row is none"))?
            }
            _ => self.expr(at, scope)?,
        };
        while let Some((left, op, right)) = rest.pop() {
            self.check_association(left, op, right)?;
            let name = self.operator_name(op, left)?;
            let right = self.expr(right, scope)?;
            term = self.operation(&name, Some(term), right, Some(left))?;
        }
        Ok(term)
    }

    /// `(start, end) OVERLAPS (start, end)`
    fn overlaps(&mut self, left: &ast::Expr, right: &ast::Expr, scope: &Scope<'_>) -> Result<Term> {
        let (ast::Expr::Tuple(first), ast::Expr::Tuple(second)) = (left, right) else {
            return Err(self.unsupported("OVERLAPS of something but two pairs", self.start(left)));
        };
        for (side, pair) in [("left", first), ("right", second)] {
            if pair.len() != 2 {
                let message = format!("wrong number of parameters on {side} side of OVERLAPS expression");
                let at = self.operator_position(left).unwrap_or(0);
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
        }
        let args: Vec<&ast::Expr> = first.iter().chain(second).collect();
        let term = self.call_named("overlaps", &args, scope)?;
        Ok(self.spelt(&Spelling::Syntax, term))
    }

    fn logical_chain(&mut self, expr: &ast::Expr, op: &BinaryOperator, scope: &Scope<'_>) -> Result<Term> {
        let clause = if *op == BinaryOperator::And { "AND" } else { "OR" };
        let mut operands = Vec::new();
        let mut at = expr;
        loop {
            // Parentheses around the first ones change nothing.
            let mut inner = at;
            while let ast::Expr::Nested(nested) = inner {
                inner = nested;
            }
            match inner {
                ast::Expr::BinaryOp { left, op: own, right } if own == op => {
                    operands.push(right.as_ref());
                    at = left;
                }
                _ => break,
            }
        }
        operands.push(at);
        let mut bound = Vec::with_capacity(operands.len());
        let mut start = 0;
        for operand in operands.into_iter().rev() {
            let term = self.expr(operand, scope)?;
            if bound.is_empty() {
                start = term.at;
            }
            bound.push(self.coerce_boolean(term, clause)?);
        }
        let expr = if *op == BinaryOperator::And { Expr::And(bound) } else { Expr::Or(bound) };
        Ok(Term { expr, at: start })
    }

    pub(super) fn operator_name(&self, op: &BinaryOperator, left: &ast::Expr) -> Result<String> {
        match op {
            BinaryOperator::PGCustomBinaryOperator(parts) => match parts.as_slice() {
                [name] => Ok(name.clone()),
                [schema, name] if schema.eq_ignore_ascii_case("pg_catalog") => Ok(name.clone()),
                _ => {
                    let message = format!("operator does not exist: {}", parts.join("."));
                    let at = self.operator_position(left).unwrap_or(0);
                    Err(located(Error::new(ErrorKind::UndefinedFunction, message), at))
                }
            },
            other => Ok(other.to_string()),
        }
    }

    /// A call of the operator; `before` is the syntax of the left operand, for the position in errors.
    pub(super) fn operation(
        &mut self,
        name: &str,
        left: Option<Term>,
        right: Term,
        before: Option<&ast::Expr>,
    ) -> Result<Term> {
        let at = left.as_ref().map_or(right.at, |l| l.at);
        let terms: Vec<Term> = left.into_iter().chain([right]).collect();
        let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
        let (operator, args, result) = match resolve::operator(name, &actual) {
            Ok(found) => found,
            Err(why) => {
                let position = before.and_then(|b| self.operator_position(b)).unwrap_or(0);
                return Err(located(no_operator(name, &actual, why), position));
            }
        };
        let terms = super::record::nulls_as_rows(terms);
        let mut exprs = Vec::with_capacity(terms.len());
        for (term, declared) in terms.into_iter().zip(args) {
            exprs.push(self.coerce_argument(term, declared)?.expr);
        }
        super::comparable::check_compared(name, &exprs, at)?;
        let expr = self.call(operator.proc, exprs, result, at)?;
        Ok(Term { expr, at })
    }

    /// A call with its arguments coerced, numerics brought to the forms the function takes.
    pub(super) fn call(&mut self, proc: Oid, args: Vec<Expr>, result: Oid, at: usize) -> Result<Expr> {
        self.calls_sequences |= super::sequences::is_sequence_function(proc);
        let row =
            builtin::proc(proc).ok_or_else(|| Error::internal(format!("function {proc} is not known")))?;
        let ty = result_type(result, &args).map_err(|e| located(e, at))?;
        let (args, ty) = self.numeric_call(row, args, ty)?;
        Ok(Expr::Call { proc, args, ty })
    }

    pub(super) fn unary(
        &mut self,
        op: UnaryOperator,
        operand: &ast::Expr,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let name = match op {
            UnaryOperator::Not => {
                let term = self.expr(operand, scope)?;
                let at = term.at;
                return Ok(Term { expr: Expr::Not(Box::new(self.coerce_boolean(term, "NOT")?)), at });
            }
            UnaryOperator::Minus => return self.minus(operand, scope),
            UnaryOperator::Plus => "+",
            UnaryOperator::BitwiseNot => "~",
            UnaryOperator::PGAbs => "@",
            UnaryOperator::PGSquareRoot => "|/",
            UnaryOperator::PGCubeRoot => "||/",
            other => {
                let at = self.start(operand);
                return Err(self.unsupported(&format!("the prefix operator {other}"), at));
            }
        };
        let term = self.expr(operand, scope)?;
        self.prefix(name, term, operand)
    }

    fn prefix(&mut self, name: &str, term: Term, operand: &ast::Expr) -> Result<Term> {
        let at = term.at;
        let mut term = self.operation(name, None, term, None).map_err(|e| {
            let start = if at == 0 { self.start(operand) } else { at };
            located(e, self.word_before(name, start))
        })?;
        term.at = term.at.saturating_sub(1);
        Ok(term)
    }

    /// Unary minus. It binds tighter than `^` in PostgreSQL, which the syntax tree has the other way round.
    fn minus(&mut self, operand: &ast::Expr, scope: &Scope<'_>) -> Result<Term> {
        let mut powers = Vec::new();
        let mut base = operand;
        while let ast::Expr::BinaryOp { left, op: BinaryOperator::PGExp, right } = base {
            powers.push((left, right));
            base = left;
        }
        let mut number = base;
        while let ast::Expr::Nested(inner) = number {
            number = inner;
        }
        let mut term = match number {
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(text, false), span }) => {
                let at = self.at(*span);
                let expr = super::literal::number(&format!("-{text}")).map_err(|e| located(e, at))?;
                Term { expr, at: at.saturating_sub(1) }
            }
            _ => {
                let term = self.expr(base, scope)?;
                self.prefix("-", term, base)?
            }
        };
        while let Some((left, right)) = powers.pop() {
            let right = self.expr(right, scope)?;
            term = self.operation("^", Some(term), right, Some(left))?;
        }
        Ok(term)
    }

    pub(super) fn between(
        &mut self,
        expr: &ast::Expr,
        negated: bool,
        low: &ast::Expr,
        high: &ast::Expr,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let (low, symmetric) = match low {
            ast::Expr::Prefixed { prefix, value } if prefix.value == crate::parse::SYMMETRIC => {
                (value.as_ref(), true)
            }
            low => (low, false),
        };
        let inside = self.within(expr, negated, low, high, scope)?;
        if !symmetric {
            return Ok(inside);
        }
        let other = self.within(expr, negated, high, low, scope)?;
        let both = vec![inside.expr, other.expr];
        Ok(Term { expr: if negated { Expr::And(both) } else { Expr::Or(both) }, at: inside.at })
    }

    fn within(
        &mut self,
        expr: &ast::Expr,
        negated: bool,
        low: &ast::Expr,
        high: &ast::Expr,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let (above, below) = if negated { ("<", ">") } else { (">=", "<=") };
        let lower = self.compared(above, expr, low, scope)?;
        // Bound again: a subquery in it must not give its columns twice.
        let upper = self.compared(below, expr, high, scope)?;
        for term in [&lower, &upper] {
            self.refuse_set_in(term, if negated { "OR" } else { "AND" })?;
        }
        let at = lower.at;
        let both = vec![lower.expr, upper.expr];
        Ok(Term { expr: if negated { Expr::Or(both) } else { Expr::And(both) }, at })
    }

    /// One operator between two operands, rows among them.
    fn compared(
        &mut self,
        name: &str,
        left: &ast::Expr,
        right: &ast::Expr,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        if let Some(term) = self.row_operation(name, left, right, scope)? {
            return Ok(term);
        }
        let first = self.expr(left, scope)?;
        let second = self.expr(right, scope)?;
        self.operation(name, Some(first), second, Some(left))
    }

    /// A comparison is no operand of another one without parentheses.
    fn check_association(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Result<()> {
        if !is_comparison(op) {
            return Ok(());
        }
        let second = match (left, right) {
            (ast::Expr::BinaryOp { left: _, op: inner, right: _ }, _) if is_comparison(inner) => {
                self.operator_position(left)
            }
            (_, ast::Expr::BinaryOp { left: inner_left, op: inner, right: _ }) if is_comparison(inner) => {
                self.operator_position(inner_left)
            }
            _ => return Ok(()),
        };
        let message = format!("syntax error at or near \"{op}\"");
        Err(located(Error::new(ErrorKind::Syntax, message), second.unwrap_or(0)))
    }

    pub(super) fn like(
        &mut self,
        operator: &str,
        escape_function: &str,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::ValueWithSpan>,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let left = self.expr(expr, scope)?;
        if let ast::Expr::Prefixed { prefix, value } = pattern
            && let ast::Expr::Tuple(pair) = value.as_ref()
            && prefix.value == crate::parse::ESCAPE
        {
            let pattern = self.call_named(escape_function, &pair.iter().collect::<Vec<_>>(), scope)?;
            return self.operation(operator, Some(left), pattern, Some(expr));
        }
        let mut pattern = self.expr(pattern, scope)?;
        if let Some(escape) = escape {
            let at = pattern.at;
            let escape = self.value(escape)?;
            pattern = self.call_terms(escape_function, vec![pattern, escape], at)?;
        }
        self.operation(operator, Some(left), pattern, Some(expr))
    }

    pub(super) fn similar(
        &mut self,
        negated: bool,
        expr: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::ValueWithSpan>,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let left = self.expr(expr, scope)?;
        let pattern = self.expr(pattern, scope)?;
        let at = pattern.at;
        let mut args = vec![pattern];
        if let Some(escape) = escape {
            args.push(self.value(escape)?);
        }
        let pattern = self.call_terms("similar_to_escape", args, at)?;
        self.operation(if negated { "!~" } else { "~" }, Some(left), pattern, Some(expr))
    }

    pub(super) fn is_distinct(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        if let Some(term) = self.row_is_distinct(left, right, negated, scope)? {
            return Ok(term);
        }
        let first = self.expr(left, scope)?;
        let second = self.expr(right, scope)?;
        let at = first.at;
        let (equal, left, right) = self.comparison("=", first, second, Some(left))?;
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(Term { expr: Expr::IsDistinct { equal, left, right, negated }, at })
    }

    /// The function of a comparison and its coerced operands.
    pub(super) fn comparison(
        &mut self,
        name: &str,
        left: Term,
        right: Term,
        before: Option<&ast::Expr>,
    ) -> Result<(Oid, Expr, Expr)> {
        let at = left.at;
        let term = self.operation(name, Some(left), right, before)?;
        match term.expr {
            Expr::Call { proc, args, ty } if ty == boolean() => match <[Expr; 2]>::try_from(args) {
                Ok([left, right]) => Ok((proc, left, right)),
                Err(_) => Err(Error::internal("a comparison without two operands")),
            },
            _ => Err(located(
                Error::new(ErrorKind::DatatypeMismatch, format!("operator {name} must return type boolean")),
                at,
            )),
        }
    }

    /// Position of the operator behind an operand: the first character after it that is no blank, comment or
    /// closing parenthesis.
    pub(super) fn operator_position(&self, before: &ast::Expr) -> Option<usize> {
        let end = before.span().end;
        let at = self.position(end);
        if at == 0 {
            return None;
        }
        let rest = self.text.from(at).chars();
        let skipped = rest.take_while(|c| c.is_whitespace() || *c == ')').count();
        Some(at + skipped)
    }

    /// Position of the last `word` (in any case) that begins shortly before a position; the position if there is none.
    pub(super) fn word_before(&self, word: &str, at: usize) -> usize {
        const LOOK_BACK: usize = 40;
        let from = at.saturating_sub(LOOK_BACK + 1);
        let before = self.text.slice(from + 1, at).to_ascii_lowercase();
        let found = before.rfind(word).and_then(|i| before.get(..i));
        found.map_or(at, |prefix| from + prefix.chars().count() + 1)
    }

    pub(super) fn text_at(&self, at: usize, expected: &str) -> bool {
        self.text.from(at).starts_with(expected)
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Lt
            | BinaryOperator::Gt
            | BinaryOperator::Eq
            | BinaryOperator::LtEq
            | BinaryOperator::GtEq
            | BinaryOperator::NotEq
    )
}

pub(super) fn no_operator(name: &str, args: &[Oid], why: Refused) -> Error {
    let shown = match args {
        [left, right] => format!("{} {name} {}", type_name(*left), type_name(*right)),
        other => format!("{name} {}", other.first().map_or_else(String::new, |t| type_name(*t))),
    };
    match why {
        Refused::NotFound => {
            Error::new(ErrorKind::UndefinedFunction, format!("operator does not exist: {shown}"))
                .with_hint(if args.len() == 2 { HINT_TWO } else { HINT_ONE })
        }
        Refused::Polymorphic => {
            let message = "could not determine polymorphic type because input has type unknown";
            Error::new(ErrorKind::DatatypeMismatch, message)
        }
        Refused::Ambiguous => {
            Error::new(ErrorKind::AmbiguousFunction, format!("operator is not unique: {shown}"))
                .with_hint(HINT_CHOICE)
        }
    }
}
