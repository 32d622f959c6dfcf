//! Which events a query is about: all, those of one name, or those that reach a goal.

pub(super) mod named;
pub(super) mod path_pattern;

use std::fmt;
use std::str::FromStr;

use super::Filter;
use crate::column::Column;

/// Which events a query is about, before its filters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EventSelector {
    /// All.
    #[default]
    Any,
    /// Those of this name.
    Named(String),
    /// Those that reach a goal.
    Goal {
        /// The goal's slug.
        slug: GoalSlug,
        /// An event that passes all of them reaches the goal.
        conditions: Vec<Filter>,
    },
}

impl EventSelector {
    /// What an event must pass to be selected: these conditions, then the filters of the query.
    pub fn and(&self, filters: &[Filter]) -> Vec<Filter> {
        let mut all = match self {
            Self::Any => Vec::new(),
            Self::Named(name) => vec![Filter::new(Column::EventName, name)],
            Self::Goal { conditions, .. } => conditions.clone(),
        };
        all.extend_from_slice(filters);
        all
    }

    /// The name of the events, if it is the only condition. `Some(None)`: any name.
    pub fn name(&self) -> Option<Option<&str>> {
        match self {
            Self::Any => Some(None),
            Self::Named(name) => Some(Some(name)),
            Self::Goal { conditions, .. } => match conditions.as_slice() {
                [only] if only.is_on(Column::EventName) => only.value().map(Some),
                _ => None,
            },
        }
    }

    /// The name of the events, if they were selected by it.
    pub fn event(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Any | Self::Goal { .. } => None,
        }
    }

    /// The slug of the goal, if events were selected by one.
    pub fn goal(&self) -> Option<&GoalSlug> {
        match self {
            Self::Goal { slug, .. } => Some(slug),
            Self::Any | Self::Named(_) => None,
        }
    }
}

impl From<Option<String>> for EventSelector {
    /// The events of this name; all if there is none.
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Any, Self::Named)
    }
}

/// The short name of a goal, unique in its project: 1–63 lower-case letters, digits and dashes, with a letter
/// or digit at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GoalSlug(String);

/// The text is no slug of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a goal's slug must have 1 to 63 lower-case letters, digits and dashes, and no dash at either end, like signup"
)]
pub struct InvalidGoalSlug;

impl GoalSlug {
    const MAX_BYTES: usize = 63;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GoalSlug {
    type Err = InvalidGoalSlug;

    fn from_str(text: &str) -> Result<Self, InvalidGoalSlug> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_slug = (1..=Self::MAX_BYTES).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if is_slug { Ok(Self(text.to_owned())) } else { Err(InvalidGoalSlug) }
    }
}

impl fmt::Display for GoalSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_a_short_name_without_surprises() {
        for text in ["a", "signup", "buy-2", "2", &"a".repeat(63)] {
            assert_eq!(text.parse::<GoalSlug>().unwrap().to_string(), text);
        }
        for text in ["", "-", "-a", "a-", "A", "a b", "a_b", "a.b", "é", "a\0", &"a".repeat(64)] {
            assert_eq!(text.parse::<GoalSlug>(), Err(InvalidGoalSlug), "{text}");
        }
    }

    #[test]
    fn a_selector_comes_before_the_filters() {
        let [name, path, country] = [
            Filter::new(Column::EventName, "buy"),
            Filter::new(Column::Path, "/a"),
            Filter::new(Column::Country, "DE"),
        ];
        let goal = |conditions: &[&Filter]| EventSelector::Goal {
            slug: "sale".parse().unwrap(),
            conditions: conditions.iter().map(|filter| (*filter).clone()).collect(),
        };
        let filters = std::slice::from_ref(&country);
        for (selector, conditions, only_name) in [
            (EventSelector::Any, vec![], Some(None)),
            (EventSelector::from(Some("buy".to_owned())), vec![&name], Some(Some("buy"))),
            (goal(&[&name]), vec![&name], Some(Some("buy"))),
            (goal(&[&path]), vec![&path], None),
            (goal(&[&name, &path]), vec![&name, &path], None),
        ] {
            let expected: Vec<Filter> = conditions.into_iter().chain([&country]).cloned().collect();
            assert_eq!(selector.and(filters), expected, "{selector:?}");
            assert_eq!(selector.name(), only_name, "{selector:?}");
        }
    }
}
