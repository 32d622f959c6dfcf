//! The queries that the product answers, and the shapes of the answers.
//!
//! A query that exists is valid: ranges are not empty, limits are in bounds, columns are
//! known. Every engine answers these types and no others; REST, MCP and the dashboard ask them,
//! which is why their answers cannot differ. No SQL and no JSON here. Queries that follow
//! visitors from event to event have files of their own.

mod funnel;
mod pages;
mod period;
mod retention;
mod sessions;

use std::str::FromStr;

use chrono_tz::Tz;

pub use self::funnel::{
    FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep, FunnelSteps, FunnelWindow, ParseWindowError,
    StepOrder,
};
pub use self::pages::{PAGE_VIEW, PagesQuery, PagesResponse, PagesRow, PagesSort, UnknownPagesSort};
pub use self::period::{Period, UnknownPeriod, midnight};
pub use self::retention::{Cohort, RetentionQuery, RetentionResponse};
pub use self::sessions::{SessionsQuery, SessionsResponse, SessionsRow};

pub use crate::column::Column;
use crate::event::Event;
use crate::time::{TimeRange, Timestamp};

/// The name of a top-level property: 1–128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyName(String);

impl PropertyName {
    /// `None` when empty or longer than 128 bytes.
    pub fn new(name: &str) -> Option<Self> {
        (1..=128).contains(&name.len()).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an answer can be grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A column of the row.
    Column(Column),
    /// `properties.<name>`: strings as they are, other values as their JSON text, absent and
    /// `null` as no value.
    Property(PropertyName),
}

/// The text is nothing that answers can be grouped by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a column to group by")]
pub struct UnknownDimension(pub String);

impl Dimension {
    /// The names that a client may use, as an error lists them.
    pub fn allowed() -> impl Iterator<Item = &'static str> {
        Column::groupable().map(Column::as_str).chain(["properties.<name>"])
    }

    /// The name, which is also the key of the answer's row.
    pub fn name(&self) -> String {
        match self {
            Self::Column(column) => column.as_str().to_owned(),
            Self::Property(name) => format!("properties.{}", name.as_str()),
        }
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let unknown = || UnknownDimension(text.chars().take(80).collect());
        if let Some(name) = text.strip_prefix("properties.") {
            return PropertyName::new(name).map(Self::Property).ok_or_else(unknown);
        }
        Column::groupable().find(|column| column.as_str() == text).map(Self::Column).ok_or_else(unknown)
    }
}

/// Only rows whose column holds exactly this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The column.
    pub column: Column,
    /// The value, as it is stored.
    pub value: String,
}

/// How many rows an answer may hold: 1–1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowLimit(u16);

impl RowLimit {
    /// A single row.
    pub const ONE: Self = Self(1);
    /// As many as an answer can hold.
    pub const MOST: Self = Self(1000);

    /// `None` outside 1–1000.
    pub fn new(rows: u64) -> Option<Self> {
        (1..=1000).contains(&rows).then_some(Self(rows as u16))
    }

    /// The number of rows.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Width of a bucket of time; weeks start on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// `hour`
    Hour,
    /// `day`
    Day,
    /// `week`
    Week,
    /// `month`
    Month,
}

impl Interval {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl FromStr for Interval {
    type Err = UnknownInterval;

    fn from_str(text: &str) -> Result<Self, UnknownInterval> {
        match text {
            "hour" => Ok(Self::Hour),
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err(UnknownInterval),
        }
    }
}

/// The text is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of hour, day, week, month")]
pub struct UnknownInterval;

/// Buckets of time in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Their width.
    pub interval: Interval,
    /// Whose midnights count.
    pub timezone: Tz,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Events.
    Count,
    /// Distinct visitors (`anonymous_id`).
    Uniques,
    /// The sum of a numeric property over the events that carry it as a JSON number.
    Sum(PropertyName),
    /// The mean of it.
    Avg(PropertyName),
}

/// `GET /v1/stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// What is counted.
    pub metric: Metric,
    /// At most [`StatsQuery::MAX_DIMENSIONS`], no two alike.
    pub group_by: Vec<Dimension>,
    /// One series over time.
    pub buckets: Option<Buckets>,
    /// The rows answered.
    pub limit: RowLimit,
}

impl StatsQuery {
    /// The most dimensions that one answer can be grouped by.
    pub const MAX_DIMENSIONS: usize = 4;
}

/// A counted or averaged number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A count.
    Integer(u64),
    /// A sum or a mean; always finite.
    Float(f64),
}

/// One row of a [`StatsResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct StatsRow {
    /// The first instant of the bucket, when buckets were asked for.
    pub bucket: Option<Timestamp>,
    /// A value for each dimension asked for, in its order; `None` where the row has no value.
    pub keys: Vec<Option<String>>,
    /// The number; `None` for the mean of nothing.
    pub value: Option<Number>,
}

/// By value descending, ties by the keys ascending (no value first); with buckets by bucket
/// ascending first. Without group and buckets: exactly one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatsResponse {
    /// At most the limit asked for.
    pub rows: Vec<StatsRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of groups that are in no row since there are too many to count each apart: those are
    /// the least frequent. 0 where every group was counted.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}

/// `GET /v1/sources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Whether rows are split by medium too.
    pub by_medium: bool,
    /// The rows answered.
    pub limit: RowLimit,
}

/// One row of a [`SourcesResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct SourcesRow {
    /// The source.
    pub source: String,
    /// The medium, when rows are split by it.
    pub medium: Option<String>,
    /// Events.
    pub events: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// Share of the row's events whose medium is `paid`, 0 to 1.
    pub paid_share: f64,
}

/// By events descending, ties by source, then medium.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourcesResponse {
    /// At most the limit asked for.
    pub rows: Vec<SourcesRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of sources that are in no row since there are too many to count each apart.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}

/// `GET /v1/query`: raw events, newest first (ties by `event_id` descending).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// The rows answered.
    pub limit: RowLimit,
    /// Continue behind this row.
    pub after: Option<Cursor>,
}

/// Every event that the filters let through, for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
}

/// The place of a row in the order of [`EventsQuery`]. It names the row and not its number,
/// so rows that arrive in between neither repeat nor skip one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The row's time.
    pub timestamp: Timestamp,
    /// The row's id.
    pub event_id: String,
}

/// A page of raw events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventsResponse {
    /// At most the limit asked for.
    pub rows: Vec<Event>,
    /// Where to continue, when there is more.
    pub next: Option<Cursor>,
}

/// `GET /v1/events`: which event names occur, and with which properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// The rows answered.
    pub limit: RowLimit,
}

/// One event name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamesRow {
    /// The name.
    pub event_name: String,
    /// Events of that name.
    pub count: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// The earliest in the range.
    pub first_seen: Timestamp,
    /// The latest in the range.
    pub last_seen: Timestamp,
    /// Its top-level properties, by count descending, then name; at most
    /// [`NamesRow::MAX_PROPERTIES`].
    pub properties: Vec<PropertySeen>,
    /// How often events of that name carry a property that is not among them.
    pub other_properties: u64,
}

impl NamesRow {
    /// The most properties that are told for one name.
    pub const MAX_PROPERTIES: usize = 100;
}

/// One top-level property of an event name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySeen {
    /// The property.
    pub name: String,
    /// Events that carry it.
    pub count: u64,
}

/// By count descending, ties by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamesResponse {
    /// At most the limit asked for.
    pub rows: Vec<NamesRow>,
    /// Rows were cut at the limit, or some names are counted in `other`.
    pub truncated: bool,
    /// Events of names that are in no row since there are too many to count each apart.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_read_by_name() {
        for name in Dimension::allowed().filter(|name| !name.starts_with("properties.")) {
            assert_eq!(name.parse::<Dimension>().unwrap().name(), *name);
        }
        assert_eq!("properties.plan".parse::<Dimension>().unwrap().name(), "properties.plan");
        for name in ["", "user_id", "properties.", "Source", "ip_hash"] {
            assert!(name.parse::<Dimension>().is_err(), "{name}");
        }
    }

    #[test]
    fn limits_have_bounds() {
        assert!(RowLimit::new(0).is_none() && RowLimit::new(1001).is_none());
        assert_eq!(RowLimit::new(1000).map(RowLimit::get), Some(1000));
    }
}
