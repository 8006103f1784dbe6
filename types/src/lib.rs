//! PostgreSQL's types over Arrow: identity (OID, typmod), stored form, values, text and binary
//! conversion, exact arithmetic on numerics, key encoding and the tablet hash.
//!
//! Must not know tables, SQL text, DataFusion or the protocol's messages.

pub mod array;
pub mod bits;
pub mod datetime;
pub mod datum;
pub mod encode;
pub mod hash;
pub mod json;
pub mod jsonpath;
pub mod key;
pub mod list;
pub mod pgnum;
pub mod sql_type;
pub mod text;
pub mod user_type;
pub mod zone;

pub use datum::{Datum, Interval, TimeTz};
pub use encode::{BinaryEncoder, TextEncoder, decode_binary};
pub use hash::{bucket, fingerprint_rows, hash_data, hash_rows};
pub use key::{KeyBuffer, encode_key_data, encode_keys};
pub use list::{Dimension, List};
pub use pgnum::PgNum;
pub use sql_type::{Form, SqlType};
pub use text::{IoSettings, ObjectNames, apply_typmod, format_text, parse_text};
pub use zone::Zone;
