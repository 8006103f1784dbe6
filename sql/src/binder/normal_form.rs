//! normalize and IS NORMALIZED, whose form is a word of the grammar.

use super::type_name::held;
use super::{Binder, Scope, Term};
use crate::bound::Expr;
use base::Result;
use sqlparser::ast;
use types::Datum;
use types::sql_type::oid;

impl Binder<'_> {
    /// `normalize(text, NFC)`, whose form is a word and no column.
    pub(super) fn normalize_form<'e>(
        name: &str,
        args: &'e [&'e ast::Expr],
    ) -> Option<(&'e ast::Expr, String)> {
        let [text, ast::Expr::Identifier(form)] = args else { return None };
        let word = form.value.to_ascii_uppercase();
        let known = name == "normalize"
            && form.quote_style.is_none()
            && matches!(word.as_str(), "NFC" | "NFD" | "NFKC" | "NFKD");
        known.then_some((*text, word))
    }

    /// A call of a function over a text and the name of a form.
    pub(super) fn with_form(
        &mut self,
        function: &str,
        text: &ast::Expr,
        form: &str,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let text = self.expr(text, scope)?;
        let at = text.at;
        let form = Expr::Const(Datum::Text(form.to_owned()), held(oid::TEXT, -1)?);
        self.call_terms(function, vec![text, Term { expr: form, at }], at)
    }
}
