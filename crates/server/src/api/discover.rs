//! Descriptions of the API (`/openapi.json`, `/docs`, `/llms.txt`) and the state of the server (`/healthz`,
//! `/readyz`, `/metrics`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::auth::bearer;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::state::App;

const BRIEFLY: &str = "public, max-age=300";

/// Liveness: the process runs
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200)))]
pub async fn healthz() -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// Readiness: the server can store and query
#[utoipa::path(get, path = "/readyz", tag = "operation", responses((status = 200), (status = 500), (status = 502), (status = 503)))]
pub async fn readyz(State(app): State<Arc<App>>) -> ApiResult<Json<Value>> {
    app.stores.events.ready().await?;
    app.stores.control.key_revision().await?;
    Ok(Json(json!({ "ok": true })))
}

/// Prometheus metrics
///
/// Requires the token that the operator set; without one the route does not exist.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, content_type = "application/openmetrics-text")), security(("metrics_token" = [])))]
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> ApiResult<Response> {
    let Some(token) = &app.settings.monitoring.metrics_token else {
        return Err(ApiError::new(ErrorCode::NotFound));
    };
    let sent = bearer(&headers).ok_or_else(|| ApiError::new(ErrorCode::MissingBearerToken))?;
    if !bool::from(sent.as_bytes().ct_eq(token.reveal().as_bytes())) {
        return Err(ApiError::new(ErrorCode::InvalidApiKey));
    }
    app.metrics.body_bytes.set(app.limits.body_bytes() as i64);
    let page = app.metrics.page(&app.stores.events.gauges());
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page).into_response())
}

/// OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200)))]
pub async fn openapi_json(State(app): State<Arc<App>>, asked: HeaderMap) -> Response {
    app.documents.openapi.response(&asked, BRIEFLY)
}

/// API reference
#[utoipa::path(get, path = "/docs", tag = "operation", responses((status = 200, content_type = "text/html")))]
pub async fn docs(State(app): State<Arc<App>>, asked: HeaderMap) -> Response {
    let mut response = app.documents.reference.response(&asked, BRIEFLY);
    // One style sheet in the page itself, nothing else: no script, no font, no other origin.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// Description for language models
#[utoipa::path(get, path = "/llms.txt", tag = "operation", responses((status = 200, content_type = "text/plain")))]
pub async fn llms_txt(State(app): State<Arc<App>>, asked: HeaderMap) -> Response {
    app.documents.llms.response(&asked, BRIEFLY)
}
