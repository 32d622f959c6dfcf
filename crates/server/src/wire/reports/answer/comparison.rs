//! `compare`: the rows of a report beside those of another range (contract, 4.5).
//!
//! Rows are paired by the columns that name them; with an interval, also by the position of their bucket in its
//! range. A row that only one of the ranges has is there too.

use std::collections::HashMap;

use millimetric_core::query::calendar::bucket_at;
use millimetric_core::query::{Buckets, Limit, RowLimit};
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::{Map, Value, json};

use crate::wire::bucket::ShownBuckets;

type Row = Map<String, Value>;

/// The most buckets of a range that is compared bucket by bucket: 27 months of hours.
pub const MOST_BUCKETS: usize = 20_000;

const BUCKET: &str = "bucket";
pub(super) const ROWS: &str = "rows";
pub(super) const PREVIOUS: &str = "previous";
pub(super) const CHANGE_PCT: &str = "change_pct";
pub(super) const COMPARED_WITH: &str = "compared_with";

/// The buckets of a query, if it has some, and whether they have labels.
pub type BucketsOf<Q> = fn(&Q) -> Option<(Buckets, bool)>;

/// How the rows of a report are compared.
#[derive(Debug)]
pub struct Comparable<Q> {
    /// The columns that name a row, beside its bucket.
    pub keys: fn(&Q) -> Vec<String>,
    /// The figures of a row: numbers, or objects of numbers. A single one is compared as it is, several as an object
    /// of all; one that no row of a query has is left out.
    pub figures: &'static [&'static str],
    /// What a figure is where nothing was counted.
    pub nothing: fn(&Q) -> Value,
    /// Lifts the limit on the rows, and returns it: they are cut after they were paired.
    pub unlimited: fn(&mut Q) -> usize,
    /// The buckets of the rows, and whether they have labels, if the report can have some.
    pub buckets: Option<BucketsOf<Q>>,
}

impl<Q> Comparable<Q> {
    /// The buckets of a query, and whether they have labels.
    pub fn buckets_of(&self, query: &Q) -> Option<(Buckets, bool)> {
        self.buckets?(query)
    }
}

/// Lifts a limit that may be one on whole series, and returns how many rows it allows.
pub const fn lifted_series(limit: &mut Limit) -> usize {
    let rows = limit.rows();
    *limit = Limit::Rows(RowLimit::ALL);
    rows
}

/// Lifts a limit on rows, and returns it.
pub const fn lifted(limit: &mut RowLimit) -> usize {
    let rows = limit.get();
    *limit = RowLimit::ALL;
    rows
}

/// A range, and the one that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges {
    /// The range of the query.
    pub range: TimeRange,
    /// The other range.
    pub compared: TimeRange,
}

/// The first instants of a range's buckets, in their order; `None` if there are more than [`MOST_BUCKETS`].
pub fn bucket_starts(buckets: Buckets, range: TimeRange) -> Option<Vec<Timestamp>> {
    let mut starts = Vec::new();
    let mut at = range.from().millis();
    while at < range.to().millis() {
        if starts.len() == MOST_BUCKETS {
            return None;
        }
        let bucket = bucket_at(buckets, at);
        starts.push(Timestamp::from_millis(bucket.start).unwrap_or(Timestamp::MIN));
        at = bucket.to;
    }
    Some(starts)
}

/// Where a row belongs: the position of its bucket, and the columns that name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    bucket: Option<usize>,
    keys: String,
}

/// The positions of a range's buckets by the text that rows have.
struct Positions(HashMap<String, usize>);

impl Positions {
    fn new(starts: &[Timestamp]) -> Self {
        let text = |(position, start): (usize, &Timestamp)| (start.to_rfc3339_seconds(), position);
        Self(starts.iter().enumerate().map(text).collect())
    }

    fn place(&self, row: &Row, keys: &[String]) -> Place {
        let bucket = row.get(BUCKET).and_then(Value::as_str).and_then(|text| self.0.get(text).copied());
        let cells: Vec<Value> = keys.iter().map(|key| row.get(key).cloned().unwrap_or_default()).collect();
        Place { bucket, keys: Value::from(cells).to_string() }
    }
}

/// Adds `previous` and `change_pct` to the rows of a body, then the rows that only the other body has, and cuts
/// them at the limit. `say_cut` writes into the body that rows were cut.
pub(super) fn compare<Q>(
    comparable: &Comparable<Q>,
    query: &Q,
    limit: usize,
    ranges: Ranges,
    now: Timestamp,
    [mut body, mut before]: [Row; 2],
    say_cut: fn(&mut Row, &[Row]),
) -> Row {
    let (keys, figures) = (
        (comparable.keys)(query),
        Figures { names: comparable.figures, nothing: (comparable.nothing)(query) },
    );
    let buckets = comparable.buckets_of(query);
    let starts = |range| buckets.and_then(|(buckets, _)| bucket_starts(buckets, range)).unwrap_or_default();
    let starts_now = starts(ranges.range);
    let positions = Positions::new(&starts_now);
    let positions_before = Positions::new(&starts(ranges.compared));

    let mut earlier: Vec<Option<(Place, Row)>> =
        take_rows(&mut before).map(|row| Some((positions_before.place(&row, &keys), row))).collect();
    let by_place: HashMap<Place, usize> =
        earlier.iter().flatten().enumerate().map(|(index, (place, _))| (place.clone(), index)).collect();
    let mut rows = Vec::new();
    for row in take_rows(&mut body) {
        let place = positions.place(&row, &keys);
        let paired = by_place.get(&place).and_then(|index| earlier[*index].take());
        rows.push((place.bucket, with_change(row, paired.as_ref().map(|(_, row)| row), &figures)));
    }
    for (place, row) in earlier.into_iter().flatten() {
        let bucket = place.bucket.map(|position| starts_now.get(position));
        // The other range has more buckets than this one.
        if bucket == Some(None) {
            continue;
        }
        let bucket = bucket.flatten().zip(buckets).into_iter().flat_map(|(start, (buckets, labels))| {
            ShownBuckets { buckets, labels, range: ranges.range, now }.at(*start).members()
        });
        let named = keys.iter().filter_map(|key| Some((key.clone(), row.get(key)?.clone())));
        let nothing = figures.names.iter().filter_map(|figure| {
            Some(((*figure).to_owned(), nothing_like(row.get(*figure)?, &figures.nothing)))
        });
        let empty: Row = bucket.chain(named).chain(nothing).collect();
        rows.push((place.bucket, with_change(empty, Some(&row), &figures)));
    }
    rows.sort_by_key(|(bucket, _)| *bucket);
    let mut rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    let cut = rows.split_off(limit.min(rows.len()));
    body.insert(ROWS.to_owned(), rows.into_iter().map(Value::Object).collect());
    if !cut.is_empty() || before.get("truncated") == Some(&Value::Bool(true)) {
        say_cut(&mut body, &cut);
    }
    let ends = json!({ "from": ranges.compared.from().to_string(), "to": ranges.compared.to().to_string() });
    body.insert(COMPARED_WITH.to_owned(), ends);
    body
}

fn take_rows(body: &mut Row) -> impl Iterator<Item = Row> + use<> {
    let rows = match body.get_mut(ROWS) {
        Some(Value::Array(rows)) => std::mem::take(rows),
        _ => Vec::new(),
    };
    rows.into_iter().filter_map(|row| match row {
        Value::Object(row) => Some(row),
        _ => None,
    })
}

/// The figures of a row, and what they are where nothing was counted.
struct Figures {
    names: &'static [&'static str],
    nothing: Value,
}

/// The row with what its figures were before, and their change.
fn with_change(mut row: Row, before: Option<&Row>, figures: &Figures) -> Row {
    let of = |name: &str| {
        let (now, figure) = (row.get(name), before.and_then(|before| before.get(name)));
        let like = now.or(figure)?;
        let figure = figure.cloned().unwrap_or_else(|| nothing_like(like, &figures.nothing));
        let change = change(now, &figure);
        Some((figure, change))
    };
    let (previous, change_pct) = match figures.names {
        [only] => of(only).unwrap_or_default(),
        names => {
            let members = names.iter().filter_map(|name| Some((*name, of(name)?)));
            let member =
                |(name, (figure, change)): (&str, _)| ((name.to_owned(), figure), (name.to_owned(), change));
            let (previous, changes): (Row, Row) = members.map(member).unzip();
            (previous.into(), changes.into())
        }
    };
    row.insert(PREVIOUS.to_owned(), previous);
    row.insert(CHANGE_PCT.to_owned(), change_pct);
    row
}

/// What a figure is where nothing was counted: of an object, each of its numbers.
fn nothing_like(figure: &Value, nothing: &Value) -> Value {
    match figure {
        Value::Object(members) => {
            members.keys().map(|name| (name.clone(), nothing.clone())).collect::<Row>().into()
        }
        _ => nothing.clone(),
    }
}

/// The change of a figure; of an object, of each of its numbers.
fn change(now: Option<&Value>, before: &Value) -> Value {
    match before {
        Value::Object(members) => {
            let member = |(name, before): (&String, &Value)| {
                (name.clone(), change_pct(now.and_then(|now| now.get(name)), before))
            };
            members.iter().map(member).collect::<Row>().into()
        }
        before => change_pct(now, before),
    }
}

/// The change in percent with two decimals; null if there was nothing to change.
fn change_pct(now: Option<&Value>, before: &Value) -> Value {
    match (now.and_then(Value::as_f64), before.as_f64()) {
        (Some(now), Some(before)) if before != 0.0 => {
            Value::from(((now - before) / before.abs() * 10_000.0).round() / 100.0)
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::Interval;

    use super::*;

    struct Plain {
        buckets: Option<Buckets>,
    }

    const BY_SOURCE: Comparable<Plain> = Comparable {
        keys: |_| vec!["source".to_owned()],
        figures: &["value"],
        nothing: |_| 0.into(),
        unlimited: |_| usize::MAX,
        buckets: Some(|query| query.buckets.map(|buckets| (buckets, false))),
    };

    fn range(from: &str, to: &str) -> TimeRange {
        let [from, to] = [from, to].map(|text| Timestamp::parse_or_date(text).unwrap());
        TimeRange::new(from, to).unwrap()
    }

    fn body(rows: Value) -> Row {
        Row::from_iter([(ROWS.to_owned(), rows)])
    }

    fn two_days(buckets: Option<Buckets>, limit: usize, rows: [Value; 2]) -> Row {
        let query = Plain { buckets };
        let (now, before) = (range("2026-05-03", "2026-05-05"), range("2026-05-01", "2026-05-03"));
        let ranges = Ranges { range: now, compared: before };
        let say_cut = |body: &mut Row, cut: &[Row]| drop(body.insert("cut".to_owned(), cut.len().into()));
        compare(&BY_SOURCE, &query, limit, ranges, Timestamp::MAX, rows.map(body), say_cut)
    }

    #[test]
    fn rows_are_paired_by_name_and_those_of_one_range_stay() {
        let now = json!([{ "source": "google", "value": 30 }, { "source": "new", "value": 5 }]);
        let before = json!([{ "source": null, "value": 9 }, { "source": "google", "value": 20 }]);
        let compared = two_days(None, 10, [now, before]);
        assert_eq!(
            compared[ROWS],
            json!([
                { "source": "google", "value": 30, "previous": 20, "change_pct": 50.0 },
                { "source": "new", "value": 5, "previous": 0, "change_pct": null },
                { "source": null, "value": 0, "previous": 9, "change_pct": -100.0 },
            ])
        );
        assert_eq!(compared["compared_with"]["from"], "2026-05-01T00:00:00.000Z");
        assert!(!compared.contains_key("cut"));
    }

    #[test]
    fn rows_are_cut_after_they_were_paired() {
        let now = json!([{ "source": "a", "value": 3 }, { "source": "b", "value": 2 }]);
        let before = json!([{ "source": "b", "value": 9 }, { "source": "a", "value": 1 }]);
        let compared = two_days(None, 1, [now, before]);
        assert_eq!(
            compared[ROWS],
            json!([{ "source": "a", "value": 3, "previous": 1, "change_pct": 200.0 }])
        );
        assert_eq!(compared["cut"], 1);
    }

    #[test]
    fn buckets_are_paired_by_their_position() {
        let days = Some(Buckets { interval: Interval::Day, timezone: Tz::UTC });
        let row = |day: &str, value: u64| json!({ "bucket": day, "source": "a", "value": value });
        let now = json!([row("2026-05-03T00:00:00Z", 4)]);
        let before = json!([row("2026-05-01T00:00:00Z", 2), row("2026-05-02T00:00:00Z", 7)]);
        let compared = two_days(days, 10, [now, before]);
        assert_eq!(
            compared[ROWS],
            json!([
                { "bucket": "2026-05-03T00:00:00Z", "source": "a", "value": 4, "previous": 2, "change_pct": 100.0 },
                { "bucket": "2026-05-04T00:00:00Z", "source": "a", "value": 0, "previous": 7, "change_pct": -100.0 },
            ])
        );
    }

    #[test]
    fn several_figures_are_objects() {
        let figures = Figures { names: &["events", "rate"], nothing: 0.into() };
        let row = |events: u64, rate: f64| {
            Row::from_iter([("events".to_owned(), events.into()), ("rate".to_owned(), rate.into())])
        };
        let compared = with_change(row(3, 0.5), Some(&row(2, 0.25)), &figures);
        assert_eq!(compared[PREVIOUS], json!({ "events": 2, "rate": 0.25 }));
        assert_eq!(compared[CHANGE_PCT], json!({ "events": 50.0, "rate": 100.0 }));
        let new = with_change(row(3, 0.5), None, &figures);
        assert_eq!(new[PREVIOUS], json!({ "events": 0, "rate": 0 }));
        assert_eq!(new[CHANGE_PCT], json!({ "events": null, "rate": null }));
    }

    #[test]
    fn figures_may_be_objects_of_numbers() {
        let figures = Figures { names: &["conversions", "value", "visitors"], nothing: 0.into() };
        let row = |first: f64, visitors: u64| {
            let conversions = json!({ "first": first, "last": 1.0 });
            Row::from_iter([
                ("conversions".to_owned(), conversions),
                ("visitors".to_owned(), visitors.into()),
            ])
        };
        let compared = with_change(row(3.0, 4), Some(&row(2.0, 0)), &figures);
        assert_eq!(
            compared[PREVIOUS],
            json!({ "conversions": { "first": 2.0, "last": 1.0 }, "visitors": 0 })
        );
        let change = json!({ "conversions": { "first": 50.0, "last": 0.0 }, "visitors": null });
        assert_eq!(compared[CHANGE_PCT], change, "a figure that no row has is left out");
        let new = with_change(row(3.0, 4), None, &figures);
        assert_eq!(new[PREVIOUS], json!({ "conversions": { "first": 0, "last": 0 }, "visitors": 0 }));
        assert_eq!(
            new[CHANGE_PCT],
            json!({ "conversions": { "first": null, "last": null }, "visitors": null })
        );
    }

    #[test]
    fn a_range_of_too_many_buckets_is_not_divided() {
        let hours = Buckets { interval: Interval::Hour, timezone: Tz::UTC };
        assert!(bucket_starts(hours, range("2020-01-01", "2026-01-01")).is_none());
        let starts = bucket_starts(hours, range("2026-05-01T00:30:00Z", "2026-05-01T02:00:00Z")).unwrap();
        assert_eq!(starts.len(), 2);
        assert_eq!(starts[0].to_rfc3339_seconds(), "2026-05-01T00:00:00Z");
    }
}
