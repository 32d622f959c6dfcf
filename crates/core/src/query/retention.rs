//! `GET /v1/retention`: how many visitors come back, period after period.
//!
//! Says what is counted; never counts.

use super::{Buckets, Filter, Interval};
use crate::time::{DAY_MILLIS, TimeRange, Timestamp};

/// Visitors by the period in which they began, and in how many later periods each came back.
///
/// A visitor begins with their first event of the range that is a beginning (`event`) and passes
/// the filters; the period of that event is their cohort. They have returned in a period, the
/// first included, when any event of theirs in it is a return (`return_event`), whatever the
/// filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionQuery {
    /// Events by their `timestamp`; what lies outside neither begins nor returns. At most
    /// [`Self::MOST_PERIODS`] long (see [`Self::longest`]).
    pub range: TimeRange,
    /// All must hold of the event that a visitor begins with.
    pub filters: Vec<Filter>,
    /// The event that a visitor begins with; `None`: any.
    pub event: Option<String>,
    /// The event that counts as a return; `None`: any.
    pub return_event: Option<String>,
    /// The periods.
    pub periods: Buckets,
}

impl RetentionQuery {
    /// So many periods fit into the longest range.
    pub const MOST_PERIODS: i64 = 120;

    /// The longest range for periods of this width, in milliseconds; months count as 31 days.
    pub const fn longest(interval: Interval) -> i64 {
        let days = match interval {
            Interval::Hour | Interval::Day => 1,
            Interval::Week => 7,
            Interval::Month => 31,
        };
        Self::MOST_PERIODS * days * DAY_MILLIS
    }
}

/// Cohorts in order of time; a period in which nobody began has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionResponse {
    /// At most one for each period of the range.
    pub cohorts: Vec<Cohort>,
}

/// The visitors who began in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// The first instant of the period, which may lie before the range.
    pub start: Timestamp,
    /// How many they are.
    pub visitors: u64,
    /// How many of them returned in each period from this one to the range's last.
    pub returned: Vec<u64>,
}
