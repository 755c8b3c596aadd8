//! README's commands do what it says: each `bash` block that is followed by a `text` block is run in an empty
//! directory with `tests/data` in it, and must succeed and print that text. One that speaks of `DATABASE_URL`
//! is given an empty database there. `BLESS=1` writes what is printed into README.

mod harness;

use std::collections::BTreeSet;
use std::fs;

/// How many such pairs README has at least: its cookbook.
const LEAST: usize = 10;

/// A command of README and what it prints.
#[derive(Clone)]
struct Recipe {
    line: usize,
    command: String,
    /// The number of the output's first line.
    output_line: usize,
    output: String,
}

/// The fenced blocks of `text`: the number of the line after the fence, its language, its text, and whether
/// only blank lines stand between it and the block before.
fn blocks(text: &str) -> Vec<(usize, String, String, bool)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    let mut adjacent = false;
    let mut follows = false;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some((index + 2, language.trim().to_owned(), String::new()));
                follows = adjacent;
            }
            (None, None) => adjacent &= line.trim().is_empty(),
            (Some(_), Some(_)) => {
                let (number, language, body) = open.take().expect("a block is open");
                found.push((number, language, body, follows));
                adjacent = true;
            }
            (Some((_, _, body)), None) => {
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

fn recipes(text: &str) -> Vec<Recipe> {
    let blocks = blocks(text);
    blocks
        .iter()
        .zip(blocks.iter().skip(1))
        .filter(|(command, output)| command.1 == "bash" && output.1 == "text" && output.3)
        .map(|(command, output)| Recipe {
            line: command.0,
            command: command.2.clone(),
            output_line: output.0,
            output: output.2.clone(),
        })
        .collect()
}

/// What a command prints; it must succeed.
fn printed(recipe: &Recipe) -> String {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(place.path().join("tests")).expect("a directory");
    std::os::unix::fs::symlink(harness::data(""), place.path().join("tests/data"))
        .expect("a link to the data");
    let mut program = harness::bash(&format!("set -eu\n{}", recipe.command)).dir(place.path());
    if recipe.command.contains("DATABASE_URL") {
        let address = harness::postgres_database(&format!("readme_{}", recipe.line));
        program = program.env("DATABASE_URL", address);
    }
    let run = program.run();
    assert_eq!(run.code, 0, "it ends with: {}", run.err());
    run.out()
}

fn try_recipe(recipe: &Recipe) {
    let found = printed(recipe);
    assert!(
        found == recipe.output,
        "it prints\n{found}and README says\n{}",
        recipe.output
    );
}

/// README with what its commands print now.
fn blessed(text: &str, recipes: Vec<Recipe>) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for recipe in recipes.iter().rev() {
        let start = recipe.output_line - 1;
        let end = start + recipe.output.lines().count();
        let found = std::panic::catch_unwind(|| printed(recipe));
        if let Ok(found) = found {
            lines.splice(start..end, found.lines().map(str::to_owned));
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn recipes_are_pairs_of_blocks() {
    let text = "# A\n```bash\na\nb\n```\n\n```text\nout\n```\ntalk\n```text\nno\n```\n\
                ```bash\nalone\n```\ntalk\n```text\nno\n```\n```bash\n# last\n```\n";
    let found = recipes(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, 3);
    assert_eq!(found[0].command, "a\nb\n");
    assert_eq!(found[0].output, "out\n");
}

#[test]
fn the_cookbook_works() {
    let path = harness::root().join("README.md");
    let mut text = fs::read_to_string(&path).expect("README.md");
    if std::env::var_os("BLESS").is_some() {
        // What fails stays as it is, and is told below.
        text = blessed(&text, recipes(&text));
        fs::write(path, &text).expect("README.md can be written");
    }
    let found = recipes(&text);
    assert!(
        found.len() >= LEAST,
        "README has {} commands with their output",
        found.len()
    );
    let each = found
        .into_iter()
        .map(|recipe| (format!("README.md:{:04}", recipe.line), recipe));
    let failed = harness::failures(each, |recipe| try_recipe(&recipe));
    harness::report("commands", &failed);
}

/// The table of the language names every function there is, and none that there is not.
#[test]
fn the_language_is_all_there() {
    let text = fs::read_to_string(harness::root().join("README.md")).expect("README.md");
    let help = ["map", "aggregate"].map(|name| {
        let help = harness::tool(name).args(["--functions"]).run();
        String::from_utf8(help.quiet_success()).expect("help is text")
    });
    let help = help.concat();
    let row = regex::Regex::new(
        r"(?m)^\| (numbers|text|patterns|time .*|JSON, hashes|convert, ask|records before .*|aggregates) \| (.*) \|$",
    )
    .expect("a good pattern");
    let name = regex::Regex::new(r"`(\w+)").expect("a good pattern");
    let listed: BTreeSet<&str> = row
        .captures_iter(&text)
        .flat_map(|row| name.captures_iter(row.get(2).map_or("", |row| row.as_str())))
        .map(|name| name.get(1).map_or("", |name| name.as_str()))
        .collect();
    let choosing = ["coalesce", "nullif", "greatest", "least"];
    let line = regex::Regex::new(r"(?m)^  (\w+)\(").expect("a good pattern");
    let there: BTreeSet<&str> = line
        .captures_iter(&help)
        .map(|name| name.get(1).map_or("", |name| name.as_str()))
        .filter(|name| !choosing.contains(name))
        .collect();
    assert_eq!(listed, there);
}
