//! `GET /v1/retention`: how many visitors come back, period after period.
//!
//! The definition alone; engines count.

use std::str::FromStr;

use super::{Buckets, EventSelector, Filter, Interval};
use crate::time::{DAY_MILLIS, TimeRange, Timestamp};

/// Visitors by the period of their first event (cohorts), and how many of them return in each later period.
///
/// A visitor's cohort is the period of their first event that is selected and passes the filters; [`NewVisitors`]
/// says since when. They return in a period, the first included, if they have an event with the
/// name `return_event` in it, whatever the filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionQuery {
    /// Selects events by their `timestamp`: a visitor whose first event is outside the range is in no cohort, and
    /// events outside it are no returns. At most [`Self::MOST_PERIODS`] long (see [`Self::longest`]).
    pub range: TimeRange,
    /// A visitor's first event must pass all of them.
    pub filters: Vec<Filter>,
    /// Which events can be a visitor's first.
    pub events: EventSelector,
    /// Which visitors are new.
    pub new: NewVisitors,
    /// The name of an event that counts as a return; `None` for any.
    pub return_event: Option<String>,
    /// The periods.
    pub periods: Buckets,
}

impl RetentionQuery {
    /// The number of periods of the longest range.
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

/// Which visitors are new, so that a cohort contains them.
///
/// Deleted events are unknown: a visitor whose first event was deleted when its retention ended is new at their
/// first event that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NewVisitors {
    /// `ever`: those whose first event of all that are stored lies in the range. Sessions, which filters may be
    /// about, are those of all stored events up to the end of the range.
    #[default]
    Ever,
    /// `range`: all, by their first event in the range.
    Range,
}

/// The text is no [`NewVisitors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ever or range")]
pub struct UnknownNewVisitors;

impl FromStr for NewVisitors {
    type Err = UnknownNewVisitors;

    fn from_str(text: &str) -> Result<Self, UnknownNewVisitors> {
        match text {
            "ever" => Ok(Self::Ever),
            "range" => Ok(Self::Range),
            _ => Err(UnknownNewVisitors),
        }
    }
}

/// Cohorts in order of time; a period without first events has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionResponse {
    /// At most one for each period of the range.
    pub cohorts: Vec<Cohort>,
}

/// The visitors of one cohort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// The first instant of the period, which may lie before the range.
    pub start: Timestamp,
    /// The size of the cohort.
    pub visitors: u64,
    /// How many of them returned in each period from this one to the range's last.
    pub returned: Vec<u64>,
}
