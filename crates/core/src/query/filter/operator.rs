//! The operators of conditions, and the one that somebody meant who wrote another word.

use super::text_test::TextOperator;
use super::{Condition, Test};
use crate::fuzzy_match;

/// The first word of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of these.
    Is,
    /// None of these.
    IsNot,
    /// It contains one of these texts.
    Contains,
    /// None of these.
    ContainsNot,
    /// It begins with one of these texts.
    StartsWith,
    /// It ends with one of these texts.
    EndsWith,
    /// One of these regular expressions matches somewhere in it.
    Matches,
    /// It is a number above this one.
    Greater,
    /// It is a number below this one.
    Less,
    /// There is a value, and it is not the empty text.
    Exists,
    /// There is no value, or it is the empty text.
    Missing,
}

/// `and`, `or` and `not`, which join conditions.
pub(super) const COMBINATORS: [&str; 3] = ["and", "or", "not"];

/// What other tools call the operators.
const SYNONYMS: &[(&str, Operator)] = &[
    ("=", Operator::Is),
    ("==", Operator::Is),
    ("equals", Operator::Is),
    ("eq", Operator::Is),
    ("in", Operator::Is),
    ("!=", Operator::IsNot),
    ("<>", Operator::IsNot),
    ("not_equals", Operator::IsNot),
    ("ne", Operator::IsNot),
    ("neq", Operator::IsNot),
    ("not_in", Operator::IsNot),
    ("like", Operator::Contains),
    ("icontains", Operator::Contains),
    ("includes", Operator::Contains),
    ("not_contains", Operator::ContainsNot),
    ("does_not_contain", Operator::ContainsNot),
    ("not_icontains", Operator::ContainsNot),
    ("prefix", Operator::StartsWith),
    ("suffix", Operator::EndsWith),
    ("regex", Operator::Matches),
    ("regexp", Operator::Matches),
    ("~", Operator::Matches),
    ("=~", Operator::Matches),
    (">", Operator::Greater),
    ("gt", Operator::Greater),
    ("<", Operator::Less),
    ("lt", Operator::Less),
    ("is_set", Operator::Exists),
    ("is_not_null", Operator::Exists),
    ("is_not_set", Operator::Missing),
    ("is_null", Operator::Missing),
    ("not_exists", Operator::Missing),
];

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 11] = [
        Self::Is,
        Self::IsNot,
        Self::Contains,
        Self::ContainsNot,
        Self::StartsWith,
        Self::EndsWith,
        Self::Matches,
        Self::Greater,
        Self::Less,
        Self::Exists,
        Self::Missing,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is_not",
            Self::Contains => "contains",
            Self::ContainsNot => "contains_not",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Matches => "matches",
            Self::Greater => "greater",
            Self::Less => "less",
            Self::Exists => "exists",
            Self::Missing => "missing",
        }
    }

    /// Whether it holds for events without a value.
    pub const fn is_negative(self) -> bool {
        matches!(self, Self::IsNot | Self::ContainsNot | Self::Missing)
    }

    /// Every word that a condition can begin with.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::as_str).chain(COMBINATORS)
    }

    /// The operator of this name.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == word)
    }

    /// The word that somebody meant who wrote another one.
    pub(super) fn closest(word: &str) -> Option<&'static str> {
        let lower = word.to_lowercase().replace(['-', ' '], "_");
        let known = Self::words().find(|known| *known == lower);
        let synonym = || SYNONYMS.iter().find(|(synonym, _)| *synonym == lower);
        let synonym = || synonym().map(|(_, operator)| operator.as_str());
        known.or_else(synonym).or_else(|| fuzzy_match::closest(word, Self::words()))
    }
}

impl Condition {
    /// The operator that it is written with.
    pub fn operator(&self) -> Operator {
        let of_text = |test: &TextOperator| match (test, self.negated) {
            (TextOperator::Is, false) => Operator::Is,
            (TextOperator::Is, true) => Operator::IsNot,
            (TextOperator::Contains, false) => Operator::Contains,
            (TextOperator::Contains, true) => Operator::ContainsNot,
            (TextOperator::StartsWith, _) => Operator::StartsWith,
            (TextOperator::EndsWith, _) => Operator::EndsWith,
            (TextOperator::Matches, _) => Operator::Matches,
        };
        match (&self.test, self.negated) {
            (Test::OneOf(_), false) => Operator::Is,
            (Test::OneOf(_), true) => Operator::IsNot,
            (Test::Path(_), _) => Operator::Matches,
            (Test::Text(test), _) => of_text(&test.operator()),
            (Test::Greater(_), _) => Operator::Greater,
            (Test::Less(_), _) => Operator::Less,
            (Test::Exists, false) => Operator::Exists,
            (Test::Exists, true) => Operator::Missing,
        }
    }
}
