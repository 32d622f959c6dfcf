//! The reference implementation of `/v1/stats`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Timelike as _};
use millimetric_core::event::Event;
use millimetric_core::query::{
    Aggregate, Buckets, Cycle, CyclicBuckets, Dimension, Interval, Metric, Number, Phase, Skipped,
    StatsBuckets, StatsQuery, StatsResponse, StatsRow,
};
use millimetric_core::time::Timestamp;
use serde_json::Value;

use super::{Chosen, bucket, chosen, cut, is_selected, key, properties, visitors};

/// The start of a bucket or the number of a cyclic one, and the texts of a group.
type Key = (Option<Timestamp>, Option<u8>, Vec<Option<String>>);

pub(super) fn stats(events: &[Event], query: &StatsQuery) -> StatsResponse {
    let everybody = chosen(events, query.range, &query.filters);
    let selected: Vec<Chosen<'_>> =
        everybody.iter().filter(|event| is_selected(event, &query.events)).cloned().collect();
    let mut response = StatsResponse::default();
    let mut query = query.clone();
    if let Some(property) = query.metric.property() {
        let values = selected.iter().map(|event| properties(event).get(property.as_str()).cloned());
        let mut skipped = Skipped::default();
        for value in values.map(Option::unwrap_or_default) {
            skipped.missing += u64::from(value.is_null());
            skipped.not_numeric += u64::from(!value.is_null() && !value.is_number());
        }
        response.skipped = Some(skipped);
        let of_money = Dimension::Currency(None);
        let is_money =
            |event: &Chosen<'_>| number(event, &query.metric).is_some() && key(event, &of_money).is_some();
        let has_currency = query.group_by.iter().any(|by| matches!(by, Dimension::Currency(_)));
        response.by_currency = !has_currency && selected.iter().any(is_money);
        if response.by_currency {
            query.group_by.push(of_money);
        }
    }
    let counted = if query.metric == Metric::ConversionRate { everybody } else { selected };
    let counted: Vec<Chosen<'_>> = counted
        .into_iter()
        .filter(|event| !response.by_currency || number(event, &query.metric).is_some())
        .collect();
    response.rows = rows(&counted, &query, query.buckets);
    response.truncated = cut(
        &mut response.rows,
        query.limit,
        |row| ((row.bucket, row.phase.map(|phase| phase.number)), row.keys.clone()),
        || rows(&counted, &query, None).into_iter().map(|row| row.keys).collect(),
    );
    response
}

/// All rows, in their order.
fn rows(events: &[Chosen<'_>], query: &StatsQuery, buckets: Option<StatsBuckets>) -> Vec<StatsRow> {
    let mut groups: BTreeMap<Key, Vec<&Chosen<'_>>> = BTreeMap::new();
    for event in events {
        let keys = query.group_by.iter().map(|dimension| key(event, dimension)).collect();
        let (start, number) = match buckets {
            None => (None, None),
            Some(StatsBuckets::Spans(buckets)) => (Some(bucket(buckets, event.timestamp)), None),
            Some(StatsBuckets::Cyclic(cyclic)) => (None, Some(number_of(cyclic, event.timestamp))),
        };
        groups.entry((start, number, keys)).or_default().push(event);
    }
    match buckets {
        None if query.group_by.is_empty() => {
            groups.entry((None, None, Vec::new())).or_default();
        }
        Some(StatsBuckets::Cyclic(cyclic)) if query.group_by.is_empty() => {
            for number in occurring(cyclic, query) {
                groups.entry((None, Some(number), Vec::new())).or_default();
            }
        }
        _ => {}
    }
    let row = |((bucket, number, keys), events): (Key, Vec<&Chosen<'_>>)| {
        let phase = number.map(|number| Phase { number, sum: sum(query, buckets, &events) });
        StatsRow { bucket, phase, keys, value: value(query, &events) }
    };
    let mut rows: Vec<StatsRow> = groups.into_iter().map(row).collect();
    // The map is sorted by bucket and keys.
    rows.sort_by(|a, b| {
        let number = |row: &StatsRow| row.value.map_or(f64::NEG_INFINITY, float);
        let bucket = |row: &StatsRow| (row.bucket, row.phase.map(|phase| phase.number));
        bucket(a).cmp(&bucket(b)).then(number(b).total_cmp(&number(a)))
    });
    rows
}

/// The single hours or days.
fn single(cyclic: CyclicBuckets) -> Buckets {
    let interval = match cyclic.cycle {
        Cycle::HourOfDay => Interval::Hour,
        Cycle::DayOfWeek => Interval::Day,
    };
    Buckets { interval, timezone: cyclic.timezone }
}

fn number_of(cyclic: CyclicBuckets, at: Timestamp) -> u8 {
    let time = at.to_utc().with_timezone(&cyclic.timezone);
    match cyclic.cycle {
        Cycle::HourOfDay => time.hour() as u8,
        Cycle::DayOfWeek => time.weekday().number_from_monday() as u8,
    }
}

/// The numbers of every quarter of an hour of the range; a week of them is enough.
fn occurring(cyclic: CyclicBuckets, query: &StatsQuery) -> BTreeSet<u8> {
    const QUARTER: i64 = 900_000;
    let (from, to) = (query.range.from().millis(), query.range.to().millis());
    let first = from.div_euclid(QUARTER) * QUARTER;
    let quarters = (0..8 * 96).map(|index| first + index * QUARTER).take_while(|start| *start < to);
    quarters
        .filter_map(|start| Timestamp::from_millis(start.max(from)))
        .map(|at| number_of(cyclic, at))
        .collect()
}

/// The sum of the values of the single hours or days.
fn sum(query: &StatsQuery, buckets: Option<StatsBuckets>, events: &[&Chosen<'_>]) -> Option<f64> {
    let Some(StatsBuckets::Cyclic(cyclic)) = buckets else { return None };
    let mut by_start: BTreeMap<Timestamp, Vec<&Chosen<'_>>> = BTreeMap::new();
    for event in events {
        by_start.entry(bucket(single(cyclic), event.timestamp)).or_default().push(event);
    }
    let sum = by_start.values().filter_map(|events| value(query, events)).map(float).sum::<f64>() + 0.0;
    match query.metric {
        Metric::Count | Metric::Uniques | Metric::Conversions | Metric::Of(Aggregate::Sum, _) => Some(sum),
        Metric::ConversionRate | Metric::Of(..) => None,
    }
}

fn number(event: &Event, metric: &Metric) -> Option<f64> {
    properties(event).get(metric.property()?.as_str()).and_then(Value::as_f64)
}

fn float(number: Number) -> f64 {
    match number {
        Number::Integer(count) => count as f64,
        Number::Float(number) => number,
    }
}

fn value(query: &StatsQuery, events: &[&Chosen<'_>]) -> Option<Number> {
    match &query.metric {
        Metric::Count | Metric::Conversions => Some(Number::Integer(events.len() as u64)),
        Metric::ConversionRate => {
            let reached = events.iter().copied().filter(|event| is_selected(event, &query.events));
            let rate = visitors(reached) as f64 / visitors(events.iter().copied()).max(1) as f64;
            Some(Number::Float(rate))
        }
        Metric::Uniques => Some(Number::Integer(visitors(events.iter().copied()))),
        Metric::Of(aggregate, _) => {
            let mut numbers: Vec<f64> =
                events.iter().filter_map(|event| number(event, &query.metric)).collect();
            numbers.sort_by(f64::total_cmp);
            aggregated(*aggregate, &numbers).map(Number::Float)
        }
    }
}

/// An aggregate of ascending numbers.
fn aggregated(aggregate: Aggregate, numbers: &[f64]) -> Option<f64> {
    let sum = numbers.iter().sum::<f64>() + 0.0;
    match aggregate {
        Aggregate::Sum => Some(sum),
        Aggregate::Avg => (!numbers.is_empty()).then(|| sum / numbers.len() as f64),
        Aggregate::Min => numbers.first().copied(),
        Aggregate::Max => numbers.last().copied(),
        Aggregate::Median => quantile(numbers, 0.5),
        Aggregate::P95 => quantile(numbers, 0.95),
    }
}

fn quantile(numbers: &[f64], part: f64) -> Option<f64> {
    let rank = numbers.len().checked_sub(1)? as f64 * part;
    let (lower, upper) = (numbers[rank.floor() as usize], numbers[rank.ceil() as usize]);
    Some(lower + (upper - lower) * rank.fract())
}
