//! PostgreSQL's types over Arrow: identity (OID, typmod), stored form, values, text and binary
//! conversion, exact arithmetic on numerics, key encoding and the tablet hash.
//!
//! Must not know tables, SQL text, DataFusion or the protocol's messages.

pub mod array;
pub mod datum;
pub mod sql_type;

pub use datum::{Datum, Interval};
pub use sql_type::{Form, SqlType};
