//! Goals: what a project counts as a conversion, and what it is worth (contract, 4.4).
//!
//! Pure values, valid by construction. The store keeps them, and a query carries the
//! [`EventSelector`] of a goal.

use std::fmt;
use std::str::FromStr;

use crate::column::Column;
use crate::event::PAGE_VIEW;
/// What an event must pass besides being the goal's.
pub use crate::query::FilterList as GoalFilters;
use crate::query::{EventSelector, Filter, GoalSlug, PathPattern, ValueProperty};

/// A goal: the events that reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// By which queries name it.
    pub slug: GoalSlug,
    /// What happens.
    pub target: GoalTarget,
    /// An event must pass all of them too.
    pub filters: GoalFilters,
    /// What reaching it is worth, if anything.
    pub value: Option<ValueProperty>,
}

/// What happens when a goal is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoalTarget {
    /// An event of this name.
    Event(GoalEvent),
    /// A page view of a path that matches.
    Page(PathPattern),
}

impl Goal {
    /// The most goals of a project.
    pub const MAX_PER_PROJECT: usize = 100;

    /// The events that reach the goal.
    pub fn selector(&self) -> EventSelector {
        let named = |name: &str| Filter::new(Column::EventName, name);
        let mut conditions = match &self.target {
            GoalTarget::Event(name) => vec![named(name.as_str())],
            GoalTarget::Page(path) => vec![named(PAGE_VIEW), Filter::matching(Column::Path, path)],
        };
        conditions.extend_from_slice(self.filters.as_slice());
        EventSelector::Goal { slug: self.slug.clone(), conditions }
    }
}

/// The name of the event of a goal: 1–128 characters, as events are named, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalEvent(String);

/// The text is no name of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of an event, 1 to 128 characters long, like signup")]
pub struct InvalidGoalEvent;

impl GoalEvent {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GoalEvent {
    type Err = InvalidGoalEvent;

    fn from_str(text: &str) -> Result<Self, InvalidGoalEvent> {
        let fits = (1..=128).contains(&text.chars().count()) && !text.contains(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidGoalEvent) }
    }
}

impl fmt::Display for GoalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(target: GoalTarget, filters: &str) -> Goal {
        Goal { slug: "sale".parse().unwrap(), target, filters: filters.parse().unwrap(), value: None }
    }

    #[test]
    fn a_goal_selects_its_events() {
        let event = |name: &str| GoalTarget::Event(name.parse().unwrap());
        let page = |path: &str| GoalTarget::Page(path.parse().unwrap());
        let name = |name: &str| Filter::new(Column::EventName, name);
        let pattern: PathPattern = "/thanks*".parse().unwrap();
        let country = Filter::new(Column::Country, "DE");
        for (goal, expected) in [
            (goal(event("purchase"), "[]"), vec![name("purchase")]),
            (goal(page("/thanks"), "[]"), vec![name(PAGE_VIEW), Filter::new(Column::Path, "/thanks")]),
            (
                goal(page("/thanks*"), r#"[["is","country",["DE"]]]"#),
                vec![name(PAGE_VIEW), Filter::matching(Column::Path, &pattern), country],
            ),
        ] {
            let slug = goal.slug.clone();
            assert_eq!(goal.selector(), EventSelector::Goal { slug, conditions: expected });
        }
    }

    #[test]
    fn the_event_of_a_goal_is_named_as_events_are() {
        for text in ["signup", "$pageview", "Order placed ✓", &"é".repeat(128)] {
            assert_eq!(text.parse::<GoalEvent>().unwrap().to_string(), text);
        }
        for text in ["", "a\nb", "a\u{0}", &"é".repeat(129)] {
            assert_eq!(text.parse::<GoalEvent>(), Err(InvalidGoalEvent), "{text:?}");
        }
    }
}
