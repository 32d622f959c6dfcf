//! A calendar month in UTC, the unit in which use is counted.
//!
//! Never reads a clock.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use millimetric_core::time::Timestamp;

/// A month of the years 1 to 9999, like `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    year: u16,
    /// 1 to 12.
    month: u8,
}

/// The text is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a month such as 2026-11")]
pub struct ParseMonthError;

impl Month {
    /// The month that an instant lies in.
    pub fn of(at: Timestamp) -> Self {
        let date = at.to_utc();
        // Both casts keep the value: a timestamp's years are 1 to 9999.
        Self { year: date.year() as u16, month: date.month() as u8 }
    }

    /// The first instant of the month.
    pub fn start(self) -> Timestamp {
        let date = NaiveDate::from_ymd_opt(i32::from(self.year), u32::from(self.month), 1);
        let midnight = date.and_then(|date| date.and_hms_opt(0, 0, 0));
        midnight
            .and_then(|time| Timestamp::from_millis(time.and_utc().timestamp_millis()))
            .unwrap_or(Timestamp::MAX)
    }

    /// The first instant of the next month (for 9999-12, the last instant there is): when a
    /// quota begins anew.
    pub fn next_start(self) -> Timestamp {
        let next = if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { month: self.month + 1, ..self }
        };
        if next.year > 9999 { Timestamp::MAX } else { next.start() }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = ParseMonthError;

    fn from_str(text: &str) -> Result<Self, ParseMonthError> {
        let (year, month) = text.split_once('-').ok_or(ParseMonthError)?;
        let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(ParseMonthError);
        }
        let (year, month) = (year.parse().unwrap_or(0), month.parse().unwrap_or(0));
        let exists = year > 0 && (1..=12).contains(&month);
        exists.then_some(Self { year, month }).ok_or(ParseMonthError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_month_has_a_text_and_two_ends() {
        let cases = [
            ("2026-11-22T23:59:59Z", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:59:59.999Z", "2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01", "0001-01-01T00:00:00Z", "0001-02-01T00:00:00Z"),
            ("9999-12-01T00:00:00Z", "9999-12", "9999-12-01T00:00:00Z", "9999-12-31T23:59:59.999Z"),
        ];
        for (at, text, start, next) in cases {
            let time = |text| Timestamp::parse(text).unwrap();
            let month = Month::of(time(at));
            assert_eq!(month.to_string(), text);
            assert_eq!((month.start(), month.next_start()), (time(start), time(next)));
        }
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for text in ["", "2026", "2026-1", "2026-13", "2026-00", "0000-01", "+026-01", "2026-11-01"] {
            assert_eq!(text.parse::<Month>(), Err(ParseMonthError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_month_reads_back_and_sorts_like_its_text(
            a in Timestamp::MIN.millis()..=Timestamp::MAX.millis(),
            b in Timestamp::MIN.millis()..=Timestamp::MAX.millis(),
        ) {
            let [a, b] = [a, b].map(|ms| Month::of(Timestamp::from_millis(ms).unwrap()));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
