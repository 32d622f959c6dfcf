//! Asking: the typed queries of `core::query`, put to the event store within what the project
//! keeps, and so many at once.
//!
//! Retention is applied here before the store has removed anything, so that what has expired is
//! unqueryable at once, whichever interface asks.

use std::sync::Arc;
use std::time::Duration;

use millimetric_control::{Month, MonthlyUsage};
use millimetric_core::event::Event;
use millimetric_core::query::{
    EventsQuery, EventsResponse, ExportQuery, FunnelQuery, FunnelResponse, NamesQuery, NamesResponse,
    PagesQuery, PagesResponse, RetentionQuery, RetentionResponse, SessionsQuery, SessionsResponse,
    SourcesQuery, SourcesResponse, StatsQuery, StatsResponse,
};
use millimetric_core::time::{DAY_MILLIS, TimeRange, Timestamp};
use millimetric_events::StoreError;

use crate::auth::{Authorized, Read};
use crate::limits::busy::Busy;
use crate::limits::slots::Slot;
use crate::ops::error::OpsResult;
use crate::ops::export::{EventEncoder, Export};
use crate::state::App;

/// Longest time that a query waits for its turn (contract, section 5).
const QUEUED: Duration = Duration::from_secs(10);

/// The same right with a slot that all of its queries share: a page that asks many queries waits for
/// its turn once, and counts as one client.
pub async fn in_one_slot(app: &App, by: &Authorized<Read>) -> OpsResult<Authorized<Read>> {
    Ok(by.clone().holding(Arc::new(slot(app, by).await?)))
}

/// Runs a query within the slots.
async fn run<T>(
    app: &App,
    by: &Authorized<Read>,
    query: impl Future<Output = Result<T, StoreError>>,
) -> OpsResult<T> {
    let _slot = if by.holds_slot() { None } else { Some(slot(app, by).await?) };
    Ok(query.await?)
}

async fn slot(app: &App, by: &Authorized<Read>) -> OpsResult<Slot> {
    let busy = Busy { what: "too many queries at once", retry_after_s: 5 };
    Ok(app.limits.queries.take(by.project().id, QUEUED).await.ok_or(busy)?)
}

/// Raw events, newest first.
pub async fn events(app: &App, by: &Authorized<Read>, mut query: EventsQuery) -> OpsResult<EventsResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.events(by.scope(), query)).await
}

/// One event by its id, when the project still keeps it.
pub async fn event(
    app: &App,
    by: &Authorized<Read>,
    range: TimeRange,
    event_id: String,
) -> OpsResult<Option<Event>> {
    run(app, by, app.stores.events.event(by.scope(), kept(app, by, range), event_id)).await
}

/// Counts, distinct visitors, sums and means.
pub async fn stats(app: &App, by: &Authorized<Read>, mut query: StatsQuery) -> OpsResult<StatsResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.stats(by.scope(), query)).await
}

/// Where visits came from.
pub async fn sources(
    app: &App,
    by: &Authorized<Read>,
    mut query: SourcesQuery,
) -> OpsResult<SourcesResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.sources(by.scope(), query)).await
}

/// Which event names occur.
pub async fn names(app: &App, by: &Authorized<Read>, mut query: NamesQuery) -> OpsResult<NamesResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.names(by.scope(), query)).await
}

/// How far visitors get along a series of events.
pub async fn funnel(app: &App, by: &Authorized<Read>, mut query: FunnelQuery) -> OpsResult<FunnelResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.funnel(by.scope(), query)).await
}

/// How many visitors come back, period after period.
pub async fn retention(
    app: &App,
    by: &Authorized<Read>,
    mut query: RetentionQuery,
) -> OpsResult<RetentionResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.retention(by.scope(), query)).await
}

/// Which pages are viewed, and where sessions begin and end.
pub async fn pages(app: &App, by: &Authorized<Read>, mut query: PagesQuery) -> OpsResult<PagesResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.pages(by.scope(), query)).await
}

/// How many sessions begin, and how many of them bounce.
pub async fn sessions(
    app: &App,
    by: &Authorized<Read>,
    mut query: SessionsQuery,
) -> OpsResult<SessionsResponse> {
    query.range = kept(app, by, query.range);
    run(app, by, app.stores.events.sessions(by.scope(), query)).await
}

/// Every event of the query as a file that is made while it is taken.
pub fn export(
    app: &App,
    by: &Authorized<Read>,
    mut query: ExportQuery,
    encoder: impl EventEncoder,
) -> OpsResult<Export> {
    query.range = kept(app, by, query.range);
    let busy = Busy { what: "too many exports at once", retry_after_s: 10 };
    let slot = app.limits.exports.try_take(by.project().id).ok_or(busy)?;
    Ok(Export::start(Arc::clone(&app.stores.events), by.scope(), query, encoder, slot))
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

/// The first instant that the project still keeps, when the range begins before it.
pub fn expired_before(app: &App, by: &Authorized<Read>, range: TimeRange) -> Option<Timestamp> {
    oldest_kept(by.project().effective_retention_days(), app.now()).filter(|oldest| range.from() < *oldest)
}

/// The part of a range that has not expired; of one that has expired as a whole, the last
/// millisecond of time, where nothing is ever stored: a query stays a valid query.
fn kept(app: &App, by: &Authorized<Read>, range: TimeRange) -> TimeRange {
    match oldest_kept(by.project().effective_retention_days(), app.now()) {
        Some(oldest) if range.from() < oldest => {
            TimeRange::new(oldest, range.to()).unwrap_or(TimeRange::LAST)
        }
        _ => range,
    }
}

/// The first instant that a project of this retention still keeps.
pub fn oldest_kept(days: Option<u32>, now: Timestamp) -> Option<Timestamp> {
    days.map(|days| now.plus_millis(-(i64::from(days) * DAY_MILLIS)))
}
