//! The reference implementation of changes: every value and every pair of values is counted by itself. What is
//! returned of them is decided by the rules in `core`, which have tests of their own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use millimetric_core::event::Event;
use millimetric_core::query::{
    ChangeMetric, ChangeRanking, ChangesQuery, ChangesResponse, Dimension, Measured, PairChange, ValueChange,
};
use millimetric_core::time::TimeRange;
use serde_json::Value;

use super::filters::key;
use super::{Chosen, properties, selected};

/// What the query reads of an event.
struct Row {
    visitor: String,
    /// The value of each column of the query.
    keys: Vec<Option<String>>,
    number: Option<f64>,
    currency: Option<String>,
}

pub(super) fn changes(events: &[Event], query: &ChangesQuery) -> ChangesResponse {
    let mut ranges = [query.range, query.compared_with].map(|range| rows(events, range, query));
    let (currency, other_currencies) = choose_currency(&mut ranges, &query.metric);
    let of = |has: &dyn Fn(&Row) -> bool| {
        ranges.each_ref().map(|rows| {
            let rows: Vec<&Row> = rows.iter().filter(|row| has(row)).collect();
            measured(&rows, &query.metric)
        })
    };
    let [now, before] = of(&|_| true);
    let ranking = ChangeRanking::new(query, now, before);
    let of_column = |column: usize| {
        let texts: BTreeSet<&Option<String>> = ranges.iter().flatten().map(|row| &row.keys[column]).collect();
        let value = |text: &Option<String>| {
            let [now, before] = of(&|row| row.keys[column] == *text);
            ValueChange { text: text.clone(), now, before }
        };
        ranking.column(texts.into_iter().map(value).collect(), false)
    };
    let columns: Vec<_> = (0..query.columns.len()).map(of_column).collect();
    let paired = ranking.paired(&columns);
    let mut pairs = Vec::new();
    for second in 0..columns.len() {
        for first in 0..second {
            for (a, b) in (0..paired[first]).flat_map(|a| (0..paired[second]).map(move |b| (a, b))) {
                let has = |row: &Row, column: usize, value: usize| {
                    row.keys[column].as_deref() == columns[column].text(value)
                };
                let [now, before] = of(&|row| has(row, first, a) && has(row, second, b));
                pairs.push(PairChange { parts: [(first, a), (second, b)], now, before });
            }
        }
    }
    let response = ranking.response(&columns, pairs);
    ChangesResponse { currency, other_currencies, ..response }
}

fn rows(events: &[Event], range: TimeRange, query: &ChangesQuery) -> Vec<Row> {
    let row = |event: Chosen<'_>| {
        let (number, currency) = match &query.metric {
            ChangeMetric::Sum { property, currency } => (
                properties(&event).get(property.as_str()).and_then(Value::as_f64),
                key(&event, &Dimension::Currency(*currency)),
            ),
            _ => (None, None),
        };
        let keys = query.columns.iter().map(|column| key(&event, column)).collect();
        Row { visitor: event.anonymous_id.clone(), keys, number, currency }
    };
    selected(events, range, &query.events, &query.filters).into_iter().map(row).collect()
}

fn measured(rows: &[&Row], metric: &ChangeMetric) -> Measured {
    match metric {
        ChangeMetric::Count | ChangeMetric::Conversions => Measured::count(rows.len() as u64),
        ChangeMetric::Uniques => {
            let visitors: BTreeSet<&str> = rows.iter().map(|row| row.visitor.as_str()).collect();
            Measured::count(visitors.len() as u64)
        }
        ChangeMetric::Sum { .. } => {
            let numbers: Vec<f64> = rows.iter().filter_map(|row| row.number).collect();
            let squares = numbers.iter().map(|number| number * number).sum::<f64>();
            Measured { total: numbers.iter().sum::<f64>() + 0.0, squares: squares + 0.0 }
        }
    }
}

/// Keeps the events of the currency with the most numbers.
fn choose_currency(
    ranges: &mut [Vec<Row>; 2],
    metric: &ChangeMetric,
) -> (Option<String>, Vec<Option<String>>) {
    if !matches!(metric, ChangeMetric::Sum { .. }) {
        return (None, Vec::new());
    }
    let mut found: BTreeMap<(bool, Option<String>), u64> = BTreeMap::new();
    for row in ranges.iter().flatten().filter(|row| row.number.is_some()) {
        *found.entry((row.currency.is_none(), row.currency.clone())).or_default() += 1;
    }
    let mut codes: Vec<_> = found.into_iter().collect();
    codes.sort_by_key(|(_, events)| Reverse(*events));
    let mut codes = codes.into_iter().map(|((_, code), _)| code);
    let Some(chosen) = codes.next() else { return (None, Vec::new()) };
    for rows in ranges {
        rows.retain(|row| row.currency == chosen);
    }
    (chosen, codes.collect())
}
