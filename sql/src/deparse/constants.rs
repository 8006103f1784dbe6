//! Constants: bare where the reader finds their type by itself, else with the type behind them.

use super::layout::{Told, Untold, Writer};
use types::sql_type::oid;
use types::{Datum, SqlType};

/// Whether a type stands behind a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Never,
    AsNeeded,
    Always,
}

impl Writer<'_> {
    pub(super) fn constant(&mut self, datum: &Datum, ty: &SqlType, label: Label) -> Told {
        // A numeric's modifier is that of the cast around it.
        let typmod = ty.typmod;
        let typed = |w: &Self| format!("::{}", w.names.type_name(ty.oid, typmod));
        if datum.is_null() {
            self.put("NULL");
            if label != Label::Never {
                let typed = typed(self);
                self.put(&typed);
            }
            return Ok(());
        }
        if let (Datum::Text(text), oid::UNKNOWN) = (datum, ty.oid) {
            self.put(&literal(text));
            return Ok(());
        }
        let mut text = String::new();
        types::text::format_text(ty, datum, &self.context.io, &mut text).map_err(|_| Untold)?;
        let needs = match ty.oid {
            oid::BOOL => {
                self.put(if text == "t" { "true" } else { "false" });
                false
            }
            oid::INT4 if !text.starts_with('-') => {
                self.put(&text);
                false
            }
            oid::NUMERIC
                if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['e', 'E', '.']) =>
            {
                self.put(&text);
                typmod >= 0
            }
            _ => {
                self.put(&literal(&text));
                true
            }
        };
        if label == Label::Always || (needs && label == Label::AsNeeded) {
            let typed = typed(self);
            self.put(&typed);
        }
        Ok(())
    }
}

/// A text in quotes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
