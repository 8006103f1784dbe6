//! Defaults of arguments of built-in functions, which pg_proc has only as trees of PostgreSQL's own.

use base::id::Oid;

/// pg_proc OID and the defaults of its last arguments, as texts that the input functions of their types read.
const DEFAULTS: &[(u32, &[&str])] = &[
    (1177, &["{}", "false"]),
    (1179, &["{}", "false"]),
    (1180, &["{}", "false"]),
    (1268, &["true"]),
    (2023, &["{}", "false"]),
    (2030, &["{}", "false"]),
    (2096, &["0"]),
    (2172, &["false"]),
    (2739, &["true"]),
    (3305, &["true"]),
    (3436, &["true", "60"]),
    (3464, &["0", "0", "0", "0", "0", "0", "0.0"]),
    (3579, &["false"]),
    (3779, &["false", "false"]),
    (3782, &["{}"]),
    (3783, &["{}"]),
    (3784, &["{}"]),
    (3785, &["{}"]),
    (3786, &["false", "false"]),
    (3960, &["false"]),
    (3961, &["false"]),
    (4005, &["{}", "false"]),
    (4006, &["{}", "false"]),
    (4007, &["{}", "false"]),
    (4008, &["{}", "false"]),
    (4009, &["{}", "false"]),
    (4350, &["NFC"]),
    (4351, &["NFC"]),
    (5054, &["true", "use_json_null"]),
];

/// The default of a function's argument, which is one of `arguments`; None where it has none.
pub fn default_of(proc: Oid, argument: usize, arguments: usize) -> Option<&'static str> {
    let (_, texts) = DEFAULTS.iter().find(|(oid, _)| *oid == proc.0)?;
    texts.get(argument.checked_sub(arguments.checked_sub(texts.len())?)?).copied()
}

#[cfg(test)]
mod tests {
    use super::{DEFAULTS, default_of};
    use crate::builtin::proc;
    use base::id::Oid;

    #[test]
    fn every_default_belongs_to_an_argument() {
        for (oid, texts) in DEFAULTS {
            let row = proc(Oid(*oid)).unwrap();
            assert_eq!(row.defaults, texts.len(), "{}", row.name);
            assert!(default_of(row.oid, row.args.len() - 1, row.args.len()).is_some());
        }
        assert_eq!(default_of(Oid(3436), 0, 2), Some("true"));
        assert_eq!(default_of(Oid(3305), 2, 4), None);
    }
}
