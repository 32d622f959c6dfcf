//! Queries, as loops over columns.
//!
//! A query reads a [`View`](crate::query::view::View) and nothing else. It takes no lock that the writer
//! waits for, and it ends when its client has gone.

pub(crate) mod attribution;
pub(crate) mod distinct;
pub(crate) mod events;
pub(crate) mod funnel;
pub(crate) mod groups;
pub(crate) mod names;
pub(crate) mod pages;
pub(crate) mod retention;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod stats;
pub(crate) mod timeline;
pub(crate) mod view;

use millimetric_core::query::{AnyQuery, AnyResponse};
use millimetric_events::StoreError;

use self::view::{Reads, View};
use crate::resources::query_context::QueryContext;

/// Runs a query over a view of what it [reads](Reads), and one of the range that it compares its own with.
pub(crate) fn run(
    view: View,
    compared_with: Option<View>,
    query: &AnyQuery,
    context: &QueryContext,
) -> Result<AnyResponse, StoreError> {
    let with_sessions = |view: View| view.with_sessions(Reads::of(query), context);
    let view = with_sessions(view)?;
    let compared_with = compared_with.map(with_sessions).transpose()?;
    Ok(match query {
        AnyQuery::Events(query) => events::events(view, query, context)?.into(),
        AnyQuery::Event(query) => events::find::event(&view, &query.event_id, context)?.map(Box::new).into(),
        AnyQuery::Stats(query) => stats::stats(&view, query, context)?.into(),
        AnyQuery::Sources(query) => sources::sources(&view, query, context)?.into(),
        AnyQuery::Names(query) => names::names(&view, query, context)?.into(),
        AnyQuery::Funnel(query) => funnel::funnel(&view, query, context)?.into(),
        AnyQuery::Retention(query) => retention::retention(&view, query, context)?.into(),
        AnyQuery::Pages(query) => pages::pages(&view, query, context)?.into(),
        AnyQuery::Sessions(query) => sessions::sessions(&view, query, context)?.into(),
        AnyQuery::Journeys(query) => sessions::journeys::journeys(&view, query, context)?.into(),
        AnyQuery::Attribution(query) => attribution::attribution(&view, query, context)?.into(),
        AnyQuery::Paths(query) => attribution::paths::paths(&view, query, context)?.into(),
        AnyQuery::RuleChanges(query) => events::rule_changes::rule_changes(&view, query, context)?.into(),
        AnyQuery::Touches(query) => attribution::touches::touches(&view, query, context)?.into(),
        AnyQuery::NumericTexts(query) => names::numeric_texts::numeric_texts(&view, query, context)?.into(),
        AnyQuery::Changes(query) => {
            let no_view = || StoreError::Internal("there is no view to compare with".to_owned());
            stats::changes::changes([&view, compared_with.as_ref().ok_or_else(no_view)?], query, context)?
                .into()
        }
    })
}
