//! Between our errors and DataFusion's: kernels and scans raise ours, operators carry them, callers get them back.
//!
//! Invariant: an error of ours that passes through DataFusion comes out with its kind, detail and hint.

use arrow::error::ArrowError;
use base::{Error, ErrorKind};
use datafusion::common::DataFusionError;

/// Wraps an error of ours for DataFusion to carry.
pub(crate) fn into_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error of ours inside, or a translation of DataFusion's own.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(nested) => from_datafusion(*nested),
                Err(other) => Error::internal(other.to_string()),
            },
        },
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Shared(inner) => copy_of(&inner),
        DataFusionError::Collection(mut all) => match all.is_empty() {
            true => Error::internal("a collection of no errors"),
            false => from_datafusion(all.swap_remove(0)),
        },
        DataFusionError::ExecutionJoin(inner) => {
            Error::internal(format!("a task of the query failed: {inner}"))
        }
        DataFusionError::ResourcesExhausted(message) => out_of_memory(message),
        DataFusionError::IoError(inner) => from_io(inner),
        DataFusionError::NotImplemented(message) => Error::unsupported(message),
        other => Error::internal(other.to_string()),
    }
}

/// The error of ours inside an Arrow error, or a translation.
pub(crate) fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(nested) => from_datafusion(*nested),
                Err(other) => Error::internal(other.to_string()),
            },
        },
        ArrowError::IoError(_, inner) => from_io(inner),
        ArrowError::DivideByZero => Error::new(ErrorKind::DivisionByZero, "division by zero"),
        ArrowError::ArithmeticOverflow(message) => Error::new(ErrorKind::NumericOutOfRange, message),
        ArrowError::MemoryError(message) => out_of_memory(message),
        other => Error::internal(other.to_string()),
    }
}

/// An error of ours that a writer of spill files had to hand on as one of input and output.
fn from_io(error: std::io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(theirs) => match theirs.downcast::<DataFusionError>() {
            Ok(nested) => from_datafusion(nested),
            Err(theirs) => Error::io("use a spill file", theirs),
        },
    }
}

fn out_of_memory(message: String) -> Error {
    Error::new(ErrorKind::OutOfMemory, "out of memory")
        .with_detail(message)
        .with_hint("Raise query_memory_bytes, or read fewer rows at once.")
}

/// Errors cannot be cloned; a shared one is told again.
fn copy_of(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => retold(ours),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(nested) => copy_of(nested),
                None => Error::internal(inner.to_string()),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => copy_of(inner),
        DataFusionError::Shared(inner) => copy_of(inner),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(source) => match source.downcast_ref::<Error>() {
                Some(ours) => retold(ours),
                None => Error::internal(source.to_string()),
            },
            other => Error::internal(other.to_string()),
        },
        DataFusionError::ResourcesExhausted(message) => out_of_memory(message.clone()),
        other => Error::internal(other.to_string()),
    }
}

fn retold(error: &Error) -> Error {
    let mut copy = Error::new(error.kind(), error.message());
    if let Some(detail) = error.detail() {
        copy = copy.with_detail(detail);
    }
    if let Some(hint) = error.hint() {
        copy = copy.with_hint(hint);
    }
    if let Some(context) = error.context() {
        copy = copy.with_context(context);
    }
    match error.position() {
        Some(position) => copy.at(position),
        None => copy,
    }
}
