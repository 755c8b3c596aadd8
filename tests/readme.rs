//! README's commands do what it says: each `bash` block that is followed by a `text` block is run in an empty
//! directory with `tests/data` in it, and must succeed and print that text.

mod harness;

use std::fs;

/// How many such pairs README has at least: its cookbook.
const LEAST: usize = 10;

/// A command of README and what it prints.
struct Recipe {
    line: usize,
    command: String,
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
            output: output.2.clone(),
        })
        .collect()
}

fn try_recipe(recipe: &Recipe) {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(place.path().join("tests")).expect("a directory");
    std::os::unix::fs::symlink(harness::data(""), place.path().join("tests/data"))
        .expect("a link to the data");
    let run = harness::bash(&format!("set -eu\n{}", recipe.command))
        .dir(place.path())
        .run();
    assert_eq!(run.code, 0, "it ends with: {}", run.err());
    assert!(
        run.out() == recipe.output,
        "it prints\n{}and README says\n{}(standard error: {:?})",
        run.out(),
        recipe.output,
        run.err()
    );
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
    let text = fs::read_to_string(harness::root().join("README.md")).expect("README.md");
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
