//! `GET /v1/a.js`: the browser script, built from `sdk/browser` (`cargo xtask gen`) and carried in
//! this binary.
//!
//! The same for everybody: nothing in it depends on who asks, and nobody needs a key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use crate::state::App;

/// A day without a query; for a week more the old one serves while the new one is fetched.
pub(super) const LONG: &str = "public, max-age=86400, stale-while-revalidate=604800";
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The browser script
///
/// The script tag of a site loads it. It counts page views and provides `window.mm`.
#[utoipa::path(get, path = "/v1/a.js", operation_id = "getBrowserScript", tag = "ingest",
    responses((status = 200, description = "The script.", body = String, content_type = "application/javascript"),
        (status = 304, description = "The client has it already (`If-None-Match`).")))]
pub async fn script(State(app): State<Arc<App>>, asked: HeaderMap) -> Response {
    let mut response = app.documents.script.response(&asked, LONG);
    // Pages that isolate themselves (COEP) may load it too.
    let shared = HeaderValue::from_static("cross-origin");
    response.headers_mut().insert(CROSS_ORIGIN_RESOURCE_POLICY, shared);
    response
}
