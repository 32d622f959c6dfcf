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
    name != other && is_same(&characters(name), &characters(other))
}

/// For each name that [`looks_like`] a name before it: the name, and the first such name. With the most common names
/// first, these are probably misspelt. Names with other digits, such as `step_1` and `step_2`, are meant to differ.
/// The time grows with the square of the number of names.
pub fn misspelt<'a>(names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let compared: Vec<Vec<char>> = names.iter().map(|name| characters(name)).collect();
    let looks_like = |index: usize, earlier: usize| {
        let (one, two) = (&compared[index], &compared[earlier]);
        names[index] != names[earlier] && is_same(one, two) && digits(one).eq(digits(two))
    };
    let meant = |index: usize| (0..index).find(|earlier| looks_like(index, *earlier));
    (0..names.len()).filter_map(|index| Some((names[index], names[meant(index)?]))).collect()
}

/// The letters and digits that are compared, in lower case.
fn characters(name: &str) -> Vec<char> {
    letters(name).0.chars().collect()
}

fn digits(name: &[char]) -> impl Iterator<Item = &char> {
    name.iter().filter(|c| c.is_numeric())
}

/// Whether the letters of two names are the same but for one edit, if the shorter name has at least five.
fn is_same(one: &[char], two: &[char]) -> bool {
    match one.len().min(two.len()) {
        0 => false,
        1..5 => one == two,
        _ => one.len().abs_diff(two.len()) <= 1 && is_within_one_edit(one, two),
    }
}

/// Whether the optimal string alignment distance is at most 1: what is left without the common beginning and end is
/// one character, or two that are exchanged.
fn is_within_one_edit(one: &[char], two: &[char]) -> bool {
    let begin = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    let (one, two) = (&one[begin..], &two[begin..]);
    let end = one.iter().rev().zip(two.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&one[..one.len() - end], &two[..two.len() - end]) {
        ([] | [_], [] | [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
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
    use proptest::prelude::*;

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
    fn misspelt_names_are_those_that_look_like_a_more_common_one() {
        let names = [
            "$pageview",
            "purchase",
            "signup",
            "purchse",
            "login",
            "Sign-Up",
            "purchases",
            "logout",
            "step_1",
            "step_2",
        ];
        let expected = [("purchse", "purchase"), ("Sign-Up", "signup"), ("purchases", "purchase")];
        assert_eq!(misspelt(&names), expected);
        assert!(misspelt(&[]).is_empty() && misspelt(&["-", "$", "a", "b"]).is_empty());
    }

    proptest! {
        #[test]
        fn one_edit_is_what_the_distance_says(one in "[abé]{0,7}", two in "[abé]{0,7}") {
            let [a, b] = [&one, &two].map(|text| text.chars().collect::<Vec<_>>());
            prop_assert_eq!(is_within_one_edit(&a, &b), osa_distance(&one, &two) <= 1);
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
