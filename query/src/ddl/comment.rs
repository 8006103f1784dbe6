//! COMMENT.

use super::table::command;
use crate::api::Execution;
use crate::session::Core;
use base::Result;
use catalog::{CatalogEdit, CommentKey};

/// COMMENT ON .. IS ..; `notice` warns of an object that there is not.
pub(crate) fn comment(
    core: &mut Core,
    key: Option<CommentKey>,
    text: Option<&str>,
    notice: Option<&str>,
) -> Result<Execution> {
    if let Some(notice) = notice {
        core.notice("WARNING", "3D000", notice);
    }
    let transaction = core.transaction.current()?;
    if let Some(key) = key.filter(|key| transaction.catalog().comment(key) != text) {
        transaction.edit_catalog(CatalogEdit::Comment(key, text.map(ToOwned::to_owned)))?;
    }
    Ok(command("COMMENT"))
}
