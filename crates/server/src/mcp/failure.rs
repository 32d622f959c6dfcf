//! Errors of calls, with what makes the next call right.
//!
//! Two eras, two shapes: the handshake era has error numbers for the contract's codes, the
//! stateless era forbids them and has them in the result. Bad arguments are a result in both, for
//! a language model reads results. Causes go to the log alone.

use rmcp::ErrorData;
use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ContentBlock, ErrorCode, ProtocolVersion};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use super::clean;
use crate::error::{ApiError, ErrorCode as Code};
use crate::telemetry::Metrics;

/// What the log calls both endpoints.
const ROUTE: &str = "mcp";
/// `tool_failed`, `insufficient_scope`
const FAILED: ErrorCode = ErrorCode(-32000);
/// `plan_limit`
const PLAN: ErrorCode = ErrorCode(-32002);
/// `unknown_project_id`, `unknown_project_slug`
const UNKNOWN_PROJECT: ErrorCode = ErrorCode(-32004);
/// `no_projects_visible`
const NO_PROJECTS: ErrorCode = ErrorCode(-32005);

/// Which revisions a request is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// 2025-06-18, 2025-11-25.
    Handshake,
    /// 2026-07-28.
    Stateless,
}

impl Era {
    /// That of a request.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let version = context.protocol_version();
        let stateless =
            version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        if stateless { Self::Stateless } else { Self::Handshake }
    }
}

/// What a call of a tool returns when it fails. `example` is a call of it that works.
pub(super) fn of_tool(
    metrics: &Metrics,
    error: &ApiError,
    era: Era,
    lesson: impl FnOnce() -> String,
) -> Result<CallToolResult, ErrorData> {
    error.log(metrics, None, ROUTE);
    match (code_of(error), era) {
        (None, _) => Ok(error_result(error, lesson())),
        (Some(_), Era::Stateless) => Ok(error_result(error, sentence(error))),
        (Some(code), Era::Handshake) => Err(ErrorData::new(code, sentence(error), Some(data(error)))),
    }
}

/// What any other request returns when it fails; it has no result to put an error into.
pub(super) fn of_request(metrics: &Metrics, error: &ApiError, era: Era) -> ErrorData {
    error.log(metrics, None, ROUTE);
    let code = match (code_of(error), era) {
        (None, _) => ErrorCode::INVALID_PARAMS,
        (Some(code), Era::Handshake) => code,
        (Some(_), Era::Stateless) if error.code.status().is_server_error() => ErrorCode::INTERNAL_ERROR,
        (Some(_), Era::Stateless) => ErrorCode::INVALID_REQUEST,
    };
    ErrorData::new(code, sentence(error), Some(data(error)))
}

/// A result that is an error, in the shape that every tool's responses have.
fn error_result(error: &ApiError, text: String) -> CallToolResult {
    let inner = json!({ "code": name(error), "message": text, "details": details(error) });
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({ "rows": [], "error": inner }));
    result
}

/// The number of a contract code; none for what is wrong with the arguments.
const fn code_of(error: &ApiError) -> Option<ErrorCode> {
    match error.code {
        Code::InvalidParams | Code::InvalidPayload | Code::InvalidGroupBy | Code::NotFound => None,
        Code::PlanLimit => Some(PLAN),
        Code::UnknownProjectId | Code::UnknownProjectSlug => Some(UNKNOWN_PROJECT),
        Code::NoProjectsVisible => Some(NO_PROJECTS),
        _ => Some(FAILED),
    }
}

/// The name under which a program knows it: everything without a name of its own here is
/// `tool_failed`, with the code of REST among the details.
const fn name(error: &ApiError) -> &'static str {
    match error.code {
        Code::InvalidParams
        | Code::InvalidPayload
        | Code::InvalidGroupBy
        | Code::NotFound
        | Code::PlanLimit
        | Code::InsufficientScope
        | Code::UnknownProjectId
        | Code::UnknownProjectSlug
        | Code::NoProjectsVisible => error.code.as_str(),
        _ => "tool_failed",
    }
}

fn data(error: &ApiError) -> Value {
    json!({ "error": name(error), "details": details(error) })
}

fn details(error: &ApiError) -> Value {
    let mut details = error.details.clone();
    clean::row(&mut details, &mut clean::Cleaned::default());
    if name(error) == "tool_failed" {
        details.insert("code".to_owned(), error.code.as_str().into());
    }
    if let Some(seconds) = error.retry_after_s {
        details.insert("retry_after_s".to_owned(), seconds.into());
    }
    Value::Object(details)
}

fn sentence(error: &ApiError) -> String {
    let (_, _, message) = error.code.row();
    match error.code {
        Code::PlanLimit => {
            let plan = error.details.get("plan").and_then(Value::as_str).unwrap_or("this");
            format!(
                "The plan `{plan}` does not include this: a project needs `pro` for /mcp, `business` for /mcp/account."
            )
        }
        Code::InsufficientScope => {
            let scope = error.details.get("required").and_then(Value::as_str).unwrap_or("that");
            format!(
                "This key lacks the scope `{scope}`; sending events requires an sk with `ingest`, queries require an rk or sk with `read`."
            )
        }
        Code::UnknownProjectSlug => {
            let text = |value: &Value| value.as_str().map(clean::word).unwrap_or_default();
            let slug = error.details.get("project_slug").map(text).unwrap_or_default();
            let others = error.details.get("others").and_then(Value::as_array);
            let others: Vec<_> =
                others.into_iter().flatten().map(|slug| format!("`{}`", text(slug))).collect();
            match &others[..] {
                [only] => format!("No project has the slug `{slug}`: did you mean {only}?"),
                others => format!(
                    "No project has the slug `{slug}`. There are {}; list_projects lists all.",
                    others.join(", ")
                ),
            }
        }
        _ => message.to_owned(),
    }
}
