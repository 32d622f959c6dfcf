//! Retention by filters that SQL decides.

use millimetric_core::query::Filter;
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;
use serde_json::Value;

use super::Table;
use crate::query::count::calendar;
use crate::query::scan::values::{integer, number};
use crate::query::scan::{Reader, pushdown};
use crate::sql;

/// Counts the visitors; returns whether SQL can. Earlier events than those of the range decide who is new.
pub(super) async fn count(
    reader: &Reader<'_>,
    range: TimeRange,
    selected: &[Filter],
    table: &mut Table<'_>,
) -> Result<bool, StoreError> {
    if !pushdown::decides(selected) || table.starts.len() > calendar::MOST_IN_SQL {
        return Ok(false);
    }
    let mut conditions = reader.conditions(range);
    let from = conditions.bind("Int64", table.query.range.from().millis().to_string());
    let is_selected = pushdown::all_of(selected, &mut conditions);
    let at = "toUnixTimestamp64Milli(timestamp)";
    let period = calendar::start_of(at, &table.starts, &mut conditions);
    let of_first = calendar::start_of("first", &table.starts, &mut conditions);
    let returns = match &table.query.return_event {
        Some(name) => format!("event_name = {}", conditions.bind("String", sql::string(name))),
        None => "1".to_owned(),
    };
    let visitors = format!(
        "SELECT minIf({at}, {is_selected}) AS first, \
         groupUniqArrayIf({period}, {at} >= {from} AND ({returns})) AS periods \
         FROM events FINAL WHERE {} GROUP BY anonymous_id HAVING countIf({is_selected}) > 0",
        conditions.take()
    );
    conditions.and(format!("first >= {from}"));
    let statement = conditions.select_from(
        &format!("({visitors})"),
        &format!("{of_first} AS cohort, count(), sumMap(periods, arrayMap(period -> toUInt64(1), periods))"),
        "GROUP BY cohort",
    );
    for row in reader.rows(&statement).await? {
        let cohort = table.period(integer(&row, 0)?);
        table.visitors[cohort] = number(&row, 1)?;
        let of = |index: usize| row.get(2).and_then(|map| map.get(index)).and_then(Value::as_array);
        let (Some(periods), Some(visitors)) = (of(0), of(1)) else { continue };
        for (index, start) in periods.iter().enumerate() {
            // Other events can be earlier than the first one that is selected.
            let period = table.period(start.as_i64().unwrap_or_default());
            if period >= cohort {
                table.returned[cohort][period] = number(visitors, index)?;
            }
        }
    }
    Ok(true)
}
