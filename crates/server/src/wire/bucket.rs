//! Buckets of time in the rows of reports: their first instant, its local time, and whether they are whole.

use millimetric_core::query::Buckets;
use millimetric_core::query::calendar::{bucket_at, local_time};
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::Value;

/// How the buckets of one response are shown.
#[derive(Debug, Clone, Copy)]
pub struct ShownBuckets {
    /// The buckets of the query.
    pub buckets: Buckets,
    /// Whether the client has named the time zone.
    pub labels: bool,
    /// The range of the query.
    pub range: TimeRange,
    /// The time of the response.
    pub now: Timestamp,
}

/// A bucket as a row shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownBucket {
    /// Its first instant, in UTC.
    pub bucket: String,
    /// The same instant in the time zone, if that was named.
    pub label: Option<String>,
    /// Whether the range cuts it, or it is not over yet.
    pub partial: bool,
}

impl ShownBucket {
    /// The members of a row: `bucket`, `label` and `partial`, without those that are absent.
    pub fn members(self) -> impl Iterator<Item = (String, Value)> {
        let label = self.label.map(|label| ("label".to_owned(), Value::from(label)));
        let partial = self.partial.then(|| ("partial".to_owned(), Value::from(true)));
        [Some(("bucket".to_owned(), Value::from(self.bucket))), label, partial].into_iter().flatten()
    }
}

impl ShownBuckets {
    /// The bucket that starts at this instant.
    pub fn at(&self, start: Timestamp) -> ShownBucket {
        let Self { buckets, labels, range, now } = *self;
        let end = bucket_at(buckets, start.millis()).to;
        ShownBucket {
            bucket: start.to_rfc3339_seconds(),
            label: labels.then(|| local_time(start, buckets.timezone)),
            partial: start < range.from() || end > range.to().min(now).millis(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::Interval;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_or_date(text).unwrap()
    }

    #[test]
    fn a_bucket_is_partial_if_the_range_cuts_it_or_it_is_not_over() {
        let shown = |from: &str, to: &str, now: &str| {
            let buckets = Buckets { interval: Interval::Day, timezone: Tz::Europe__Berlin };
            let range = TimeRange::new(at(from), at(to)).unwrap();
            ShownBuckets { buckets, labels: true, range, now: at(now) }.at(at("2026-10-24T22:00:00Z"))
        };
        for (from, to, now, partial) in [
            ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-11-01", false),
            ("2026-10-01", "2026-11-01", "2026-10-25T23:00:00Z", false),
            ("2026-10-24T22:00:00.001Z", "2026-11-01", "2026-11-01", true),
            ("2026-10-01", "2026-10-25T22:59:59.999Z", "2026-11-01", true),
            ("2026-10-01", "2026-11-01", "2026-10-25T22:59:59.999Z", true),
            ("2026-10-01", "2026-11-01", "2026-10-01", true),
        ] {
            let shown = shown(from, to, now);
            assert_eq!(shown.partial, partial, "{from} {to} {now}");
            assert_eq!(shown.bucket, "2026-10-24T22:00:00Z");
            assert_eq!(shown.label.as_deref(), Some("2026-10-25T00:00:00+02:00"));
        }
    }

    #[test]
    fn only_a_time_zone_that_was_named_is_shown() {
        let range = TimeRange::new(at("2026-05-01"), at("2026-06-01")).unwrap();
        let buckets = Buckets { interval: Interval::Hour, timezone: Tz::UTC };
        let shown = |labels| {
            ShownBuckets { buckets, labels, range, now: at("2026-06-01") }.at(at("2026-05-16")).label
        };
        assert_eq!(shown(true).as_deref(), Some("2026-05-16T00:00:00+00:00"));
        assert_eq!(shown(false), None);
    }
}
