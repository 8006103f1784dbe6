//! docs/functions.md against the kernels that are attached.

use base::id::Oid;
use catalog::builtin::{self, CastMethod, Proc, ProcKind};
use query::api::is_attached;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const HEADING: &str = "\
# Functions and operators

What can be called, with the types of the arguments as PostgreSQL's catalog names them. Other types are converted by
PostgreSQL's rules first. Beside these: CASE, COALESCE, NULLIF, GREATEST, LEAST, IN, BETWEEN, IS [NOT] NULL, TRUE, FALSE,
UNKNOWN, NORMALIZED and DISTINCT FROM, ANY and ALL, EXISTS, EXTRACT, SUBSTRING, POSITION, TRIM, OVERLAY, OVERLAPS,
SIMILAR TO, AT TIME ZONE, casts. Arguments may be named (`days => 3`) and left out where PostgreSQL has defaults.
Everything else is refused with 0A000. A test keeps this list true; `NYALA_TEST_WRITE=1` makes it write the list.
";

fn types(args: &[Oid]) -> String {
    let name = |oid: &Oid| builtin::type_by_oid(*oid).map_or("?", |row| row.name).trim_start_matches('_');
    let is_array = |oid: &Oid| builtin::type_by_oid(*oid).is_some_and(|row| row.name.starts_with('_'));
    let shown = args.iter().map(|oid| format!("{}{}", name(oid), if is_array(oid) { "[]" } else { "" }));
    shown.collect::<Vec<_>>().join(", ")
}

/// One line per name with the argument lists of its overloads.
fn section(title: &str, entries: BTreeMap<String, BTreeSet<String>>, out: &mut String) {
    writeln!(out, "\n## {title}\n").unwrap();
    for (name, overloads) in entries {
        let overloads: Vec<String> = overloads.into_iter().map(|args| format!("({args})")).collect();
        writeln!(out, "- `{name}` {}", overloads.join(" ")).unwrap();
    }
}

fn procs(wanted: impl Fn(&Proc) -> bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut entries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for proc in builtin::procs().iter().filter(|p| is_attached(p.oid) && wanted(p)) {
        entries.entry(proc.name.to_owned()).or_default().insert(types(&proc.args));
    }
    entries
}

fn listed() -> String {
    let mut out = HEADING.to_owned();
    let of_operators: BTreeSet<Oid> = builtin::all_operators().map(|o| o.proc).collect();
    let of_casts: BTreeSet<Oid> = builtin::casts()
        .filter_map(|c| match c.method {
            CastMethod::Function(proc) => Some(proc),
            _ => None,
        })
        .collect();
    let plain = |p: &Proc| {
        p.kind == ProcKind::Function
            && !p.returns_set
            && !of_operators.contains(&p.oid)
            && !of_casts.contains(&p.oid)
    };
    section("Functions", procs(plain), &mut out);
    section("Aggregates", procs(|p| p.kind == ProcKind::Aggregate), &mut out);
    section("Window functions", procs(|p| p.kind == ProcKind::Window), &mut out);
    section("Functions in FROM", procs(|p| p.returns_set), &mut out);
    let mut operators: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operator in builtin::all_operators().filter(|o| is_attached(o.proc)) {
        let sides = [operator.left, operator.right].map(|side| (side.0 != 0).then(|| types(&[side])));
        let sides: Vec<String> = sides.into_iter().flatten().collect();
        operators.entry(operator.name.to_owned()).or_default().insert(sides.join(", "));
    }
    section("Operators", operators, &mut out);
    out
}

#[expect(clippy::disallowed_methods, reason = "a document of the project is written on demand")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// The hint of a function that is refused sends people to this list, which was not there.
#[test]
fn the_list_of_functions_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/functions.md");
    let expected = listed();
    if std::env::var_os("NYALA_TEST_WRITE").is_some() {
        write(&path, &expected);
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "docs/functions.md is not what is attached: run with NYALA_TEST_WRITE=1");
}
