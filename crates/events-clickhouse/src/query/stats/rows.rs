//! The rows of a response, from what was counted.

use std::collections::BTreeMap;

use millimetric_core::query::{Metric, Number, Phase, StatsBuckets, StatsQuery, StatsResponse, StatsRow};

use super::Counts;
use super::cell::Cell;
use crate::query::count::groups::{Distinct, Group, Groups, Texts};
use crate::query::count::series;
use crate::query::scan::row::instant;

/// The response of a query.
pub(super) fn response(query: &StatsQuery, counts: Counts) -> StatsResponse {
    let Counts { cells, series, single, by_currency, has_currency, skipped } = counts;
    let currency = if has_currency { Currency::of(by_currency) } else { Currency::Same };
    let sums = single.map(|single| sums(query, single)).unwrap_or_default();
    let mut rows = rows(query, query.buckets, currency.groups(cells), &sums);
    let keys = |rows: &[StatsRow]| rows.iter().map(|row| row.keys.clone()).collect();
    let ranked = match series {
        Some(series) => keys(&self::rows(query, None, currency.groups(series), &BTreeMap::new())),
        None => keys(&rows),
    };
    let truncated = series::cut(&mut rows, query.limit, |row| &row.keys, || ranked);
    StatsResponse {
        rows,
        truncated,
        by_currency,
        skipped: query.metric.property().map(|_| skipped),
        ..StatsResponse::default()
    }
}

/// What becomes of the currency at the end of groups.
#[derive(Clone, Copy)]
enum Currency {
    /// There is none.
    Same,
    /// No number has one: it is left out.
    LeftOut,
    /// Only events with a number count.
    Kept,
}

impl Currency {
    const fn of(by_currency: bool) -> Self {
        if by_currency { Self::Kept } else { Self::LeftOut }
    }

    /// The groups, in order.
    fn groups(self, cells: Groups<Cell>) -> Vec<(Group, Cell)> {
        let mut groups = cells.sorted();
        match self {
            Self::Same => {}
            Self::LeftOut => groups.iter_mut().for_each(|(group, _)| drop(group.texts.pop())),
            Self::Kept => groups.retain(|(_, cell)| cell.with_number > 0),
        }
        groups
    }
}

/// The sum of the distinct visitors of single hours or days, by their number and the group.
fn sums(query: &StatsQuery, single: Groups<Distinct>) -> BTreeMap<(u8, Texts), u64> {
    let mut sums = BTreeMap::new();
    let Some(StatsBuckets::Cyclic(cyclic)) = query.buckets else { return sums };
    for (group, visitors) in single.sorted() {
        let number = cyclic.number(group.bucket.unwrap_or_default());
        *sums.entry((number, group.texts)).or_default() += visitors.count;
    }
    sums
}

/// All rows, in their order.
fn rows(
    query: &StatsQuery,
    buckets: Option<StatsBuckets>,
    mut groups: Vec<(Group, Cell)>,
    sums: &BTreeMap<(u8, Texts), u64>,
) -> Vec<StatsRow> {
    let nothing = |bucket| (Group { bucket, texts: Vec::new() }, Cell::new(&query.metric));
    let is_single = query.group_by.is_empty() && groups.iter().all(|(group, _)| group.texts.is_empty());
    match buckets {
        None if is_single && groups.is_empty() => groups.push(nothing(None)),
        Some(StatsBuckets::Cyclic(cyclic)) if is_single => {
            for number in cyclic.occurring(query.range) {
                let bucket = Some(i64::from(number));
                if !groups.iter().any(|(group, _)| group.bucket == bucket) {
                    groups.push(nothing(bucket));
                }
            }
            groups.sort_by_key(|(group, _)| group.bucket);
        }
        _ => {}
    }
    let row = |(group, cell): (Group, Cell)| {
        let Group { bucket, texts } = group;
        let phase = match buckets {
            Some(StatsBuckets::Cyclic(_)) => {
                let number = bucket.unwrap_or_default() as u8;
                let sum = sum(query, &cell, sums.get(&(number, texts.clone())).copied());
                Some(Phase { number, sum })
            }
            _ => None,
        };
        let start = bucket.filter(|_| phase.is_none()).map(instant);
        let value = cell.value(&query.metric);
        (bucket, StatsRow { bucket: start, phase, keys: texts, value })
    };
    let mut rows: Vec<(Option<i64>, StatsRow)> = groups.into_iter().map(row).collect();
    // They are in order of their groups.
    rows.sort_by(|(bucket, a), (other, b)| {
        let number = |row: &StatsRow| row.value.map_or(f64::NEG_INFINITY, float);
        bucket.cmp(other).then_with(|| number(b).total_cmp(&number(a)))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The sum of the values of the single hours or days; `visitors` is that of their distinct visitors.
fn sum(query: &StatsQuery, cell: &Cell, visitors: Option<u64>) -> Option<f64> {
    if !query.metric.adds_up() {
        return None;
    }
    match query.metric {
        Metric::Uniques => Some(visitors.unwrap_or_default() as f64),
        _ => cell.clone().value(&query.metric).map(float),
    }
}

fn float(number: Number) -> f64 {
    match number {
        Number::Integer(count) => count as f64,
        Number::Float(number) => number,
    }
}
