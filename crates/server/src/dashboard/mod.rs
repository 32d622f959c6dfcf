//! The dashboard: HTML pages rendered on the server, one file for each page. Handlers read the request, call
//! `ops` and render a template.

mod account;
mod assets;
mod form;
mod format;
mod frame;
mod home;
mod people;
mod project;
mod refusal;
mod reports;
mod security_headers;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::middleware::from_fn;
use axum::routing::get;
use tower_http::compression::CompressionLayer;

use self::assets::Assets;
use crate::state::App;

/// Every page.
pub fn routes() -> Router<Arc<App>> {
    let assets = Arc::new(Assets::new());
    let asset = async move |path: Path<(String, String)>, headers: HeaderMap| assets.show(&path, &headers);
    Router::new()
        .merge(people::routes())
        .merge(project::routes())
        .merge(reports::routes())
        .merge(account::routes())
        .route("/assets/{fingerprint}/{name}", get(asset))
        .layer(from_fn(security_headers::insert))
        .layer(CompressionLayer::new())
}
