//! Asking: the typed questions of `core::query`, put to the event store within what the project
//! keeps.
//!
//! Retention is applied here before the store has removed anything, so that what has expired is
//! unqueryable at once, whichever door asks.

use std::sync::Arc;

use millimetric_control::{Month, MonthlyUsage};
use millimetric_core::event::Event;
use millimetric_core::query::{
    EventsAnswer, EventsQuestion, ExportQuestion, FunnelAnswer, FunnelQuestion, NamesAnswer, NamesQuestion,
    PagesAnswer, PagesQuestion, RetentionAnswer, RetentionQuestion, SessionsAnswer, SessionsQuestion,
    SourcesAnswer, SourcesQuestion, StatsAnswer, StatsQuestion,
};
use millimetric_core::time::{TimeRange, Timestamp};

use crate::app::App;
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::export::Export;
use crate::wire::rows::RowFormat;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Raw events, newest first.
pub async fn events(
    app: &App,
    by: &Authorized<Read>,
    mut question: EventsQuestion,
) -> ApiResult<EventsAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.events(by.scope(), question).await?)
}

/// One event by its id, when the project still keeps it.
pub async fn event(
    app: &App,
    by: &Authorized<Read>,
    range: TimeRange,
    event_id: String,
) -> ApiResult<Option<Event>> {
    Ok(app.events.event(by.scope(), kept(app, by, range), event_id).await?)
}

/// Counts, distinct visitors, sums and means.
pub async fn stats(app: &App, by: &Authorized<Read>, mut question: StatsQuestion) -> ApiResult<StatsAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.stats(by.scope(), question).await?)
}

/// Where visits came from.
pub async fn sources(
    app: &App,
    by: &Authorized<Read>,
    mut question: SourcesQuestion,
) -> ApiResult<SourcesAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.sources(by.scope(), question).await?)
}

/// Which event names occur.
pub async fn names(app: &App, by: &Authorized<Read>, mut question: NamesQuestion) -> ApiResult<NamesAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.names(by.scope(), question).await?)
}

/// How far visitors get along a series of events.
pub async fn funnel(
    app: &App,
    by: &Authorized<Read>,
    mut question: FunnelQuestion,
) -> ApiResult<FunnelAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.funnel(by.scope(), question).await?)
}

/// How many visitors come back, period after period.
pub async fn retention(
    app: &App,
    by: &Authorized<Read>,
    mut question: RetentionQuestion,
) -> ApiResult<RetentionAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.retention(by.scope(), question).await?)
}

/// Which pages are viewed, and where sessions begin and end.
pub async fn pages(app: &App, by: &Authorized<Read>, mut question: PagesQuestion) -> ApiResult<PagesAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.pages(by.scope(), question).await?)
}

/// How many sessions begin, and how many of them bounce.
pub async fn sessions(
    app: &App,
    by: &Authorized<Read>,
    mut question: SessionsQuestion,
) -> ApiResult<SessionsAnswer> {
    question.range = kept(app, by, question.range);
    Ok(app.events.sessions(by.scope(), question).await?)
}

/// Every event of the question as a file that is made while it is taken.
pub fn export(
    app: &App,
    by: &Authorized<Read>,
    mut question: ExportQuestion,
    format: RowFormat,
) -> ApiResult<Export> {
    question.range = kept(app, by, question.range);
    let place = app.limits.export_place()?;
    Ok(Export::start(Arc::clone(&app.events), by.scope(), question, format, place)?)
}

/// Events stored in each month that the range touches, of the key's env.
pub async fn usage(app: &App, by: &Authorized<Read>, range: TimeRange) -> ApiResult<Vec<MonthlyUsage>> {
    app.usage.write(&app.control).await?;
    let last = range.to().plus_millis(-1);
    let mut rows = app.control.usage(by.project().id, Month::of(range.from()), Month::of(last)).await?;
    rows.retain(|row| row.env == by.scope().env);
    Ok(rows)
}

/// The first instant that the project still keeps, when the range begins before it.
pub fn expired_before(app: &App, by: &Authorized<Read>, range: TimeRange) -> Option<Timestamp> {
    oldest_kept(by.project().effective_retention_days(), app.now()).filter(|oldest| range.from() < *oldest)
}

/// The part of a range that has not expired; of one that has expired as a whole, the last
/// millisecond of time, where nothing is ever stored: a question stays a valid question.
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
