//! Descriptions of the API (`/openapi.json`, `/docs`, `/llms.txt`, `/llms-full.txt`) and the state of the server
//! (`/healthz`, `/readyz`, `/metrics`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use crate::auth::bearer;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::state::App;
use crate::state::documents::Lazy;
use crate::wire::responses::Healthy;

/// The response with a document.
pub fn shown(document: &Lazy, asked: &HeaderMap) -> ApiResult<Response> {
    document.response(asked).map_err(|cause| ApiError::new(ErrorCode::InternalError).because(cause))
}

/// Liveness: the process runs
#[utoipa::path(get, path = "/healthz", operation_id = "checkHealth", tag = "operation",
    responses((status = 200, description = "The process runs.", body = Healthy)))]
pub async fn healthz() -> Json<Healthy> {
    Json(Healthy { ok: true })
}

/// Readiness: the server can store and query
#[utoipa::path(get, path = "/readyz", operation_id = "checkReadiness", tag = "operation",
    responses((status = 200, description = "It can.", body = Healthy)),
    extensions(("x-error-codes" = json!(["internal_error", "upstream_failed", "overloaded", "storage_full"]))))]
pub async fn readyz(State(app): State<Arc<App>>) -> ApiResult<Json<Healthy>> {
    app.stores.events.ready().await?;
    app.stores.control.key_revision().await?;
    Ok(Json(Healthy { ok: true }))
}

/// Prometheus metrics
///
/// Requires the token that the operator set; without one the route does not exist.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "operation",
    responses((status = 200, description = "The metrics.", body = String,
        content_type = "application/openmetrics-text")), security(("metrics_token" = [])))]
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> ApiResult<Response> {
    let Some(token) = &app.settings.monitoring.metrics_token else {
        return Err(ApiError::new(ErrorCode::NotFound));
    };
    let sent = bearer(&headers).ok_or_else(|| ApiError::new(ErrorCode::MissingBearerToken))?;
    if !bool::from(sent.as_bytes().ct_eq(token.reveal().as_bytes())) {
        return Err(ApiError::new(ErrorCode::InvalidApiKey));
    }
    app.metrics.body_bytes.set(app.limits.body_bytes() as i64);
    app.metrics.control_silent_seconds.set(app.credentials.keys.silent_for().as_secs() as i64);
    let page = app.metrics.page(&app.stores.events.gauges());
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page).into_response())
}

/// OpenAPI document
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "operation",
    responses((status = 200, description = "This document.", body = Object),
    (status = 304, description = "The client has it already (`If-None-Match`).")))]
pub async fn openapi_json(State(app): State<Arc<App>>, asked: HeaderMap) -> ApiResult<Response> {
    shown(&app.documents.openapi, &asked)
}

/// API reference
///
/// The pages of the documentation are below it, such as `/docs/api`; as Markdown, `/docs/api.md`.
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "operation", responses(
    (status = 200, description = "The page.", body = String, content_type = "text/html"),
    (status = 304, description = "The client has it already (`If-None-Match`).")))]
pub async fn docs(State(app): State<Arc<App>>, asked: HeaderMap) -> ApiResult<Response> {
    shown(&app.documents.docs.reference, &asked)
}

/// Index of the documentation, for language models
#[utoipa::path(get, path = "/llms.txt", operation_id = "getLlmsText", tag = "operation", responses(
    (status = 200, description = "The text.", body = String, content_type = "text/plain"),
    (status = 304, description = "The client has it already (`If-None-Match`).")))]
pub async fn llms_txt(State(app): State<Arc<App>>, asked: HeaderMap) -> ApiResult<Response> {
    shown(&app.documents.docs.llms, &asked)
}

/// The whole documentation in one text, for language models
#[utoipa::path(get, path = "/llms-full.txt", operation_id = "getLlmsFullText", tag = "operation", responses(
    (status = 200, description = "The text.", body = String, content_type = "text/plain"),
    (status = 304, description = "The client has it already (`If-None-Match`).")))]
pub async fn llms_full_txt(State(app): State<Arc<App>>, asked: HeaderMap) -> ApiResult<Response> {
    shown(&app.documents.docs.llms_full, &asked)
}
