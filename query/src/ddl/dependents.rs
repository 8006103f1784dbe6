//! What depends on objects that are dropped: it forbids that, or goes too and is told of.

use crate::session::Core;
use base::id::{ColumnId, Oid, TableId};
use base::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

const HINT: &str = "Use DROP ... CASCADE to drop the dependent objects too.";

/// What else would have to go.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    /// In words, with what each depends on.
    pub(super) described: Vec<(String, String)>,
    /// Columns that lose their defaults.
    pub(super) defaults: BTreeMap<TableId, Vec<ColumnId>>,
    /// Checks that tables lose.
    pub(super) checks: BTreeMap<TableId, Vec<Oid>>,
    /// Foreign keys that go, by their tables.
    pub(super) foreign_keys: BTreeMap<TableId, Vec<Oid>>,
}

/// 2BP01 when something depends on what goes, unless that goes too.
pub(super) fn forbid_or_tell(
    core: &mut Core,
    target: Option<&str>,
    dependents: &Dependents,
    cascade: bool,
) -> Result<()> {
    if !dependents.described.is_empty() {
        if !cascade {
            return Err(still_needed(target, dependents));
        }
        tell(core, dependents);
    }
    Ok(())
}

fn still_needed(target: Option<&str>, dependents: &Dependents) -> Error {
    let message = match target {
        Some(target) => format!("cannot drop {target} because other objects depend on it"),
        None => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    let detail: Vec<String> =
        dependents.described.iter().map(|(object, on)| format!("{object} depends on {on}")).collect();
    Error::new(ErrorKind::DependentObjects, message).with_detail(detail.join("\n")).with_hint(HINT)
}

fn tell(core: &mut Core, dependents: &Dependents) {
    match dependents.described.as_slice() {
        [] => {}
        [(object, _)] => core.notice("NOTICE", "00000", format!("drop cascades to {object}")),
        many => {
            let detail: Vec<String> =
                many.iter().map(|(object, _)| format!("drop cascades to {object}")).collect();
            let message = format!("drop cascades to {} other objects", many.len());
            core.notice_with_detail("NOTICE", "00000", message, Some(detail.join("\n")));
        }
    }
}
