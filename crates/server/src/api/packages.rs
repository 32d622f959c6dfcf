//! `GET /v1/sdk/…`: the npm packages of the SDKs in the server's version, carried in this binary.
//!
//! The same for everybody: nothing in them depends on who asks, and nobody needs a key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::script::LONG;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::state::App;
use crate::state::documents::Lazy;

/// npm package for browsers
///
/// The package `@millimetric/track` as a tarball, in the version of the server:
/// `npm install https://stats.example.com/v1/sdk/track.tgz`.
#[utoipa::path(get, path = "/v1/sdk/track.tgz", operation_id = "getBrowserPackage", tag = "ingest",
    responses(
        (status = 200, description = "The tarball.", content_type = "application/gzip"),
        (status = 304, description = "The client has it already (`If-None-Match`)."),
    ))]
pub async fn track(State(app): State<Arc<App>>, asked: HeaderMap) -> ApiResult<Response> {
    let name = concat!("attachment; filename=\"millimetric-track-", env!("CARGO_PKG_VERSION"), ".tgz\"");
    file(&app.documents.track_package, &asked, name)
}

/// npm package for Node
///
/// The package `@millimetric/track-node` as a tarball, in the version of the server:
/// `npm install https://stats.example.com/v1/sdk/node.tgz`.
#[utoipa::path(get, path = "/v1/sdk/node.tgz", operation_id = "getNodePackage", tag = "ingest",
    responses(
        (status = 200, description = "The tarball.", content_type = "application/gzip"),
        (status = 304, description = "The client has it already (`If-None-Match`)."),
    ))]
pub async fn node(State(app): State<Arc<App>>, asked: HeaderMap) -> ApiResult<Response> {
    let name = concat!("attachment; filename=\"millimetric-track-node-", env!("CARGO_PKG_VERSION"), ".tgz\"");
    file(&app.documents.node_package, &asked, name)
}

/// A download under a name, as npm would have given it.
fn file(package: &Lazy, asked: &HeaderMap, name: &'static str) -> ApiResult<Response> {
    let package = package.get();
    let package =
        package.map_err(|cause| ApiError::new(ErrorCode::InternalError).because(cause.to_string()))?;
    let mut response = package.response(asked, LONG);
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}
