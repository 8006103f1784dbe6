//! The functions that give out or tell the values of sequences.

use base::id::Oid;

/// pg_proc.oid of nextval, currval, setval (with two and three arguments) and lastval.
const FUNCTIONS: [Oid; 5] = [Oid(1574), Oid(1575), Oid(1576), Oid(1765), Oid(2559)];

/// Whether a function's value depends on when it is called among others of its kind.
pub(crate) fn is_sequence_function(proc: Oid) -> bool {
    FUNCTIONS.contains(&proc)
}
