//! Keys that begin with a hyphen, as in `order -price`, told from flags.
//!
//! | written | means |
//! |---|---|
//! | `--...` | a flag, known or not |
//! | `-r`, `-ru`, `-j4`, `-d';'`, `-rj4` | flags: letters that are known ones, each once, the last with its value attached where it takes one |
//! | `-price`, `-day`, `-n` | the keys |
//! | all after `--` | no flags |
//!
//! A value that is attached is told from the rest of a name by what it is: no letter or `_` begins
//! it, or it names a delimiter (`-dtab`) or an existing file (`-fkeys.txt`).

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, Command};

/// The arguments, the keys with a space before them if they begin with a hyphen: clap then takes them
/// for no flag, and the language passes over it.
pub(super) fn keys_apart(command: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    if let Some(place) = place_of_keys(command, &arguments) {
        let mut keys = OsString::from(" ");
        keys.push(&arguments[place]);
        arguments[place] = keys;
    }
    arguments
}

/// Finds the keys, if they begin with a hyphen and do not follow `--`.
fn place_of_keys(command: &Command, arguments: &[OsString]) -> Option<usize> {
    let mut place = 1;
    loop {
        let argument = arguments.get(place)?.to_str()?;
        place += match argument.strip_prefix('-')? {
            // A `-` alone is standard input, and nothing is a flag behind `--`.
            "" | "-" => return None,
            long if long.starts_with('-') => 1 + usize::from(wants_next(command, &long[1..])),
            letters => match flags(command, letters)? {
                Flags::Whole => 1,
                Flags::WithNext => 2,
                Flags::Keys => return Some(place),
            },
        };
    }
}

/// Whether a long flag takes the next argument as its value.
fn wants_next(command: &Command, long: &str) -> bool {
    let mut known = command.get_arguments();
    known.any(|arg| arg.get_long() == Some(long) && takes_value(arg))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// What the letters after a hyphen mean.
enum Flags {
    Whole,
    /// Their value is the next argument.
    WithNext,
    Keys,
}

/// None if there are no keys: `-f` says where they are instead.
fn flags(command: &Command, letters: &str) -> Option<Flags> {
    let mut seen = String::new();
    for (at, letter) in letters.char_indices() {
        let mut known = command.get_arguments();
        let is_alone = letters.len() == 1;
        let arg = match known.find(|arg| arg.get_short() == Some(letter)) {
            Some(arg) if !seen.contains(letter) => arg,
            None if is_alone && matches!(letter, 'h' | 'V') => return Some(Flags::Whole),
            _ => return Some(Flags::Keys),
        };
        seen.push(letter);
        if !takes_value(arg) {
            continue;
        }
        let value = &letters[at + letter.len_utf8()..];
        let found = match value {
            "" if is_alone => Flags::WithNext,
            "" => Flags::Keys,
            _ if is_value(letter, value) => Flags::Whole,
            _ => Flags::Keys,
        };
        return match (letter, &found) {
            ('f', Flags::Whole | Flags::WithNext) => None,
            _ => Some(found),
        };
    }
    Some(Flags::Whole)
}

/// Whether a flag takes the text attached to it as its value.
fn is_value(flag: char, text: &str) -> bool {
    let text = text.strip_prefix('=').unwrap_or(text);
    match flag {
        'd' => {
            let is_word = text.starts_with(|first: char| first.is_alphanumeric() || first == '_');
            super::delimiter(text).is_ok() && (!is_word || text.len() > 1)
        }
        'j' => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        'f' => Path::new(text).is_file(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ArgAction::SetTrue;

    /// The arguments that come out, and which of them were marked as keys.
    fn apart(arguments: &str) -> String {
        let flag = |long: &'static str, short: char| Arg::new(long).long(long).short(short);
        let command = Command::new("order")
            .arg(flag("reverse", 'r').action(SetTrue))
            .arg(flag("unique", 'u').action(SetTrue))
            .arg(flag("delimiter", 'd'))
            .arg(flag("threads", 'j'))
            .arg(flag("file", 'f'))
            .arg(Arg::new("limit").long("limit"));
        let arguments = arguments.split(' ').map(OsString::from).collect();
        let apart = keys_apart(&command, arguments);
        let shown = apart.iter().map(|text| text.to_str().unwrap());
        shown
            .map(|text| text.replace(' ', "KEYS:"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn flags_stay_flags() {
        for line in [
            "order v f",
            "order -r v f",
            "order -ru v f",
            "order -ur v f",
            "order -j1 v f",
            "order -j 1 v f",
            "order -j=1 v f",
            "order -rj4 v f",
            "order -j0 v f",
            "order -d, v f",
            "order -d; v f",
            "order -d| v f",
            "order -dtab v f",
            "order -d\\t v f",
            "order -d=; v f",
            "order -d ; v f",
            "order -rd; v f",
            "order -h",
            "order -V",
            "order --by price f",
            "order --desc price f",
            "order --limit 5 v f",
            "order --limit=5 v f",
            "order -f keys.txt f",
            "order -fCargo.toml f",
            "order -f keys.txt -x",
            "order -- -price f",
            "order --reverse -- -price f",
            "order - f",
            "order v -price",
            "order",
        ] {
            assert_eq!(apart(line), line);
        }
    }

    #[test]
    fn other_hyphens_begin_keys() {
        for (line, expected) in [
            ("order -price f", "order KEYS:-price f"),
            ("order -price --limit 3 f", "order KEYS:-price --limit 3 f"),
            ("order --limit 3 -price f", "order --limit 3 KEYS:-price f"),
            ("order -r -price f", "order -r KEYS:-price f"),
            ("order -d ; -price f", "order -d ; KEYS:-price f"),
            ("order -j1 -j1x f", "order -j1 KEYS:-j1x f"),
            ("order -n 5 f", "order KEYS:-n 5 f"),
            ("order -x", "order KEYS:-x"),
            ("order -date f", "order KEYS:-date f"),
            ("order -dx f", "order KEYS:-dx f"),
            ("order -d_ f", "order KEYS:-d_ f"),
            ("order -d,price f", "order KEYS:-d,price f"),
            ("order -jobs f", "order KEYS:-jobs f"),
            ("order -rate f", "order KEYS:-rate f"),
            ("order -unit f", "order KEYS:-unit f"),
            ("order -rr f", "order KEYS:-rr f"),
            ("order -hr f", "order KEYS:-hr f"),
            ("order -rd f", "order KEYS:-rd f"),
            ("order -freq f", "order KEYS:-freq f"),
            ("order -[r] f", "order KEYS:-[r] f"),
            ("order -r,v f", "order KEYS:-r,v f"),
            ("order -가격 f", "order KEYS:-가격 f"),
            ("order -(a+b) f", "order KEYS:-(a+b) f"),
        ] {
            assert_eq!(apart(line), expected);
        }
    }
}
