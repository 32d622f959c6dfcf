//! What every response gets, whichever handler made it: a request id, the body of an error, what is
//! left of the request's rate, the security headers, and one line of measurement.
//!
//! The only place that writes an error's body.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{head, rate_headers};
use crate::error::{ApiError, ErrorCode, ShownAsPage};
use crate::limits::rates::RateNote;
use crate::state::App;

/// The header that names a request in responses and in the log.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost layer.
pub async fn finish(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = format!("req_{}", app.new_id().simple());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let rate = RateNote::default();
    request.extensions_mut().insert(rate.clone());
    let mut response = match head::check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let refused = response.extensions_mut().remove::<ApiError>();
    // The router's own refusal of a method comes bare; its Allow header is kept below.
    let bare = (response.status() == StatusCode::METHOD_NOT_ALLOWED)
        .then(|| ApiError::new(ErrorCode::MethodNotAllowed));
    if let Some(error) = refused.or(bare) {
        error.log(&app.metrics, Some(&id), &route);
        if response.extensions_mut().remove::<ShownAsPage>().is_none() {
            response = with_error_body(&error, &id, response);
        }
    }
    app.metrics.request(&route, response.status().as_u16(), started.elapsed());
    let headers = response.headers_mut();
    if let Some(state) = rate.get() {
        rate_headers::insert(headers, &state);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, value);
    }
    response
}

/// The error's own body instead of a bare response, whose headers stay.
fn with_error_body(error: &ApiError, id: &str, bare: Response) -> Response {
    let mut response = body(error, id);
    for (name, value) in bare.headers() {
        if !response.headers().contains_key(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// `{"error","message","details"}` (contract, section 2).
fn body(error: &ApiError, id: &str) -> Response {
    let (code, status, _) = error.code.row();
    let message = error.message();
    let mut details = error.details.clone();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        details.insert("request_id".to_owned(), Value::from(id));
    }
    let mut body = json!({ "error": code, "message": message, "details": details });
    if let (Some(seconds), ErrorCode::RateLimited | ErrorCode::QuotaExceeded) =
        (error.retry_after_s, error.code)
    {
        body["retry_after_s"] = seconds.into();
    }
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
