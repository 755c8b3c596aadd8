//! Which files' names belong together when logs are rotated.

use super::super::format::COMPRESSED;

/// A name without what rotation adds to it: `access.log.2.gz`, `access.log-20261122` and
/// `access-20261122.log` are all `access.log`.
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

/// A name without an ending that says that it is compressed.
pub fn uncompressed(name: &str) -> &str {
    COMPRESSED
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

/// Whether `name` may be what `current` was called after a rotation.
pub fn is_rotated(name: &str, current: &str) -> bool {
    let tail = match name.strip_prefix(current) {
        Some(tail) => uncompressed(tail),
        None => return stem(current) == current && stem(name) == current,
    };
    tail.is_empty() && name != current || is_number(tail) || tail == ".old"
}

/// Pieces that each begin with a point, a hyphen or an underscore, but for the first.
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

/// Whether this is a separator with a number or a date behind it.
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
                is_rotated(name, "access.log"),
                name != "access.log",
                "{name}"
            );
        }
        assert!(is_rotated("access.log.old", "access.log"));
        assert!(is_rotated("app-1.log.1", "app-1.log"));
        for other in [
            "access.log.pipewright",
            "access.log2",
            "access.log.bak.gz",
            "error.log.1",
        ] {
            assert!(!is_rotated(other, "access.log"), "{other}");
        }
        assert!(!is_rotated("sales-02.csv", "sales-01.csv"));
    }
}
