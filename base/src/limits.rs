//! Compiled-in maxima and how they depend on each other.

/// Largest log record, in bytes.
pub const LOG_RECORD_BYTES_MAX: usize = 16 << 20;
/// Largest value of one column, in bytes.
pub const VALUE_BYTES_MAX: usize = 8 << 20;
/// Largest encoded primary key, in bytes.
pub const KEY_BYTES_MAX: usize = 64 << 10;
/// Largest SQL statement, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 32 << 20;
/// Words, numbers, strings and signs of a query string, of which each takes up to 500 bytes while it is planned. Rows of
/// literals in INSERT .. VALUES do not count: they are kept in a few bytes.
pub const QUERY_TOKENS_MAX: usize = 2_000_000;
/// Deepest nesting of parentheses, CASE and subqueries in a statement.
pub const NESTING_MAX: usize = 256;
/// Longest chain of one operator (AND, OR, +, ||, UNION) in a statement.
pub const CHAIN_MAX: usize = 10_000;
/// Calls inside each other that have to be made for each row, such as the terms of a sum of columns. Planning takes
/// time by the square of them.
pub const CALL_DEPTH_MAX: u32 = 1_000;
/// Stack of the threads that parse, bind, plan and execute, in bytes.
pub const STACK_BYTES: usize = 64 << 20;
/// Columns of a table.
pub const TABLE_COLUMNS_MAX: usize = 1_600;
/// Length of an identifier, in bytes, as in PostgreSQL; longer ones are cut with a notice.
pub const IDENTIFIER_BYTES_MAX: usize = 63;
/// Parameters of a prepared statement: the protocol counts them in 16 bits.
pub const PARAMETERS_MAX: usize = 65_535;
/// Tablets of one table.
pub const TABLETS_PER_TABLE_MAX: usize = 4_096;

const _: () = assert!(VALUE_BYTES_MAX < LOG_RECORD_BYTES_MAX, "a row must fit into a log record");
