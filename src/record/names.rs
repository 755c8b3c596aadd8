//! Names that are not there: what might have been meant.

/// Most names that are listed.
const LISTED: usize = 20;

/// What a person who mistyped a name would want to see: the nearest one, then all, as `kind`
/// (`columns`, `tables`) calls them.
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

/// The name that was probably meant, if one is near.
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
