//! `GET /v1/funnel`: how many visitors complete each step of a series of events.
//!
//! The definition alone; engines count.

use std::str::FromStr;

use super::{Dimension, EventSelector, Filter, PAGE_VIEW, PathPattern, RowLimit};
use crate::column::Column;
use crate::time::{DAY_MILLIS, HOUR_MILLIS, MINUTE_MILLIS, TimeRange};

/// How many visitors reach each step; each visitor counts with the attempt that reaches most steps.
///
/// Under [`StepOrder::Strict`] an attempt starts with an event of the first step that passes the
/// filters; each further step is an event after the one before, at most the window after the
/// start. Other events in between do not matter. A visitor has reached a step once one of their
/// attempts has; the time of a step is that from the latest event that
/// led to it to the first event that reached it, and its time from the start is that from the latest start
/// from which this event reached it.
///
/// Under [`StepOrder::Any`] an attempt starts with an event of any step that passes the filters, and holds as
/// many steps as the events from there to at most the window later can be, each at the first event with which
/// there are so many. Of the attempts that hold most steps the earliest counts.
///
/// An event is one step of an attempt only, even if it can be several. Events of one millisecond come in the
/// order of the first step that each can be, then of the set of its steps, read as a binary number whose lowest
/// digit is the first step, then of their group, and then those that pass the filters first. [`GroupAt`] says
/// which event a visitor's group is that of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelQuery {
    /// Selects events by their `timestamp`; an event outside the range is no step.
    pub range: TimeRange,
    /// The event that starts an attempt must pass all of them; later steps need not.
    pub filters: Vec<Filter>,
    /// The steps.
    pub steps: FunnelSteps,
    /// How long an attempt may take.
    pub window: FunnelWindow,
    /// Whether the steps have an order.
    pub order: StepOrder,
    /// At most [`StatsQuery::MAX_DIMENSIONS`](super::StatsQuery::MAX_DIMENSIONS), all different.
    pub group_by: Vec<Dimension>,
    /// Which of a visitor's events decides on their group.
    pub group_at: GroupAt,
    /// The maximum number of groups.
    pub limit: RowLimit,
}

/// The steps of a funnel: 2–8; one may occur more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelSteps(Vec<StepSelector>);

/// The events that are a step of a funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSelector {
    /// What the step is called in the response: the name of the event, or `page:` and the path, or `goal:` and
    /// the slug.
    pub name: String,
    /// Which events.
    pub events: EventSelector,
    /// An event must pass all of them too.
    pub filters: Vec<Filter>,
}

impl StepSelector {
    /// How the name of a step begins that is a page.
    pub const PAGE: &'static str = "page:";
    /// How the name of a step begins that is a goal.
    pub const GOAL: &'static str = "goal:";

    /// The events of this name that pass the filters.
    pub fn named(name: String, filters: Vec<Filter>) -> Self {
        Self { name: name.clone(), events: EventSelector::Named(name), filters }
    }

    /// The page views of a path that matches, and that pass the filters. `sent` is the path as it was sent.
    pub fn page(sent: &str, path: &PathPattern, filters: Vec<Filter>) -> Self {
        let path = Filter::matching(Column::Path, path);
        Self {
            name: format!("{}{sent}", Self::PAGE),
            events: EventSelector::Named(PAGE_VIEW.to_owned()),
            filters: [path].into_iter().chain(filters).collect(),
        }
    }

    /// The events that reach a goal and pass the filters.
    pub fn goal(slug: &str, events: EventSelector, filters: Vec<Filter>) -> Self {
        Self { name: format!("{}{slug}", Self::GOAL), events, filters }
    }

    /// What an event must pass to be the step.
    pub fn conditions(&self) -> Vec<Filter> {
        self.events.and(&self.filters)
    }

    /// The name of the events, if they are all events of one name.
    pub fn only_name(&self) -> Option<&str> {
        if self.filters.is_empty() { self.events.name().flatten() } else { None }
    }
}

impl FunnelSteps {
    /// The most steps.
    pub const MOST: usize = 8;

    /// Steps that are events of these names. `None` unless there are 2–8 names of 1–128 characters.
    pub fn new(names: Vec<String>) -> Option<Self> {
        Self::of(names.into_iter().map(|name| StepSelector::named(name, Vec::new())).collect())
    }

    /// `None` unless there are 2–8 steps, and the names of those that are selected by name have 1–128
    /// characters.
    pub fn of(steps: Vec<StepSelector>) -> Option<Self> {
        let is_named = |name: &str| (1..=128).contains(&name.chars().count());
        let is_valid = |step: &StepSelector| step.events.event().is_none_or(is_named);
        ((2..=Self::MOST).contains(&steps.len()) && steps.iter().all(is_valid)).then_some(Self(steps))
    }

    /// The steps, in their order.
    pub fn as_slice(&self) -> &[StepSelector] {
        &self.0
    }
}

/// How long an attempt may take: a second to 366 days, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelWindow(i64);

/// The text is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number with s, m, h, d or w, such as 30m or 7d, of at most 366 days")]
pub struct ParseWindowError;

impl FunnelWindow {
    /// A week.
    pub const WEEK: Self = Self(7 * DAY_MILLIS);
    const MOST: i64 = 366 * DAY_MILLIS;

    /// Milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl FromStr for FunnelWindow {
    type Err = ParseWindowError;

    fn from_str(text: &str) -> Result<Self, ParseWindowError> {
        let unit = match text.as_bytes().last() {
            Some(b's') => 1_000,
            Some(b'm') => MINUTE_MILLIS,
            Some(b'h') => HOUR_MILLIS,
            Some(b'd') => DAY_MILLIS,
            Some(b'w') => 7 * DAY_MILLIS,
            _ => return Err(ParseWindowError),
        };
        let number = &text[..text.len() - 1];
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let count = number.parse::<i64>().ok().filter(|_| digits).ok_or(ParseWindowError)?;
        let millis = count.checked_mul(unit).filter(|millis| (1_000..=Self::MOST).contains(millis));
        millis.map(Self).ok_or(ParseWindowError)
    }
}

/// Whether the steps have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOrder {
    /// `strict`: each after the one before.
    Strict,
    /// `any`: in whatever order.
    Any,
}

impl StepOrder {
    /// The value in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Any => "any",
        }
    }
}

/// Which event of a visitor the group is that of. A visitor is in one group for all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupAt {
    /// `first`: the first event of the range that can start an attempt.
    #[default]
    First,
    /// `attempt`: the event that started the attempt which first got furthest.
    Attempt,
}

/// The text is no [`GroupAt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be first or attempt")]
pub struct UnknownGroupAt;

impl FromStr for GroupAt {
    type Err = UnknownGroupAt;

    fn from_str(text: &str) -> Result<Self, UnknownGroupAt> {
        match text {
            "first" => Ok(Self::First),
            "attempt" => Ok(Self::Attempt),
            _ => Err(UnknownGroupAt),
        }
    }
}

/// Groups by the visitors who started, descending, ties by the keys ascending (no value first).
/// Without group: exactly one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FunnelResponse {
    /// At most `limit` of them.
    pub groups: Vec<FunnelGroup>,
    /// Groups were cut at the limit, or some are counted in `other`.
    pub truncated: bool,
    /// Visitors who started in a group that has no row because there are too many groups to count separately.
    pub other: u64,
}

/// One group's funnel.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelGroup {
    /// A value for each dimension of the query, in its order; `None` if the event has no value.
    pub keys: Vec<Option<String>>,
    /// One for each step, in their order; under [`StepOrder::Any`] the first counts visitors with
    /// at least one of the steps, the second those with at least two, and so on.
    pub steps: Vec<FunnelStep>,
}

/// The visitors of one step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FunnelStep {
    /// Visitors who reached it.
    pub visitors: u64,
    /// The median of the time from the step before, in milliseconds (of an even number, the mean of
    /// the two middle ones); `None` for the first step, and for a step that nobody reached.
    pub median_millis: Option<f64>,
    /// The median of the time from the start of the attempt; `None` where `median_millis` is.
    pub median_millis_from_start: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_with_their_unit() {
        let cases = [
            ("1s", 1_000),
            ("30m", 1_800_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
            ("366d", 31_622_400_000),
        ];
        for (text, millis) in cases {
            assert_eq!(text.parse().map(FunnelWindow::millis), Ok(millis), "{text}");
        }
        for text in
            ["", "7", "d", "0d", "-1d", "+1d", "1.5h", "367d", "7 d", "1y", "99999999999999999999s", "7ü"]
        {
            assert_eq!(text.parse::<FunnelWindow>(), Err(ParseWindowError), "{text}");
        }
    }

    #[test]
    fn a_funnel_has_two_to_eight_steps() {
        let steps = |count: usize| FunnelSteps::new(vec!["a".to_owned(); count]);
        assert!(steps(1).is_none() && steps(9).is_none());
        assert_eq!(steps(8).unwrap().as_slice().len(), 8);
        assert!(FunnelSteps::new(vec!["a".to_owned(), String::new()]).is_none());
        assert!(FunnelSteps::new(vec!["a".to_owned(), "ü".repeat(128)]).is_some());
        assert!(FunnelSteps::new(vec!["a".to_owned(), "ü".repeat(129)]).is_none());
    }

    #[test]
    fn a_page_is_a_page_view_whose_path_matches() {
        let country = Filter::new(Column::Country, "DE");
        for (sent, path) in [("/%C3%BC", Filter::new(Column::Path, "/ü")), ("/a*", of_pattern("/a*"))] {
            let step = StepSelector::page(sent, &sent.parse().unwrap(), vec![country.clone()]);
            assert_eq!(step.name, format!("page:{sent}"));
            assert_eq!(
                step.conditions(),
                [Filter::new(Column::EventName, "$pageview"), path, country.clone()]
            );
            assert_eq!(step.only_name(), None);
        }
    }

    fn of_pattern(text: &str) -> Filter {
        Filter::matching(Column::Path, &text.parse().unwrap())
    }
}
