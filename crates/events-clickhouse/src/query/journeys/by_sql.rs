//! Paths from starts that SQL decides.

use millimetric_core::query::{Filter, JourneyDirection, JourneysQuery, JourneysRow, PAGE_VIEW};
use millimetric_core::session;
use millimetric_events::StoreError;
use serde_json::Value;

use crate::query::scan::in_sessions::{self, EventParts};
use crate::query::scan::values::number;
use crate::query::scan::{Reader, pushdown};

/// The text of a step, as `JourneyStep` defines it.
const STEP: &str = include_str!("step.sql");

/// Counts the paths, in no order.
pub(super) async fn count(
    reader: &Reader<'_>,
    query: &JourneysQuery,
    starts: &[Filter],
) -> Result<Vec<JourneysRow>, StoreError> {
    let is_backwards = query.direction == JourneyDirection::Backwards;
    let mut conditions = reader.of_visitors(query.range, starts, session::LOOKBACK);
    let from = conditions.bind("Int64", query.range.from().millis().to_string());
    let is_start = pushdown::all_of(starts, &mut conditions);
    let page_views = u8::from(query.page_views);
    let parts = EventParts {
        // Whether it is a step.
        kind: format!("if(event_name = '{PAGE_VIEW}', {page_views}, NOT startsWith(event_name, '$'))"),
        origin: "0".to_owned(),
        selected: format!("toUnixTimestamp64Milli(timestamp) >= {from} AND ({is_start})"),
        values: vec![STEP.to_owned()],
    };
    let visitors = in_sessions::visitors(&parts, &mut conditions);
    let backwards = "arrayMap(session -> arrayReverse(session), sessions)";
    let paths = include_str!("paths.sql")
        .replace("$steps", &query.steps.get().to_string())
        .replace("$sessions", if is_backwards { backwards } else { "sessions" })
        .replace("$visitors", &visitors);
    let statement = conditions.select_from(
        &format!("({paths})"),
        "steps AS path, count(), uniqExact(anonymous_id)",
        "GROUP BY path",
    );
    let mut bytes = 0;
    let row = |row: Vec<Value>| {
        let steps = row.first().and_then(Value::as_array).into_iter().flatten();
        let mut path: Vec<String> = steps.filter_map(Value::as_str).map(str::to_owned).collect();
        if is_backwards {
            path.reverse();
        }
        bytes += size_of::<JourneysRow>()
            + path.iter().map(|step| size_of::<String>() + step.len()).sum::<usize>();
        reader.check(bytes)?;
        Ok(JourneysRow { path, sessions: number(&row, 1)?, visitors: number(&row, 2)? })
    };
    reader.rows(&statement).await?.into_iter().map(row).collect()
}
