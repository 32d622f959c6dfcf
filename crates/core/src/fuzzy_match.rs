//! Fuzzy matching of names: the candidate that somebody probably meant, and names that were
//! probably meant to be the same.
//!
//! The distance is optimal string alignment (`strsim`) over the first `COMPARED` letters and
//! digits, in lower case.

use strsim::osa_distance;

/// Characters of a name that are compared.
const COMPARED: usize = 64;

/// The candidate nearest to the name, if any is near enough: within `tolerated` edits, or one
/// begins with the other. Ties go to the first in alphabetical order.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (wanted, wanted_length) = letters(name);
    let scored = candidates.into_iter().filter(|candidate| *candidate != name).filter_map(|candidate| {
        let (letters, length) = letters(candidate);
        let distance = osa_distance(&wanted, &letters);
        let long_enough = wanted_length.min(length) >= 3;
        let begins = long_enough && (letters.starts_with(&wanted) || wanted.starts_with(&letters));
        let near = distance <= tolerated(wanted_length.max(length));
        (near || begins).then_some((distance, candidate))
    });
    scored.min_by_key(|(distance, candidate)| (*distance, *candidate)).map(|(_, candidate)| candidate)
}

/// Whether two different names differ only by case, separators and, in names of five letters and
/// more, one edit: `sign_up` and `Signup`, `purchase` and `purchased`.
pub fn looks_like(name: &str, other: &str) -> bool {
    let ((one, one_length), (two, two_length)) = (letters(name), letters(other));
    let edits = usize::from(one_length.min(two_length) >= 5);
    name != other && !one.is_empty() && osa_distance(&one, &two) <= edits
}

/// Edits at which two names of this length (of the longer) still match.
const fn tolerated(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => length / 4,
    }
}

/// The letters and digits in lower case, and how many characters they are.
fn letters(name: &str) -> (String, usize) {
    let plain = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    let plain: String = plain.take(COMPARED).collect();
    let length = plain.chars().count();
    (plain, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_found_and_a_stranger_is_not() {
        let names = ["$pageview", "add_to_cart", "purchase", "signup"];
        for (asked, found) in [
            ("pageview", Some("$pageview")),
            ("purchse", Some("purchase")),
            ("pruchase", Some("purchase")),
            ("Sign-Up", Some("signup")),
            ("addtocart", Some("add_to_cart")),
            ("sign", Some("signup")),
            ("refund", None),
            ("", None),
            ("purchase", None),
        ] {
            assert_eq!(closest(asked, names), found, "{asked}");
        }
    }

    #[test]
    fn names_that_were_meant_to_be_one_look_alike() {
        for (one, two) in [("sign_up", "Signup"), ("purchase", "purchased"), ("page view", "$pageview")] {
            assert!(looks_like(one, two) && looks_like(two, one), "{one} {two}");
        }
        for (one, two) in
            [("a", "b"), ("view", "vies"), ("purchase", "purchase"), ("login", "logout"), ("$", "-")]
        {
            assert!(!looks_like(one, two), "{one} {two}");
        }
    }
}
