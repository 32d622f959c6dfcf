//! Steps of time and the period before a period, by the calendar of a time zone.
//!
//! Pure: the present is an argument.

use chrono::{Days, Months, NaiveDate};
use chrono_tz::Tz;
use millimetric_core::query::calendar::bucket_at;
use millimetric_core::query::{Buckets, Interval, midnight};
use millimetric_core::time::{DAY_MILLIS, TimeRange, Timestamp};

/// The most intervals of a series.
const MOST: usize = 1000;

/// How far back the period before lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    /// Whole months of a zone, for a range that begins with one.
    Months(u32, Tz),
    /// Whole days of a zone, as long as clocks differ.
    Days(u32, Tz),
    Millis(i64),
}

impl Shift {
    /// By as much as the range is long.
    pub(super) fn of(range: TimeRange, zone: Tz) -> Self {
        let length = range.to().millis() - range.from().millis();
        let steps = |interval| buckets(range, Buckets { interval, timezone: zone });
        let (months, days) = (steps(Interval::Month), steps(Interval::Day));
        // A week that happens to begin with a month is no month.
        if length >= 28 * DAY_MILLIS && months.first() == Some(&range.from()) {
            return Self::Months(months.len() as u32, zone);
        }
        if days.first() == Some(&range.from()) && days.len() < MOST {
            return Self::Days(days.len() as u32, zone);
        }
        Self::Millis(length)
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
            Self::Months(months, zone) => {
                moved(at, zone, |date| date.checked_sub_months(Months::new(months)))
            }
            Self::Days(days, zone) => {
                moved(at, zone, |date| date.checked_sub_days(Days::new(u64::from(days))))
            }
        }
    }
}

/// The instant on another day, as long after its midnight as it was after its own.
fn moved(at: Timestamp, zone: Tz, to: impl Fn(NaiveDate) -> Option<NaiveDate>) -> Timestamp {
    let date = at.to_utc().with_timezone(&zone).date_naive();
    let since = at.millis() - midnight(date, zone).millis();
    to(date).map_or(Timestamp::MIN, |date| midnight(date, zone).plus_millis(since))
}

/// The first instants of the steps that a range touches; the first may lie before it.
pub fn buckets(range: TimeRange, of: Buckets) -> Vec<Timestamp> {
    let first = bucket_at(of, range.from().millis());
    let steps = std::iter::successors(Some(first), |step| Some(bucket_at(of, step.to)));
    let steps = steps.map_while(|step| Timestamp::from_millis(step.start));
    steps.take_while(|at| *at < range.to()).take(MOST).collect()
}

/// The finest interval with which the range has few enough steps to be seen.
pub fn finest(range: TimeRange) -> Interval {
    match (range.to().millis() - range.from().millis()) / DAY_MILLIS {
        0..=2 => Interval::Hour,
        3..=120 => Interval::Day,
        121..=300 => Interval::Week,
        _ => Interval::Month,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_or_date(text).unwrap()
    }

    fn utc(interval: Interval) -> Buckets {
        Buckets { interval, timezone: Tz::UTC }
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
            assert_eq!(buckets(range(from, to), utc(interval)), expected, "{interval:?} {from}");
        }
    }

    #[test]
    fn steps_follow_the_clocks_of_a_zone() {
        // Clocks in Berlin went forward on 29 March 2026.
        let range = range("2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z");
        let days = buckets(range, Buckets { interval: Interval::Day, timezone: Tz::Europe__Berlin });
        assert_eq!(days, ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"].map(at));
        let before = Shift::of(range, Tz::Europe__Berlin).whole(range);
        assert_eq!((before.from(), before.to()), (at("2026-03-24T23:00:00Z"), at("2026-03-27T23:00:00Z")));
    }

    #[test]
    fn hours_follow_clocks_that_change_by_half_an_hour() {
        let hours = Buckets { interval: Interval::Hour, timezone: Tz::Australia__Lord_Howe };
        let steps = buckets(range("2026-04-04T14:00:00Z", "2026-04-04T17:00:00Z"), hours);
        assert_eq!(
            steps,
            ["14:00", "15:00", "15:30", "16:30"].map(|time| at(&format!("2026-04-04T{time}Z")))
        );
    }

    #[test]
    fn steps_have_a_bound() {
        assert_eq!(buckets(range("2000-01-01", "2026-01-01"), utc(Interval::Hour)).len(), MOST);
        assert_eq!(buckets(range("9999-12-30", "9999-12-31T23:59:59.999Z"), utc(Interval::Month)).len(), 1);
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
            let shift = Shift::of(range, Tz::UTC);
            let (first, end) = before.split_once(' ').unwrap();
            assert_eq!(shift.whole(range), TimeRange::new(at(first), at(end)).unwrap(), "{from}");
            assert_eq!(shift.elapsed(range, now).to(), at(elapsed), "{from}");
        }
    }
}
