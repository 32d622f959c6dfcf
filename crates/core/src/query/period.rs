//! Ranges by name (`7d`, `today`, `12mo`), and the ends of a range.
//!
//! Days are those of a time zone; "now" is an argument, as everywhere here.

use std::str::FromStr;

use chrono::{Datelike as _, Days, Months};
use chrono_tz::Tz;

use super::calendar::midnight;
use crate::time::{DAY_MILLIS, ParseTimeError, TimeRange, Timestamp};

/// A range with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `today`: since midnight.
    Today,
    /// `yesterday`: the whole day before.
    Yesterday,
    /// `24h`: the last 24 hours.
    Day,
    /// `7d`, `30d`, `90d`: so many days, today included.
    Days(u16),
    /// `12mo`: twelve months, this one included.
    Year,
}

/// The text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of today, yesterday, 24h, 7d, 30d, 90d, 12mo")]
pub struct UnknownPeriod;

impl Period {
    /// The names in the API.
    pub const WORDS: &'static [&'static str] = &["today", "yesterday", "24h", "7d", "30d", "90d", "12mo"];
    /// The default.
    pub const WEEK: Self = Self::Days(7);

    /// The instants: whole days end with the midnight that comes next.
    pub fn range(self, timezone: Tz, now: Timestamp) -> TimeRange {
        let today = now.to_utc().with_timezone(&timezone).date_naive();
        let back = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(today);
        let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
        let (first, end) = match self {
            Self::Day => {
                let from = now.plus_millis(-DAY_MILLIS);
                return TimeRange::new(from, now.plus_millis(1)).unwrap_or(TimeRange::LAST);
            }
            Self::Today => (today, tomorrow),
            Self::Yesterday => (back(1), today),
            Self::Days(days) => (back(u64::from(days.max(1) - 1)), tomorrow),
            Self::Year => {
                let month = today.with_day(1).unwrap_or(today);
                (month.checked_sub_months(Months::new(11)).unwrap_or(month), tomorrow)
            }
        };
        TimeRange::new(midnight(first, timezone), midnight(end, timezone)).unwrap_or(TimeRange::LAST)
    }
}

impl FromStr for Period {
    type Err = UnknownPeriod;

    fn from_str(text: &str) -> Result<Self, UnknownPeriod> {
        match text {
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            "24h" => Ok(Self::Day),
            "7d" => Ok(Self::Days(7)),
            "30d" => Ok(Self::Days(30)),
            "90d" => Ok(Self::Days(90)),
            "12mo" => Ok(Self::Year),
            _ => Err(UnknownPeriod),
        }
    }
}

/// Reads an instant: an ISO 8601 time with an offset, or a date alone, which is its midnight in the zone.
pub fn time_or_date(text: &str, timezone: Tz) -> Result<Timestamp, ParseTimeError> {
    match Timestamp::parse_date(text) {
        Some(date) if (1..=9999).contains(&date.year()) => Ok(midnight(date, timezone)),
        Some(_) => Err(ParseTimeError),
        None => Timestamp::parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_days_of_the_zone() {
        let now = Timestamp::parse("2026-11-24T18:30:00Z").unwrap();
        for (word, zone, from, to) in [
            ("today", Tz::UTC, "2026-11-24T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
            ("yesterday", Tz::UTC, "2026-11-23T00:00:00.000Z", "2026-11-24T00:00:00.000Z"),
            ("24h", Tz::UTC, "2026-11-23T18:30:00.000Z", "2026-11-24T18:30:00.001Z"),
            ("7d", Tz::UTC, "2026-11-18T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
            ("30d", Tz::Europe__Berlin, "2026-10-25T23:00:00.000Z", "2026-11-24T23:00:00.000Z"),
            ("today", Tz::Asia__Tokyo, "2026-11-24T15:00:00.000Z", "2026-11-25T15:00:00.000Z"),
            ("12mo", Tz::UTC, "2025-12-01T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
        ] {
            let range = word.parse::<Period>().unwrap().range(zone, now);
            assert_eq!(
                (range.from().to_string(), range.to().to_string()),
                (from.to_owned(), to.to_owned()),
                "{word}"
            );
        }
        assert!("1y".parse::<Period>().is_err());
        assert!(Period::WORDS.iter().all(|word| word.parse::<Period>().is_ok()));
    }

    #[test]
    fn a_date_alone_is_midnight_in_the_zone() {
        for (text, zone, at) in [
            ("2026-03-01", Tz::UTC, "2026-03-01T00:00:00.000Z"),
            ("2026-03-01", Tz::Europe__Berlin, "2026-02-28T23:00:00.000Z"),
            ("2026-03-31", Tz::Europe__Berlin, "2026-03-30T22:00:00.000Z"),
            ("2026-03-01", Tz::Asia__Kolkata, "2026-02-28T18:30:00.000Z"),
            // A time has an offset of its own.
            ("2026-03-01T00:00:00Z", Tz::Europe__Berlin, "2026-03-01T00:00:00.000Z"),
            ("2026-03-01T00:00+01", Tz::Asia__Tokyo, "2026-02-28T23:00:00.000Z"),
            ("9999-12-31", Tz::Asia__Tokyo, "9999-12-30T15:00:00.000Z"),
        ] {
            assert_eq!(time_or_date(text, zone).map(|at| at.to_string()), Ok(at.to_owned()), "{text} {zone}");
        }
        for text in ["", "0000-12-31", "10000-01-01", "-0001-01-01", "2026-02-30", "2026-03-01T00:00:00"] {
            assert_eq!(time_or_date(text, Tz::Europe__Berlin), Err(ParseTimeError), "{text}");
        }
    }
}
