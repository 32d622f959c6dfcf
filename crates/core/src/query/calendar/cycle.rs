//! Hours of the day and days of the week: buckets that come again, in a time zone.
//!
//! Each hour or day is one of [`bucket_at`]; its number is what the zone's clocks show at its start. An hour that
//! occurs twice on a day is two hours of that number.

use std::str::FromStr;

use chrono::{Datelike as _, Timelike as _};
use chrono_tz::Tz;

use super::{bucket_at, local, offset};
use crate::query::{Buckets, Interval, UnknownInterval};
use crate::time::{DAY_MILLIS, HOUR_MILLIS, TimeRange, Timestamp};

/// 1800-01-01: no time zone changes its clocks before it.
const FIRST_CHANGE: i64 = -5_364_662_400_000;
/// Buckets in a row after which each number has occurred, whatever the clocks do.
const ALL_OCCUR: usize = 100;

/// What comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycle {
    /// `hour_of_day`, 0–23.
    HourOfDay,
    /// `day_of_week`, 1 (Monday) to 7.
    DayOfWeek,
}

impl Cycle {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::HourOfDay, Self::DayOfWeek];

    /// The value of `interval` in the API, which is also the key in the response's rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HourOfDay => "hour_of_day",
            Self::DayOfWeek => "day_of_week",
        }
    }
}

impl FromStr for Cycle {
    type Err = UnknownInterval;

    fn from_str(text: &str) -> Result<Self, UnknownInterval> {
        Self::ALL.into_iter().find(|cycle| cycle.as_str() == text).ok_or(UnknownInterval)
    }
}

/// The hours of the day or the days of the week in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CyclicBuckets {
    /// What comes again.
    pub cycle: Cycle,
    /// Whose clocks count.
    pub timezone: Tz,
}

impl CyclicBuckets {
    /// The single hours or days.
    pub const fn single(self) -> Buckets {
        let interval = match self.cycle {
            Cycle::HourOfDay => Interval::Hour,
            Cycle::DayOfWeek => Interval::Day,
        };
        Buckets { interval, timezone: self.timezone }
    }

    /// The number of the hour or day that starts at this instant, in milliseconds since 1970.
    pub fn number(self, start: i64) -> u8 {
        let time = local(self.timezone, start);
        let number = match self.cycle {
            Cycle::HourOfDay => time.hour(),
            Cycle::DayOfWeek => time.weekday().number_from_monday(),
        };
        number as u8
    }

    /// The numbers that occur in the range, ascending.
    pub fn occurring(self, range: TimeRange) -> Vec<u8> {
        let mut numbers = Vec::new();
        let mut at = range.from().millis();
        for _ in 0..ALL_OCCUR {
            if at >= range.to().millis() {
                break;
            }
            let bucket = bucket_at(self.single(), at);
            numbers.push(self.number(bucket.start));
            at = bucket.to;
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// How many hours or days of each number overlap the range and have begun by `now`, by number. Takes time
    /// in proportion to the days of the range since 1800.
    pub fn begun(self, range: TimeRange, now: Timestamp) -> [u64; 24] {
        let end = range.to().millis().min(now.millis().saturating_add(1));
        let mut counts = [0; 24];
        let mut at = range.from().millis();
        if at < end {
            at = bucket_at(self.single(), at).start;
        }
        while at < end {
            let (rounds, to) = self.whole_rounds(at, end);
            if rounds > 0 {
                self.numbers().for_each(|number| counts[usize::from(number)] += rounds);
                at = to;
                continue;
            }
            let bucket = bucket_at(self.single(), at);
            counts[usize::from(self.number(bucket.start))] += 1;
            at = bucket.to;
        }
        counts
    }

    /// All numbers.
    pub fn numbers(self) -> std::ops::Range<u8> {
        match self.cycle {
            Cycle::HourOfDay => 0..24,
            Cycle::DayOfWeek => 1..8,
        }
    }

    /// How many whole days or weeks follow, from a start on the hour or at midnight, in which clocks do not
    /// change, and when they end. In each of them every number occurs once.
    fn whole_rounds(self, at: i64, end: i64) -> (u64, i64) {
        let (width, round) = match self.cycle {
            Cycle::HourOfDay => (HOUR_MILLIS, DAY_MILLIS),
            Cycle::DayOfWeek => (DAY_MILLIS, 7 * DAY_MILLIS),
        };
        let of_zone = offset(self.timezone, at);
        if (at + of_zone).rem_euclid(width) != 0 {
            return (0, at);
        }
        let mut rounds = (end.min(FIRST_CHANGE) - at).div_euclid(round).max(0);
        let to = |rounds: i64| at + rounds * round;
        while to(rounds + 1) <= end && offset(self.timezone, to(rounds + 1)) == of_zone {
            rounds += 1;
        }
        (rounds as u64, to(rounds))
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

    const fn hours(timezone: Tz) -> CyclicBuckets {
        CyclicBuckets { cycle: Cycle::HourOfDay, timezone }
    }

    const fn days(timezone: Tz) -> CyclicBuckets {
        CyclicBuckets { cycle: Cycle::DayOfWeek, timezone }
    }

    #[test]
    fn a_bucket_has_the_number_that_the_clocks_show() {
        for (buckets, time, number) in [
            (hours(Tz::UTC), "2026-05-16T13:59:59.999Z", 13),
            (hours(Tz::UTC), "1969-12-31T23:59:59Z", 23),
            (hours(Tz::Europe__Berlin), "2026-05-16T22:10:00Z", 0),
            // The hour that clocks skip, and the one that they repeat.
            (hours(Tz::Europe__Berlin), "2026-03-29T00:59:59Z", 1),
            (hours(Tz::Europe__Berlin), "2026-03-29T01:00:00Z", 3),
            (hours(Tz::Europe__Berlin), "2026-10-25T00:30:00Z", 2),
            (hours(Tz::Europe__Berlin), "2026-10-25T01:30:00Z", 2),
            (hours(Tz::Asia__Kolkata), "2026-05-16T12:40:00Z", 18),
            // Clocks went back by half an hour at 15:00 UTC, from 02:00 to 01:30.
            (hours(Tz::Australia__Lord_Howe), "2026-04-04T15:10:00Z", 1),
            (hours(Tz::Australia__Lord_Howe), "2026-04-04T15:30:00Z", 2),
            (days(Tz::UTC), "2026-05-18T00:00:00Z", 1),
            (days(Tz::UTC), "2026-05-17T23:59:59Z", 7),
            (days(Tz::Asia__Tokyo), "2026-05-17T15:00:00Z", 1),
            // Clocks went from 00:00 to 01:00 on a Sunday.
            (days(Tz::America__Sao_Paulo), "2018-11-04T03:00:00Z", 7),
            (days(Tz::America__Sao_Paulo), "2018-11-04T02:59:59Z", 6),
            // Friday was skipped.
            (days(Tz::Pacific__Apia), "2011-12-30T09:59:59Z", 4),
            (days(Tz::Pacific__Apia), "2011-12-30T10:00:00Z", 6),
        ] {
            let start = bucket_at(buckets.single(), at(time).millis()).start;
            assert_eq!(buckets.number(start), number, "{buckets:?} {time}");
        }
    }

    #[test]
    fn the_numbers_of_a_range_are_those_of_its_hours_and_days() {
        let berlin = hours(Tz::Europe__Berlin);
        let all: Vec<u8> = (0..24).collect();
        assert_eq!(berlin.occurring(range("2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z")), [0, 1, 3]);
        assert_eq!(berlin.occurring(range("2026-05-16T21:59:59Z", "2026-05-16T22:00:00.001Z")), [0, 23]);
        assert_eq!(berlin.occurring(range("2026-05-16", "2026-05-17")), all);
        assert_eq!(berlin.occurring(range("0001-01-01", "9999-12-31")), all);
        assert_eq!(days(Tz::UTC).occurring(range("2026-05-15", "2026-05-18")), [5, 6, 7]);
        assert_eq!(
            days(Tz::Pacific__Apia).occurring(range("2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z")),
            [4, 6]
        );
        assert_eq!(days(Tz::UTC).occurring(range("2000-01-01", "2100-01-01")), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn hours_and_days_are_counted_as_they_occur() {
        let later = at("2100-01-01");
        let of = |buckets: CyclicBuckets, from, to| buckets.begun(range(from, to), later);
        // A year of Berlin: one hour is skipped and repeated later.
        let year = of(hours(Tz::Europe__Berlin), "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z");
        assert_eq!(year, [365; 24]);
        let spring = of(hours(Tz::Europe__Berlin), "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z");
        assert_eq!((spring[1], spring[2], spring[3]), (3, 2, 3));
        let autumn = of(hours(Tz::Europe__Berlin), "2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z");
        assert_eq!((autumn[1], autumn[2], autumn[3]), (3, 4, 3));
        // Half an hour is repeated: it is one more of its hour.
        let half = of(hours(Tz::Australia__Lord_Howe), "2026-04-03T13:00:00Z", "2026-04-05T13:30:00Z");
        assert_eq!((half[0], half[1], half[2], half[23]), (2, 3, 2, 2));
        // Hours that the range cuts count.
        let cut = of(hours(Tz::UTC), "2026-05-16T10:59:59Z", "2026-05-16T12:00:00.001Z");
        assert_eq!((cut[9], cut[10], cut[11], cut[12], cut[13]), (0, 1, 1, 1, 0));
        let friday = of(days(Tz::Pacific__Apia), "2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z");
        assert_eq!(friday[1..8], [1, 1, 1, 1, 0, 1, 1]);
        assert_eq!(of(days(Tz::UTC), "2026-05-18", "2026-06-02")[..8], [0, 3, 2, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn what_has_not_begun_is_not_counted() {
        let day = range("2026-05-16", "2026-05-17");
        let by = |now: &str| hours(Tz::UTC).begun(day, at(now)).iter().sum::<u64>();
        assert_eq!(by("2026-05-15T23:59:59Z"), 0);
        assert_eq!(by("2026-05-16T00:00:00Z"), 1);
        assert_eq!(by("2026-05-16T09:59:59.999Z"), 10);
        assert_eq!(by("2026-05-16T10:00:00Z"), 11);
        assert_eq!(by("2026-06-01T00:00:00Z"), 24);
    }

    #[test]
    fn counting_in_rounds_is_counting_one_by_one() {
        for zone in
            [Tz::UTC, Tz::Europe__Berlin, Tz::America__St_Johns, Tz::Australia__Lord_Howe, Tz::Pacific__Apia]
        {
            let of = range("2009-11-03T07:12:00Z", "2012-11-20T03:04:05Z");
            for buckets in [hours(zone), days(zone)] {
                let mut expected = [0; 24];
                let mut start = bucket_at(buckets.single(), of.from().millis()).start;
                while start < of.to().millis() {
                    expected[usize::from(buckets.number(start))] += 1;
                    start = bucket_at(buckets.single(), start).to;
                }
                assert_eq!(buckets.begun(of, at("2100-01-01")), expected, "{buckets:?}");
            }
        }
        let ever = hours(Tz::Europe__Berlin).begun(range("0001-01-01", "9999-12-31"), at("2026-01-01"));
        assert!(ever.iter().all(|count| (739_000..740_000).contains(count)), "{ever:?}");
    }
}
