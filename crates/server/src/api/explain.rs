//! `GET /v1/explain`: why a visit is attributed to its source. `POST /v1/explain`: what other rules would change.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, Request, State};

use crate::auth::{Authorized, Read};
use crate::body::{self, MAX_RULES_BODY, Source};
use crate::client_info::ClientInfo;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops;
use crate::state::App;
use crate::wire::params::{TimezoneParam, from_query_string};
use crate::wire::reports::explain::rule_changes::{self, RuleChangesIn, RuleChangesRows};
use crate::wire::reports::{ExplainParams, ExplainedRows};

/// Which rule decided where a visit came from, and what the rules before it lacked
///
/// Of a stored event by its id, or of a visit that never was, from `url` and `referrer`. The real
/// classifier runs; of a stored event it sees what is kept of its URL.
#[utoipa::path(get, path = "/v1/explain", operation_id = "explainAttribution", tag = "read", params(ExplainParams, TimezoneParam),
    responses((status = 200, description = "The rule that decided, and those before it.", body = ExplainedRows)), security(("rk" = []), ("sk" = [])),
    extensions(("x-error-codes" = json!(["not_found"]))))]
pub async fn explain(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<ExplainedRows>> {
    let (query, rules) = from_query_string::<ExplainParams>(query.as_deref())?;
    Ok(Json(ExplainedRows::new(ops::reports::explain::explain(&app, &by, query).await?, rules)))
}

/// What other rules would change of stored events
///
/// Classifies every event of the range again, and counts what would be different, each with the first events.
/// Nothing is written. `millimetric reclassify` applies the rules of a project to its stored events.
#[utoipa::path(post, path = "/v1/explain", operation_id = "previewRules", tag = "read",
    request_body = RuleChangesIn, responses((status = 200, description = "What would be different.", body = RuleChangesRows)),
    security(("rk" = []), ("sk" = [])))]
pub async fn rule_changes(
    State(app): State<Arc<App>>,
    by: Authorized<Read>,
    client: ClientInfo,
    request: Request,
) -> ApiResult<Json<RuleChangesRows>> {
    let from = Source { traffic: by.traffic(), address: client.ip };
    let body = body::receive(request, &app.limits, from, MAX_RULES_BODY).await?;
    let object = |text: &str| {
        serde_json::from_str(text)
            .map_err(|error| ApiError::form(ErrorCode::InvalidPayload, error.to_string()))
    };
    let body = body.parse(&app.limits, object).await?;
    // Regular expressions take time to compile.
    let classifier = by.project().classifier.clone();
    let query = app.limits.heavy.run(move || rule_changes::query(body.value, &classifier)).await??;
    Ok(Json(ops::read::run(&app, &by, query).await?.into()))
}
