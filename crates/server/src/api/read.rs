//! `GET /v1/query`, `/v1/stats`, `/v1/sources`, `/v1/events`, `/v1/usage`: responses come out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};

use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::read;
use crate::state::App;
use crate::wire::queries::{
    EventsParams, FilterParams, NamesParams, SourcesParams, StatsParams, UsageParams, params,
    params_and_filters,
};
use crate::wire::responses::{EventRows, NameRows, SourceRows, StatsRows, UsageRow, UsageRows};

/// Raw events, newest first
#[utoipa::path(get, path = "/v1/query", tag = "read", params(EventsParams, FilterParams),
    responses((status = 200, body = EventRows)), security(("rk" = []), ("sk" = [])))]
pub async fn query(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<EventRows>> {
    let (params, filters) = params_and_filters::<EventsParams>(query.as_deref())?;
    let query = params.query(filters)?;
    Ok(Json(read::run(&app, &by, query).await?.into()))
}

/// Counts and distinct visitors, by group and over time
#[utoipa::path(get, path = "/v1/stats", tag = "read", params(StatsParams, FilterParams),
    responses((status = 200, body = StatsRows)), security(("rk" = []), ("sk" = [])))]
pub async fn stats(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<StatsRows>> {
    let (params, filters) = params_and_filters::<StatsParams>(query.as_deref())?;
    let query = params.query(filters)?;
    let response = read::run(&app, &by, query.clone()).await?;
    Ok(Json(StatsRows::new(&query, response)))
}

/// Where visits came from, and how much of it was paid for
#[utoipa::path(get, path = "/v1/sources", tag = "read", params(SourcesParams, FilterParams),
    responses((status = 200, body = SourceRows)), security(("rk" = []), ("sk" = [])))]
pub async fn sources(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<SourceRows>> {
    let (params, filters) = params_and_filters::<SourcesParams>(query.as_deref())?;
    let query = params.query(filters)?;
    let by_medium = query.by_medium;
    Ok(Json(SourceRows::new(by_medium, read::run(&app, &by, query).await?)))
}

/// Event names that occur, with their properties
#[utoipa::path(get, path = "/v1/events", tag = "read", params(NamesParams),
    responses((status = 200, body = NameRows)), security(("rk" = []), ("sk" = [])))]
pub async fn names(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<NameRows>> {
    let query = params::<NamesParams>(query.as_deref())?.query()?;
    Ok(Json(read::run(&app, &by, query).await?.into()))
}

/// Events stored each month, against the plan
#[utoipa::path(get, path = "/v1/usage", tag = "read", params(UsageParams),
    responses((status = 200, body = UsageRows)), security(("rk" = []), ("sk" = [])))]
pub async fn usage(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<UsageRows>> {
    let range = params::<UsageParams>(query.as_deref())?.range()?;
    let rows = read::usage(&app, &by, range).await?;
    let plan = by.project().plan;
    Ok(Json(UsageRows {
        plan: plan.as_str(),
        monthly_limit: plan.monthly_events(),
        rows: rows
            .into_iter()
            .map(|row| UsageRow { month: row.month.to_string(), events: row.events })
            .collect(),
    }))
}
