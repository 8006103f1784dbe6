//! Casts, written and implied.

use super::constants::Label;
use super::layout::{Told, Untold, Writer};
use super::simple::Parent;
use crate::binder::{Path, path};
use crate::bound::{CastHow, Expr};
use catalog::builtin::CastContext;
use types::{SqlType, user_type};

impl Writer<'_> {
    /// A cast that stands in the query, or one that is shown although it does not.
    pub(super) fn cast(&mut self, arg: &Expr, ty: &SqlType) -> Told {
        let arg = super::expressions::bare(arg);
        match arg {
            // A literal that is cut to a length is told once.
            Expr::Const(datum, own) if own.oid == ty.oid && own.typmod == -1 && ty.domain.is_none() => {
                self.constant(datum, own, Label::Never)?;
            }
            // A row of a composite type needs no more parentheses than its own.
            row @ Expr::Row { .. } if user_type::is_composite(ty.oid) => self.expr(row, false)?,
            arg => {
                self.open();
                self.inner(arg, false, Parent::Cast)?;
                self.close();
            }
        }
        let name = self.names.type_name(ty.named(), ty.named_typmod());
        self.put(&format!("::{name}"));
        Ok(())
    }

    pub(super) fn implied_cast(&mut self, how: CastHow, arg: &Expr, ty: &SqlType, implicit: bool) -> Told {
        if matches!(how, CastHow::Typmod { .. }) {
            return Err(Untold);
        }
        match implicit {
            true => self.cast(arg, ty),
            false => self.inner(arg, false, Parent::Cast),
        }
    }
}

/// Whether a cast calls a function, so that it stands for itself.
pub(super) fn is_call(from: &SqlType, to: &SqlType) -> bool {
    to.typmod != -1 || matches!(path(from.oid, to.oid, CastContext::Explicit), Some(Path::Function(_)))
}
