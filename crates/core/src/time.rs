//! Instants and ranges of time as the whole product counts them: UTC milliseconds.
//!
//! Never reads a clock: "now" is always an argument.

mod iso8601;

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds of a second.
pub const SECOND_MILLIS: i64 = 1000;
/// Milliseconds of a minute.
pub const MINUTE_MILLIS: i64 = 60 * SECOND_MILLIS;
/// Milliseconds of an hour.
pub const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;
/// Milliseconds of a day of UTC, which has no leap seconds.
pub const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// An instant: milliseconds since 1970-01-01T00:00:00Z, between the years 0001 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Why a text is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an ISO 8601 time with an offset such as 2026-05-16T19:00:00Z, between the years 0001 and 9999"
)]
pub struct ParseTimeError;

impl Timestamp {
    /// 0001-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since the epoch; `None` outside [`Self::MIN`] to [`Self::MAX`].
    pub fn from_millis(millis: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads an ISO 8601 date and time with an offset. What RFC 3339 allows, and also the offsets `+02` and
    /// `+0200`, a time without seconds, and a comma before the fraction. Parts below a millisecond are cut.
    pub fn parse(text: &str) -> Result<Self, ParseTimeError> {
        iso8601::millis(text).and_then(Self::from_millis).ok_or(ParseTimeError)
    }

    /// Reads a date alone (`2026-05-16`).
    pub fn parse_date(text: &str) -> Option<NaiveDate> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
    }

    /// Like [`Self::parse`], but a date alone is its midnight in UTC.
    pub fn parse_or_date(text: &str) -> Result<Self, ParseTimeError> {
        match Self::parse_date(text) {
            Some(date) => {
                let midnight = date.and_time(NaiveTime::MIN).and_utc();
                Self::from_millis(midnight.timestamp_millis()).ok_or(ParseTimeError)
            }
            None => Self::parse(text),
        }
    }

    /// The same instant as a chrono value.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// Later by so many milliseconds (earlier when negative), held inside the allowed years.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// As on the wire without a fraction: `2026-05-16T19:00:00Z`, the shape of a bucket.
    pub fn to_rfc3339_seconds(self) -> String {
        self.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

impl fmt::Display for Timestamp {
    /// As on the wire: `2026-05-16T19:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A span of time, `from` inclusive, `to` exclusive, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    from: Timestamp,
    to: Timestamp,
}

impl TimeRange {
    /// The last millisecond there is.
    pub const LAST: Self = Self { from: Timestamp(Timestamp::MAX.0 - 1), to: Timestamp::MAX };

    /// `None` unless `from` lies before `to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// The first instant inside.
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// The first instant after it.
    pub const fn to(&self) -> Timestamp {
        self.to
    }

    /// Whether the instant lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_shapes_of_the_contract() {
        let cases = [
            ("2026-05-16", "2026-05-16T00:00:00.000Z"),
            ("2026-05-16T19:00:00Z", "2026-05-16T19:00:00.000Z"),
            ("2026-05-16T21:00:00.1239+02:00", "2026-05-16T19:00:00.123Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ];
        for (text, shown) in cases {
            assert_eq!(Timestamp::parse_or_date(text).map(|t| t.to_string()), Ok(shown.to_owned()));
        }
        for text in
            ["", "yesterday", "2026-05-16T19:00:00", "2026-13-01", "0000-12-31", "+12026-01-01T00:00:00Z"]
        {
            assert_eq!(Timestamp::parse_or_date(text), Err(ParseTimeError), "{text}");
        }
    }

    #[test]
    fn a_range_holds_its_start_and_not_its_end() {
        let at = |ms| Timestamp::from_millis(ms).unwrap();
        let range = TimeRange::new(at(10), at(20)).unwrap();
        assert!(range.contains(at(10)) && range.contains(at(19)) && !range.contains(at(20)));
        assert_eq!(TimeRange::new(at(10), at(10)), None);
    }
}
