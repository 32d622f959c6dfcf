//! The reports of a project: what the traffic did, under any filter, as pages, files and a stream.
//!
//! Draws what `ops` answers, and counts nothing. Every text of a stranger goes through `text`.

mod bar;
mod chart;
mod country;
mod csv;
mod number;
mod overview;
mod panel;
mod text;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use crate::app::App;
use crate::auth::sessions::{Asks, InProject};

/// The reports' pages.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/projects/{project}", get(overview::show))
        .route("/projects/{project}/tables/{name}", get(overview::show_table))
        .route("/projects/{project}/csv/{name}", get(overview::download))
}

/// A table that the path names.
#[derive(Debug, Deserialize)]
struct Of {
    name: String,
}

/// The path of one of a project's reports.
fn place<R: Asks>(member: &InProject<R>, below: &str) -> String {
    format!("/projects/{}{below}", member.project.slug)
}
