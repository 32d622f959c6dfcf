//! How many rows a response has, and the buckets of time that it is divided into.

use std::str::FromStr;

use chrono_tz::Tz;

/// The maximum number of rows of a response: 1–1000, or [`ALL`](RowLimit::ALL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowLimit(u32);

impl RowLimit {
    /// A single row.
    pub const ONE: Self = Self(1);
    /// 1000, the largest maximum that a client can send.
    pub const MOST: Self = Self(1000);
    /// Every row: for rows that are compared with others before they are cut. The engine bounds their number.
    pub const ALL: Self = Self(u32::MAX);

    /// `None` outside 1–1000.
    pub fn new(rows: u64) -> Option<Self> {
        (1..=1000).contains(&rows).then_some(Self(rows as u32))
    }

    /// The number of rows.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// How much of a response is returned that may be a time series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The first rows, at most this many.
    Rows(RowLimit),
    /// Whole series: the groups that come first without buckets, each with all of its buckets. As many of the
    /// first [`Self::MOST_SERIES`] groups as fit into [`Self::MOST_ROWS`] rows; of a single one that does not
    /// fit, the first rows.
    Series,
}

impl Limit {
    /// The maximum number of whole series.
    pub const MOST_SERIES: usize = 100;
    /// The maximum number of rows of all whole series together.
    pub const MOST_ROWS: usize = 10_000;

    /// The maximum number of rows.
    pub const fn rows(self) -> usize {
        match self {
            Self::Rows(limit) => limit.get(),
            Self::Series => Self::MOST_ROWS,
        }
    }
}

impl From<RowLimit> for Limit {
    fn from(limit: RowLimit) -> Self {
        Self::Rows(limit)
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
    /// The value in the API.
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
#[error("must be one of hour, day, week, month")]
pub struct UnknownInterval;

/// Buckets of time in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Their width.
    pub interval: Interval,
    /// Their time zone.
    pub timezone: Tz,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_bounds() {
        assert!(RowLimit::new(0).is_none() && RowLimit::new(1001).is_none());
        assert_eq!(RowLimit::new(1000).map(RowLimit::get), Some(1000));
    }
}
