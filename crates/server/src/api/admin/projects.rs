//! `/v1/admin/projects`: the projects of an account.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;

use super::request::{IfMatch, Posted, body, refused, tag_of, tagged};
use crate::auth::access_tokens::{TokenInAccount, TokenInProject};
use crate::auth::sessions::{Admin, Owner, Viewer};
use crate::body::MAX_SMALL_BODY;
use crate::error::ApiResult;
use crate::ops::error::OpsError;
use crate::ops::projects::create_once;
use crate::state::App;
use crate::wire::admin::Deleted;
use crate::wire::admin::lists::{AccountParam, ListParams, Params, Position, page};
use crate::wire::admin::params::{IdempotencyParam, IfMatchParam, ProjectParam};
use crate::wire::admin::projects::{
    NewProjectIn, ProjectList, ProjectOut, ProjectPatchIn, new_project, patch,
};

/// List the projects of an account
#[utoipa::path(get, path = "/v1/admin/projects", operation_id = "listProjects", tag = "admin",
    params(AccountParam, ListParams),
    responses((status = 200, description = "One page of the projects.", body = ProjectList)),
    security(("access_token" = [])))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    member: TokenInAccount<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<ProjectList>> {
    let mut params = Params::of(query.as_deref(), &["account", "limit", "cursor"]);
    let (limit, after) = (params.limit(), params.position());
    params.finish()?;
    let projects = app.stores.control.projects_of_account(member.account.id).await?;
    let (projects, next_cursor) = page(projects, after.as_ref(), limit, false, |project| Position {
        at: project.created_at,
        id: project.id.to_string(),
    });
    Ok(Json(ProjectList { projects: projects.iter().map(Into::into).collect(), next_cursor }))
}

/// Create a project
///
/// It has no keys yet. Requires the role admin and a token with the scope `write`.
#[utoipa::path(post, path = "/v1/admin/projects", operation_id = "createProject", tag = "admin",
    params(AccountParam, IdempotencyParam),
    request_body = NewProjectIn,
    responses((status = 201, description = "The project.", body = ProjectOut)),
    security(("access_token" = [])))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    member: TokenInAccount<Admin>,
    RawQuery(query): RawQuery,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &["account"]).finish()?;
    let posted = Posted::receive(&app, &member.by, request, MAX_SMALL_BODY).await?;
    if let Some(earlier) = posted.earlier(&app).await? {
        return Ok(earlier);
    }
    let wanted = new_project(&posted.text)?;
    let respond = |project: &_| Ok(posted.stored(&app, &ProjectOut::from(project))?);
    let (control, by) = (&app.stores.control, member.by.actor());
    let made: Result<_, OpsError> =
        create_once(control, member.account.id, &wanted, respond, &by, app.now()).await;
    posted.respond(&app, made.map(|project| ProjectOut::from(&project))).await
}

/// Show a project
#[utoipa::path(get, path = "/v1/admin/projects/{project}", operation_id = "getProject", tag = "admin",
    params(ProjectParam),
    responses((status = 200, description = "The project, with its `ETag`.", body = ProjectOut)),
    security(("access_token" = [])))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: TokenInProject<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    Ok(tagged(&app, ProjectOut::from(&member.project)))
}

/// Change a project
///
/// Fields that are absent stay as they are. Requires the role admin and a token with the scope `write`.
#[utoipa::path(patch, path = "/v1/admin/projects/{project}", operation_id = "updateProject", tag = "admin",
    params(ProjectParam, IfMatchParam),
    request_body = ProjectPatchIn,
    responses((status = 200, description = "The project as it is now, with its `ETag`.", body = ProjectOut)),
    security(("access_token" = [])))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    RawQuery(query): RawQuery,
    condition: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    let patch = body(&app, &member.by, request, MAX_SMALL_BODY, patch).await?;
    let is_expected = |project: &_| condition.allows(&tag_of(&app, &ProjectOut::from(project)));
    let (control, by) = (&app.stores.control, member.by.actor());
    let updated = control.update_project_if(member.project.id, patch, is_expected, &by, app.now()).await;
    Ok(tagged(&app, ProjectOut::from(&updated.map_err(refused)?)))
}

/// Delete a project
///
/// Its keys stop working at once, and its events are deleted from the disk within an hour. Requires the role owner
/// and a token with the scope `write`.
#[utoipa::path(delete, path = "/v1/admin/projects/{project}", operation_id = "deleteProject", tag = "admin",
    params(ProjectParam,
        ("confirm" = String, Query, description = "The slug of the project.", example = "acme-shop")),
    responses((status = 200, description = "The project is deleted.", body = Deleted)),
    security(("access_token" = [])))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    member: TokenInProject<Owner>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Deleted>> {
    let mut params = Params::of(query.as_deref(), &["confirm"]);
    if params.get("confirm") != Some(member.project.slug.as_str()) {
        params.wrong("confirm", "must be the slug of the project: this deletes its events for good");
    }
    params.finish()?;
    let (control, by) = (&app.stores.control, member.by.actor());
    control.delete_project(member.project.id, &by, app.now()).await.map_err(refused)?;
    Ok(Json(Deleted { ok: true }))
}
