//! What the routes of the management API share: bodies, entity tags with `If-Match`, and `Idempotency-Key`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use millimetric_control::{ControlError, StoredResponse};
use serde::Serialize;

use crate::auth::access_tokens::ByToken;
use crate::body::{self, Source};
use crate::client_info::ClientInfo;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::error::OpsError;
use crate::ops::idempotency::Repeatable;
use crate::state::App;

/// The most bytes of a list of goals: one hundred goals with filters.
pub(super) const MAX_GOALS_BODY: usize = 2 * 1024 * 1024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On a response that was given before.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The most characters of an `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// Receives a body and reads it with `read`.
pub(super) async fn body<T: Send + 'static>(
    app: &App,
    by: &ByToken,
    request: Request<Body>,
    most: usize,
    read: impl FnOnce(&str) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let (parts, sent) = request.into_parts();
    let from = Source { traffic: by.traffic(), address: ClientInfo::address(&parts, app) };
    let received = body::receive(Request::from_parts(parts, sent), &app.limits, from, most).await?;
    Ok(received.parse(&app.limits, read).await?.value)
}

/// The entity tag of what a route returns.
pub(super) fn tag_of(app: &App, returned: &impl Serialize) -> String {
    let text = serde_json::to_vec(returned).unwrap_or_default();
    app.credentials.secrets.entity_tag(&text)
}

/// A response with its entity tag.
pub(super) fn tagged<T: Serialize>(app: &App, returned: T) -> Response {
    let tag = tag_of(app, &returned);
    let mut response = Json(returned).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The condition of `If-Match` (RFC 9110, 13.1.1).
#[derive(Debug)]
pub(super) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Whether a resource with this tag may be changed.
    pub(super) fn allows(&self, tag: &str) -> bool {
        self.0.as_ref().is_none_or(|tags| tags.iter().any(|sent| sent == "*" || sent == tag))
    }

    fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(IF_MATCH) {
            return Self(None);
        }
        let lines = headers.get_all(IF_MATCH).iter().filter_map(|line| line.to_str().ok());
        Self(Some(lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect()))
    }
}

impl FromRequestParts<Arc<App>> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The error of a change that was refused by the store.
pub(super) fn refused(error: ControlError) -> ApiError {
    match error {
        ControlError::Changed => ApiError::new(ErrorCode::PreconditionFailed),
        ControlError::UnknownProject | ControlError::UnknownKey => ApiError::new(ErrorCode::NotFound),
        ControlError::KeyNotLive => ApiError::new(ErrorCode::KeyNotLive),
        other => other.into(),
    }
}

/// The body of a `POST`, and the request as one that may be sent again.
pub(super) struct Posted {
    pub(super) text: String,
    repeatable: Option<Repeatable>,
}

impl Posted {
    /// Receives the request.
    pub(super) async fn receive(
        app: &App,
        by: &ByToken,
        request: Request<Body>,
        most: usize,
    ) -> ApiResult<Self> {
        let key = key_of(request.headers())?;
        let uri = request.uri().clone();
        let text = body(app, by, request, most, |text| Ok(text.to_owned())).await?;
        let parts = ["POST", uri.path(), uri.query().unwrap_or_default(), text.as_str()];
        let repeatable = key.map(|key| Repeatable::new(by.token().id, &key, &parts));
        Ok(Self { text, repeatable })
    }

    /// The response that was given to the same request before, if any was.
    pub(super) async fn earlier(&self, app: &App) -> ApiResult<Option<Response>> {
        let Some(repeatable) = &self.repeatable else { return Ok(None) };
        let (control, secrets) = (&app.stores.control, &app.credentials.secrets);
        let earlier = repeatable.earlier(control, secrets, app.now()).await?;
        Ok(earlier.map(|body| {
            let mut response = created(body);
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            response
        }))
    }

    /// What is stored of a response, to be repeated.
    pub(super) fn stored(
        &self,
        app: &App,
        response: &impl Serialize,
    ) -> Result<Option<StoredResponse>, getrandom::Error> {
        let text = serde_json::to_vec(response).unwrap_or_default();
        let seal = |repeatable: &Repeatable| repeatable.seal(&app.credentials.secrets, &text, app.now());
        self.repeatable.as_ref().map(seal).transpose()
    }

    /// The response to what was made, or the one that was given while it was.
    pub(super) async fn respond<T: Serialize>(
        &self,
        app: &App,
        made: Result<T, OpsError>,
    ) -> ApiResult<Response> {
        match made {
            Ok(made) => Ok(created(serde_json::to_vec(&made).map_err(OpsError::internal)?)),
            Err(OpsError::Control(ControlError::AlreadyAnswered)) => {
                self.earlier(app).await?.ok_or_else(|| ApiError::new(ErrorCode::Overloaded).retry_after(1))
            }
            Err(OpsError::Control(error)) => Err(refused(error)),
            Err(error) => Err(error.into()),
        }
    }
}

/// A 201 with this JSON.
fn created(body: Vec<u8>) -> Response {
    (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The `Idempotency-Key`, if there is one.
fn key_of(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let mut sent = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (sent.next(), sent.next()) {
        (None, _) => return Ok(None),
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    };
    match key {
        Some(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let mut problems = Problems::default();
            problems
                .field("Idempotency-Key", format!("must be sent once, as 1 to {MAX_KEY} ASCII characters"));
            Err(ApiError::validation(ErrorCode::InvalidParams, problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_compares_strongly() {
        let allows = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_MATCH, HeaderValue::from_static(value));
            }
            IfMatch::of(&headers).allows("\"a\"")
        };
        for (values, expected) in [
            (&[][..], true),
            (&["*"], true),
            (&["\"a\""], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["\"b\""], false),
            (&["W/\"a\""], false),
            (&["a"], false),
            (&[""], false),
        ] {
            assert_eq!(allows(values), expected, "{values:?}");
        }
    }

    #[test]
    fn an_idempotency_key_has_a_length() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            key_of(&headers).map_err(|error| error.code)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a b"]), Ok(Some("a b".to_owned())));
        assert_eq!(read(&[&"x".repeat(255)]), Ok(Some("x".repeat(255))));
        for wrong in [&[""][..], &["a", "a"], &[&"x".repeat(256)], &["é"]] {
            assert_eq!(read(wrong), Err(ErrorCode::InvalidParams), "{wrong:?}");
        }
    }
}
