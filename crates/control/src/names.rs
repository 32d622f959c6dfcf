//! The names that people give: display names, and the slug by which a project is called on the
//! command line and in addresses.
//!
//! Uniqueness is not decided here.

use std::fmt;
use std::str::FromStr;

/// What people call an account, a project or a key: 1 to 100 characters, no control characters,
/// no white space at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// The text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name must have 1 to 100 characters and no control characters")]
pub struct NameError;

impl Name {
    const MAX_CHARS: usize = 100;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// White space at either end is forgiven and cut.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let fits = (1..=Self::MAX_CHARS).contains(&text.chars().count());
        if fits && !text.contains(char::is_control) { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The short name of a project: 2 to 63 lower-case letters, digits and dashes, with a letter or
/// digit at either end (the shape of a DNS label, so that it fits wherever names go).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

/// The text is no slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a slug must have 2 to 63 lower-case letters, digits and dashes, and no dash at either end")]
pub struct SlugError;

impl Slug {
    const MIN_BYTES: usize = 2;
    const MAX_BYTES: usize = 63;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `Acme Shop (EU)` becomes `acme-shop-eu`: ASCII letters and digits stay, everything between
    /// them becomes one dash. A name that leaves too little becomes `project`, or `project-x`.
    pub fn from_name(name: &Name) -> Self {
        let lower = name.as_str().to_ascii_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let mut slug = match words.join("-") {
            none if none.is_empty() => "project".to_owned(),
            short if short.len() < Self::MIN_BYTES => format!("project-{short}"),
            enough => enough,
        };
        slug.truncate(Self::MAX_BYTES);
        Self(slug.trim_end_matches('-').to_owned())
    }

    /// The same with a number, for when it is taken: `acme-shop-2`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let end = format!("-{number}");
        let mut slug = self.0.clone();
        slug.truncate(Self::MAX_BYTES - end.len());
        Self(slug.trim_end_matches('-').to_owned() + &end)
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (Self::MIN_BYTES..=Self::MAX_BYTES).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good { Ok(Self(text.to_owned())) } else { Err(SlugError) }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slug_is_derived_from_a_name() {
        for (name, slug) in [
            ("Acme Shop (EU)", "acme-shop-eu"),
            ("  --Example.COM-- ", "example-com"),
            ("Bücher", "b-cher"),
            ("日本", "project"),
            ("7", "project-7"),
            (&"ab ".repeat(33), &format!("{}ab", "ab-".repeat(20))),
            (&"a".repeat(100), &"a".repeat(63)),
        ] {
            assert_eq!(Slug::from_name(&name.parse().unwrap()).as_str(), slug, "{name}");
        }
    }

    #[test]
    fn a_number_fits_behind_any_slug() {
        let numbered = |slug: &str, number| slug.parse::<Slug>().unwrap().numbered(number).to_string();
        assert_eq!(numbered("shop", 2), "shop-2");
        assert_eq!(numbered(&"a".repeat(63), 10), format!("{}-10", "a".repeat(60)));
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        for text in ["", "a", "-ab", "ab-", "Ab", "a b", "a_b", "a.b", "é-é", &"a".repeat(64)] {
            assert_eq!(text.parse::<Slug>(), Err(SlugError), "{text}");
        }
        for text in ["ab", "a-b", "42", &"a".repeat(63)] {
            assert_eq!(text.parse::<Slug>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_name_is_trimmed_and_has_a_length() {
        assert_eq!(" Acme ".parse::<Name>().unwrap().as_str(), "Acme");
        for text in ["", "   ", "a\u{7}b", "a\nb", &"é".repeat(101)] {
            assert_eq!(text.parse::<Name>(), Err(NameError), "{text:?}");
        }
        assert!("é".repeat(100).parse::<Name>().is_ok());
    }

    proptest! {
        #[test]
        fn every_name_gives_a_slug_that_reads_back(text in "\\PC{1,100}") {
            if let Ok(name) = text.parse::<Name>() {
                let slug = Slug::from_name(&name);
                prop_assert_eq!(slug.as_str().parse::<Slug>(), Ok(slug.clone()));
            }
        }
    }
}
