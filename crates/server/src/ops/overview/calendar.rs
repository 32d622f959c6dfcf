//! Steps of time and the period before a period, by the calendar of UTC.
//!
//! Pure: the present is an argument.

use chrono::{Datelike as _, Months};
use millimetric_core::query::Interval;
use millimetric_core::time::{TimeRange, Timestamp};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The most steps that anything is told in.
const MOST: usize = 1000;

/// How far back the period before lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    /// Whole months, for a range that begins with one.
    Months(u32),
    Millis(i64),
}

impl Shift {
    /// By as much as the range is long.
    pub(super) fn of(range: TimeRange) -> Self {
        let months = buckets(range, Interval::Month);
        // A week that happens to begin with a month is no month.
        let long = range.to().millis() - range.from().millis() >= 28 * DAY;
        if long && months.first() == Some(&range.from()) {
            return Self::Months(months.len() as u32);
        }
        Self::Millis(range.to().millis() - range.from().millis())
    }

    /// The period before the range.
    pub(super) fn whole(self, range: TimeRange) -> TimeRange {
        self.between(range.from(), range.to())
    }

    /// The part of the period before that is as far along as the range is now.
    pub(super) fn elapsed(self, range: TimeRange, now: Timestamp) -> TimeRange {
        self.between(range.from(), range.to().min(now.plus_millis(1)).max(range.from().plus_millis(1)))
    }

    fn between(self, from: Timestamp, to: Timestamp) -> TimeRange {
        TimeRange::new(self.back(from), self.back(to)).unwrap_or(TimeRange::LAST)
    }

    fn back(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Millis(millis) => at.plus_millis(-millis),
            Self::Months(months) => {
                let earlier = at.to_utc().checked_sub_months(Months::new(months));
                earlier.and_then(|at| Timestamp::from_millis(at.timestamp_millis())).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

/// The first instants of the steps that a range touches; the first may lie before it.
pub fn buckets(range: TimeRange, interval: Interval) -> Vec<Timestamp> {
    let first = floor(range.from(), interval);
    let steps = std::iter::successors(Some(first), |at| Some(next(*at, interval)).filter(|next| next > at));
    steps.take_while(|at| *at < range.to()).take(MOST).collect()
}

/// The finest interval that tells the range in steps that one can still see.
pub fn finest(range: TimeRange) -> Interval {
    match (range.to().millis() - range.from().millis()) / DAY {
        0..=2 => Interval::Hour,
        3..=120 => Interval::Day,
        121..=300 => Interval::Week,
        _ => Interval::Month,
    }
}

fn floor(at: Timestamp, interval: Interval) -> Timestamp {
    let millis = at.millis();
    let days = millis.div_euclid(DAY);
    let into = match interval {
        Interval::Hour => millis.rem_euclid(HOUR),
        Interval::Day => millis.rem_euclid(DAY),
        // The first day of 1970 was a Thursday.
        Interval::Week => millis - (days - (days + 3).rem_euclid(7)) * DAY,
        Interval::Month => millis.rem_euclid(DAY) + i64::from(at.to_utc().day0()) * DAY,
    };
    at.plus_millis(-into)
}

fn next(at: Timestamp, interval: Interval) -> Timestamp {
    match interval {
        Interval::Hour => at.plus_millis(HOUR),
        Interval::Day => at.plus_millis(DAY),
        Interval::Week => at.plus_millis(7 * DAY),
        Interval::Month => floor(at.plus_millis(31 * DAY), Interval::Month),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_or_date(text).unwrap()
    }

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange::new(at(from), at(to)).unwrap()
    }

    #[test]
    fn steps_follow_the_calendar() {
        let cases: [(Interval, &str, &str, &[&str]); 5] = [
            (
                Interval::Hour,
                "2026-05-01T10:30:00Z",
                "2026-05-01T12:00:00Z",
                &["2026-05-01T10:00:00Z", "2026-05-01T11:00:00Z"],
            ),
            (Interval::Day, "2026-02-28", "2026-03-02", &["2026-02-28", "2026-03-01"]),
            (Interval::Week, "2026-11-25", "2026-12-01", &["2026-11-23", "2026-11-30"]),
            (Interval::Month, "2025-12-15", "2026-02-02", &["2025-12-01", "2026-01-01", "2026-02-01"]),
            (Interval::Week, "1969-12-30", "1970-01-02", &["1969-12-29"]),
        ];
        for (interval, from, to, expected) in cases {
            let expected: Vec<Timestamp> = expected.iter().map(|text| at(text)).collect();
            assert_eq!(buckets(range(from, to), interval), expected, "{interval:?} {from}");
        }
    }

    #[test]
    fn steps_have_a_bound() {
        assert_eq!(buckets(range("2000-01-01", "2026-01-01"), Interval::Hour).len(), MOST);
        assert_eq!(buckets(range("9999-12-30", "9999-12-31T23:59:59.999Z"), Interval::Month).len(), 1);
    }

    #[test]
    fn the_period_before_is_as_long_and_as_far_along() {
        let now = at("2026-11-25T12:00:00Z");
        for (from, to, before, elapsed) in [
            ("2026-11-19", "2026-11-26", "2026-11-12 2026-11-19", "2026-11-18T12:00:00.001Z"),
            ("2025-12-01", "2026-11-26", "2024-12-01 2025-11-26", "2025-11-25T12:00:00.001Z"),
            ("2026-05-01", "2026-06-01", "2026-04-01 2026-05-01", "2026-05-01"),
            ("2026-11-01", "2026-11-08", "2026-10-25 2026-11-01", "2026-11-01"),
        ] {
            let range = range(from, to);
            let shift = Shift::of(range);
            let (first, end) = before.split_once(' ').unwrap();
            assert_eq!(shift.whole(range), TimeRange::new(at(first), at(end)).unwrap(), "{from}");
            assert_eq!(shift.elapsed(range, now).to(), at(elapsed), "{from}");
        }
    }
}
