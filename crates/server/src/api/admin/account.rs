//! `/v1/admin/account`: an account, its members, its audit log and its usage. Everything here is only read.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use millimetric_control::AuditScope;

use super::request::tagged;
use crate::auth::access_tokens::TokenInAccount;
use crate::auth::sessions::Viewer;
use crate::error::ApiResult;
use crate::state::App;
use crate::wire::admin::account::{AccountOut, AuditList, MemberList, ProjectUsage, UsageOut};
use crate::wire::admin::lists::{AccountParam, ListParams, Params, Position, page, write_cursor};

/// Show an account, and your role in it
#[utoipa::path(get, path = "/v1/admin/account", operation_id = "getAccount", tag = "admin", params(AccountParam),
    responses((status = 200, description = "The account.", body = AccountOut)),
    security(("access_token" = [])))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: TokenInAccount<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &["account"]).finish()?;
    Ok(tagged(&app, AccountOut::of(&member.account, member.role)))
}

/// List the members of an account
#[utoipa::path(get, path = "/v1/admin/account/members", operation_id = "listMembers", tag = "admin",
    params(AccountParam, ListParams),
    responses((status = 200, description = "One page of the members.", body = MemberList)),
    security(("access_token" = [])))]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    member: TokenInAccount<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<MemberList>> {
    let mut params = Params::of(query.as_deref(), &["account", "limit", "cursor"]);
    let (limit, after) = (params.limit(), params.position());
    params.finish()?;
    let members = app.stores.control.members(member.account.id).await?;
    let (members, next_cursor) = page(members, after.as_ref(), limit, false, |member| Position {
        at: member.since,
        id: member.user.to_string(),
    });
    Ok(Json(MemberList { members: members.iter().map(Into::into).collect(), next_cursor }))
}

/// Read the audit log of an account
///
/// Who did what to what, newest first, in the account and its projects.
#[utoipa::path(get, path = "/v1/admin/account/audit", operation_id = "listAuditEntries", tag = "admin",
    params(AccountParam, ListParams),
    responses((status = 200, description = "One page of the entries.", body = AuditList)),
    security(("access_token" = [])))]
pub(super) async fn audit(
    State(app): State<Arc<App>>,
    member: TokenInAccount<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<AuditList>> {
    let mut params = Params::of(query.as_deref(), &["account", "limit", "cursor"]);
    let (limit, before) = (params.limit(), params.cursor(|text| text.parse().ok()));
    params.finish()?;
    // One more than the page has says whether there is another page.
    let scope = AuditScope::Account(member.account.id);
    let mut entries = app.stores.control.audit_log(scope, limit as u32 + 1, before).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_cursor = entries.last().filter(|_| more).map(|entry| write_cursor(entry.cursor));
    Ok(Json(AuditList { entries: entries.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Read the usage of an account
///
/// The events that each of its projects stored in a month.
#[utoipa::path(get, path = "/v1/admin/account/usage", operation_id = "getAccountUsage", tag = "admin",
    params(AccountParam, ("month" = Option<String>, Query, description = "A month in UTC; absent: the current one.", example = "2026-05"), ListParams),
    responses((status = 200, description = "One page of the projects.", body = UsageOut)),
    security(("access_token" = [])))]
pub(super) async fn usage(
    State(app): State<Arc<App>>,
    member: TokenInAccount<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<UsageOut>> {
    let mut params = Params::of(query.as_deref(), &["account", "month", "limit", "cursor"]);
    let (limit, after, month) = (params.limit(), params.position(), params.month(app.now()));
    params.finish()?;
    let control = &app.stores.control;
    app.limits.usage.write(control).await?;
    let projects = control.projects_of_account(member.account.id).await?;
    let (projects, next_cursor) = page(projects, after.as_ref(), limit, false, |project| Position {
        at: project.created_at,
        id: project.id.to_string(),
    });
    let mut rows = Vec::with_capacity(projects.len());
    for project in &projects {
        rows.push(ProjectUsage::of(project, &control.usage(project.id, month, month).await?));
    }
    Ok(Json(UsageOut { month: month.to_string(), projects: rows, next_cursor }))
}
