//! The events of visitors that are steps, by conditions and groups that SQL decides.

use std::iter;
use std::pin::pin;

use clickhouse::Row;
use futures_util::StreamExt as _;
use millimetric_core::query::{Dimension, Filter, FunnelQuery, StepOrder};
use millimetric_events::StoreError;
use serde::Deserialize;

use super::attempt::StepEvent;
use crate::query::count::groups::Texts;
use crate::query::scan::{Reader, pushdown};
use crate::sql::Sql;

/// The events that are steps of visitors for whom they are the same; each array has an element for each of them. All
/// are empty if it is enough to know that there is one.
#[derive(Row, Deserialize)]
struct VisitorsRow {
    times: Vec<i64>,
    sets: Vec<u8>,
    /// Empty if the query has no filters.
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
    let statement = statement(reader, query, steps);
    let mut rows = pin!(reader.client.stream::<VisitorsRow>(&statement, reader.limits));
    while let Some(row) = rows.next().await {
        let row = row?;
        let visitors = row.visitors;
        each(step_events(row), visitors)?;
    }
    Ok(())
}

/// The statement that returns them.
fn statement(reader: &Reader<'_>, query: &FunnelQuery, steps: &[Vec<Filter>]) -> Sql {
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
    let of_events = |value: &str| format!("if({is_short}, [], groupArray({value}))");
    let columns = [
        ("times", "Array(Int64)", Some("toUnixTimestamp64Milli(timestamp)".to_owned())),
        ("sets", "Array(UInt8)", Some(set.clone())),
        ("passing", "Array(UInt8)", (!query.filters.is_empty()).then(|| format!("toUInt8({passes})"))),
        (
            "keys",
            "Array(Array(Nullable(String)))",
            (!keys.is_empty()).then(|| format!("[{}]", keys.join(", "))),
        ),
    ];
    let (mut arrays, mut results, mut present) = (Vec::new(), Vec::new(), Vec::new());
    for (name, kind, value) in &columns {
        if let Some(value) = value {
            arrays.push(format!("{} AS {name}", of_events(value)));
            results.push((*name).to_owned());
            present.push(*name);
        } else {
            results.push(format!("CAST([], '{kind}') AS {name}"));
        }
    }
    let of_visitor = format!(
        "SELECT {} FROM events FINAL WHERE {} \
         GROUP BY anonymous_id HAVING countIf({can_be_first} AND ({passes})) > 0",
        arrays.join(", "),
        conditions.take()
    );
    // So those at one step are one row.
    conditions.select_from(
        &format!("({of_visitor})"),
        &format!("{}, count() AS visitors", results.join(", ")),
        &format!("GROUP BY {}", present.join(", ")),
    )
}

fn step_events(row: VisitorsRow) -> Vec<StepEvent> {
    let VisitorsRow { times, sets, passing, keys, .. } = row;
    if times.is_empty() {
        return vec![StepEvent { at: 0, set: 1, keys: Texts::new(), passes: true }];
    }
    let mut keys = keys.into_iter();
    let events = times.into_iter().zip(sets).zip(passing.into_iter().chain(iter::repeat(1)));
    let event = |((at, set), passes)| StepEvent {
        at,
        set,
        keys: keys.next().unwrap_or_default(),
        passes: passes != 0,
    };
    events.map(event).collect()
}
