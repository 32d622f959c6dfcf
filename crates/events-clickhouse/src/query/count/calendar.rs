//! The buckets of times, of which each is computed once.

use std::collections::BTreeMap;

use millimetric_core::query::Buckets;
use millimetric_core::query::calendar::bucket_at;
use millimetric_core::time::TimeRange;

use crate::query::scan::conditions::Conditions;
use crate::sql;

/// Most buckets that a statement names.
pub(crate) const MOST_IN_SQL: usize = 10_000;

/// Most buckets that are kept.
const KEPT: usize = 100_000;

/// Finds the bucket of a time.
pub(crate) struct Calendar {
    buckets: Buckets,
    /// The start of each bucket, by its end.
    known: BTreeMap<i64, i64>,
}

impl Calendar {
    pub(crate) const fn new(buckets: Buckets) -> Self {
        Self { buckets, known: BTreeMap::new() }
    }

    /// The start of the bucket of a time. All times are in milliseconds since 1970.
    pub(crate) fn start(&mut self, at: i64) -> i64 {
        let known = self.known.range(at.saturating_add(1)..).next();
        if let Some((_, start)) = known.filter(|(_, start)| **start <= at) {
            return *start;
        }
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        let bucket = bucket_at(self.buckets, at);
        self.known.insert(bucket.to, bucket.start);
        bucket.start
    }
}

/// The starts of the buckets that the range overlaps, ascending; `None` if there are more than `most`.
pub(crate) fn starts(buckets: Buckets, range: TimeRange, most: usize) -> Option<Vec<i64>> {
    let (mut starts, mut at) = (Vec::new(), range.from().millis());
    while at < range.to().millis() {
        if starts.len() == most {
            return None;
        }
        let bucket = bucket_at(buckets, at);
        starts.push(bucket.start);
        at = bucket.to;
    }
    Some(starts)
}

/// The start of the bucket of a time, which is an expression; `starts` are those of all buckets, ascending.
pub(crate) fn start_of(at: &str, starts: &[i64], conditions: &mut Conditions) -> String {
    format!("roundDown({at}, {})", array(starts, conditions))
}

/// The starts of buckets as an array.
pub(crate) fn array(starts: &[i64], conditions: &mut Conditions) -> String {
    // Differences are shorter than the starts: a server takes at most 128 KiB of a parameter.
    let before = [0].into_iter().chain(starts.iter().copied());
    let differences = starts.iter().zip(before).map(|(start, before)| start - before);
    format!("arrayCumSum({})", conditions.bind("Array(Int64)", sql::integers(differences)))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::Interval;
    use millimetric_core::time::Timestamp;

    use super::*;

    #[test]
    fn a_known_bucket_is_the_one_that_is_computed() {
        let buckets = Buckets { interval: Interval::Day, timezone: Tz::America__Sao_Paulo };
        let mut calendar = Calendar::new(buckets);
        let at = |text| Timestamp::parse(text).unwrap().millis();
        let first = at("2018-11-03T12:00:00Z");
        for hours in [0, 50, 20, 14, 15, 16, 40, -9, -8] {
            let time = first + hours * 3_600_000;
            assert_eq!(calendar.start(time), bucket_at(buckets, time).start, "{hours}");
        }
    }

    #[test]
    fn the_buckets_of_a_range_are_limited() {
        let buckets = Buckets { interval: Interval::Hour, timezone: Tz::Asia__Kolkata };
        let at = |text| Timestamp::parse(text).unwrap();
        let range = TimeRange::new(at("2026-05-16T12:40:00Z"), at("2026-05-16T13:30:01Z")).unwrap();
        let starts_of = |most| starts(buckets, range, most);
        let expected = ["2026-05-16T12:30:00Z", "2026-05-16T13:30:00Z"].map(|text| at(text).millis());
        assert_eq!(starts_of(2), Some(expected.to_vec()));
        assert_eq!(starts_of(1), None);
    }
}
