//! The state of a report, as read from the URL: range, interval, comparison, env, filters, figure. Every link
//! of a report is this state with one change, so the back button works, and any view can be bookmarked.
//!
//! Accepts any URL: unknown parameters and invalid values are ignored.

use chrono::{Datelike as _, Days, NaiveDate};
use chrono_tz::Tz;
use millimetric_core::key::Env;
use millimetric_core::query::{Buckets, Dimension, Filter, Interval, Period, PropertyName, midnight};
use millimetric_core::time::{TimeRange, Timestamp};

use crate::ops::reports::overview::{Figure, Slice, buckets, finest};
use crate::wire::params::filter;

/// Longest filter value, in characters; as in the API.
const MAX_FILTER: usize = 2048;

/// Ranges by name: the word, what it is called, and the key that chooses it.
pub(super) const PERIODS: [(&str, &str, &str); 6] = [
    ("today", "Today", "1"),
    ("24h", "24 hours", "2"),
    ("7d", "7 days", "3"),
    ("30d", "30 days", "4"),
    ("90d", "90 days", "5"),
    ("12mo", "12 months", "6"),
];
/// Shown when the address names none.
const USUAL: &str = "30d";

pub(super) const INTERVALS: [Interval; 4] = [Interval::Hour, Interval::Day, Interval::Week, Interval::Month];
pub(super) const FIGURES: [(Figure, &str); 4] = [
    (Figure::Visitors, "visitors"),
    (Figure::Events, "events"),
    (Figure::Sessions, "sessions"),
    (Figure::Bounces, "bounces"),
];

/// What a report shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// The page's path.
    pub(super) path: String,
    /// Whose days and clocks count.
    pub(super) zone: Tz,
    pub(super) span: Span,
    /// `None`: the finest that suits the range.
    pub(super) interval: Option<Interval>,
    pub(super) compare: bool,
    pub(super) env: Env,
    pub(super) figure: Figure,
    pub(super) filters: Vec<Filter>,
    /// The property whose values are shown beside an event.
    pub(super) property: Option<PropertyName>,
    /// What else the page keeps in its address.
    pub(super) more: Vec<(&'static str, String)>,
}

/// A range as the address gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// One of [`PERIODS`].
    Named(&'static str),
    /// From the first day to the last, both included.
    Days(NaiveDate, NaiveDate),
}

impl View {
    /// The page as it is without any choice.
    pub(super) fn usual(path: String, zone: Tz) -> Self {
        Self {
            path,
            zone,
            span: Span::Named(USUAL),
            interval: None,
            compare: true,
            env: Env::Live,
            figure: Figure::Visitors,
            filters: Vec::new(),
            property: None,
            more: Vec::new(),
        }
    }

    /// Reads the query of an address.
    pub(super) fn read(path: String, zone: Tz, query: Option<&str>) -> Self {
        let mut view = Self::usual(path, zone);
        let (mut first, mut last) = (None, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "period" => view.span = named(&value).unwrap_or(view.span),
                "first" => first = value.parse().ok(),
                "last" => last = value.parse().ok(),
                "interval" => view.interval = value.parse().ok(),
                "compare" => view.compare = value != "off",
                "env" => view.env = if value == Env::Test.as_str() { Env::Test } else { Env::Live },
                "figure" => {
                    let known = FIGURES.iter().find(|(_, word)| *word == value);
                    view.figure = known.map_or(view.figure, |(figure, _)| *figure);
                }
                "property" => view.property = PropertyName::new(&value),
                other => view.add(other, &value),
            }
        }
        if let (Some(first), Some(last)) = (first, last) {
            view.span = Span::Days(first, last).checked().unwrap_or(view.span);
        }
        view
    }

    fn add(&mut self, name: &str, value: &str) {
        if let Some(column) = Dimension::of_filter(name).filter(|_| value.chars().count() <= MAX_FILTER) {
            self.narrow(filter(column, value));
        }
    }

    /// Narrows to a value of a column; an earlier one of the same column is given up.
    pub(super) fn set(&mut self, column: impl Into<Dimension>, value: &str) {
        self.narrow(Filter::new(column, value));
    }

    fn narrow(&mut self, filter: Filter) {
        self.filters.retain(|other| other.column() != filter.column());
        self.filters.push(filter);
    }

    /// What those may see who know the project by a link alone: nobody in particular, and no
    /// values of properties, which may be anything.
    pub(super) fn impersonal(mut self) -> Self {
        self.filters.retain(|filter| !filter.is_personal());
        (self.env, self.property) = (Env::Live, None);
        self
    }

    /// The value that a column is narrowed to.
    pub(super) fn filter(&self, column: impl Into<Dimension>) -> Option<&str> {
        let column = column.into();
        self.filters.iter().find(|filter| filter.is_on(column.clone())).and_then(Filter::value)
    }

    /// The same with something changed.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// The address of the page with something changed.
    pub(super) fn link(&self, change: impl FnOnce(&mut Self)) -> String {
        self.with(change).address()
    }

    /// The address.
    pub(super) fn address(&self) -> String {
        let pairs = self.pairs();
        if pairs.is_empty() {
            return self.path.clone();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        format!("{}?{query}", self.path)
    }

    /// The query's pairs: what differs from the usual.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = match self.span {
            Span::Named(USUAL) => Vec::new(),
            Span::Named(word) => vec![("period", word.to_owned())],
            Span::Days(first, last) => vec![("first", first.to_string()), ("last", last.to_string())],
        };
        let interval = self.interval.map(|interval| ("interval", interval.as_str().to_owned()));
        pairs.extend(interval);
        if !self.compare {
            pairs.push(("compare", "off".to_owned()));
        }
        if self.env == Env::Test {
            pairs.push(("env", Env::Test.as_str().to_owned()));
        }
        let figure =
            FIGURES.iter().find(|(figure, _)| *figure == self.figure && self.figure != Figure::Visitors);
        pairs.extend(figure.map(|(_, word)| ("figure", (*word).to_owned())));
        pairs.extend(
            self.filters.iter().filter_map(|filter| {
                Some((filter.column()?.filter_parameter()?, filter.value()?.to_owned()))
            }),
        );
        pairs.extend(self.property.as_ref().map(|name| ("property", name.as_str().to_owned())));
        pairs.extend(self.more.iter().cloned());
        pairs
    }

    /// The range.
    pub(super) fn range(&self, now: Timestamp) -> TimeRange {
        self.span.range(now, self.zone)
    }

    /// The interval: the one chosen, when the range has few enough of it.
    pub(super) fn steps(&self, now: Timestamp) -> Buckets {
        let range = self.range(now);
        let chosen = self.interval.map(|interval| self.buckets(interval)).filter(|of| suits(range, *of));
        chosen.unwrap_or_else(|| self.buckets(finest(range)))
    }

    /// Steps of that width.
    pub(super) fn buckets(&self, interval: Interval) -> Buckets {
        Buckets { interval, timezone: self.zone }
    }

    /// What is asked about.
    pub(super) fn slice(&self, now: Timestamp) -> Slice {
        Slice { range: self.range(now), filters: self.filters.clone() }
    }
}

/// Whether a range has few enough intervals for a chart.
pub(super) fn suits(range: TimeRange, of: Buckets) -> bool {
    (2..=400).contains(&buckets(range, of).len()) || of.interval == finest(range)
}

impl Span {
    fn checked(self) -> Option<Self> {
        match self {
            Self::Days(first, last) => {
                // The years that instants can be of, without the edges: zones differ.
                let known = |date: NaiveDate| (2..=9998).contains(&date.year());
                (first <= last && known(first) && known(last)).then_some(self)
            }
            Self::Named(_) => Some(self),
        }
    }

    fn range(self, now: Timestamp, zone: Tz) -> TimeRange {
        match self {
            Self::Named(word) => word.parse::<Period>().unwrap_or(Period::WEEK).range(zone, now),
            Self::Days(first, last) => {
                let end = last.checked_add_days(Days::new(1)).unwrap_or(last);
                TimeRange::new(midnight(first, zone), midnight(end, zone)).unwrap_or(TimeRange::LAST)
            }
        }
    }
}

fn named(word: &str) -> Option<Span> {
    PERIODS.iter().find(|(known, ..)| *known == word).map(|(known, ..)| Span::Named(known))
}

#[cfg(test)]
mod tests {
    use millimetric_core::query::Column;

    use super::*;

    fn read(query: &str) -> View {
        View::read("/projects/shop".to_owned(), Tz::UTC, Some(query))
    }

    #[test]
    fn an_address_says_what_differs_from_the_usual() {
        assert_eq!(read("").address(), "/projects/shop");
        for query in [
            "period=7d",
            "first=2026-05-01&last=2026-05-31",
            "interval=week",
            "compare=off",
            "env=test",
            "figure=bounces",
            "event=sign+up&source=a%26b",
            "event=purchase&property=plan",
        ] {
            assert_eq!(read(query).address(), format!("/projects/shop?{query}"));
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        for query in [
            "period=1y",
            "period=30d",
            "first=2026-05-02&last=2026-05-01",
            "first=x&last=2026-05-01",
            "first=-9999-01-01&last=2026-05-01",
            "first=2026-05-01&last=9999-12-31",
            "interval=year",
            "env=live",
            "figure=visitors",
            "nonsense=1",
            "property=",
        ] {
            assert_eq!(read(query).address(), "/projects/shop", "{query}");
        }
        assert!(read(&format!("path={}", "x".repeat(2049))).filters.is_empty());
    }

    #[test]
    fn a_column_is_narrowed_to_one_value() {
        let view = read("source=google&source=bing");
        assert_eq!(view.filter(Column::Source), Some("bing"));
        let shared = read("user_id=ann&os=ios&env=test&event=a&property=email").impersonal();
        assert_eq!(shared.address(), "/projects/shop?os=ios&event=a");
        assert_eq!(view.link(|view| view.set(Column::Source, "x")), "/projects/shop?source=x");
    }

    #[test]
    fn days_are_both_included() {
        let now = Timestamp::parse_or_date("2026-11-25").unwrap();
        let range = read("first=2026-05-01&last=2026-05-31").range(now);
        assert_eq!(
            (range.from().to_string(), range.to().to_string()),
            ("2026-05-01T00:00:00.000Z".to_owned(), "2026-06-01T00:00:00.000Z".to_owned())
        );
    }
}
