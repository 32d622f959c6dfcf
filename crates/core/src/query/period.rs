//! Ranges by name (`today`, `last_7_days`, `12mo`), and the ends of a range.
//!
//! Days are those of a time zone; "now" is an argument, as everywhere here.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike as _, Days, Months, NaiveDate};
use chrono_tz::Tz;

use super::calendar::midnight;
use crate::time::{DAY_MILLIS, ParseTimeError, TimeRange, Timestamp};

/// A range with a name. Weeks begin on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `today`: since midnight.
    Today,
    /// `yesterday`: the whole day before.
    Yesterday,
    /// `24h`: the last 24 hours.
    Day,
    /// `last_7_days`, `last_28_days`, `last_30_days`, `last_90_days`: so many whole days, up to yesterday.
    FullDays(u16),
    /// `7d`, `30d`, `90d`: so many days, today included.
    Days(u16),
    /// `this_week`: since Monday.
    ThisWeek,
    /// `last_week`: the week before this one.
    LastWeek,
    /// `this_month`: since the first.
    ThisMonth,
    /// `last_month`: the month before this one.
    LastMonth,
    /// `this_year`: since 1 January.
    ThisYear,
    /// `12mo`: twelve months, this one included.
    Year,
}

/// Each period with its name in the API.
const NAMED: [(&str, Period); 16] = [
    ("today", Period::Today),
    ("yesterday", Period::Yesterday),
    ("24h", Period::Day),
    ("last_7_days", Period::FullDays(7)),
    ("last_28_days", Period::FullDays(28)),
    ("last_30_days", Period::FullDays(30)),
    ("last_90_days", Period::FullDays(90)),
    ("this_week", Period::ThisWeek),
    ("last_week", Period::LastWeek),
    ("this_month", Period::ThisMonth),
    ("last_month", Period::LastMonth),
    ("this_year", Period::ThisYear),
    ("12mo", Period::Year),
    ("7d", Period::Days(7)),
    ("30d", Period::Days(30)),
    ("90d", Period::Days(90)),
];

/// The names alone.
const WORDS: [&str; NAMED.len()] = {
    let mut words = [""; NAMED.len()];
    let mut index = 0;
    while index < words.len() {
        words[index] = NAMED[index].0;
        index += 1;
    }
    words
};

/// The text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPeriod;

impl fmt::Display for UnknownPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of {}", Period::WORDS.join(", "))
    }
}

impl std::error::Error for UnknownPeriod {}

impl Period {
    /// The names in the API.
    pub const WORDS: &'static [&'static str] = &WORDS;
    /// The default.
    pub const WEEK: Self = Self::Days(7);

    /// The instants: whole days, of which the last ends with the midnight that comes next.
    pub fn range(self, timezone: Tz, now: Timestamp) -> TimeRange {
        if self == Self::Day {
            let from = now.plus_millis(-DAY_MILLIS);
            return TimeRange::new(from, now.plus_millis(1)).unwrap_or(TimeRange::LAST);
        }
        let (first, end) = self.days(now.to_utc().with_timezone(&timezone).date_naive());
        TimeRange::new(midnight(first, timezone), midnight(end, timezone)).unwrap_or(TimeRange::LAST)
    }

    /// The first day, and the first one after the last; `24h` as the two days that it touches.
    fn days(self, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let back = |from: NaiveDate, days: u64| from.checked_sub_days(Days::new(days)).unwrap_or(from);
        let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
        let monday = back(today, u64::from(today.weekday().num_days_from_monday()));
        let month = today.with_day(1).unwrap_or(today);
        let months_before = |months| month.checked_sub_months(Months::new(months)).unwrap_or(month);
        match self {
            Self::Today => (today, tomorrow),
            Self::Yesterday => (back(today, 1), today),
            Self::Day => (back(today, 1), tomorrow),
            Self::FullDays(days) => (back(today, u64::from(days.max(1))), today),
            Self::Days(days) => (back(today, u64::from(days.max(1) - 1)), tomorrow),
            Self::ThisWeek => (monday, tomorrow),
            Self::LastWeek => (back(monday, 7), monday),
            Self::ThisMonth => (month, tomorrow),
            Self::LastMonth => (months_before(1), month),
            Self::ThisYear => (months_before(month.month0()), tomorrow),
            Self::Year => (months_before(11), tomorrow),
        }
    }
}

impl FromStr for Period {
    type Err = UnknownPeriod;

    fn from_str(text: &str) -> Result<Self, UnknownPeriod> {
        let named = NAMED.iter().find(|(word, _)| *word == text);
        named.map(|(_, period)| *period).ok_or(UnknownPeriod)
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
            ("last_7_days", Tz::UTC, "2026-11-17T00:00:00.000Z", "2026-11-24T00:00:00.000Z"),
            ("last_28_days", Tz::Europe__Berlin, "2026-10-26T23:00:00.000Z", "2026-11-23T23:00:00.000Z"),
            ("last_90_days", Tz::UTC, "2026-08-26T00:00:00.000Z", "2026-11-24T00:00:00.000Z"),
            // A Tuesday.
            ("this_week", Tz::UTC, "2026-11-23T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
            ("last_week", Tz::UTC, "2026-11-16T00:00:00.000Z", "2026-11-23T00:00:00.000Z"),
            ("this_month", Tz::UTC, "2026-11-01T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
            ("last_month", Tz::Europe__Berlin, "2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z"),
            ("this_year", Tz::UTC, "2026-01-01T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
        ] {
            let range = word.parse::<Period>().unwrap().range(zone, now);
            assert_eq!(
                (range.from().to_string(), range.to().to_string()),
                (from.to_owned(), to.to_owned()),
                "{word}"
            );
        }
        let error = "1y".parse::<Period>().unwrap_err().to_string();
        assert!(error.starts_with("must be one of today, yesterday, 24h, last_7_days"), "{error}");
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
