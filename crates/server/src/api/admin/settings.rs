//! `/v1/admin/projects/{project}/origins`, `/goals` and `/rules`: lists of a project that are replaced as a whole.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use millimetric_control::{Project, ProjectGoal, ProjectPatch};

use super::request::{IfMatch, MAX_GOALS_BODY, body, refused, tag_of, tagged};
use crate::auth::access_tokens::TokenInProject;
use crate::auth::sessions::{Admin, Viewer};
use crate::body::{MAX_RULES_BODY, MAX_SMALL_BODY};
use crate::error::ApiResult;
use crate::state::App;
use crate::wire::admin::goals::{GoalsIn, new_goals};
use crate::wire::admin::lists::Params;
use crate::wire::admin::params::{IfMatchParam, ProjectParam};
use crate::wire::admin::settings::{OriginsIn, OriginsOut, RulesOut, new_origins, new_rules};
use crate::wire::goals::GoalList;

/// The allowed origins of a project
#[utoipa::path(get, path = "/v1/admin/projects/{project}/origins", operation_id = "getOrigins", tag = "admin",
    params(ProjectParam),
    responses((status = 200, description = "The list, with its `ETag`.", body = OriginsOut)),
    security(("access_token" = [])))]
pub(super) async fn origins(
    State(app): State<Arc<App>>,
    member: TokenInProject<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    Ok(tagged(&app, OriginsOut::from(&member.project)))
}

/// Replace the allowed origins of a project
///
/// Requires the role admin and a token with the scope `write`.
#[utoipa::path(put, path = "/v1/admin/projects/{project}/origins", operation_id = "replaceOrigins", tag = "admin",
    params(ProjectParam, IfMatchParam),
    request_body = OriginsIn,
    responses((status = 200, description = "The list as it is now, with its `ETag`.", body = OriginsOut)),
    security(("access_token" = [])))]
pub(super) async fn replace_origins(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    RawQuery(query): RawQuery,
    condition: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    let origins = body(&app, &member.by, request, MAX_SMALL_BODY, new_origins).await?;
    let patch = ProjectPatch { allowed_origins: Some(origins), ..ProjectPatch::default() };
    let is_expected = |project: &_| condition.allows(&tag_of(&app, &OriginsOut::from(project)));
    let project = update(&app, &member, patch, is_expected).await?;
    Ok(tagged(&app, OriginsOut::from(&project)))
}

/// The goals of a project
#[utoipa::path(get, path = "/v1/admin/projects/{project}/goals", operation_id = "getProjectGoals", tag = "admin",
    params(ProjectParam),
    responses((status = 200, description = "The goals by slug, with their `ETag`.", body = GoalList)),
    security(("access_token" = [])))]
pub(super) async fn goals(
    State(app): State<Arc<App>>,
    member: TokenInProject<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    Ok(tagged(&app, goal_list(&app.stores.control.goals(member.project.id).await?)))
}

/// Replace the goals of a project
///
/// A goal that is not in the list is deleted. Requires the role admin and a token with the scope `write`.
#[utoipa::path(put, path = "/v1/admin/projects/{project}/goals", operation_id = "replaceProjectGoals", tag = "admin",
    params(ProjectParam, IfMatchParam),
    request_body = GoalsIn,
    responses((status = 200, description = "The goals as they are now, with their `ETag`.", body = GoalList)),
    security(("access_token" = [])))]
pub(super) async fn replace_goals(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    RawQuery(query): RawQuery,
    condition: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    let mut goals = body(&app, &member.by, request, MAX_GOALS_BODY, new_goals).await?;
    goals.sort_by(|one, other| one.goal.slug.as_str().cmp(other.goal.slug.as_str()));
    let is_expected = |before: &[ProjectGoal]| condition.allows(&tag_of(&app, &goal_list(before)));
    let (control, by) = (&app.stores.control, member.by.actor());
    let replaced = control.replace_goals(member.project.id, &goals, is_expected, &by, app.now()).await;
    replaced.map_err(refused)?;
    Ok(tagged(&app, goal_list(&goals)))
}

fn goal_list(goals: &[ProjectGoal]) -> GoalList {
    GoalList { goals: goals.iter().cloned().map(Into::into).collect() }
}

/// The rules of a project
///
/// What the project sets for the classifier: its rules, ignored referrers and the meaning of Meta's click ids.
#[utoipa::path(get, path = "/v1/admin/projects/{project}/rules", operation_id = "getRules", tag = "admin",
    params(ProjectParam),
    responses((status = 200, description = "The settings, with their `ETag`.", body = RulesOut)),
    security(("access_token" = [])))]
pub(super) async fn rules(
    State(app): State<Arc<App>>,
    member: TokenInProject<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    Ok(tagged(&app, member.project.classifier.settings()))
}

/// Replace the rules of a project
///
/// New events are classified with them at once; stored events stay as they are until `millimetric reclassify`. What
/// is absent is set to the default. Requires the role admin and a token with the scope `write`.
#[utoipa::path(put, path = "/v1/admin/projects/{project}/rules", operation_id = "replaceRules", tag = "admin",
    params(ProjectParam, IfMatchParam),
    request_body = RulesOut,
    responses((status = 200, description = "The settings as they are now, with their `ETag`.", body = RulesOut)),
    security(("access_token" = [])))]
pub(super) async fn replace_rules(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    RawQuery(query): RawQuery,
    condition: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    let text = body(&app, &member.by, request, MAX_RULES_BODY, |text| Ok(text.to_owned())).await?;
    // Regular expressions take time to compile.
    let rules = app.limits.heavy.run(move || new_rules(&text)).await??;
    let patch = ProjectPatch { classifier: Some(rules), ..ProjectPatch::default() };
    let is_expected = |project: &Project| condition.allows(&tag_of(&app, &project.classifier.settings()));
    let project = update(&app, &member, patch, is_expected).await?;
    Ok(tagged(&app, project.classifier.settings()))
}

async fn update(
    app: &App,
    member: &TokenInProject<Admin>,
    patch: ProjectPatch,
    is_expected: impl FnOnce(&Project) -> bool + Send,
) -> ApiResult<Project> {
    let (control, by) = (&app.stores.control, member.by.actor());
    let updated = control.update_project_if(member.project.id, patch, is_expected, &by, app.now()).await;
    updated.map_err(refused)
}
