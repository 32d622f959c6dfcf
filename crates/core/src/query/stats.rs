//! Counts, distinct visitors, sums and means of events, by columns and over time.

use super::{Buckets, Dimension, EventSelector, Filter, PropertyName, RowLimit};
use crate::time::{TimeRange, Timestamp};

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Events.
    Count,
    /// Distinct visitors (`anonymous_id`).
    Uniques,
    /// Events that reach the goal that the query is about.
    Conversions,
    /// Distinct visitors of the selected events, divided by those of all events that pass the filters.
    ConversionRate,
    /// The sum of a numeric property over the events that carry it as a JSON number.
    Sum(PropertyName),
    /// The mean of it.
    Avg(PropertyName),
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
    pub buckets: Option<Buckets>,
    /// The maximum number of rows.
    pub limit: RowLimit,
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
    /// A sum, a mean or a rate; always finite.
    Float(f64),
}

/// One row of a [`StatsResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct StatsRow {
    /// The first instant of the bucket, if the query has buckets.
    pub bucket: Option<Timestamp>,
    /// A value for each dimension of the query, in its order; `None` if the event has no value.
    pub keys: Vec<Option<String>>,
    /// The number; `None` for the mean of no values.
    pub value: Option<Number>,
}

/// By value descending, ties by the keys ascending (no value first); with buckets by bucket
/// ascending first. Without group and buckets: exactly one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatsResponse {
    /// At most `limit` of them.
    pub rows: Vec<StatsRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of groups that are in no row because there are too many groups to count separately: those are
    /// the least frequent. 0 if all were counted separately.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}
