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
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;

use self::assets::Assets;
use self::refusal::PageError;
use crate::state::App;

pub use self::assets::address as asset_address;
pub use self::security_headers::insert as secure;

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

/// The page of an address without one.
pub fn not_found() -> Response {
    PageError::NotFound.into_response()
}
