//! Suggestions for names that do not exist.

/// Maximum number of names listed.
const LISTED: usize = 20;

/// Returns what helps someone who mistyped a name: the nearest name, then all names, which `kind` describes
/// (`columns`, `tables`).
pub fn nearest_of(name: &str, kind: &str, names: &[String]) -> String {
    let mut all = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        all.push_str(", ...");
    }
    match nearest(name, names) {
        Some(nearest) => format!("did you mean '{nearest}'? {kind}: {all}"),
        None => format!("{kind}: {all}"),
    }
}

/// Returns the name that was probably meant, if one is close.
pub fn nearest<'n>(name: &str, names: &'n [String]) -> Option<&'n String> {
    names
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 5)
        .map(|(_, nearest)| nearest)
}
