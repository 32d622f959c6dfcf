//! Runs the typed queries of `core::query` and exports, for every interface.
//!
//! Retention is applied here before the store has deleted anything, so that expired events are in no
//! response from the moment they expire. The number of queries that run at once is bounded, in all and
//! per project.

use std::sync::Arc;
use std::time::Duration;

use millimetric_control::{Month, MonthlyUsage};
use millimetric_core::query::{ExportQuery, Query};
use millimetric_core::time::{DAY_MILLIS, TimeRange, Timestamp};
use millimetric_events::EventStoreExt as _;

use crate::auth::{Authorized, Read};
use crate::limits::busy::Busy;
use crate::limits::slots::Slot;
use crate::ops::error::OpsResult;
use crate::ops::export::{EventEncoder, Export};
use crate::state::App;

/// Longest time that a query waits for a slot (contract, section 5).
const QUEUED: Duration = Duration::from_secs(10);

/// Takes a slot that all queries of a page share, so that the page waits once and counts as one query.
/// Returns the authority that holds it.
pub async fn in_one_slot(app: &App, by: &Authorized<Read>) -> OpsResult<Authorized<Read>> {
    Ok(by.clone().holding(Arc::new(slot(app, by).await?)))
}

/// Runs a query over the events that the project still keeps.
///
/// # Errors
/// `Busy` if no slot becomes free within ten seconds; otherwise the store's error.
pub async fn run<Q: Query>(app: &App, by: &Authorized<Read>, query: Q) -> OpsResult<Q::Response> {
    let _slot = if by.holds_slot() { None } else { Some(slot(app, by).await?) };
    Ok(app.stores.events.query_since(by.scope(), kept_since(app, by), query).await?)
}

async fn slot(app: &App, by: &Authorized<Read>) -> OpsResult<Slot> {
    let busy = Busy { what: "too many queries at once", retry_after_s: 5 };
    Ok(app.limits.queries.take(by.project().id, QUEUED).await.ok_or(busy)?)
}

/// Starts an export: a file that is written while it is sent.
pub fn export(
    app: &App,
    by: &Authorized<Read>,
    query: ExportQuery,
    encoder: impl EventEncoder,
) -> OpsResult<Export> {
    let busy = Busy { what: "too many exports at once", retry_after_s: 10 };
    let slot = app.limits.exports.try_take(by.project().id).ok_or(busy)?;
    let events = app.stores.events.export(by.scope(), kept_since(app, by), query);
    Ok(Export::start(events, encoder, slot))
}

/// Events stored in each month that the range touches, of the key's env.
pub async fn usage(app: &App, by: &Authorized<Read>, range: TimeRange) -> OpsResult<Vec<MonthlyUsage>> {
    app.limits.usage.write(&app.stores.control).await?;
    let last = range.to().plus_millis(-1);
    let mut rows =
        app.stores.control.usage(by.project().id, Month::of(range.from()), Month::of(last)).await?;
    rows.retain(|row| row.env == by.scope().env);
    Ok(rows)
}

/// The oldest time that the project keeps, if the range begins before it.
pub fn expired_before(app: &App, by: &Authorized<Read>, range: TimeRange) -> Option<Timestamp> {
    oldest_kept(by.project().effective_retention_days(), app.now()).filter(|oldest| range.from() < *oldest)
}

/// The oldest time that the project keeps; the first of all if it keeps events forever.
fn kept_since(app: &App, by: &Authorized<Read>) -> Timestamp {
    oldest_kept(by.project().effective_retention_days(), app.now()).unwrap_or(Timestamp::MIN)
}

/// The oldest time that a project with this retention keeps; `None` if it keeps events forever.
pub fn oldest_kept(days: Option<u32>, now: Timestamp) -> Option<Timestamp> {
    days.map(|days| now.plus_millis(-(i64::from(days) * DAY_MILLIS)))
}
