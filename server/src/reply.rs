//! Replies that every part of the protocol sends: errors, notices, parameter changes, readiness.

use crate::sqlstate::sqlstate;
use crate::wire::Wire;
use base::error::Subject;
use base::{Error, Result};
use pgwire::messages::response::{
    CommandComplete, ErrorResponse, NoticeResponse, ReadyForQuery, TransactionStatus as WireStatus,
};
use pgwire::messages::startup::ParameterStatus;
use query::api::{Notice, Session, TransactionStatus};

/// Whether the connection survives an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Fatal,
}

const DAMAGED_HINT: &str =
    "`nyala check` looks for damage while no server runs; docs/operations.md says what to do about it.";

/// `schema`: the name of that of the error's subject.
pub(crate) fn error(wire: &mut Wire, severity: Severity, error: &Error, schema: Option<&str>) -> Result<()> {
    let severity = match severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', sqlstate(error.kind()).to_owned()),
        (b'M', clean(error.message())),
    ];
    // Damage is found in many places; what to do about it is always the same.
    let damaged = error.kind() == base::ErrorKind::Corruption;
    let hint = error.hint().or(damaged.then_some(DAMAGED_HINT));
    let optional = [(b'D', error.detail()), (b'H', hint), (b'W', error.context())];
    fields.extend(optional.into_iter().filter_map(|(code, text)| Some((code, clean(text?)))));
    if let Some(Subject { schema: _, table, column, constraint }) = error.subject() {
        let subject = [
            (b's', schema),
            (b't', Some(table.as_str())),
            (b'c', column.as_deref()),
            (b'n', constraint.as_deref()),
        ];
        fields.extend(subject.into_iter().filter_map(|(code, text)| Some((code, clean(text?)))));
    }
    fields.extend(error.position().map(|p| (b'P', p.to_string())));
    wire.put(&ErrorResponse::new(fields))
}

/// The protocol ends strings with NUL; messages may quote input that has one.
fn clean(text: &str) -> String {
    text.replace('\0', "\\0")
}

fn notice(wire: &mut Wire, notice: Notice) -> Result<()> {
    let mut fields = vec![
        (b'S', notice.severity.to_owned()),
        (b'V', notice.severity.to_owned()),
        (b'C', notice.code.to_owned()),
        (b'M', clean(&notice.message)),
    ];
    fields.extend(notice.detail.map(|d| (b'D', clean(&d))));
    fields.extend(notice.hint.map(|h| (b'H', clean(&h))));
    wire.put(&NoticeResponse::new(fields))
}

/// Sends the notices that a statement caused.
pub(crate) fn notices(wire: &mut Wire, session: &mut Session) -> Result<()> {
    put_notices(wire, session.take_notices())
}

pub(crate) fn put_notices(wire: &mut Wire, notices: Vec<Notice>) -> Result<()> {
    notices.into_iter().try_for_each(|n| notice(wire, n))
}

pub(crate) fn complete(wire: &mut Wire, tag: String) -> Result<()> {
    wire.put(&CommandComplete::new(tag))
}

pub(crate) fn parameter(wire: &mut Wire, name: String, value: String) -> Result<()> {
    wire.put(&ParameterStatus::new(name, value))
}

pub(crate) fn ready(wire: &mut Wire, session: &Session) -> Result<()> {
    let status = match session.status() {
        TransactionStatus::Idle => WireStatus::Idle,
        TransactionStatus::InBlock => WireStatus::Transaction,
        TransactionStatus::Failed => WireStatus::Error,
    };
    wire.put(&ReadyForQuery::new(status))
}
