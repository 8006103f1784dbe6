//! Words that are functions: CURRENT_DATE and its like.

use super::names::located;
use super::type_name::held;
use super::{Binder, Term};
use crate::bound::Expr;
use crate::bound::outline::Spelling;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::sql_type::oid;

/// The pg_proc OID of now.
const NOW: Oid = Oid(1299);

impl Binder<'_> {
    /// CURRENT_DATE and its like: words without parentheses.
    pub(super) fn value_function(
        &mut self,
        name: &str,
        precision: Option<&ast::Expr>,
        at: usize,
    ) -> Result<Term> {
        let timestamptz = held(oid::TIMESTAMPTZ, -1)?;
        let now = Expr::Call { proc: NOW, args: Vec::new(), ty: timestamptz };
        let now_call = now.clone();
        let term = |expr| Term { expr, at };
        let typmod = match precision {
            None => -1,
            Some(ast::Expr::Value(ast::ValueWithSpan {
                value: ast::Value::Number(text, false),
                span: _,
            })) => text.parse::<i32>().map_or(6, |p| p.min(6)),
            Some(_) => return Err(located(Error::new(ErrorKind::Syntax, "syntax error in a precision"), at)),
        };
        let (target, named) = match name {
            "current_timestamp" => (held(oid::TIMESTAMPTZ, typmod)?, None),
            "current_date" => (held(oid::DATE, -1)?, None),
            "localtimestamp" => (held(oid::TIMESTAMP, typmod)?, None),
            "current_time" => (held(oid::TIMETZ, typmod)?, None),
            "localtime" => (held(oid::TIME, typmod)?, None),
            "current_user" | "session_user" | "user" | "current_role" => {
                let called = if name == "session_user" { name } else { "current_user" };
                (held(oid::NAME, -1)?, Some(called))
            }
            "current_catalog" => (held(oid::NAME, -1)?, Some("current_database")),
            "current_schema" => (held(oid::NAME, -1)?, Some("current_schema")),
            _ => return Err(self.unsupported(&name.to_ascii_uppercase(), at)),
        };
        if self.outlines.on {
            let word = match typmod {
                -1 => name.to_ascii_uppercase(),
                digits => format!("{}({digits})", name.to_ascii_uppercase()),
            };
            return Ok(Term { expr: Spelling::Word(word).around(None, now_call, target), at });
        }
        match named {
            Some(called) => self.call_terms(called, Vec::new(), at),
            None => self.coerce(term(now), &target, CastContext::Explicit),
        }
    }
}
