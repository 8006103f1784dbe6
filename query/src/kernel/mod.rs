//! Kernels: what PostgreSQL's functions, operators and casts compute, attached by pg_proc OID.
//!
//! Must not know bound trees. Invariants: a function without a kernel is refused, never approximated; a kernel's
//! result is PostgreSQL 15's, value or SQLSTATE, for every input (the operator matrix in the tests checks it).

pub(crate) mod aggregate;
pub(crate) mod array_parts;
pub(crate) mod array_shape;
pub(crate) mod arrays;
pub(crate) mod attach;
pub(crate) mod bits;
pub(crate) mod bytes;
pub(crate) mod calendar;
pub(crate) mod call;
pub(crate) mod compare;
pub(crate) mod conversion;
pub(crate) mod dates;
pub(crate) mod decimals;
pub(crate) mod describe;
pub(crate) mod encodings;
pub(crate) mod enums;
pub(crate) mod extremes;
pub(crate) mod floats;
pub(crate) mod format;
pub(crate) mod frame_limits;
pub(crate) mod framed;
pub(crate) mod framed_rows;
pub(crate) mod information_schema;
pub(crate) mod json;
pub(crate) mod jsonb;
pub(crate) mod key;
pub(crate) mod like;
pub(crate) mod list;
pub(crate) mod numbers;
pub(crate) mod objects;
pub(crate) mod patterns;
pub(crate) mod privileges;
pub(crate) mod quoting;
pub(crate) mod record;
mod record_image;
pub(crate) mod record_sets;
pub(crate) mod regexp;
pub(crate) mod rows;
pub(crate) mod sample;
pub(crate) mod send;
pub(crate) mod sequence;
pub(crate) mod series;
pub(crate) mod series_rows;
pub(crate) mod server_facts;
pub(crate) mod signatures;
pub(crate) mod strings;
pub(crate) mod system;
pub(crate) mod templates;
pub(crate) mod times;
pub(crate) mod transitions;
pub(crate) mod trigonometry;
pub(crate) mod udf;
mod updatable;
mod user_functions;
pub(crate) mod value;
pub(crate) mod view_text;

pub use attach::is_attached;
