//! Which files' names belong together when logs are rotated, and in which order.

use std::cmp::Ordering;

use crate::files::compression::COMPRESSED;

/// The most digits of a number that counts rotations; a longer one is a date.
const COUNTED: usize = 5;

/// What a rotation adds to a log's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When it happened, as far as the name tells.
    pub rank: Rank,
    /// Whether it follows the whole name, as in `access.log.1`; `access-20261122.log` may also be a file of its
    /// own.
    pub is_behind: bool,
}

/// When a rotation happened, as far as a name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rank {
    /// `.1`, `.2`: most rotations count from the latest one, some from the first one.
    Number(u64),
    /// `-20261122`, `.2026-11-22`, `-20261122.1`: greater is later.
    Date(Vec<u64>),
    /// `.old`, or only a compression's ending.
    Unknown,
}

impl Rank {
    /// Compares by age, the older one first; `None` if the names do not tell. The greater number is older.
    pub fn compare(&self, other: &Rank) -> Option<Ordering> {
        match (self, other) {
            (Rank::Number(a), Rank::Number(b)) => Some(b.cmp(a)),
            (Rank::Date(a), Rank::Date(b)) => {
                // `-20261122` and `-2026112213` are written differently and cannot be compared.
                let digits = |date: &[u64]| {
                    date.iter()
                        .map(u64::to_string)
                        .map(|part| part.len())
                        .collect::<Vec<_>>()
                };
                let is_alike = a.len() == b.len() && digits(a)[0] == digits(b)[0];
                is_alike.then(|| a.cmp(b))
            }
            _ => None,
        }
    }
}

/// Returns what `name` adds to the name `current` of a log, if it may be a rotated part of it.
pub fn rotation(name: &str, current: &str) -> Option<Rotation> {
    if name == current {
        return None;
    }
    if let Some(tail) = uncompressed(name).strip_prefix(current) {
        let rank = match tail {
            "" | ".old" => Rank::Unknown,
            _ if is_number(tail) => rank(tail),
            _ => return None,
        };
        return Some(Rotation {
            rank,
            is_behind: true,
        });
    }
    if stem(current) != current || stem(name) != current {
        return None;
    }
    let added: String = parts(uncompressed(name))
        .skip(1)
        .filter(|part| is_number(part))
        .collect();
    let rank = rank(&added);
    Some(Rotation {
        rank,
        is_behind: false,
    })
}

/// Returns what is before the number of a name such as `access.log.2`, and the number.
pub fn counted(name: &str) -> Option<(&str, u64)> {
    let at = name.rfind('.')?;
    match rank(&name[at..]) {
        Rank::Number(number) if is_number(&name[at..]) && at > 0 => Some((&name[..at], number)),
        _ => None,
    }
}

fn rank(part: &str) -> Rank {
    let groups: Vec<&str> = part
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .collect();
    let numbers: Option<Vec<u64>> = groups.iter().map(|group| group.parse().ok()).collect();
    match (groups.as_slice(), numbers) {
        (_, None) | ([], _) => Rank::Unknown,
        ([only], Some(numbers)) if only.len() <= COUNTED => Rank::Number(numbers[0]),
        // The year must come first, alone or in one number with month and day: `22-11-2026` has no order.
        ([first, ..], Some(numbers)) if first.len() > COUNTED || is_year(first) => {
            Rank::Date(numbers)
        }
        _ => Rank::Unknown,
    }
}

fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
}

/// Returns a name without what rotation adds to it: `access.log.2.gz`, `access.log-20261122` and
/// `access-20261122.log` all become `access.log`.
pub fn stem(name: &str) -> String {
    let name = uncompressed(name);
    let mut stem = String::with_capacity(name.len());
    for part in parts(name) {
        let is_added = !stem.is_empty() && is_number(part);
        if !is_added {
            stem.push_str(part);
        }
    }
    stem
}

/// Returns a name without the ending of a compression.
pub fn uncompressed(name: &str) -> &str {
    COMPRESSED
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

/// Splits a name before each dot, hyphen and underscore, except at its start.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let mut letters = rest.char_indices().skip(1);
        let end = letters
            .find(|(_, letter)| matches!(letter, '.' | '-' | '_'))
            .map_or(rest.len(), |(end, _)| end);
        let (part, behind) = rest.split_at(end);
        rest = behind;
        (!part.is_empty()).then_some(part)
    })
}

/// Returns whether this is a separator followed by a number or a date.
fn is_number(part: &str) -> bool {
    let mut letters = part.chars();
    matches!(letters.next(), Some('.' | '-' | '_'))
        && letters.next().is_some_and(|letter| letter.is_ascii_digit())
        && letters
            .all(|letter| letter.is_ascii_digit() || matches!(letter, '-' | '_' | '.' | 'T' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_known() {
        for name in [
            "access.log",
            "access.log.1",
            "access.log.2.gz",
            "access.log-20261122",
            "access.log.2026-11-22.zst",
            "access-20261122.log",
            "access.log.gz",
        ] {
            assert_eq!(stem(name), "access.log", "{name}");
            assert_eq!(
                rotation(name, "access.log").is_some(),
                name != "access.log",
                "{name}"
            );
        }
        assert!(rotation("access.log.old", "access.log").is_some());
        assert!(rotation("app-1.log.1", "app-1.log").is_some());
        for other in [
            "access.log.pipewright",
            "access.log2",
            "access.log.bak.gz",
            "error.log.1",
        ] {
            assert_eq!(rotation(other, "access.log"), None, "{other}");
        }
        assert_eq!(rotation("sales-02.csv", "sales-01.csv"), None);
    }

    #[test]
    fn names_tell_which_came_first() {
        let rank = |name: &str| rotation(name, "a.log").unwrap().rank;
        for (older, newer) in [
            ("a.log.2", "a.log.1"),
            ("a.log.10.gz", "a.log.9"),
            ("a.log-20261122", "a.log-20261123.gz"),
            ("a-2026-11-22.log", "a-2026-12-01.log"),
            ("a.log.2026-11-22T09:59", "a.log.2026-11-22T10:00"),
            ("a-20261122.1.log", "a-20261122.2.log"),
            ("a.log-1732233600", "a.log-1732320000"),
        ] {
            assert_eq!(
                rank(older).compare(&rank(newer)),
                Some(Ordering::Less),
                "{older} {newer}"
            );
        }
        for (one, other) in [
            ("a.log.1", "a.log.old"),
            ("a.log.1", "a.log-20261122"),
            ("a.log-22-11-2026", "a.log-23-11-2026"),
            ("a.log-20261122", "a.log-1732320000"),
            ("a.log-20261122", "a.log-20261122-1"),
        ] {
            assert_eq!(rank(one).compare(&rank(other)), None, "{one} {other}");
        }
        assert_eq!(counted("a.log.12"), Some(("a.log", 12)));
        assert_eq!(counted("a.log-20261122"), None);
        assert_eq!(counted("a.log"), None);
    }
}
