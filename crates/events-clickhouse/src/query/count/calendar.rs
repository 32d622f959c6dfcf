//! The buckets of times, of which each is computed once.

use std::collections::BTreeMap;

use millimetric_core::query::calendar::bucket_at;
use millimetric_core::query::{Buckets, CyclicBuckets};
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

/// The start of the bucket of a time, which is an expression; `starts` are those of all buckets, ascending. A time
/// outside of them is in the nearest one.
pub(crate) fn start_of(at: &str, starts: &[i64], conditions: &mut Conditions) -> String {
    match Even::of(starts) {
        Some(even) => {
            let index = even.index_of(at, conditions);
            format!("{} + {index} * {}", integer(even.first, conditions), integer(even.width, conditions))
        }
        None => format!("roundDown({at}, {})", array(starts, conditions)),
    }
}

/// The number of the hour or day of a time, the same way.
pub(crate) fn number_of(
    at: &str,
    starts: &[i64],
    cyclic: CyclicBuckets,
    conditions: &mut Conditions,
) -> String {
    let numbers: Vec<i64> = starts.iter().map(|start| i64::from(cyclic.number(*start))).collect();
    let all: Vec<i64> = cyclic.numbers().map(i64::from).collect();
    let offset = all.iter().position(|number| Some(number) == numbers.first()).unwrap_or_default();
    let is_regular = numbers.iter().eq(all.iter().cycle().skip(offset).take(numbers.len()));
    if let Some(even) = Even::of(starts).filter(|_| is_regular) {
        let index = even.index_of(at, conditions);
        return format!("{} + ({index} + {offset}) % {}", all[0], all.len());
    }
    let start = start_of(at, starts, conditions);
    let numbers = conditions.bind("Array(Int64)", sql::integers(numbers));
    format!("transform({start}, {}, {numbers}, toInt64(0))", array(starts, conditions))
}

/// Buckets that are equally long. A server computes with them faster than it finds a time among many others.
struct Even {
    first: i64,
    last: i64,
    width: i64,
}

impl Even {
    /// Those with these starts, if they are.
    fn of(starts: &[i64]) -> Option<Self> {
        let (&[first, second, ..], &last) = (starts, starts.last()?) else { return None };
        let width = second - first;
        let is_even = starts.windows(2).all(|pair| pair[1] - pair[0] == width);
        is_even.then_some(Self { first, last, width })
    }

    /// The index of the bucket of a time.
    fn index_of(&self, at: &str, conditions: &mut Conditions) -> String {
        let [first, last, width] =
            [self.first, self.last, self.width].map(|value| integer(value, conditions));
        format!("intDiv(least(greatest({at}, {first}), {last}) - {first}, {width})")
    }
}

fn integer(value: i64, conditions: &mut Conditions) -> String {
    conditions.bind("Int64", value.to_string())
}

/// The starts of buckets as an array.
fn array(starts: &[i64], conditions: &mut Conditions) -> String {
    // Differences are shorter than the starts: a server takes at most 128 KiB of a parameter.
    let before = [0].into_iter().chain(starts.iter().copied());
    let differences = starts.iter().zip(before).map(|(start, before)| start - before);
    format!("arrayCumSum({})", conditions.bind("Array(Int64)", sql::integers(differences)))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::{Cycle, Interval};
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
    fn buckets_of_equal_length_are_computed_and_others_are_found() {
        let of = |starts: &[i64]| start_of("at", starts, &mut Conditions::default());
        let index = "intDiv(least(greatest(at, {p0:Int64}), {p1:Int64}) - {p0:Int64}, {p2:Int64})";
        assert_eq!(of(&[-10, 0, 10]), format!("{{p3:Int64}} + {index} * {{p4:Int64}}"));
        for starts in [&[0][..], &[0, 10, 19], &[]] {
            assert_eq!(of(starts), "roundDown(at, arrayCumSum({p0:Array(Int64)}))");
        }
    }

    #[test]
    fn hours_of_a_day_are_computed_unless_clocks_change() {
        let timezone = Tz::Europe__Berlin;
        let cyclic = CyclicBuckets { cycle: Cycle::HourOfDay, timezone };
        let of = |from, to| {
            let range = TimeRange::new(Timestamp::parse(from).unwrap(), Timestamp::parse(to).unwrap());
            let starts = starts(cyclic.single(), range.unwrap(), 1000).unwrap();
            number_of("at", &starts, cyclic, &mut Conditions::default())
        };
        let winter = of("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z");
        assert!(winter.starts_with("0 + (intDiv(") && winter.ends_with(" + 1) % 24"), "{winter}");
        assert!(of("2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z").starts_with("transform("));
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
