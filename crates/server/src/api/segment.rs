//! The Segment dialect (contract, section 8): messages and batches of Segment's libraries, and the settings
//! that its browser library fetches. `/v1/track`, `/v1/identify` and `/v1/batch` are in `collect`.
//!
//! The routes that only the dialect has take the write key as every ingest route takes a key, or from the
//! body, where the libraries for browsers, apps and Java put it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use millimetric_core::ingest::bots::BotReason;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::error::AuthError;
use crate::auth::metered::{Batch, Draws, Metered, Track};
use crate::auth::{Authorized, Ingest, write_key};
use crate::body::{self, Source};
use crate::client_info::ClientInfo;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::collect::collect_valid;
use crate::state::App;
use crate::wire::requests::segment::MessageIn;
use crate::wire::requests::segment::{self, Keyed, Kind, MAX_BATCH, MAX_MESSAGE, Messages, MessagesIn};
use crate::wire::responses::segment::{Accepted, Settings};

/// How long a browser keeps the settings.
const SETTINGS_CACHED: HeaderValue = HeaderValue::from_static("private, max-age=300");

/// What a body is expected to be.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// One message of this kind.
    One(Kind),
    /// `{"batch":[…]}`
    Batch,
}

impl Body {
    const fn max_bytes(self) -> usize {
        match self {
            Self::One(_) => MAX_MESSAGE,
            Self::Batch => MAX_BATCH,
        }
    }
}

/// Stores what a request with its key in the head has in its body.
pub async fn answer(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    request: Request,
    expected: Body,
) -> ApiResult<Response> {
    let source = Source { traffic: by.traffic(), address: client.ip };
    let body = read(app, request, source, expected).await?;
    store(app, by, client, body.value.value?).await
}

/// The same for a request whose key may be in its body.
async fn answer_any_key<D: Draws>(app: &Arc<App>, request: Request, expected: Body) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let client = ClientInfo::of(&parts, app);
    let known: Option<Metered<D>> = write_key::in_head(&parts, app).await?;
    let source = match &known {
        Some(known) => Source { traffic: known.by.traffic(), address: client.ip },
        None => Source::unidentified(client.ip),
    };
    let body = read(app, Request::from_parts(parts.clone(), body), source, expected).await;
    let body = body.map_err(|error| match error.code {
        // A body that cannot be read has no key either.
        ErrorCode::InvalidPayload if known.is_none() => AuthError::MissingKey.into(),
        _ => error,
    })?;
    let Keyed { write_key: key, value } = body.value;
    let by = match known {
        Some(known) => known.by,
        None => write_key::in_body::<D>(key, &parts, app).await?.by,
    };
    store(app, &by, &client, value?).await
}

async fn read(
    app: &Arc<App>,
    request: Request,
    source: Source,
    expected: Body,
) -> ApiResult<body::Parsed<Keyed<Messages>>> {
    let now = app.now();
    let body = body::receive(request, &app.limits, source, expected.max_bytes()).await?;
    let parse = move |text: &str| match expected {
        Body::One(kind) => segment::message(text, kind, now),
        Body::Batch => segment::batch(text, now),
    };
    body.parse(&app.limits, parse).await
}

async fn store(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    mut messages: Messages,
) -> ApiResult<Response> {
    let events = std::mem::take(&mut messages.events);
    let (collected, refused) = collect_valid(app, by, client, events).await?;
    messages.outcome(refused)?;
    let accepted = Accepted { success: true, dropped: collected.dropped.map(BotReason::as_str) };
    Ok(Json(accepted).into_response())
}

/// Declares the routes that only the dialect has, whose key is in the head or the body.
macro_rules! routes_of_dialect {
    ($($name:ident $path:literal $id:literal $bucket:ident $body:ty, $expected:expr, $summary:literal, $example:tt;)*) => {$(
        #[doc = $summary]
        #[doc = ""]
        #[doc = "As a library of Segment sends it; the write key may also be in the body, as `writeKey`. Stored when"]
        #[doc = "the response is sent; the same `messageId` is stored once."]
        #[utoipa::path(post, path = $path, operation_id = $id, tag = "segment",
            request_body(content = $body, example = json!($example)),
            responses((status = 200, body = Accepted, description = "Every message is stored.",
                example = json!({"success": true}))),
            extensions(("x-error-codes" = json!(["quota_exceeded"]))),
            security((), ("write_key" = []), ("pk" = []), ("sk" = []), ("pk_in_url" = [])))]
        pub async fn $name(State(app): State<Arc<App>>, request: Request) -> ApiResult<Response> {
            answer_any_key::<$bucket>(&app, request, $expected).await
        }
    )*};
}

routes_of_dialect! {
    page "/v1/page" "sendSegmentPage" Track MessageIn<'_>, Body::One(Kind::Page), "Store a page view of a Segment library",
        { "userId": "user-1", "name": "Docs", "properties": { "url": "https://shop.example/docs" } };
    screen "/v1/screen" "sendSegmentScreen" Track MessageIn<'_>, Body::One(Kind::Screen), "Store a screen view of a Segment library",
        { "userId": "user-1", "name": "Home" };
    group "/v1/group" "sendSegmentGroup" Track MessageIn<'_>, Body::One(Kind::Group), "Store the group of a user",
        { "userId": "user-1", "groupId": "group-1", "traits": { "employees": 12 } };
    alias "/v1/alias" "sendSegmentAlias" Track MessageIn<'_>, Body::One(Kind::Alias), "Link a former id to a user",
        { "userId": "user-1", "previousId": "visitor-1" };
    import "/v1/import" "sendSegmentBatch" Batch MessagesIn, Body::Batch, "Store a batch of a Segment library, except invalid messages",
        { "batch": [{ "type": "track", "userId": "user-1", "event": "Order Completed" }] };
    t "/v1/t" "sendBrowserTrack" Track MessageIn<'_>, Body::One(Kind::Track), "Store an event of the browser library",
        { "userId": "user-1", "event": "Order Completed", "properties": { "total": 49.5 } };
    i "/v1/i" "sendBrowserIdentify" Track MessageIn<'_>, Body::One(Kind::Identify), "Store a user of the browser library",
        { "userId": "user-1", "anonymousId": "visitor-1", "traits": { "plan": "pro" } };
    p "/v1/p" "sendBrowserPage" Track MessageIn<'_>, Body::One(Kind::Page), "Store a page view of the browser library",
        { "userId": "user-1", "name": "Docs", "properties": { "url": "https://shop.example/docs" } };
    s "/v1/s" "sendBrowserScreen" Track MessageIn<'_>, Body::One(Kind::Screen), "Store a screen view of the browser library",
        { "userId": "user-1", "name": "Home" };
    g "/v1/g" "sendBrowserGroup" Track MessageIn<'_>, Body::One(Kind::Group), "Store a group of the browser library",
        { "userId": "user-1", "groupId": "group-1", "traits": { "employees": 12 } };
    a "/v1/a" "sendBrowserAlias" Track MessageIn<'_>, Body::One(Kind::Alias), "Store an alias of the browser library",
        { "userId": "user-1", "previousId": "visitor-1" };
    b "/v1/b" "sendBrowserBatch" Batch MessagesIn, Body::Batch, "Store a batch of the browser library, except invalid messages",
        { "batch": [{ "type": "track", "userId": "user-1", "event": "Order Completed" }] };
}

/// The settings of a write key
///
/// What the browser library fetches before it sends. They name no other server than this one.
#[utoipa::path(get, path = "/v1/projects/{write_key}/settings", operation_id = "getSegmentSettings",
    tag = "segment", params(("write_key" = String, Path, description = "A pk.", example = "pk_live_…")),
    responses(
        (status = 200, body = Settings, description = "The settings.",
            example = json!({
                "integrations": {"Segment.io": {"apiKey": "pk_live_…", "apiHost": "stats.example.com/v1",
                    "protocol": "https"}},
                "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}},
                "edgeFunction": {}, "remotePlugins": [],
                "metrics": {"sampleRate": 0, "host": "stats.example.com/v1"},
                "analyticsNextEnabled": true, "legacyVideoPluginsEnabled": false,
            }))
    ),
    extensions(("x-error-codes" = json!(["secret_key_in_url", "malformed_api_key", "invalid_api_key",
        "key_kind_mismatch", "origin_not_allowed", "ip_not_allowed", "insufficient_scope", "rate_limited"]))),
    security(()))]
pub async fn settings(
    State(app): State<Arc<App>>,
    write_key: Result<Path<String>, PathRejection>,
    parts: Parts,
) -> ApiResult<Response> {
    let Path(text) = write_key.map_err(|_| ApiError::new(ErrorCode::MalformedApiKey))?;
    write_key::in_path(&text, &parts, &app).await?;
    let settings = Settings::new(&text, &own_address(&parts.headers, &app));
    Ok(([(CACHE_CONTROL, SETTINGS_CACHED)], Json(settings)).into_response())
}

/// The address under which a client reaches this server: the configured one, else the one that its request
/// names. Only this client gets it back, so it may name what it likes.
fn own_address(headers: &HeaderMap, app: &App) -> String {
    if let Some(public) = &app.settings.network.public_url {
        return public.as_str().to_owned();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
    let named = text(HOST.as_str()).filter(|host| url::Url::parse(&format!("http://{host}")).is_ok());
    named.map_or_else(|| app.public_url.as_str().to_owned(), |host| format!("{scheme}://{host}"))
}

/// The routes, with their descriptions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(screen))
        .routes(routes!(group))
        .routes(routes!(alias))
        .routes(routes!(import))
        // As the library for Java calls it.
        .route("/v1/import/", post(import))
        .routes(routes!(t))
        .routes(routes!(i))
        .routes(routes!(p))
        .routes(routes!(s))
        .routes(routes!(g))
        .routes(routes!(a))
        .routes(routes!(b))
        .routes(routes!(settings))
}
