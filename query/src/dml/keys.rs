//! Whether an UPDATE can change keys, and whether its source can name a row twice.
//!
//! Invariant: the answer may be "yes" when it is "no", never the other way round.

use sql::bound::{BoundUpdate, ColRef, Expr, Rel};

/// Whether the new value of each key column is the scanned old one. `key` holds positions in the table.
pub(crate) fn keeps_keys(update: &BoundUpdate, key: &[usize]) -> bool {
    let Some(scanned) = scanned_columns(&update.source, update.row_address) else {
        return false;
    };
    key.iter().all(|position| match (update.new_columns.get(*position), scanned.get(*position)) {
        (Some(new), Some(old)) => origin(&update.source, *new) == Some(*old),
        _ => false,
    })
}

/// Whether a row may come out of `rel` more than once: joins can repeat it.
pub(crate) fn may_repeat(rel: &Rel) -> bool {
    match rel {
        Rel::Scan(_) | Rel::System(_) | Rel::Unit | Rel::Empty { .. } => false,
        Rel::Project { input, .. }
        | Rel::Filter { input, .. }
        | Rel::Sort { input, .. }
        | Rel::Limit { input, .. } => may_repeat(input),
        _ => true,
    }
}

/// The columns of the scan that yields `row_address`, in table order, when it scans all of them.
fn scanned_columns(rel: &Rel, row_address: ColRef) -> Option<Vec<ColRef>> {
    match rel {
        Rel::Scan(scan) => (scan.row_address == Some(row_address))
            .then(|| scan.columns.iter().map(|(_, typed)| typed.col).collect()),
        Rel::Project { input, items } => {
            let inner = items.iter().find_map(|(expr, out)| match expr {
                Expr::Column(c) if *out == row_address => Some(c.col),
                _ => None,
            });
            scanned_columns(input, inner.unwrap_or(row_address))
        }
        Rel::Filter { input, .. } | Rel::Sort { input, .. } | Rel::Limit { input, .. } => {
            scanned_columns(input, row_address)
        }
        Rel::Join { left, right, .. } => {
            scanned_columns(left, row_address).or_else(|| scanned_columns(right, row_address))
        }
        Rel::With { body, .. } => scanned_columns(body, row_address),
        _ => None,
    }
}

/// The column below all projections that `col` hands through unchanged.
fn origin(rel: &Rel, col: ColRef) -> Option<ColRef> {
    match rel {
        Rel::Project { input, items } => match items.iter().find(|(_, out)| *out == col) {
            Some((Expr::Column(c), _)) => origin(input, c.col),
            Some(_) => None,
            None => None,
        },
        Rel::Filter { input, .. } | Rel::Sort { input, .. } | Rel::Limit { input, .. } => origin(input, col),
        Rel::With { body, .. } => origin(body, col),
        // Joins and scans hand their columns through under their own references.
        _ => Some(col),
    }
}
