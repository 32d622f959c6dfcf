//! When people come: the hour of the day, the day of the week, growth, and days that are better
//! or worse than others. Whole numbers only, so that every machine agrees.

use millimetric_core::time::{HOUR_MILLIS, Timestamp};

use super::random::Random;

const DAY_HOURS: i64 = 24;

/// Share of each hour of a UTC day: a European and American audience.
const HOURS: [u64; 24] =
    [34, 30, 27, 24, 22, 24, 32, 46, 62, 74, 82, 86, 88, 92, 97, 100, 98, 94, 92, 90, 84, 72, 56, 44];

/// Share of each day of a week, Monday first.
const WEEKDAYS: [u64; 7] = [98, 100, 99, 96, 88, 62, 66];

/// How strong the last day is against the first, in percent.
const GROWTH_PERCENT: u64 = 170;

/// Where in time a share of all traffic falls.
#[derive(Debug)]
pub(super) struct Rhythm {
    begin: Timestamp,
    end: Timestamp,
    /// Traffic before the end of each hour; its last entry is all of it.
    until_hour: Vec<u64>,
}

impl Rhythm {
    /// Over so many days (at least one) before the end.
    pub(super) fn new(seed: u64, days: u32, end: Timestamp) -> Self {
        let hours = i64::from(days) * DAY_HOURS;
        let begin = end.plus_millis(-hours * HOUR_MILLIS);
        let mut sum = 0;
        let until_hour = (0..hours).map(|hour| {
            sum += weight(seed, begin, hour, hours);
            sum
        });
        Self { begin, end, until_hour: until_hour.collect() }
    }

    /// The first instant that is not part of it.
    pub(super) fn end(&self) -> Timestamp {
        self.end
    }

    /// The instant at which `part` of the `whole` traffic has passed (`part` at most `whole`).
    pub(super) fn timestamp(&self, part: u64, whole: u64) -> Timestamp {
        let all = self.until_hour.last().copied().unwrap_or_default();
        let passed = (u128::from(all) * u128::from(part) / u128::from(whole.max(1))) as u64;
        let hour = self.until_hour.partition_point(|&until| until <= passed);
        let Some(until) = self.until_hour.get(hour) else { return self.end };
        let before = if hour == 0 { 0 } else { self.until_hour[hour - 1] };
        let inside = (passed - before) as i64 * HOUR_MILLIS / (until - before) as i64;
        self.begin.plus_millis(hour as i64 * HOUR_MILLIS + inside)
    }
}

/// Traffic of one hour; never zero.
fn weight(seed: u64, begin: Timestamp, hour: i64, hours: i64) -> u64 {
    let epoch_hour = begin.millis().div_euclid(HOUR_MILLIS) + hour;
    let epoch_day = epoch_hour.div_euclid(DAY_HOURS);
    let of_day = HOURS[epoch_hour.rem_euclid(DAY_HOURS) as usize];
    // 1970-01-01 was a Thursday.
    let of_week = WEEKDAYS[(epoch_day + 3).rem_euclid(7) as usize];
    let growth = 100 + (GROWTH_PERCENT - 100) * hour as u64 / hours as u64;
    let luck = 88 + Random::of_member(seed, epoch_day as u64).below(25);
    of_day * of_week * growth * luck
}
