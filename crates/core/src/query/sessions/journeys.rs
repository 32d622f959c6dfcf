//! `GET /v1/journeys`: what visitors do after, or before, a page or an event.
//!
//! The definition alone; engines count.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::column::Column;
use crate::event::PAGE_VIEW;
use crate::query::{Filter, InvalidPathPattern, PathPattern, RowLimit};
use crate::time::TimeRange;

/// The most frequent paths of sessions (contract, 4.1) from a start, or to it.
///
/// A session is counted, once, if one of its events is in the range, is a [start](JourneyStart) and passes the
/// filters; it needs no page view. Forwards, its path begins with the first such event, and continues with the
/// steps of the session after it. Backwards, its path ends with the last such event, after the steps before it.
/// Events are in order of time, then `event_id`. As for all sessions, the 24 hours before the range are read
/// too, so that a path can begin there, and nothing after the range.
///
/// A step is a page view, by its path, or another event, by its name: a [`JourneyStep`]. Events whose name
/// starts with `$` are no steps, except for page views and the start; without `page_views`, page views are no
/// steps either, except for the start. Of equal steps that follow each other, with no other step between them,
/// only one is in the path: a reload is no step.
///
/// A path with fewer than `steps` steps is that of sessions that have no more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneysQuery {
    /// Selects the start of a path by its `timestamp`.
    pub range: TimeRange,
    /// Where paths begin or end.
    pub start: JourneyStart,
    /// The start must pass all of them; other steps need not.
    pub filters: Vec<Filter>,
    /// Whether paths are those after the start.
    pub direction: JourneyDirection,
    /// How many steps a path has at most.
    pub steps: JourneySteps,
    /// Whether page views are steps.
    pub page_views: bool,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

impl JourneysQuery {
    /// What an event must pass to be a start.
    pub fn conditions(&self) -> Vec<Filter> {
        let mut all = self.start.conditions();
        all.extend_from_slice(&self.filters);
        all
    }
}

/// Whether paths are followed forwards or backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JourneyDirection {
    /// `forwards`: what happens after the start.
    #[default]
    Forwards,
    /// `backwards`: what happened before it.
    Backwards,
}

impl JourneyDirection {
    /// The value in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forwards => "forwards",
            Self::Backwards => "backwards",
        }
    }
}

/// The text is no direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be forwards or backwards")]
pub struct UnknownJourneyDirection;

impl FromStr for JourneyDirection {
    type Err = UnknownJourneyDirection;

    fn from_str(text: &str) -> Result<Self, UnknownJourneyDirection> {
        [Self::Forwards, Self::Backwards]
            .into_iter()
            .find(|direction| direction.as_str() == text)
            .ok_or(UnknownJourneyDirection)
    }
}

/// How many steps a path has at most, the start among them: 2–5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JourneySteps(u8);

impl JourneySteps {
    /// The most that can be asked for.
    pub const MOST: usize = 5;

    /// `None` outside 2–5.
    pub fn new(steps: u64) -> Option<Self> {
        (2..=Self::MOST as u64).contains(&steps).then_some(Self(steps as u8))
    }

    /// The number of steps.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for JourneySteps {
    /// 3.
    fn default() -> Self {
        Self(3)
    }
}

/// What begins the text of a page, unless that begins with `/`.
const PAGE: &str = "page:";
/// What begins the text of an event that would be something else without it.
const EVENT: &str = "event:";
/// Not in use yet: so far no text means a goal.
const GOAL: &str = "goal:";

/// A step of a path.
///
/// Its text is the path of a page, as it is, or the name of an event. The two cannot be confused:
/// a name that begins with `/`, `page:`, `event:` or `goal:` is written after `event:`, and a path that does not
/// begin with `/` after `page:`. A page view without a path is `$pageview`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JourneyStep<'a> {
    /// A page view, by its path.
    Page(Option<&'a str>),
    /// Another event, by its name.
    Event(&'a str),
}

impl<'a> JourneyStep<'a> {
    /// The step that an event is.
    pub fn of(event_name: &'a str, path: Option<&'a str>) -> Self {
        if event_name == PAGE_VIEW { Self::Page(path) } else { Self::Event(event_name) }
    }

    /// Its text.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Page(None) => PAGE_VIEW.into(),
            Self::Page(Some(path)) if path.starts_with('/') => path.into(),
            Self::Page(Some(path)) => format!("{PAGE}{path}").into(),
            Self::Event(name) if ["/", PAGE, EVENT, GOAL].iter().any(|taken| name.starts_with(taken)) => {
                format!("{EVENT}{name}").into()
            }
            Self::Event(name) => name.into(),
        }
    }
}

/// Which events paths begin or end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JourneyStart {
    /// Those of this name, of 1–128 characters; `$pageview`: all page views.
    Event(String),
    /// Page views of a path that matches.
    Page(PathPattern),
}

/// The text is no start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJourneyStart {
    /// Empty or too long.
    #[error(
        "must be the name of an event, 1 to 128 characters long, like signup, or a page, like page:/pricing*"
    )]
    Name,
    /// A page without `page:`.
    #[error(
        "must have `page:` before the path of a page, like page:/pricing*, or `event:` before an event's name"
    )]
    Path,
    /// A goal.
    #[error("must be an event or a page, like signup or page:/pricing*: a goal cannot be a start")]
    Goal,
    /// What is after `page:` is no path.
    #[error("is no page: after `page:`, it {0}")]
    Pattern(InvalidPathPattern),
}

impl JourneyStart {
    /// What an event must pass to be a start.
    pub fn conditions(&self) -> Vec<Filter> {
        let named = |name: &str| Filter::new(Column::EventName, name);
        match self {
            Self::Event(name) => vec![named(name)],
            Self::Page(path) => vec![named(PAGE_VIEW), Filter::matching(Column::Path, path)],
        }
    }
}

impl FromStr for JourneyStart {
    type Err = InvalidJourneyStart;

    /// Reads an event's name, also after `event:`, or a path with wildcards after `page:`.
    fn from_str(text: &str) -> Result<Self, InvalidJourneyStart> {
        if let Some(path) = text.strip_prefix(PAGE) {
            return path.parse().map(Self::Page).map_err(InvalidJourneyStart::Pattern);
        }
        if text.starts_with('/') {
            return Err(InvalidJourneyStart::Path);
        }
        if text.starts_with(GOAL) {
            return Err(InvalidJourneyStart::Goal);
        }
        let name = text.strip_prefix(EVENT).unwrap_or(text);
        let fits = (1..=128).contains(&name.chars().count());
        if fits { Ok(Self::Event(name.to_owned())) } else { Err(InvalidJourneyStart::Name) }
    }
}

impl fmt::Display for JourneyStart {
    /// A text that is read as this start.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(name) => f.write_str(&JourneyStep::Event(name).text()),
            Self::Page(path) => write!(f, "{PAGE}{path}"),
        }
    }
}

/// By sessions descending, ties by the path.
///
/// The sessions of `rows` and `other` sum to `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JourneysResponse {
    /// At most `limit` rows.
    pub rows: Vec<JourneysRow>,
    /// Sessions with a start.
    pub sessions: u64,
    /// Sessions whose path is in no row: those of rows that were cut at the limit, and of paths that are not
    /// counted separately because there are too many.
    pub other: u64,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JourneysRow {
    /// The [texts](JourneyStep::text) of its steps in order of time, in either direction.
    pub path: Vec<String>,
    /// Sessions.
    pub sessions: u64,
    /// Distinct visitors; always counted, never estimated.
    pub visitors: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_an_event_or_a_page() {
        let event = |name: &str| JourneyStart::Event(name.to_owned());
        let page = |path: &str| JourneyStart::Page(path.parse().unwrap());
        for (text, start, written) in [
            ("signup", event("signup"), "signup"),
            ("$pageview", event("$pageview"), "$pageview"),
            ("event:signup", event("signup"), "signup"),
            ("event:/x", event("/x"), "event:/x"),
            ("event:goal:x", event("goal:x"), "event:goal:x"),
            ("event:event:x", event("event:x"), "event:event:x"),
            ("page:/pricing*", page("/pricing*"), "page:/pricing*"),
            ("page:/%c3%bc", page("/ü"), "page:/ü"),
        ] {
            let read: JourneyStart = text.parse().unwrap();
            assert_eq!((&read, read.to_string()), (&start, written.to_owned()), "{text}");
            assert_eq!(written.parse(), Ok(start), "{text}");
        }
        for (text, error) in [
            ("", InvalidJourneyStart::Name),
            ("event:", InvalidJourneyStart::Name),
            (&"é".repeat(129), InvalidJourneyStart::Name),
            ("/pricing", InvalidJourneyStart::Path),
            ("goal:sale", InvalidJourneyStart::Goal),
            ("page:", InvalidJourneyStart::Pattern(InvalidPathPattern::Length)),
            ("page:pricing", InvalidJourneyStart::Pattern(InvalidPathPattern::Beginning)),
        ] {
            assert_eq!(text.parse::<JourneyStart>(), Err(error), "{text}");
        }
        let pattern: PathPattern = "/pricing*".parse().unwrap();
        let expected =
            vec![Filter::new(Column::EventName, PAGE_VIEW), Filter::matching(Column::Path, &pattern)];
        assert_eq!(page("/pricing*").conditions(), expected);
        assert_eq!(event("signup").conditions(), vec![Filter::new(Column::EventName, "signup")]);
    }

    #[test]
    fn no_two_steps_have_the_same_text() {
        let steps = [
            (PAGE_VIEW, Some("/pricing"), "/pricing"),
            (PAGE_VIEW, Some("pricing"), "page:pricing"),
            (PAGE_VIEW, Some(""), "page:"),
            (PAGE_VIEW, Some("page:pricing"), "page:page:pricing"),
            (PAGE_VIEW, None, "$pageview"),
            ("signup", Some("/pricing"), "signup"),
            ("/pricing", None, "event:/pricing"),
            ("page:pricing", None, "event:page:pricing"),
            ("event:/pricing", None, "event:event:/pricing"),
            ("goal:sale", None, "event:goal:sale"),
            ("goals", None, "goals"),
        ];
        for (name, path, text) in steps {
            assert_eq!(JourneyStep::of(name, path).text(), text);
        }
    }

    #[test]
    fn steps_and_directions_have_bounds() {
        assert_eq!(
            [1, 2, 5, 6].map(|steps| JourneySteps::new(steps).map(JourneySteps::get)),
            [None, Some(2), Some(5), None]
        );
        assert_eq!(JourneySteps::default().get(), 3);
        for direction in [JourneyDirection::Forwards, JourneyDirection::Backwards] {
            assert_eq!(direction.as_str().parse(), Ok(direction));
        }
        assert_eq!("forward".parse::<JourneyDirection>(), Err(UnknownJourneyDirection));
    }
}
