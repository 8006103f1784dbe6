//! A jsonpath as text.

use super::{Arithmetic, Expr, JsonPath, Step};
use crate::json::write_string;
use std::fmt;

/// How tightly an expression holds together; operands that hold no tighter are put in parentheses.
fn priority(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(..) => 0,
        Expr::And(..) => 1,
        Expr::Compare { .. } | Expr::StartsWith { .. } => 2,
        Expr::Arithmetic { op: Arithmetic::Add | Arithmetic::Subtract, .. } => 3,
        Expr::Arithmetic { op: Arithmetic::Multiply | Arithmetic::Divide | Arithmetic::Modulo, .. } => 4,
        Expr::Sign { .. } => 5,
        Expr::Path { head, .. } => priority(head),
        _ => 6,
    }
}

/// Appends an operand of an expression.
fn operand(arg: &Expr, of: u8, out: &mut String) {
    write(arg, priority(arg) <= of, out);
}

/// `parentheses` says whether an operation stands in them.
fn write(expr: &Expr, parentheses: bool, out: &mut String) {
    let two = |left: &Expr, sign: &str, right: &Expr, out: &mut String| {
        let own = priority(expr);
        if parentheses {
            out.push('(');
        }
        operand(left, own, out);
        out.push(' ');
        out.push_str(sign);
        out.push(' ');
        operand(right, own, out);
        if parentheses {
            out.push(')');
        }
    };
    match expr {
        Expr::Null => out.push_str("null"),
        Expr::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Expr::Number(value) => value.format(out),
        Expr::String(value) => write_string(value, out),
        Expr::Variable(name) => {
            out.push('$');
            write_string(name, out);
        }
        Expr::Root => out.push('$'),
        Expr::Current => out.push('@'),
        Expr::Last => out.push_str("last"),
        Expr::Path { head, steps } => {
            // A number would take the dot behind it.
            if let Expr::Number(number) = head.as_ref() {
                out.push('(');
                number.format(out);
                out.push(')');
            } else {
                write(head, parentheses, out);
            }
            for step in steps {
                write_step(step, out);
            }
        }
        Expr::Arithmetic { op, left, right } => two(left, op.sign(), right, out),
        Expr::Compare { op, left, right } => two(left, op.sign(), right, out),
        Expr::And(left, right) => two(left, "&&", right, out),
        Expr::Or(left, right) => two(left, "||", right, out),
        Expr::StartsWith { value, start } => two(value, "starts with", start, out),
        Expr::LikeRegex { value, pattern, flags } => {
            if parentheses {
                out.push('(');
            }
            operand(value, priority(expr), out);
            out.push_str(" like_regex ");
            write_string(pattern, out);
            if !flags.is_empty() {
                out.push_str(" flag \"");
                out.push_str(flags);
                out.push('"');
            }
            if parentheses {
                out.push(')');
            }
        }
        Expr::Sign { negative, arg } => {
            if parentheses {
                out.push('(');
            }
            out.push(if *negative { '-' } else { '+' });
            operand(arg, priority(expr), out);
            if parentheses {
                out.push(')');
            }
        }
        Expr::Not(arg) => {
            out.push_str("!(");
            write(arg, false, out);
            out.push(')');
        }
        Expr::IsUnknown(arg) => {
            out.push('(');
            write(arg, false, out);
            out.push_str(") is unknown");
        }
        Expr::Exists(arg) => {
            out.push_str("exists (");
            write(arg, false, out);
            out.push(')');
        }
    }
}

fn write_level(level: Option<u32>, out: &mut String) {
    match level {
        Some(level) => out.push_str(&level.to_string()),
        None => out.push_str("last"),
    }
}

fn write_step(step: &Step, out: &mut String) {
    match step {
        Step::Key(key) => {
            out.push('.');
            write_string(key, out);
        }
        Step::AnyKey => out.push_str(".*"),
        Step::AnyElement => out.push_str("[*]"),
        Step::Any { first: Some(0), last: None } => out.push_str(".**"),
        Step::Any { first, last } => {
            out.push_str(".**{");
            write_level(*first, out);
            if first != last {
                out.push_str(" to ");
                write_level(*last, out);
            }
            out.push('}');
        }
        Step::Elements(ranges) => {
            out.push('[');
            for (i, (from, to)) in ranges.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(from, false, out);
                if let Some(to) = to {
                    out.push_str(" to ");
                    write(to, false, out);
                }
            }
            out.push(']');
        }
        Step::Filter(predicate) => {
            out.push_str("?(");
            write(predicate, false, out);
            out.push(')');
        }
        Step::Method(method) => {
            out.push('.');
            out.push_str(method.name());
            out.push_str("()");
        }
        Step::Datetime(template) => {
            out.push_str(".datetime(");
            if let Some(template) = template {
                write_string(template, out);
            }
            out.push(')');
        }
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if !self.lax {
            out.push_str("strict ");
        }
        write(&self.expr, true, &mut out);
        f.write_str(&out)
    }
}
