//! The house stays as `src/lib.rs` draws it: imports point one way, no room is a cupboard, and a tool is
//! short enough to be read in one sitting.

mod harness;

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may look into.
const ROOMS: [(&str, &[&str]); 19] = [
    ("sys", &[]),
    ("bytes", &[]),
    ("record", &["bytes"]),
    ("value", &["bytes", "record"]),
    ("expr", &["bytes", "record", "value"]),
    ("fold", &["sys", "bytes", "record", "value", "expr"]),
    ("trust", &["sys", "record"]),
    ("stream", &["sys", "bytes", "record", "trust"]),
    ("runner", &["sys", "bytes", "record", "trust", "stream"]),
    ("monitor", &["record", "trust"]),
    ("checkpoint", &["record", "trust"]),
    ("files", &["record", "stream", "checkpoint"]),
    (
        "resume",
        &["bytes", "record", "trust", "stream", "checkpoint", "files"],
    ),
    ("schema", &["bytes", "record", "value"]),
    ("load", &["bytes", "record", "trust", "stream", "schema"]),
    (
        "format",
        &[
            "bytes", "record", "value", "stream", "files", "schema", "load",
        ],
    ),
    (
        "connector",
        &[
            "sys",
            "bytes",
            "record",
            "value",
            "trust",
            "stream",
            "checkpoint",
            "schema",
            "load",
            "format",
        ],
    ),
    (
        "verb",
        &[
            "bytes", "record", "value", "expr", "fold", "trust", "stream", "files", "resume",
            "format",
        ],
    ),
    (
        "cli",
        &[
            "sys",
            "bytes",
            "record",
            "value",
            "expr",
            "fold",
            "trust",
            "stream",
            "checkpoint",
            "runner",
            "files",
            "resume",
            "load",
            "format",
            "connector",
            "verb",
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

/// The paths that `use` statements and expressions of `text` begin with `crate` or `super`, each from its first
/// name on, groups in braces taken apart.
fn paths(text: &str) -> Vec<String> {
    let code = code(text);
    let start = Regex::new(r"\b(?:crate|super)::").expect("a good pattern");
    let mut found = Vec::new();
    for path in start.find_iter(&code) {
        if code[..path.start()].ends_with("::") {
            continue;
        }
        expand(&code[path.start()..], String::new(), &mut found);
    }
    found
}

/// Adds the paths of a `use` tree; yields what is behind it.
fn expand<'t>(mut text: &'t str, before: String, found: &mut Vec<String>) -> &'t str {
    let mut path = before;
    loop {
        text = text.trim_start();
        if let Some(mut inside) = text.strip_prefix('{') {
            loop {
                inside = inside.trim_start();
                if let Some(rest) = inside.strip_prefix('}') {
                    return rest;
                }
                match inside.strip_prefix(',') {
                    Some(rest) => inside = rest,
                    None => {
                        let rest = expand(inside, path.clone(), found);
                        if rest.len() == inside.len() {
                            return rest;
                        }
                        inside = rest;
                    }
                }
            }
        }
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let end = end.unwrap_or(text.len());
        path.push_str(&text[..end]);
        text = &text[end..];
        match text.strip_prefix("::") {
            Some(rest) if end > 0 => {
                path.push_str("::");
                text = rest;
            }
            _ => {
                found.push(path);
                return text;
            }
        }
    }
}

/// The module that a file of `src` is, as names from the root.
fn module(inside: &Path) -> Vec<String> {
    let text = inside.with_extension("");
    let mut names: Vec<String> = text
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Files that name each other by design: exact numbers go on as longer ones, and floats are read and printed
/// by way of both.
const CIRCLE: [&str; 4] = ["value/decimal", "value/wide", "value/parse", "value/print"];

#[test]
fn no_files_name_each_other() {
    let source = harness::root().join("src");
    let files = rust_files(&source);
    let modules: Vec<Vec<String>> = files
        .iter()
        .map(|(path, _)| module(path.strip_prefix(&source).expect("a file of src")))
        .collect();
    let known: BTreeMap<&[String], usize> = modules
        .iter()
        .enumerate()
        .map(|(number, names)| (names.as_slice(), number))
        .collect();
    let mut arrows: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); files.len()];
    for (number, (_, text)) in files.iter().enumerate() {
        let own = &modules[number];
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for path in paths(text) {
            let mut names: Vec<String> = Vec::new();
            let mut is_first = true;
            for name in path.split("::") {
                match name {
                    "crate" => names.clear(),
                    "super" if is_first => names = own[..own.len() - 1].to_vec(),
                    "super" => {
                        names.pop();
                    }
                    "self" => {}
                    _ => names.push(name.to_owned()),
                }
                is_first = false;
            }
            while !names.is_empty() && !known.contains_key(names.as_slice()) {
                names.pop();
            }
            // What a module and the files within it take from each other is one room's.
            if !names.is_empty() && !own.starts_with(&names) && !names.starts_with(own) {
                arrows[number].insert(known[names.as_slice()]);
            }
        }
    }
    let mut circles = Vec::new();
    for start in 0..files.len() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<usize> = arrows[start].iter().copied().collect();
        while let Some(at) = next.pop() {
            if seen.insert(at) {
                next.extend(&arrows[at]);
            }
        }
        let name = modules[start].join("/");
        if seen.contains(&start) && !CIRCLE.contains(&name.as_str()) {
            let back = seen.iter().filter(|other| arrows[**other].contains(&start));
            let back: Vec<String> = back.map(|other| modules[*other].join("/")).collect();
            circles.push(format!("{name} is named by {} again", back.join(", ")));
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn paths_are_found() {
    let text = "use super::{a::{B, c}, d};\nuse crate::e::F;\nlet x = super::super::g::h(1);";
    assert_eq!(
        paths(text),
        [
            "super::a::B",
            "super::a::c",
            "super::d",
            "crate::e::F",
            "super::super::g::h"
        ]
    );
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
    for (path, text) in tools {
        let lines = text.lines().count();
        assert!(
            lines <= LINES_OF_A_TOOL,
            "{} has {lines} lines: what is more than {LINES_OF_A_TOOL} belongs in the library",
            path.display()
        );
    }
}
