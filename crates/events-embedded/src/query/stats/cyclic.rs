//! Hours of the day and days of the week: the sums over single hours and days, and those without events.

use std::ops::Range;

use hashbrown::HashMap;
use millimetric_core::query::calendar::bucket_at;
use millimetric_core::query::{CyclicBuckets, Phase, StatsQuery, StatsRow};

use crate::columns::Chunk;
use crate::query::groups;
use crate::query::groups::{Counted, Counting};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// The sum over the single hours or days of each group of `counted`: the distinct visitors of each hour or day.
/// `counting` counts by these hours or days. All are `None` if one of them alone has too many groups.
///
/// Counts one part of the time range after the other, so that the number of hours is not limited.
pub(super) fn visitor_sums(
    view: &View,
    counting: &Counting<'_>,
    buckets: CyclicBuckets,
    counted: &Counted,
    context: &QueryContext,
) -> Result<Vec<Option<f64>>, StoreError> {
    let dimensions = counting.by.len();
    let by_key: HashMap<_, usize> = counted
        .groups
        .apart()
        .map(|group| {
            let texts: Vec<_> = counted.groups.texts(group, dimensions).collect();
            ((counted.groups.bucket(group), texts), group)
        })
        .collect();
    let mut sums = vec![Some(0.0); counted.events.len()];
    let mut parts: Vec<Range<i64>> = occupied(view).into_iter().collect();
    while let Some(part) = parts.pop() {
        context.check()?;
        let of_part = Counting { within: Some(part.clone()), ..counting.clone() };
        let (single, too_many) = groups::count_with(view, &of_part, None, context)?;
        if too_many {
            let Some(halves) = halves(&part, buckets) else { return Ok(vec![None; sums.len()]) };
            parts.extend(halves);
            continue;
        }
        for group in single.groups.apart() {
            let number = i64::from(buckets.number(single.groups.bucket(group)));
            let texts: Vec<_> = single.groups.texts(group, dimensions).collect();
            if let Some(index) = by_key.get(&(number, texts))
                && let Some(sum) = &mut sums[*index]
            {
                *sum += single.uniques[group] as f64;
            }
        }
    }
    Ok(sums)
}

/// The part of the view's time range that has events.
fn occupied(view: &View) -> Option<Range<i64>> {
    let earliest = view.chunks.iter().map(Chunk::earliest).min()?;
    let latest = view.chunks.iter().map(Chunk::latest).max()?;
    Some(view.from.max(earliest)..view.to.min(latest.saturating_add(1))).filter(|range| !range.is_empty())
}

/// Divides a range between two hours or days; `None` if it lies in one.
fn halves(range: &Range<i64>, buckets: CyclicBuckets) -> Option<[Range<i64>; 2]> {
    let middle = bucket_at(buckets.single(), range.start + (range.end - range.start) / 2);
    let between = [middle.start, middle.to].into_iter().find(|at| range.start < *at && *at < range.end)?;
    Some([range.start..between, between..range.end])
}

/// Adds the hours or days of the query's range in which nothing was found.
pub(super) fn fill(rows: &mut Vec<StatsRow>, buckets: CyclicBuckets, query: &StatsQuery) {
    let number = |row: &StatsRow| row.phase.map(|phase| phase.number);
    for missing in buckets.occurring(query.range) {
        if !rows.iter().any(|row| number(row) == Some(missing)) {
            let phase = Phase { number: missing, sum: query.metric.adds_up().then_some(0.0) };
            rows.push(StatsRow {
                phase: Some(phase),
                value: query.metric.of_nothing(),
                ..StatsRow::default()
            });
        }
    }
    rows.sort_by_key(number);
}

#[cfg(test)]
mod tests {
    use millimetric_core::query::Cycle;

    use super::*;

    #[test]
    fn ranges_are_divided_between_hours() {
        const HOUR: i64 = 3_600_000;
        let hours = CyclicBuckets { cycle: Cycle::HourOfDay, timezone: "UTC".parse().unwrap() };
        assert_eq!(halves(&(0..4 * HOUR), hours), Some([0..2 * HOUR, 2 * HOUR..4 * HOUR]));
        assert_eq!(halves(&(5..HOUR + 1), hours), Some([5..HOUR, HOUR..HOUR + 1]));
        assert_eq!(halves(&(0..HOUR), hours), None);
        assert_eq!(halves(&(7..8), hours), None);
    }
}
