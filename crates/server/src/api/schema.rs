//! `/v1/schema`: which names, properties, values, columns, rules and goals a project has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::reading::ReadRequest;
use crate::error::ApiResult;
use crate::ops;
use crate::ops::reports::warnings;
use crate::state::App;
use crate::wire::params::TimezoneParam;
use crate::wire::reports::{SchemaParams, SchemaRows};

/// What the events look like: names, properties, values, columns, rules; and the project's goals
///
/// Names and counts are of the whole range. Types and samples of properties are of its 500 newest
/// events, and empty for what none of them carries.
#[utoipa::path(get, path = "/v1/schema", operation_id = "getSchema", tag = "read", params(SchemaParams, TimezoneParam),
    responses((status = 200, description = "The rows of this kind.", body = SchemaRows)), security(("rk" = []), ("sk" = [])))]
pub async fn schema(State(app): State<Arc<App>>, request: ReadRequest) -> ApiResult<Json<SchemaRows>> {
    let (by, query) = request.query::<SchemaParams>(&app).await?;
    let response = ops::reports::schema::schema(&app, &by, &query).await?;
    let unconfirmed = query.unconfirmed(&response);
    let warnings = warnings::of_one(&app, &by, unconfirmed.as_ref()).await;
    Ok(Json(SchemaRows::new(query.kind, response).with(warnings)))
}
