//! `GET /v1/funnel`, `/v1/retention`, `/v1/pages`, `/v1/sessions`: what visitors do one after the other.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};

use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::read;
use crate::state::App;
use crate::wire::queries::{
    FilterParams, FunnelParams, PagesParams, RetentionParams, SessionsParams, params_and_filters,
};
use crate::wire::responses::{FunnelRows, PageRows, RetentionRows, SessionRows};

/// How many visitors get how far along a series of events
///
/// Each visitor counts by the attempt that gets furthest. In strict order an attempt starts with an
/// event of the first step; each further step is an event after the one before, at most `window` after
/// the start, and other events in between do not matter. In any order it starts with an event of any
/// step and holds the steps that occur within the window. Filters and groups are about the event that
/// starts the attempt; an event is one step only. Times are told by the first event that got a visitor
/// to a step, from the latest event that led there.
#[utoipa::path(get, path = "/v1/funnel", tag = "read", params(FunnelParams, FilterParams),
    responses((status = 200, body = FunnelRows)), security(("rk" = []), ("sk" = [])))]
pub async fn funnel(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<FunnelRows>> {
    let (params, filters) = params_and_filters::<FunnelParams>(query.as_deref())?;
    let query = params.query(filters)?;
    let response = read::run(&app, &by, query.clone()).await?;
    Ok(Json(FunnelRows::new(&query, response)))
}

/// How many visitors come back, period after period
///
/// A visitor's cohort is the period of their first `event` of the range that passes the filters. They
/// have returned in a period when any `return_event` of theirs lies in it, whatever the filters.
#[utoipa::path(get, path = "/v1/retention", tag = "read", params(RetentionParams, FilterParams),
    responses((status = 200, body = RetentionRows)), security(("rk" = []), ("sk" = [])))]
pub async fn retention(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<RetentionRows>> {
    let (params, filters) = params_and_filters::<RetentionParams>(query.as_deref())?;
    let query = params.query(filters)?;
    let interval = query.periods.interval;
    Ok(Json(RetentionRows::new(interval, read::run(&app, &by, query).await?)))
}

/// Page views by path, with the sessions that begin and end there
///
/// A session is the `$pageview` events of one visitor in the range that carry one `session_id`; it is a
/// bounce when there is only one. A session counts when its first page view passes the filters, and
/// then with all of its page views: `source=google` asks for what visitors from there have seen.
#[utoipa::path(get, path = "/v1/pages", tag = "read", params(PagesParams, FilterParams),
    responses((status = 200, body = PageRows)), security(("rk" = []), ("sk" = [])))]
pub async fn pages(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<PageRows>> {
    let (params, filters) = params_and_filters::<PagesParams>(query.as_deref())?;
    Ok(Json(read::run(&app, &by, params.query(filters)?).await?.into()))
}

/// How many sessions begin, and how many of them see one page only
///
/// Sessions as `/v1/pages` counts them; with `interval` each in the bucket of its first page view.
#[utoipa::path(get, path = "/v1/sessions", tag = "read", params(SessionsParams, FilterParams),
    responses((status = 200, body = SessionRows)), security(("rk" = []), ("sk" = [])))]
pub async fn sessions(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<SessionRows>> {
    let (params, filters) = params_and_filters::<SessionsParams>(query.as_deref())?;
    Ok(Json(read::run(&app, &by, params.query(filters)?).await?.into()))
}
