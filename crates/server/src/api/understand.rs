//! `GET /v1/schema`, `/v1/explain`: what the data looks like, and why a visit counts where it
//! counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};

use crate::app::App;
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops;
use crate::wire::queries::{ExplainParams, SchemaParams, params};
use crate::wire::responses::{ExplainedRows, SchemaRows};

/// What the events look like: names, properties, values, columns, rules
///
/// Names and counts are of the whole range. Types and samples of properties are of its 500 newest
/// events, and empty for what none of them carries.
#[utoipa::path(get, path = "/v1/schema", tag = "read", params(SchemaParams),
    responses((status = 200, body = SchemaRows)), security(("rk" = []), ("sk" = [])))]
pub async fn schema(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<SchemaRows>> {
    let query = params::<SchemaParams>(query.as_deref())?.query()?;
    let kind = query.kind;
    Ok(Json(SchemaRows::new(kind, ops::schema::schema(&app, &by, query).await?)))
}

/// Which rule decided where a visit came from, and what the rules before it lacked
///
/// Of a stored event by its id, or of a visit that never was, from `url` and `referrer`. The real
/// classifier runs; of a stored event it sees what is kept of its URL.
#[utoipa::path(get, path = "/v1/explain", tag = "read", params(ExplainParams),
    responses((status = 200, body = ExplainedRows)), security(("rk" = []), ("sk" = [])))]
pub async fn explain(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<ExplainedRows>> {
    let query = params::<ExplainParams>(query.as_deref())?.query()?;
    Ok(Json(ops::explain::explain(&app, &by, query).await?.into()))
}
