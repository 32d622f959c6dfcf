//! What happens now: the newest events of a project, and its visitors of the last five minutes.

use millimetric_core::event::Event;
use millimetric_core::query::{EventSelector, EventsQuery, Metric, Number, RowLimit, StatsQuery};
use millimetric_core::time::{DAY_MILLIS, MINUTE_MILLIS, TimeRange, Timestamp};

use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::state::App;

/// The most of the newest events that are shown.
const NEWEST: u64 = 50;
/// How long ago "now" began, in milliseconds.
const NOW_MILLIS: i64 = 5 * MINUTE_MILLIS;
/// How far back the newest events may lie, and how far ahead of our clock: as much as is taken.
const BACK_MILLIS: i64 = DAY_MILLIS;
const AHEAD_MILLIS: i64 = 10 * MINUTE_MILLIS;

/// The newest events of the last day, the newest first.
pub async fn newest(app: &App, by: &Authorized<Read>) -> OpsResult<Vec<Event>> {
    let now = app.now();
    let range = between(now.plus_millis(-BACK_MILLIS), now.plus_millis(AHEAD_MILLIS));
    let limit = RowLimit::new(NEWEST).unwrap_or(RowLimit::ONE);
    let query = EventsQuery { range, events: EventSelector::Any, filters: Vec::new(), limit, after: None };
    Ok(read::run(app, by, query).await?.rows)
}

/// Visitors of the last five minutes.
pub async fn visitors_now(app: &App, by: &Authorized<Read>) -> OpsResult<u64> {
    let now = app.now();
    let range = between(now.plus_millis(-NOW_MILLIS), now.plus_millis(AHEAD_MILLIS));
    let query = StatsQuery {
        range,
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Uniques,
        group_by: Vec::new(),
        buckets: None,
        labels: false,
        limit: RowLimit::ONE.into(),
    };
    let response = read::run(app, by, query).await?;
    Ok(match response.rows.first().and_then(|row| row.value) {
        Some(Number::Integer(visitors)) => visitors,
        _ => 0,
    })
}

fn between(from: Timestamp, to: Timestamp) -> TimeRange {
    TimeRange::new(from, to).unwrap_or(TimeRange::LAST)
}
