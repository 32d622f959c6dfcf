//! `GET /v1/goals`: the goals of a project.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};

use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops;
use crate::state::App;
use crate::wire::goals::{GoalList, GoalsParams};
use crate::wire::params::from_query_string;

/// The project's goals
///
/// What the project counts as conversions. Reports take `goal=<slug>` wherever they take `event`.
#[utoipa::path(get, path = "/v1/goals", operation_id = "listGoals", tag = "read",
    responses((status = 200, description = "Every goal of the project.", body = GoalList)), security(("rk" = []), ("sk" = [])))]
pub async fn goals(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<GoalList>> {
    from_query_string::<GoalsParams>(query.as_deref())?;
    let goals = ops::goals::list(&app, &by).await?;
    Ok(Json(GoalList { goals: goals.into_iter().map(Into::into).collect() }))
}
