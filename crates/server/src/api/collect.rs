//! `POST /v1/track`, `/v1/batch`, `/v1/identify`: receives events. Requests with `Authorization: Basic` are
//! in the Segment dialect: `segment` answers them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use millimetric_core::ingest::bots::BotReason;

use super::segment::{self, Body};
use crate::auth::metered::{Batch, Metered, Track};
use crate::auth::{Authorized, Ingest, is_basic};
use crate::body::{self, MAX_BATCH_BODY, MAX_SMALL_BODY, Source};
use crate::client_info::ClientInfo;
use crate::error::ApiResult;
use crate::ops::collect::{Sent, collect};
use crate::state::App;
use crate::wire::requests::segment::Kind;
use crate::wire::requests::{self, BatchIn, EventIn, IdentifyIn, not_collected, not_identified};
use crate::wire::responses::{Batched, Identified, Tracked};

/// Store one event
///
/// The response is sent only when the event is on disk. The same `event_id` is stored once, however
/// often it is sent. With `Authorization: Basic`, the body is a message of a Segment library, as for `/v1/page`.
#[utoipa::path(post, path = "/v1/track", operation_id = "trackEvent", tag = "ingest", request_body = EventIn,
    responses((status = 202, description = "The event is stored.", body = Tracked),
        (status = 200, description = "The same, of a message with `Authorization: Basic`: the body is that of `/v1/page`.")), security(("pk" = []), ("sk" = []), ("pk_in_url" = [])))]
pub async fn track(
    State(app): State<Arc<App>>,
    Metered { by, .. }: Metered<Track>,
    client: ClientInfo,
    request: Request,
) -> ApiResult<Response> {
    if is_basic(request.headers()) {
        return segment::answer(&app, &by, &client, request, Body::One(Kind::Track)).await;
    }
    let body = body::receive(request, &app.limits, source(&by, &client), MAX_SMALL_BODY).await?;
    let body = body.parse(&app.limits, |text| Ok(vec![sent(requests::event(text)?)])).await?;
    let collected = collect(&app, &by, &client, body.value).await;
    let collected = collected.map_err(|error| not_collected(error, false))?;
    let response = Tracked {
        ok: true,
        event_id: collected.event_ids.into_iter().next().unwrap_or_default(),
        duplicates: collected.duplicates,
        dropped: collected.dropped.map(BotReason::as_str),
    };
    Ok((StatusCode::ACCEPTED, Json(response)).into_response())
}

/// Store up to 1000 events, all or none
///
/// If one event is invalid, nothing is stored; the response lists every invalid field. With
/// `Authorization: Basic`, the body is a batch of a Segment library, as for `/v1/import`.
#[utoipa::path(post, path = "/v1/batch", operation_id = "trackBatch", tag = "ingest", request_body = BatchIn,
    responses((status = 202, description = "Every event is stored.", body = Batched),
        (status = 200, description = "The same, of a message with `Authorization: Basic`: the body is that of `/v1/page`.")), security(("pk" = []), ("sk" = []), ("pk_in_url" = [])))]
pub async fn batch(
    State(app): State<Arc<App>>,
    Metered { by, .. }: Metered<Batch>,
    client: ClientInfo,
    request: Request,
) -> ApiResult<Response> {
    if is_basic(request.headers()) {
        return segment::answer(&app, &by, &client, request, Body::Batch).await;
    }
    let body = body::receive(request, &app.limits, source(&by, &client), MAX_BATCH_BODY).await?;
    let read = |text: &str| Ok(requests::batch(text)?.into_iter().map(sent).collect());
    let body = body.parse(&app.limits, read).await?;
    let collected = collect(&app, &by, &client, body.value).await;
    let collected = collected.map_err(|error| not_collected(error, true))?;
    let response = Batched {
        ok: true,
        count: collected.event_ids.len() as u64,
        duplicates: collected.duplicates,
        dropped: collected.dropped.map(BotReason::as_str),
    };
    Ok((StatusCode::ACCEPTED, Json(response)).into_response())
}

/// Link a visitor to a user
///
/// Stored as one `$identify` event whose properties are the traits; earlier events are not changed. With
/// `Authorization: Basic`, the body is a message of a Segment library, as for `/v1/page`.
#[utoipa::path(post, path = "/v1/identify", operation_id = "identifyUser", tag = "ingest", request_body = IdentifyIn,
    responses((status = 200, description = "The link is stored.", body = Identified)), security(("pk" = []), ("sk" = []), ("pk_in_url" = [])))]
pub async fn identify(
    State(app): State<Arc<App>>,
    Metered { by, .. }: Metered<Track>,
    client: ClientInfo,
    request: Request,
) -> ApiResult<Response> {
    if is_basic(request.headers()) {
        return segment::answer(&app, &by, &client, request, Body::One(Kind::Identify)).await;
    }
    let body = body::receive(request, &app.limits, source(&by, &client), MAX_SMALL_BODY).await?;
    let read = |text: &str| Ok(vec![sent(requests::identify(text)?.into_event()?)]);
    let body = body.parse(&app.limits, read).await?;
    let collected = collect(&app, &by, &client, body.value).await.map_err(not_identified)?;
    let response = Identified { ok: true, dropped: collected.dropped.map(BotReason::as_str) };
    Ok(Json(response).into_response())
}

/// Whose body it is.
fn source(by: &Authorized<Ingest>, client: &ClientInfo) -> Source {
    Source { traffic: by.traffic(), address: client.ip }
}

fn sent(event: EventIn) -> Sent {
    let (input, context) = event.into_input();
    let context = context.unwrap_or_default();
    Sent { input, visitor_ip: context.ip, visitor_agent: context.user_agent }
}
