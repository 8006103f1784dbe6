//! Changes of type and modifier.

use crate::kernel::udf::Kernel;
use crate::kernel::{array_shape, attach, conversion, numbers};
use crate::lower::literals;
use crate::lower::scope::{Lowering, Scope, unsupported_function};
use base::{Error, Result};
use datafusion::logical_expr::Expr as PlanExpr;
use sql::bound::{CastHow, Expr};
use std::sync::Arc;
use types::sql_type::{is_vector, oid};
use types::{Form, SqlType};

impl Lowering<'_> {
    pub(crate) fn cast(
        &mut self,
        scope: &mut Scope,
        how: CastHow,
        arg: &Expr,
        ty: &SqlType,
    ) -> Result<PlanExpr> {
        let from = arg.ty();
        let value = self.expr(scope, arg)?;
        let kernel = match how {
            CastHow::Relabel if is_vector(from.oid) && !is_vector(ty.oid) => {
                self.kernel("array_of_vector", array_shape::array_of_vector, vec![from], ty)
            }
            CastHow::Relabel if from.form == ty.form => return Ok(value),
            CastHow::Relabel if is_row(&from) && from.form.arrow() == ty.form.arrow() => return Ok(value),
            CastHow::Relabel if is_integer_and_oid(&from, ty) => {
                self.kernel("relabelled", conversion::relabelled, vec![from], ty)
            }
            CastHow::InOut if ty.oid == oid::CHAR && from.oid == oid::NAME => {
                return Err(Error::unsupported("casts of name to \"char\" are not supported"));
            }
            CastHow::Relabel | CastHow::InOut => self.in_out(&from, ty),
            CastHow::Function(proc) => {
                let Some(attached) = attach::attached(proc) else {
                    return Err(unsupported_function(proc, &[from]));
                };
                Kernel {
                    name: attached.name,
                    oid: proc.0,
                    run: attached.run,
                    args: vec![from],
                    ret: ty.clone(),
                    volatile: attached.volatile,
                    statement: Arc::clone(&self.context.statement),
                }
            }
            CastHow::Typmod { explicit: true } => {
                self.kernel("modifier_explicit", conversion::typmod_explicit, vec![from], ty)
            }
            CastHow::Typmod { explicit: false } => {
                self.kernel("modifier", conversion::typmod, vec![from], ty)
            }
            CastHow::NumericForm if from.form == ty.form => return Ok(value),
            CastHow::NumericForm => numbers::reform(&from, ty, &self.context.statement),
        };
        literals::call(kernel, vec![value])
    }

    fn in_out(&self, from: &SqlType, to: &SqlType) -> Kernel {
        match (&from.form, &to.form) {
            (Form::Text, Form::Text) if reads_text(to) => {
                self.kernel("value_of", conversion::from_text, vec![from.clone()], to)
            }
            (_, Form::Text) if reads_text(to) => {
                self.kernel("through_text", conversion::through_text, vec![from.clone()], to)
            }
            (_, Form::Text) => self.kernel("text_of", conversion::to_text, vec![from.clone()], to),
            (Form::Text, _) => self.kernel("value_of", conversion::from_text, vec![from.clone()], to),
            _ => self.kernel("through_text", conversion::through_text, vec![from.clone()], to),
        }
    }
}

/// Whether values are rows, or arrays of them.
fn is_row(ty: &SqlType) -> bool {
    match &ty.form {
        Form::Array(element) => matches!(**element, Form::Row(_)),
        form => matches!(form, Form::Row(_)),
    }
}

/// Whether the type is held as text, of which not every one is a value: names are cut.
fn reads_text(ty: &SqlType) -> bool {
    matches!(ty.oid, oid::NAME | oid::JSON | oid::JSONPATH | oid::BIT | oid::VARBIT)
}

fn is_integer_and_oid(from: &SqlType, to: &SqlType) -> bool {
    matches!((&from.form, &to.form), (Form::Int32, Form::UInt32) | (Form::UInt32, Form::Int32))
}
