//! The house stays as `src/lib.rs` draws it: imports point one way, no room is a cupboard, and a tool is
//! short enough to be read in one sitting.

mod harness;

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may look into.
const ROOMS: [(&str, &[&str]); 12] = [
    ("sys", &[]),
    ("record", &[]),
    ("value", &["record"]),
    ("expr", &["record", "value"]),
    ("fold", &["record", "value", "expr"]),
    ("trust", &["sys", "record"]),
    ("stream", &["sys", "record", "trust"]),
    ("runner", &["sys", "record", "trust", "stream"]),
    ("database", &["record", "trust", "stream"]),
    (
        "source",
        &["record", "value", "trust", "stream", "database"],
    ),
    (
        "target",
        &["record", "value", "trust", "stream", "database"],
    ),
    (
        "cli",
        &[
            "sys", "record", "value", "expr", "fold", "trust", "stream", "runner", "database",
            "source", "target",
        ],
    ),
];

/// The most lines that a file in `bin` may have.
const LINES_OF_A_TOOL: usize = 250;

/// All Rust files under `path`, with their text.
fn rust_files(path: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let path = entry.expect("a directory can be read").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// The code of `text`, without comments, which may speak of any room.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first names of the paths that begin with `crate`, `use crate::{...}` included.
fn imported_rooms(text: &str) -> Vec<String> {
    let code = code(text);
    let single = Regex::new(r"\bcrate::(\w+)").expect("a good pattern");
    let mut rooms: Vec<String> = single
        .captures_iter(&code)
        .map(|found| found[1].to_owned())
        .collect();
    for (at, opening) in code.match_indices("crate::{") {
        let mut depth = 1;
        let mut name = String::new();
        let mut within = true;
        for letter in code[at + opening.len()..].chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && letter == ',') {
                rooms.push(std::mem::take(&mut name));
                within = true;
            } else if letter.is_alphanumeric() || letter == '_' {
                if within {
                    name.push(letter);
                }
            } else if letter == ':' {
                within = false;
            }
            if depth == 0 {
                break;
            }
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

#[test]
fn imports_are_found() {
    let text = "use crate::record::Block;\nuse crate::{value::{Decimal, Time}, expr};\n\
                // crate::cli\nfn f() -> crate::fold::Table {}";
    let mut rooms = imported_rooms(text);
    rooms.sort();
    assert_eq!(rooms, ["expr", "fold", "record", "value"]);
}

#[test]
fn imports_point_one_way() {
    let source = harness::root().join("src");
    let mut wrong = Vec::new();
    for (path, text) in rust_files(&source) {
        let inside = path.strip_prefix(&source).expect("a file of src");
        let first = inside.iter().next().expect("a path has a part");
        let room = first.to_string_lossy().replace(".rs", "");
        if room == "lib" {
            continue;
        }
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            panic!("{} is in no room that this test knows", inside.display());
        };
        for import in imported_rooms(&text) {
            if import != room && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} looks into {import}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_room_is_a_cupboard() {
    for directory in ["src", "bin", "tests"] {
        for (path, _) in rust_files(&harness::root().join(directory)) {
            let inside = path.strip_prefix(harness::root()).expect("a file of ours");
            for part in inside {
                let name = part.to_string_lossy().replace(".rs", "");
                assert!(
                    !["util", "utils", "common", "misc", "helpers"].contains(&name.as_str()),
                    "{}: a name that says nothing",
                    inside.display()
                );
            }
        }
    }
}

#[test]
fn a_tool_is_short() {
    let tools = rust_files(&harness::root().join("bin"));
    assert_eq!(tools.len(), harness::TOOLS.len(), "one file per program");
    for (path, text) in tools {
        let lines = text.lines().count();
        assert!(
            lines <= LINES_OF_A_TOOL,
            "{} has {lines} lines: what is more than {LINES_OF_A_TOOL} belongs in the library",
            path.display()
        );
    }
}
