//! Column names as paths into an object.

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathStep<K> {
    /// The member with this key.
    Key(K),
    /// The element with this index, from 0.
    Index(usize),
}

/// Returns the keys of `user.name`, which are joined by dots.
pub(crate) fn keys(name: &str) -> Vec<PathStep<&[u8]>> {
    name.split('.')
        .map(|key| PathStep::Key(key.as_bytes()))
        .collect()
}

/// Returns the steps of `items[0].id` or `a[1][2]`; `None` if there is no index.
pub(crate) fn with_indexes(name: &str) -> Option<Vec<PathStep<&[u8]>>> {
    let mut steps = Vec::new();
    for key in name.split('.') {
        let (key, indexes) = indexes(key);
        steps.push(PathStep::Key(key.as_bytes()));
        steps.extend(indexes.into_iter().map(PathStep::Index));
    }
    let has_index = steps.iter().any(|step| matches!(step, PathStep::Index(_)));
    has_index.then_some(steps)
}

/// Splits a key from the indexes after it; if anything else follows, all of it is the key.
fn indexes(text: &str) -> (&str, Vec<usize>) {
    let (key, rest) = text.split_at(text.find('[').unwrap_or(text.len()));
    let inner = rest
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|_| !key.is_empty());
    let index = |digits: &str| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    };
    let indexes: Option<Vec<usize>> =
        inner.and_then(|inner| inner.split("][").map(index).collect());
    match indexes {
        Some(indexes) => (key, indexes),
        None => (text, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_follow_keys() {
        let spelled = |name: &str| {
            with_indexes(name).map(|steps| {
                let spelled = steps.iter().map(|step| match step {
                    PathStep::Key(key) => format!("<{}>", String::from_utf8_lossy(key)),
                    PathStep::Index(place) => place.to_string(),
                });
                spelled.collect::<String>()
            })
        };
        for (name, steps) in [
            ("items[0].id", "<items>0<id>"),
            ("a[1][2]", "<a>12"),
            ("a.b[10].c[0]", "<a><b>10<c>0"),
            ("a[00]", "<a>0"),
            ("a[x].b[1]", "<a[x]><b>1"),
        ] {
            assert_eq!(spelled(name).as_deref(), Some(steps), "{name}");
        }
        for name in [
            "id",
            "user.name",
            "a[",
            "a]",
            "a[]",
            "a[x]",
            "a[-1]",
            "a[+1]",
            "a[0]b",
            "[0]",
            "a[0].[1]x",
            "a[99999999999999999999]",
            "a[0",
            "a[0]]",
        ] {
            assert!(
                spelled(name).is_none_or(|steps| name == "a[0].[1]x" && steps == "<a>0<[1]x>"),
                "{name}"
            );
        }
    }
}
