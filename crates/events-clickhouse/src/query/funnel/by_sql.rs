//! The events of visitors that are steps, by conditions and groups that SQL decides.

use std::pin::pin;

use clickhouse::Row;
use futures_util::StreamExt as _;
use millimetric_core::query::{Dimension, Filter, FunnelQuery, StepOrder};
use millimetric_events::StoreError;
use serde::Deserialize;

use super::attempt::StepEvent;
use crate::query::count::groups::Texts;
use crate::query::scan::{Reader, pushdown};

/// The events that are steps of visitors for whom they are the same; each array has an element for each of them. All
/// are empty if it is enough that there is one.
#[derive(Row, Deserialize)]
struct VisitorsRow {
    times: Vec<i64>,
    sets: Vec<u8>,
    passing: Vec<u8>,
    /// Empty if the query has no groups.
    keys: Vec<Texts>,
    visitors: u64,
}

/// Whether SQL decides the steps, the filters and the groups.
pub(super) fn decides(query: &FunnelQuery, steps: &[Vec<Filter>]) -> bool {
    pushdown::decides(&query.filters)
        && steps.iter().all(|step| pushdown::decides(step))
        && query.group_by.iter().all(|column| matches!(column, Dimension::Column(_)))
}

/// Calls `each` with the events of visitors that are steps, in no order, and how many visitors have them.
pub(super) async fn each_visitor(
    reader: &Reader<'_>,
    query: &FunnelQuery,
    steps: &[Vec<Filter>],
    mut each: impl FnMut(Vec<StepEvent>, u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut conditions = reader.conditions(query.range);
    let passes = pushdown::all_of(&query.filters, &mut conditions);
    let bits = steps.iter().enumerate().map(|(step, filters)| {
        let is_step = pushdown::all_of(filters, &mut conditions);
        format!("if({is_step}, {}, 0)", 1_u8 << step)
    });
    let set = format!("toUInt8({})", bits.collect::<Vec<_>>().join(" + "));
    conditions.and(format!("{set} != 0"));
    let can_be_first = match query.order {
        StepOrder::Strict => format!("bitTest({set}, 0)"),
        StepOrder::Any => "1".to_owned(),
    };
    let name = |column: &Dimension| match column {
        Dimension::Column(column) => format!("CAST({}, 'Nullable(String)')", column.as_str()),
        _ => "NULL".to_owned(),
    };
    let keys: Vec<String> = query.group_by.iter().map(name).collect();
    // Most visitors are at one step only, which is all that counts of them if there are no groups.
    let is_short = if keys.is_empty() { format!("bitCount(groupBitOr({set})) = 1") } else { "0".to_owned() };
    let array = |value: &str| format!("if({is_short}, [], groupArray({value}))");
    let keys = if keys.is_empty() {
        "CAST([], 'Array(Array(Nullable(String)))')".to_owned()
    } else {
        array(&format!("[{}]", keys.join(", ")))
    };
    let columns = format!(
        "{} AS times, {} AS sets, {} AS passing, {keys} AS keys",
        array("toUnixTimestamp64Milli(timestamp)"),
        array(&set),
        array(&format!("toUInt8({passes})")),
    );
    let of_visitor = format!(
        "SELECT {columns} FROM events FINAL WHERE {} \
         GROUP BY anonymous_id HAVING countIf({can_be_first} AND ({passes})) > 0",
        conditions.take()
    );
    // So those at one step are one row.
    let statement = conditions.select_from(
        &format!("({of_visitor})"),
        "times, sets, passing, keys, count() AS visitors",
        "GROUP BY times, sets, passing, keys",
    );
    let mut rows = pin!(reader.client.stream::<VisitorsRow>(&statement, reader.limits));
    while let Some(row) = rows.next().await {
        let row = row?;
        let visitors = row.visitors;
        each(step_events(row), visitors)?;
    }
    Ok(())
}

fn step_events(row: VisitorsRow) -> Vec<StepEvent> {
    let VisitorsRow { times, sets, passing, keys, .. } = row;
    if times.is_empty() {
        return vec![StepEvent { at: 0, set: 1, keys: Texts::new(), passes: true }];
    }
    let mut keys = keys.into_iter();
    let events = times.into_iter().zip(sets).zip(passing);
    let event = |((at, set), passes)| StepEvent {
        at,
        set,
        keys: keys.next().unwrap_or_default(),
        passes: passes != 0,
    };
    events.map(event).collect()
}
