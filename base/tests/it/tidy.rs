//! Rules of the source tree: crate edges, walls around libraries, file headers, dead files, sizes.
//!
//! Each rule names the file that breaks it.
#![expect(clippy::disallowed_methods, reason = "these tests read the source tree itself")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines of a file without its unit tests.
const FILE_LINES_MAX: usize = 500;
/// Lines of a lib.rs or mod.rs without its unit tests.
const FACE_LINES_MAX: usize = 150;
/// Lines of a function outside tests.
const FUNCTION_LINES_MAX: usize = 100;

const CRATES: [&str; 10] =
    ["base", "config", "types", "catalog", "storage", "sql", "query", "server", "sql-tests", "bench"];

/// Libraries and the only directories whose code may name them.
const WALLS: [(&str, &[&str]); 4] = [
    ("datafusion", &["query/src", "bench/src/tpch/plain.rs"]),
    ("pgwire", &["server/src"]),
    ("vortex", &["storage/src/segment/vortex"]),
    ("sqlparser", &["sql/src", "sql/tests", "query/src/session"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("read {}: {e}", path.display()))
}

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for name in CRATES {
        for part in ["src", "tests"] {
            collect(&root().join(name).join(part), &mut files);
        }
    }
    assert!(files.len() > 50, "the source tree was not found");
    files
}

fn collect(directory: &Path, files: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            files.push((name, read(&path)));
        }
    }
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("tests.rs") || name.starts_with("sql-tests/")
}

/// The text before the unit tests.
fn body(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The dependency table of ARCHITECTURE.md: crate to what it may depend on.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = read(&root().join("ARCHITECTURE.md"));
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", name, edges, ..] if CRATES.contains(&name.trim_matches('`')) => {
                let edges = edges.split(',').map(|e| e.trim().trim_matches('`').to_owned());
                let edges = edges.filter(|e| CRATES.contains(&e.as_str())).collect();
                Some((name.trim_matches('`').to_owned(), edges))
            }
            _ => None,
        }
    });
    rows.collect()
}

#[test]
fn crates_depend_only_on_what_the_architecture_lists() {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for name in CRATES {
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("ARCHITECTURE.md does not list {name}"));
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let keys = manifest.lines().filter_map(|line| line.split(['.', '=', ' ']).next());
        for edge in keys.filter(|key| CRATES.contains(key) && *key != name) {
            if !allowed.contains(edge) {
                wrong.push(format!("{name} -> {edge}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that ARCHITECTURE.md does not list: {wrong:?}");
}

#[test]
fn libraries_are_named_only_behind_their_walls() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        for (library, places) in WALLS {
            let uses = text.lines().any(|line| {
                // A module of our own may have the name of the library behind it.
                let code = line
                    .split("//")
                    .next()
                    .unwrap_or_default()
                    .replace("super::", "_")
                    .replace("segment::", "_");
                code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').any(|word| {
                    word.starts_with(&format!("{library}::")) || word.starts_with(&format!("{library}_"))
                })
            });
            if uses && !places.iter().any(|place| name.starts_with(place)) && !is_test(&name) {
                wrong.push(format!("{name} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_begins_with_what_it_is() {
    let headless: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name).collect();
    assert!(headless.is_empty(), "files without a //! header: {headless:#?}");
}

#[test]
fn every_file_is_part_of_a_crate() {
    let files: BTreeMap<String, String> = sources().into_iter().collect();
    let mut dead = Vec::new();
    for name in files.keys() {
        let path = Path::new(name);
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let directory = path.parent().unwrap();
        if matches!(stem.as_str(), "lib" | "main")
            || directory.ends_with("src/bin")
            || directory.ends_with("tests")
        {
            continue;
        }
        // mod.rs belongs to the directory above under the directory's name.
        let (module, above) = if stem == "mod" {
            (directory.file_name().unwrap().to_string_lossy().into_owned(), directory.parent().unwrap())
        } else {
            (stem, directory)
        };
        let own = above.with_extension("rs");
        let parents = ["lib.rs", "main.rs", "mod.rs"].map(|file| above.join(file));
        let declared =
            parents.iter().chain([&own]).filter_map(|p| files.get(&*p.to_string_lossy())).any(|text| {
                text.lines().any(|line| {
                    line.trim_end()
                        .strip_suffix(';')
                        .is_some_and(|l| l.split("mod ").nth(1) == Some(module.as_str()))
                })
            });
        let path_attribute = format!("#[path = \"{}\"]", path.file_name().unwrap().to_string_lossy());
        let beside = files
            .iter()
            .any(|(f, text)| Path::new(f).parent() == Some(directory) && text.contains(&path_attribute));
        if !declared && !beside {
            dead.push(name.clone());
        }
    }
    assert!(dead.is_empty(), "files that no module declares: {dead:#?}");
}

#[test]
fn files_and_functions_stay_small() {
    let mut large = Vec::new();
    for (name, text) in sources().into_iter().filter(|(name, _)| !is_test(name)) {
        let body = body(&text);
        let lines = body.lines().count();
        let face = name.ends_with("/lib.rs") || name.ends_with("/mod.rs");
        let max = if face {
            FACE_LINES_MAX.max(if name.ends_with("/mod.rs") { 300 } else { 0 })
        } else {
            FILE_LINES_MAX
        };
        if lines > max {
            large.push(format!("{name}: {lines} lines, at most {max}"));
        }
        large.extend(long_functions(body).into_iter().map(|f| format!("{name}: {f}")));
    }
    assert!(large.is_empty(), "{large:#?}");
}

/// Functions over the limit. The source is formatted, so a function ends at a brace of its own indentation.
fn long_functions(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize, &str)> = None;
    for (number, line) in body.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if open.is_none() && line.contains("fn ") && line.trim_end().ends_with('{')
            || line.trim_start().starts_with("fn ")
        {
            open = Some((number, indent, line.trim()));
        }
        if let Some((start, at, text)) = open
            && line.trim_end() == format!("{}}}", " ".repeat(at))
        {
            if number - start > FUNCTION_LINES_MAX {
                found.push(format!("{} lines in {text}", number - start));
            }
            open = None;
        }
    }
    found
}

#[test]
fn no_drawers_and_nothing_left_to_do() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let stem = Path::new(&name).file_stem().unwrap().to_string_lossy().into_owned();
        if ["util", "utils", "helper", "helpers", "common", "misc"].contains(&stem.as_str()) {
            wrong.push(format!("{name}: name the noun"));
        }
        let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
        for mark in unfinished {
            if text.lines().any(|l| l.split("//").nth(1).is_some_and(|c| c.contains(mark))) {
                wrong.push(format!("{name}: {mark}"));
            }
        }
        if text.contains(concat!("#[", "ignore")) {
            wrong.push(format!("{name}: an ignored test"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
