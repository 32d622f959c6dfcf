//! Names that look alike: what somebody probably meant, and names that were probably meant to be
//! one.
//!
//! Compares texts and nothing else; knows no project.

/// Characters of a name that are compared.
const COMPARED: usize = 64;

/// The candidate that looks most like the name, when any does.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = letters(name);
    let scored = candidates.into_iter().filter(|candidate| *candidate != name).filter_map(|candidate| {
        let letters = letters(candidate);
        let distance = distance(&wanted, &letters);
        let long_enough = wanted.len().min(letters.len()) >= 3;
        let begins = long_enough && (letters.starts_with(&wanted) || wanted.starts_with(&letters));
        let alike = distance <= tolerated(wanted.len().max(letters.len()));
        (alike || begins).then_some((distance, candidate))
    });
    scored.min_by_key(|(distance, candidate)| (*distance, *candidate)).map(|(_, candidate)| candidate)
}

/// Whether two different names are one but for case, separators, an ending or a slip of the
/// finger: `sign_up` and `Signup`, `purchase` and `purchased`.
pub fn looks_like(name: &str, other: &str) -> bool {
    let (one, two) = (letters(name), letters(other));
    let slips = usize::from(one.len().min(two.len()) >= 5);
    name != other && !one.is_empty() && distance(&one, &two) <= slips
}

/// Slips that a name of this length is forgiven.
const fn tolerated(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => length / 4,
    }
}

/// The letters and digits, in lower case.
fn letters(name: &str) -> Vec<char> {
    let plain = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    plain.take(COMPARED).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
fn distance(one: &[char], two: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=two.len()).collect()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in two.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == two[j - 1] && one[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][two.len()]
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
