//! `GET /v1/explain`: why a visit is attributed to its source.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};

use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops;
use crate::state::App;
use crate::wire::params::{TimezoneParam, from_query_string};
use crate::wire::reports::{ExplainParams, ExplainedRows};

/// Which rule decided where a visit came from, and what the rules before it lacked
///
/// Of a stored event by its id, or of a visit that never was, from `url` and `referrer`. The real
/// classifier runs; of a stored event it sees what is kept of its URL.
#[utoipa::path(get, path = "/v1/explain", tag = "read", params(ExplainParams, TimezoneParam),
    responses((status = 200, body = ExplainedRows)), security(("rk" = []), ("sk" = [])))]
pub async fn explain(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<ExplainedRows>> {
    let query = from_query_string::<ExplainParams>(query.as_deref())?;
    Ok(Json(ops::reports::explain::explain(&app, &by, query).await?.into()))
}
