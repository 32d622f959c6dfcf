//! Paths with wildcards, by which pages are selected: `/docs/*`.

use std::fmt;
use std::str::FromStr;

use crate::ingest::page_path;

/// A path in which `*` matches any characters, `/` included, or none.
///
/// It is normalised like the paths of events, so `/%C3%BC*` is `/ü*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern(String);

/// The text is no path pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPathPattern {
    /// Empty or too long.
    #[error("must be 1 to {} characters long", PathPattern::MAX_CHARS)]
    Length,
    /// A path of a web page begins with `/`.
    #[error("must begin with `/`, or with `*` for any beginning, like /thank-you or */thank-you")]
    Beginning,
    /// Paths of events have neither.
    #[error(
        "must not contain `?` or `#`: paths have no query and no fragment; write /search* for any search"
    )]
    Query,
    /// A blank is sent as `%20`, other control characters never.
    #[error("must not contain control characters")]
    Control,
    /// Too many wildcards.
    #[error("must contain at most {} `*`", PathPattern::MAX_WILDCARDS)]
    Wildcards,
    /// What `..` removes is unknown.
    #[error("must not contain `..` after a `*`: paths of events have no `..`")]
    Dots,
}

impl PathPattern {
    /// The most characters.
    pub const MAX_CHARS: usize = 512;
    /// The most `*`.
    pub const MAX_WILDCARDS: usize = 10;

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, if it is a single one.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether a normalised path matches. Takes the first place for each text between two `*`, which finds a
    /// match if there is one; the time is linear in the length of the path.
    pub fn matches(&self, path: &str) -> bool {
        let Some((begin, rest)) = self.0.split_once('*') else { return self.0 == path };
        let Some(path) = path.strip_prefix(begin) else { return false };
        let (between, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut path) = path.strip_suffix(end) else { return false };
        for text in between.split('*') {
            let Some(at) = path.find(text) else { return false };
            path = &path[at + text.len()..];
        }
        true
    }
}

impl FromStr for PathPattern {
    type Err = InvalidPathPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPathPattern> {
        let wildcards = |text: &str| text.matches('*').count();
        if !(1..=Self::MAX_CHARS).contains(&text.chars().count()) {
            return Err(InvalidPathPattern::Length);
        }
        if text.contains(char::is_control) {
            return Err(InvalidPathPattern::Control);
        }
        if !text.starts_with(['/', '*']) {
            return Err(InvalidPathPattern::Beginning);
        }
        if text.contains(['?', '#']) {
            return Err(InvalidPathPattern::Query);
        }
        if wildcards(text) > Self::MAX_WILDCARDS {
            return Err(InvalidPathPattern::Wildcards);
        }
        let normalised = page_path::normalised(text).into_owned();
        match wildcards(&normalised) == wildcards(text) {
            true if normalised.chars().count() <= Self::MAX_CHARS => Ok(Self(normalised)),
            true => Err(InvalidPathPattern::Length),
            false => Err(InvalidPathPattern::Dots),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> PathPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_wildcard_matches_any_characters_or_none() {
        for (text, path, matches) in [
            ("/thanks", "/thanks", true),
            ("/thanks", "/thanks/", false),
            ("/thanks", "/Thanks", false),
            ("/docs/*", "/docs/", true),
            ("/docs/*", "/docs/a/b", true),
            ("/docs/*", "/docs", false),
            ("/docs*", "/docs", true),
            ("*/thanks", "/shop/thanks", true),
            ("*/thanks", "/thanks/you", false),
            ("*", "", true),
            ("*", "/a", true),
            ("/*/edit", "/a/b/edit", true),
            ("/*/edit", "/edit", false),
            ("/a*a", "/a", false),
            ("/a*a", "/aa", true),
            ("/*b*c", "/abbcbc", true),
            ("/*b*c", "/acb", false),
            ("/**", "/", true),
            ("/a*b*b*c", "/abc", false),
            ("/a*b*b*c", "/abbc", true),
            ("/ü*", "/%C3%BC", false),
            ("/ü*ß", "/üß", true),
        ] {
            assert_eq!(pattern(text).matches(path), matches, "{text} {path}");
        }
    }

    #[test]
    fn a_pattern_is_normalised_like_a_path() {
        for (text, normalised) in [
            ("/%C3%BC*", "/ü*"),
            ("/%c3%bc/%2f*", "/ü/%2F*"),
            ("/a b*", "/a%20b*"),
            ("/a/../b/*", "/b/*"),
            ("/.*", "/.*"),
            ("/%2A", "/%2A"),
            ("*.html", "*.html"),
        ] {
            assert_eq!(pattern(text).as_str(), normalised, "{text}");
        }
        assert_eq!((pattern("/a").exact(), pattern("/a*").exact()), (Some("/a"), None));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        use InvalidPathPattern::{Beginning, Control, Dots, Length, Query, Wildcards};
        for (text, error) in [
            ("", Length),
            (&*format!("/{}", "a".repeat(512)), Length),
            // Each blank becomes three characters.
            (&format!("/{}", " ".repeat(200)), Length),
            ("thanks", Beginning),
            ("https://shop.example/thanks", Beginning),
            ("/search?q=*", Query),
            ("/a#b", Query),
            ("/a\n*", Control),
            (&format!("/{}", "*".repeat(11)), Wildcards),
            ("/a/*/../b", Dots),
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(error), "{text}");
        }
        assert!(format!("/{}", "a*".repeat(10)).parse::<PathPattern>().is_ok());
    }

    /// Every way to divide the path among the wildcards would be more than 10^40.
    #[test]
    fn a_pattern_that_nearly_matches_everywhere_is_decided_all_the_same() {
        let (pattern, path) =
            (pattern(&format!("/{}b", "*a".repeat(9))), format!("/{}", "a".repeat(100_000)));
        assert!(!pattern.matches(&path) && pattern.matches(&format!("{path}b")));
    }

    /// A match by trying every length of each wildcard.
    fn naive(pattern: &[char], path: &[char]) -> bool {
        match pattern {
            [] => path.is_empty(),
            ['*', rest @ ..] => (0..=path.len()).any(|skipped| naive(rest, &path[skipped..])),
            [first, rest @ ..] => path.first() == Some(first) && naive(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn the_first_place_finds_every_match(text in "/[ab*ü]{0,8}", path in "/[abü]{0,10}") {
            let [chars, wanted] = [&path, &text].map(|text| text.chars().collect::<Vec<_>>());
            prop_assert_eq!(pattern(&text).matches(&path), naive(&wanted, &chars));
        }

        #[test]
        fn a_pattern_reads_back_and_no_text_breaks_it(text in "[/*]?([/.%a-f0-9*?# ü]|\\PC){0,30}") {
            if let Ok(pattern) = text.parse::<PathPattern>() {
                prop_assert_eq!(pattern.as_str().parse(), Ok(pattern.clone()));
                pattern.matches(&text);
            }
        }
    }
}
