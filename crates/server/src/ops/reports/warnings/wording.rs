//! How warnings name what does not exist, and what exists in its place.

use millimetric_core::fuzzy_match;

/// The most existing names that a warning lists.
const LISTED: usize = 5;
/// Longest name in a warning, in characters.
const LONGEST_NAME: usize = 80;

/// What there is in place of a name: the closest one, the most frequent ones, and how many more there are.
pub(super) fn instead(name: &str, known: &[(String, u64)]) -> String {
    if known.is_empty() {
        return ", nor any other.".to_owned();
    }
    let closest = fuzzy_match::closest(name, known.iter().map(|(name, _)| name.as_str()));
    let meant = closest.map_or_else(|| ".".to_owned(), |name| format!(": did you mean {}?", quoted(name)));
    let listed: Vec<_> = known.iter().take(LISTED).map(|(name, _)| quoted(name)).collect();
    let listed = listed.join(", ");
    match known.len().saturating_sub(LISTED) {
        0 => format!("{meant} There are {listed}."),
        more => format!("{meant} The most frequent are {listed}; there are {more} more."),
    }
}

/// A name in backticks, cut if it is long.
pub(super) fn quoted(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        None => format!("`{name}`"),
        Some((end, _)) => format!("`{}…`", &name[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_names_the_closest_and_the_most_frequent() {
        let known = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 1)).collect::<Vec<_>>();
        for (name, names, expected) in [
            ("purchse", vec![], ", nor any other."),
            (
                "purchse",
                vec!["$pageview", "purchase"],
                ": did you mean `purchase`? There are `$pageview`, `purchase`.",
            ),
            ("zzz", vec!["a", "b"], ". There are `a`, `b`."),
            (
                "zzz",
                vec!["a", "b", "c", "d", "e", "f", "g"],
                ". The most frequent are `a`, `b`, `c`, `d`, `e`; there are 2 more.",
            ),
        ] {
            assert_eq!(instead(name, &known(&names)), expected, "{name} {names:?}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(quoted("ü"), "`ü`");
        assert_eq!(quoted(&"ü".repeat(81)).chars().count(), 83);
    }
}
