//! Queries, as loops over columns.
//!
//! A query reads a [`View`](crate::query::view::View) and nothing else. It takes no lock that the writer
//! waits for, and it ends when its client has gone.

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

use millimetric_core::column::Column;
use millimetric_core::query::{AnyQuery, AnyResponse};
use millimetric_events::StoreError;

use self::view::View;
use crate::encoding::column_set::ColumnSet;
use crate::resources::query_context::QueryContext;

/// The columns that a query reads.
pub(crate) fn columns(query: &AnyQuery) -> ColumnSet {
    match query {
        AnyQuery::Events(_) | AnyQuery::Event(_) => ColumnSet::ALL,
        AnyQuery::Stats(query) => view::counted(query),
        AnyQuery::Sources(query) => {
            view::filtered(&query.filters).with(Column::Source).with(Column::Medium).with(Column::AnonymousId)
        }
        AnyQuery::Names(_) => {
            [Column::EventName, Column::AnonymousId, Column::Properties].into_iter().collect()
        }
        AnyQuery::Funnel(query) => view::filtered(&query.filters)
            .union(view::grouped(&query.group_by))
            .with(Column::EventName)
            .with(Column::AnonymousId),
        AnyQuery::Retention(query) => {
            view::filtered(&query.filters).with(Column::EventName).with(Column::AnonymousId)
        }
        AnyQuery::Pages(query) => view::of_sessions(&query.filters),
        AnyQuery::Sessions(query) => view::of_sessions(&query.filters),
    }
}

/// Runs a query over a view of the [`columns`] that it reads.
pub(crate) fn run(view: View, query: &AnyQuery, context: &QueryContext) -> Result<AnyResponse, StoreError> {
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
    })
}
