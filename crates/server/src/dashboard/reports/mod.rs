//! The reports of a project, with any filter: pages, CSV files, and the live stream.
//!
//! Renders what `ops` returns, and counts nothing. All text from events goes through `text`.

mod event;
mod funnel;
mod live;
mod overview;
mod person;
mod retention;
mod share;
mod table;
mod view;
mod widgets;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::auth::sessions::{Asks, InProject};
use crate::state::App;

/// The reports' pages.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/projects/{project}", get(overview::show))
        .route("/projects/{project}/tables/{name}", get(table::show))
        .route("/projects/{project}/csv/{name}", get(table::download))
        .route("/projects/{project}/live", get(live::show))
        .route("/projects/{project}/live/stream", get(live::stream))
        .route("/projects/{project}/funnels", get(funnel::show))
        .route("/projects/{project}/funnels/csv", get(funnel::download))
        .route("/projects/{project}/retention", get(retention::show))
        .route("/projects/{project}/retention/csv", get(retention::download))
        .route("/projects/{project}/share", get(share::list).post(share::make))
        .route("/projects/{project}/share/{link}/revoke", post(share::revoke))
        .route("/share/{token}", get(share::show))
        .route("/projects/{project}/event", get(event::show))
        .route("/projects/{project}/person", get(person::show))
}

/// A table that the path names.
#[derive(Debug, Deserialize)]
struct TableName {
    name: String,
}

/// The path of one of a project's reports.
fn place<R: Asks>(member: &InProject<R>, below: &str) -> String {
    format!("/projects/{}{below}", member.project.slug)
}
