//! `POST /v1/forget` and `GET /v1/forget/{request_id}`: erasure of users.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use millimetric_events::Subject;

use crate::auth::{Authorized, Forget};
use crate::body::{self, MAX_SMALL_BODY, Source};
use crate::client_info::ClientInfo;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::privacy;
use crate::state::App;
use crate::wire::requests::{self, ForgetIn};
use crate::wire::responses::{ForgetAccepted, ForgetStatus};

/// Erase a person
///
/// Their events are excluded from every response from now on, and deleted from disk within a minute.
#[utoipa::path(post, path = "/v1/forget", operation_id = "forgetPerson", tag = "privacy", request_body = ForgetIn,
    responses((status = 200, description = "The person is excluded from every response.", body = ForgetAccepted)), security(("sk" = [])),
    extensions(("x-error-codes" = json!(["forget_requires_secret_key", "forget_failed"]))))]
pub async fn forget(
    State(app): State<Arc<App>>,
    by: Authorized<Forget>,
    client: ClientInfo,
    request: Request,
) -> ApiResult<Json<ForgetAccepted>> {
    let from = Source { traffic: by.traffic(), address: client.ip };
    let body = body::receive(request, &app.limits, from, MAX_SMALL_BODY).await?;
    let body = body.parse(&app.limits, requests::forget).await?;
    let subject = subject(body.value)?;
    let id = privacy::forget(&app, &by, subject).await?;
    Ok(Json(ForgetAccepted { ok: true, queued: true, request_id: id.to_string() }))
}

/// The status of an erasure request
#[utoipa::path(get, path = "/v1/forget/{request_id}", operation_id = "getForgetStatus", tag = "privacy",
    params(("request_id" = String, Path, description = "From the response of `POST /v1/forget`.")),
    responses((status = 200, description = "The request.", body = ForgetStatus)), security(("sk" = [])),
    extensions(("x-error-codes" = json!(["forget_requires_secret_key"]))))]
pub async fn status(
    State(app): State<Arc<App>>,
    by: Authorized<Forget>,
    Path(request_id): Path<String>,
) -> ApiResult<Json<ForgetStatus>> {
    let id = request_id.parse().map_err(|_| ApiError::new(ErrorCode::NotFound))?;
    let report = privacy::status(&app, &by, id).await?;
    Ok(Json(ForgetStatus {
        request_id,
        status: report.status.as_str(),
        events_deleted: report.events_deleted,
        requested_at: report.requested_at.to_string(),
        finished_at: report.finished_at.map(|at| at.to_string()),
    }))
}

/// Exactly one of the two ids, within its length.
fn subject(sent: ForgetIn) -> ApiResult<Subject> {
    let mut problems = Problems::default();
    let mut id = |field: &str, value: Option<String>, max: usize| {
        let value = value?;
        if !(1..=max).contains(&value.chars().count()) {
            problems.field(field, format!("must be 1 to {max} characters long"));
        }
        Some(value)
    };
    let ids = (id("user_id", sent.user_id, 256), id("anonymous_id", sent.anonymous_id, 128));
    let include_linked = sent.include_linked.unwrap_or(false);
    if include_linked && ids.0.is_none() {
        problems.field("include_linked", "goes with user_id");
    }
    let subject = match ids {
        (Some(user_id), None) => Some(Subject::User { user_id, include_linked }),
        (None, Some(anonymous_id)) => Some(Subject::Visitor { anonymous_id }),
        _ => {
            problems.form("send either user_id or anonymous_id");
            None
        }
    };
    match subject {
        Some(subject) => problems.or(ErrorCode::InvalidPayload, subject),
        None => Err(ApiError::validation(ErrorCode::InvalidPayload, problems)),
    }
}
