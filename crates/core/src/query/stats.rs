//! Counts, distinct visitors and aggregates of numbers, by columns and over time.

mod metric;

pub use self::metric::{Aggregate, Metric};
use super::calendar::CyclicBuckets;
use super::{Buckets, Dimension, EventSelector, Filter, Limit};
use crate::time::{TimeRange, Timestamp};

/// How a response is divided over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsBuckets {
    /// Into spans of time.
    Spans(Buckets),
    /// Into the hours of the day, or the days of the week.
    Cyclic(CyclicBuckets),
}

impl StatsBuckets {
    /// The spans of time; of cyclic buckets, the single hours or days.
    pub const fn spans(self) -> Buckets {
        match self {
            Self::Spans(buckets) => buckets,
            Self::Cyclic(buckets) => buckets.single(),
        }
    }
}

impl From<Buckets> for StatsBuckets {
    fn from(buckets: Buckets) -> Self {
        Self::Spans(buckets)
    }
}

/// `GET /v1/stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// Which events. Under [`Metric::ConversionRate`] groups have the visitors of all events.
    pub events: EventSelector,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
    /// What is counted.
    pub metric: Metric,
    /// At most [`StatsQuery::MAX_DIMENSIONS`], all different.
    pub group_by: Vec<Dimension>,
    /// If set, a series over time.
    pub buckets: Option<StatsBuckets>,
    /// Whether the response shows the local time of each bucket: the client has named the time zone.
    pub labels: bool,
    /// How much is returned.
    pub limit: Limit,
}

impl StatsQuery {
    /// The maximum number of dimensions.
    pub const MAX_DIMENSIONS: usize = 4;
}

/// A counted or averaged number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A count.
    Integer(u64),
    /// An aggregate or a rate; always finite.
    Float(f64),
}

/// One row of a [`StatsResponse`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatsRow {
    /// The first instant of the bucket, if the query has spans of time.
    pub bucket: Option<Timestamp>,
    /// The hour of the day or day of the week, if the query has cyclic buckets.
    pub phase: Option<Phase>,
    /// A value for each dimension of the query, in its order; `None` if the event has no value. Then the
    /// currency, if rows are divided by it.
    pub keys: Vec<Option<String>>,
    /// The number; `None` for an aggregate of no values, except sums.
    pub value: Option<Number>,
}

/// The hour of the day or day of the week that a row is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// 0–23, or 1 (Monday) to 7.
    pub number: u8,
    /// The sum of the values of its single hours or days. `None` if the metric does not [add
    /// up](Metric::adds_up), or if there are too many groups in an hour or day to count separately.
    pub sum: Option<f64>,
}

/// Selected events that are in no aggregate of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// They do not have the property, or it is `null`.
    pub missing: u64,
    /// Its value is not a JSON number.
    pub not_numeric: u64,
}

/// By value descending, ties by the keys ascending (no value first); with buckets by bucket
/// ascending first. Without group and buckets: exactly one row. With cyclic buckets and without groups: a row
/// for each hour or day that occurs in the range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatsResponse {
    /// As many as the limit allows.
    pub rows: Vec<StatsRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of groups that are in no row because there are too many groups to count separately. They are
    /// the least frequent; of whole series, those that do not come first. 0 if all were counted separately.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
    /// Rows have a currency as their last key, `None` if it is not known, because one of the numbers has one.
    /// Then they count only events that carry a number. Only of an aggregate, and if the query is not grouped
    /// by a currency.
    pub by_currency: bool,
    /// What was left out of an aggregate of a property, in all groups; `None` for other metrics.
    pub skipped: Option<Skipped>,
}
