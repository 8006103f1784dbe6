//! Which expressions need no parentheses in a sparing text.

use super::layout::Writer;
use crate::bound::outline::Spelling;
use crate::bound::{CastHow, Expr};

/// What an expression stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// An operator, as its first operand or a later one.
    Operator {
        name: &'static str,
        is_first: bool,
        is_binary: bool,
    },
    And,
    Or,
    Not,
    Cast,
    Field,
    Other,
}

/// How tightly an operator of arithmetic binds.
fn priority(name: &str) -> Option<u8> {
    match name.chars().next() {
        _ if name.len() != 1 => None,
        Some('+' | '-') => Some(1),
        Some('*' | '/' | '%') => Some(2),
        _ => None,
    }
}

impl Writer<'_> {
    pub(super) fn is_simple(&self, expr: &Expr, parent: Parent) -> bool {
        let expr = super::expressions::bare(expr);
        if let Some((spelling, _, inner)) = Spelling::within(expr) {
            return match spelling {
                Spelling::Cast => {
                    super::casts::is_call(&inner.ty(), &expr.ty()) || self.is_simple(inner, Parent::Cast)
                }
                Spelling::Query(_) => self.is_simple(inner, parent),
                Spelling::Collate(_) | Spelling::Rows(_) => false,
                Spelling::WholeRow
                | Spelling::Word(_)
                | Spelling::Call
                | Spelling::Named(_)
                | Spelling::Syntax
                | Spelling::SimpleCase => true,
            };
        }
        match expr {
            Expr::Column(_) | Expr::Outer(_) | Expr::Const(_, _) | Expr::Param { .. } => true,
            Expr::ArrayPart { .. }
            | Expr::Array { .. }
            | Expr::Row { .. }
            | Expr::Coalesce { .. }
            | Expr::Extreme { .. }
            | Expr::NullIf { .. }
            | Expr::Case { .. } => true,
            Expr::Field { .. } => parent != Parent::Field,
            Expr::Cast { how, arg, ty } => {
                matches!(how, CastHow::Function(_)) && super::casts::is_call(&arg.ty(), ty)
                    || self.is_simple(arg, Parent::Cast)
            }
            Expr::Call { proc, args, ty: _ } => match super::calls::operator(*proc, args) {
                None => true,
                Some(operator) => self.is_simple_operator(operator.name, args.len() == 2, parent),
            },
            Expr::Subquery(_) | Expr::IsNull { .. } | Expr::IsBool { .. } => encloses(parent),
            Expr::IsDistinct { negated, .. } => match negated {
                true => is_simple_logic(Parent::Not, parent),
                false => encloses(parent),
            },
            Expr::And(_) => is_simple_logic(Parent::And, parent),
            Expr::Or(_) => is_simple_logic(Parent::Or, parent),
            Expr::Not(_) => is_simple_logic(Parent::Not, parent),
            Expr::InList { .. } | Expr::ArrayCompare { .. } | Expr::Domain { .. } => false,
        }
    }

    fn is_simple_operator(&self, name: &str, is_binary: bool, parent: Parent) -> bool {
        let Parent::Operator { name: above, is_first, is_binary: above_binary } = parent else {
            return encloses(parent);
        };
        match (priority(name), priority(above)) {
            (Some(own), Some(above)) if is_binary && above_binary => own > above || own == above && is_first,
            _ => false,
        }
    }
}

/// Whether operators and tests need no parentheses of their own there.
fn encloses(parent: Parent) -> bool {
    matches!(parent, Parent::And | Parent::Or | Parent::Not)
}

fn is_simple_logic(own: Parent, parent: Parent) -> bool {
    match parent {
        Parent::And => own != Parent::Or,
        Parent::Or => true,
        Parent::Not
        | Parent::Cast
        | Parent::Field
        | Parent::Other
        | Parent::Operator { name: _, is_first: _, is_binary: _ } => false,
    }
}
