//! `GET /docs/{page}`: the pages below `/docs`, as HTML and as Markdown.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use crate::api::discover::shown;
use crate::dashboard;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::state::App;

/// The routes; `/docs` itself is in the OpenAPI document, and in `api::discover`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/docs/", get(async || Redirect::permanent("/docs")))
        .route("/docs/{*page}", get(page))
}

async fn page(
    State(app): State<Arc<App>>,
    Path(page): Path<String>,
    asked: HeaderMap,
) -> ApiResult<Response> {
    let pages = &app.documents.docs.pages;
    if let Some(document) = pages.get(&page) {
        return shown(document, &asked);
    }
    if let Some(name) = page.strip_suffix('/').filter(|name| pages.contains_key(*name)) {
        return Ok(Redirect::permanent(&format!("/docs/{name}")).into_response());
    }
    // Who asks for a file is a program.
    let is_file = page.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if is_file { Err(ApiError::new(ErrorCode::NotFound)) } else { Ok(dashboard::not_found()) }
}
