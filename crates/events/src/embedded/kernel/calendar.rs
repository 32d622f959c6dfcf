//! Buckets of time in a time zone: where the bucket of an instant starts and ends.
//!
//! Hours are those that the zone's clocks show. Days, weeks (from Monday) and months start at
//! the first instant that the zone's calendar shows as theirs; an instant belongs to the last
//! bucket that has started, also where clocks were set back over midnight.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use millimetric_core::query::{Buckets, Interval};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Zones differ from UTC by less than this.
const WIDEST_OFFSET: i64 = 36 * HOUR;
/// 1969-12-29, a Monday.
const FIRST_MONDAY: i64 = -3 * DAY;

/// A bucket as found for one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Its first instant, which names it.
    pub(super) start: i64,
    /// All instants from this one …
    pub(super) from: i64,
    /// … to before this one are in it.
    pub(super) to: i64,
}

/// The bucket that holds the instant.
pub(super) fn bucket_at(buckets: Buckets, millis: i64) -> Bucket {
    if buckets.timezone == Tz::UTC
        && let Some(bucket) = utc_bucket(buckets.interval, millis)
    {
        return bucket;
    }
    match buckets.interval {
        Interval::Hour => hour_bucket(buckets.timezone, millis),
        interval => date_bucket(buckets.timezone, interval, millis),
    }
}

fn utc_bucket(interval: Interval, millis: i64) -> Option<Bucket> {
    let (width, origin) = match interval {
        Interval::Hour => (HOUR, 0),
        Interval::Day => (DAY, 0),
        Interval::Week => (7 * DAY, FIRST_MONDAY),
        Interval::Month => return None,
    };
    let start = (millis - origin).div_euclid(width) * width + origin;
    Some(Bucket { start, from: start, to: start + width })
}

fn hour_bucket(zone: Tz, millis: i64) -> Bucket {
    let start_of = |millis: i64| {
        let offset = offset(zone, millis);
        (millis + offset).div_euclid(HOUR) * HOUR - offset
    };
    let start = start_of(millis);
    // Where clocks were changed within the hour, the hour before or behind the change is cut.
    let from = if start_of(start) == start { start } else { millis };
    let end = (start + HOUR).max(millis + 1);
    let whole = start_of(end - 1) == start;
    let to = if whole { end } else { first_instant(millis, end, |instant| start_of(instant) != start) };
    Bucket { start, from, to }
}

fn date_bucket(zone: Tz, interval: Interval, millis: i64) -> Bucket {
    let mut date = first_date(interval, local(zone, millis).date());
    loop {
        let next = next_date(interval, date);
        let end = midnight(zone, next);
        if end > millis {
            let start = midnight(zone, date);
            return Bucket { start, from: start, to: end };
        }
        date = next;
    }
}

fn first_date(interval: Interval, date: NaiveDate) -> NaiveDate {
    let back = match interval {
        Interval::Hour | Interval::Day => 0,
        Interval::Week => date.weekday().num_days_from_monday(),
        Interval::Month => date.day0(),
    };
    date.checked_sub_days(Days::new(u64::from(back))).unwrap_or(date)
}

fn next_date(interval: Interval, date: NaiveDate) -> NaiveDate {
    let next = match interval {
        Interval::Hour | Interval::Day => date.succ_opt(),
        Interval::Week => date.checked_add_days(Days::new(7)),
        Interval::Month => date.checked_add_months(Months::new(1)),
    };
    next.unwrap_or(NaiveDate::MAX)
}

/// The first instant whose local date is this one, or a later one where clocks skipped it.
fn midnight(zone: Tz, date: NaiveDate) -> i64 {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    if let Some(time) = zone.from_local_datetime(&midnight).earliest() {
        return time.timestamp_millis();
    }
    let near = midnight.and_utc().timestamp_millis();
    first_instant(near - WIDEST_OFFSET, near + WIDEST_OFFSET, |instant| local(zone, instant) >= midnight)
}

/// The first instant of the range at which the test says yes; its end when it never does.
fn first_instant(mut low: i64, mut high: i64, yes: impl Fn(i64) -> bool) -> i64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if yes(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn local(zone: Tz, millis: i64) -> NaiveDateTime {
    utc(millis) + chrono::TimeDelta::milliseconds(offset(zone, millis))
}

fn offset(zone: Tz, millis: i64) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&utc(millis)).fix().local_minus_utc()) * 1000
}

fn utc(millis: i64) -> NaiveDateTime {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().naive_utc()
}
