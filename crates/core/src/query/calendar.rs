//! Days and time buckets in a time zone.
//!
//! Hours are those of the zone's local time; where clocks change within an hour, what is before the change
//! and what is after it are buckets of their own, unless the clocks change by whole hours. Days, weeks (from
//! Monday) and months begin at the first instant with their local date. If clocks are set back over midnight,
//! an instant belongs to the last bucket that has begun.

mod cycle;

use chrono::{
    DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, Offset as _, SecondsFormat,
    TimeZone as _,
};
use chrono_tz::Tz;

pub use self::cycle::{Cycle, CyclicBuckets};
use super::{Buckets, Interval};
use crate::time::{DAY_MILLIS as DAY, HOUR_MILLIS as HOUR, Timestamp};

/// Upper limit of the offset of a zone from UTC.
const WIDEST_OFFSET: i64 = 36 * HOUR;
/// 1969-12-29, a Monday.
const FIRST_MONDAY: i64 = -3 * DAY;

/// The bucket of an instant. All times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The first instant of the bucket, by which it is named.
    pub start: i64,
    /// The first instant after it.
    pub to: i64,
}

/// Returns the bucket that contains the instant.
pub fn bucket_at(buckets: Buckets, millis: i64) -> Bucket {
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
    Some(Bucket { start, to: start + width })
}

fn hour_bucket(zone: Tz, millis: i64) -> Bucket {
    let start_of = |millis: i64| {
        let offset = offset(zone, millis);
        (millis + offset).div_euclid(HOUR) * HOUR - offset
    };
    // If clocks change within the hour, the bucket before or after the change is shorter.
    let hour = start_of(millis);
    let mut start = hour;
    if start_of(start) != hour {
        start = first_instant(start, millis, |instant| start_of(instant) == hour);
    }
    let mut to = hour + HOUR;
    if start_of(to - 1) != hour {
        to = first_instant(millis, to, |instant| start_of(instant) != hour);
    }
    Bucket { start, to }
}

fn date_bucket(zone: Tz, interval: Interval, millis: i64) -> Bucket {
    let mut date = first_date(interval, local(zone, millis).date());
    loop {
        let next = next_date(interval, date);
        let to = midnight_millis(next, zone);
        if to > millis {
            return Bucket { start: midnight_millis(date, zone), to };
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

/// The first instant with this local date; if clocks skipped its midnight, or the whole day, the first one
/// after that. Within the years of [`Timestamp`].
pub fn midnight(date: NaiveDate, zone: Tz) -> Timestamp {
    let millis = midnight_millis(date, zone).clamp(Timestamp::MIN.millis(), Timestamp::MAX.millis());
    Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX)
}

fn midnight_millis(date: NaiveDate, zone: Tz) -> i64 {
    instant(date.and_time(chrono::NaiveTime::MIN), zone)
}

/// The first instant at which clocks show this local time; if they skipped it, the first one after that.
pub(super) fn instant(time: NaiveDateTime, zone: Tz) -> i64 {
    if let Some(time) = zone.from_local_datetime(&time).earliest() {
        return time.timestamp_millis();
    }
    let near = time.and_utc().timestamp_millis();
    first_instant(near - WIDEST_OFFSET, near + WIDEST_OFFSET, |instant| local(zone, instant) >= time)
}

/// The first instant of the range for which `yes` is true, by binary search; the end of the range if there
/// is none.
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

/// The instant as the zone's clocks show it, with their offset from UTC: `2026-05-16T00:00:00+02:00`.
pub fn local_time(at: Timestamp, zone: Tz) -> String {
    at.to_utc().with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(interval: Interval, timezone: Tz, time: &str) -> (String, String) {
        let millis = DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis();
        let bucket = bucket_at(Buckets { interval, timezone }, millis);
        assert!(bucket.start <= millis && millis < bucket.to);
        assert_eq!(bucket_at(Buckets { interval, timezone }, bucket.start), bucket, "{timezone} {time}");
        assert_eq!(bucket_at(Buckets { interval, timezone }, bucket.to - 1), bucket, "{timezone} {time}");
        assert_eq!(
            bucket_at(Buckets { interval, timezone }, bucket.to).start,
            bucket.to,
            "{timezone} {time}"
        );
        let shown = |millis| DateTime::from_timestamp_millis(millis).unwrap().format("%FT%T").to_string();
        (shown(bucket.start), shown(bucket.to))
    }

    #[test]
    fn days_start_where_the_zones_calendar_says() {
        let cases = [
            // Clocks went from 00:00 to 01:00: the day starts at 01:00.
            (Tz::America__Sao_Paulo, "2018-11-04T03:00:00Z", "2018-11-04T03:00:00", "2018-11-05T02:00:00"),
            // Clocks went from 00:01 back to 23:01: the day had begun.
            (Tz::America__St_Johns, "2010-11-07T02:45:00Z", "2010-11-07T02:30:00", "2010-11-08T03:30:00"),
            // A day that was skipped.
            (Tz::Pacific__Apia, "2011-12-30T09:00:00Z", "2011-12-29T10:00:00", "2011-12-30T10:00:00"),
            (Tz::Asia__Kolkata, "2026-05-16T18:30:00Z", "2026-05-16T18:30:00", "2026-05-17T18:30:00"),
            (Tz::UTC, "1969-12-31T23:59:59Z", "1969-12-31T00:00:00", "1970-01-01T00:00:00"),
        ];
        for (zone, time, start, end) in cases {
            assert_eq!(shown(Interval::Day, zone, time), (start.to_owned(), end.to_owned()), "{zone} {time}");
        }
    }

    #[test]
    fn weeks_start_on_monday_and_months_on_the_first() {
        let utc = |interval, time| shown(interval, Tz::UTC, time).0;
        assert_eq!(utc(Interval::Week, "2026-05-17T23:59:59Z"), "2026-05-11T00:00:00");
        assert_eq!(utc(Interval::Week, "1969-12-29T00:00:00Z"), "1969-12-29T00:00:00");
        assert_eq!(utc(Interval::Month, "2024-02-29T12:00:00Z"), "2024-02-01T00:00:00");
        assert_eq!(
            shown(Interval::Month, Tz::Europe__Berlin, "2026-03-31T22:00:00Z").0,
            "2026-03-31T22:00:00"
        );
    }

    #[test]
    fn an_hour_is_what_the_zones_clocks_show() {
        let cases = [
            (Tz::Asia__Kolkata, "2026-05-16T12:40:00Z", "2026-05-16T12:30:00", "2026-05-16T13:30:00"),
            // Clocks went back by half an hour at 15:00 UTC, from 02:00 to 01:30.
            (Tz::Australia__Lord_Howe, "2026-04-04T14:40:00Z", "2026-04-04T14:00:00", "2026-04-04T15:00:00"),
            (Tz::Australia__Lord_Howe, "2026-04-04T15:10:00Z", "2026-04-04T15:00:00", "2026-04-04T15:30:00"),
            (Tz::Australia__Lord_Howe, "2026-04-04T15:30:00Z", "2026-04-04T15:30:00", "2026-04-04T16:30:00"),
            // And forward at 15:30 UTC, from 02:00 to 02:30.
            (Tz::Australia__Lord_Howe, "2026-10-03T15:00:00Z", "2026-10-03T14:30:00", "2026-10-03T15:30:00"),
            (Tz::Australia__Lord_Howe, "2026-10-03T15:45:00Z", "2026-10-03T15:30:00", "2026-10-03T16:00:00"),
            (Tz::Australia__Lord_Howe, "2026-10-03T16:00:00Z", "2026-10-03T16:00:00", "2026-10-03T17:00:00"),
            // By a whole hour at 00:01: hours stay those of UTC.
            (Tz::America__St_Johns, "2010-11-07T02:45:00Z", "2010-11-07T02:30:00", "2010-11-07T03:30:00"),
            // By a whole hour, twice the same local hour.
            (Tz::Europe__Berlin, "2026-10-25T00:59:00Z", "2026-10-25T00:00:00", "2026-10-25T01:00:00"),
            (Tz::Europe__Berlin, "2026-10-25T01:00:00Z", "2026-10-25T01:00:00", "2026-10-25T02:00:00"),
        ];
        for (zone, time, start, end) in cases {
            assert_eq!(
                shown(Interval::Hour, zone, time),
                (start.to_owned(), end.to_owned()),
                "{zone} {time}"
            );
        }
    }

    #[test]
    fn a_day_begins_where_its_midnight_is_or_would_be() {
        for (date, zone, begins) in [
            ("2026-05-16", Tz::UTC, "2026-05-16T00:00:00.000Z"),
            ("2026-03-29", Tz::Europe__Berlin, "2026-03-28T23:00:00.000Z"),
            // Clocks went from 23:59 to 01:00.
            ("2026-04-24", Tz::Africa__Cairo, "2026-04-23T22:00:00.000Z"),
            ("2018-11-04", Tz::America__Sao_Paulo, "2018-11-04T03:00:00.000Z"),
            // Clocks were set back from 00:00 to 23:00: the day begins once.
            ("2018-02-18", Tz::America__Sao_Paulo, "2018-02-18T03:00:00.000Z"),
            // Clocks went from 00:00 to 00:30.
            ("1981-03-01", Tz::Australia__Lord_Howe, "1981-02-28T14:00:00.000Z"),
            // A day that was skipped.
            ("2011-12-30", Tz::Pacific__Apia, "2011-12-30T10:00:00.000Z"),
            ("2011-12-31", Tz::Pacific__Apia, "2011-12-30T10:00:00.000Z"),
            ("0001-01-01", Tz::Asia__Tokyo, "0001-01-01T00:00:00.000Z"),
            ("9999-12-31", Tz::America__Los_Angeles, "9999-12-31T08:00:00.000Z"),
        ] {
            assert_eq!(midnight(date.parse().unwrap(), zone).to_string(), begins, "{date} {zone}");
        }
    }

    #[test]
    fn a_local_time_has_its_offset() {
        for (time, zone, shown) in [
            ("2026-05-15T22:00:00Z", Tz::Europe__Berlin, "2026-05-16T00:00:00+02:00"),
            ("2026-10-25T01:00:00Z", Tz::Europe__Berlin, "2026-10-25T02:00:00+01:00"),
            ("2026-05-15T18:30:00Z", Tz::Asia__Kolkata, "2026-05-16T00:00:00+05:30"),
            ("2026-05-16T00:00:00Z", Tz::UTC, "2026-05-16T00:00:00+00:00"),
        ] {
            assert_eq!(local_time(Timestamp::parse(time).unwrap(), zone), shown, "{time} {zone}");
        }
    }
}
