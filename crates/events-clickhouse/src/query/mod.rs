//! The queries, one file each. `scan` reads events, `count` counts them by group.
//!
//! What SQL decides exactly as the query means it is decided there. Everything else is computed here, from the events
//! of one visitor after the other.

mod attribution;
mod changes;
mod count;
mod events;
mod export;
mod funnel;
mod journeys;
mod names;
mod numeric_texts;
mod pages;
mod retention;
mod rule_changes;
mod scan;
mod sessions;
mod sources;
mod stats;

use millimetric_core::event::EventScope;
use millimetric_core::query::{AnyQuery, AnyResponse, ExportQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::{EventStream, StoreError};

use self::scan::Reader;
use crate::client::{Client, QueryLimits};
use crate::hidden::Hidden;

/// The range and so many milliseconds before it.
fn before(range: TimeRange, millis: i64) -> TimeRange {
    TimeRange::new(range.from().plus_millis(-millis), range.to()).unwrap_or(range)
}

/// Runs a query over the events of a scope from `since` on that are not hidden.
pub(crate) async fn run(
    client: &Client,
    limits: &QueryLimits,
    scope: EventScope,
    since: Timestamp,
    hidden: &Hidden,
    query: AnyQuery,
) -> Result<AnyResponse, StoreError> {
    let reader = &Reader { client, limits, scope, since, hidden };
    Ok(match query {
        AnyQuery::Events(query) => events::events(reader, &query).await?.into(),
        AnyQuery::Event(query) => events::event(reader, &query).await?.into(),
        AnyQuery::Stats(query) => stats::stats(reader, &query).await?.into(),
        AnyQuery::Sources(query) => sources::sources(reader, &query).await?.into(),
        AnyQuery::Names(query) => names::names(reader, &query).await?.into(),
        AnyQuery::Funnel(query) => funnel::funnel(reader, &query).await?.into(),
        AnyQuery::Retention(query) => retention::retention(reader, &query).await?.into(),
        AnyQuery::Pages(query) => pages::pages(reader, &query).await?.into(),
        AnyQuery::Sessions(query) => sessions::sessions(reader, &query).await?.into(),
        AnyQuery::Journeys(query) => journeys::journeys(reader, &query).await?.into(),
        AnyQuery::Attribution(query) => attribution::attribution(reader, &query).await?.into(),
        AnyQuery::Paths(query) => attribution::paths::paths(reader, &query).await?.into(),
        AnyQuery::Touches(query) => attribution::touches::touches_of(reader, &query).await?.into(),
        AnyQuery::RuleChanges(query) => rule_changes::rule_changes(reader, &query).await?.into(),
        AnyQuery::Changes(query) => changes::changes(reader, &query).await?.into(),
        AnyQuery::NumericTexts(query) => numeric_texts::numeric_texts(reader, &query).await?.into(),
    })
}

/// Streams every event of the query from `since` on that is not hidden.
pub(crate) fn export(
    client: &Client,
    limits: &QueryLimits,
    scope: EventScope,
    since: Timestamp,
    hidden: &Hidden,
    query: &ExportQuery,
) -> EventStream {
    export::export(&Reader { client, limits, scope, since, hidden }, query)
}
