//! `/v1/admin/projects/{project}/keys`: the keys of a project. A secret is in the one response that creates its key
//! (and in its repetitions to who has the `Idempotency-Key`), and in no other.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::Response;
use millimetric_control::{KeyOwner, StoredKey};
use serde::Deserialize;

use super::request::{Posted, refused};
use crate::auth::access_tokens::TokenInProject;
use crate::auth::sessions::{Admin, Viewer};
use crate::body::MAX_SMALL_BODY;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::error::OpsError;
use crate::ops::keys::{CreateKeyError, CreatedKey, create_key_once, rotate_once};
use crate::state::App;
use crate::wire::admin::keys::{
    CreatedKeyOut, KeyList, KeyOut, NewKeyIn, ReplacedKey, RevokedKey, RotateKeyIn, grace_millis, new_key,
};
use crate::wire::admin::lists::{ListParams, Params, Position, page};
use crate::wire::admin::params::{IdempotencyParam, KeyParam, ProjectParam};

/// The key that the path names.
#[derive(Debug, Deserialize)]
pub(super) struct KeyPath {
    key: String,
}

async fn named<R>(app: &App, member: &TokenInProject<R>, path: &KeyPath) -> ApiResult<StoredKey> {
    let unknown = || ApiError::new(ErrorCode::NotFound);
    let id = path.key.parse().map_err(|_| unknown())?;
    let key = app.stores.control.key(id).await?;
    key.filter(|key| key.owner == KeyOwner::Project(member.project.id)).ok_or_else(unknown)
}

/// List the keys of a project
#[utoipa::path(get, path = "/v1/admin/projects/{project}/keys", operation_id = "listKeys", tag = "admin",
    params(ProjectParam, ListParams),
    responses((status = 200, description = "One page of the keys, without their texts.", body = KeyList)),
    security(("access_token" = [])))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    member: TokenInProject<Viewer>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<KeyList>> {
    let mut params = Params::of(query.as_deref(), &["limit", "cursor"]);
    let (limit, after) = (params.limit(), params.position());
    params.finish()?;
    let keys = app.stores.control.keys(KeyOwner::Project(member.project.id)).await?;
    let (keys, next_cursor) = page(keys, after.as_ref(), limit, true, |key| Position {
        at: key.created_at,
        id: key.id.to_string(),
    });
    let now = app.now();
    Ok(Json(KeyList { keys: keys.iter().map(|key| KeyOut::of(key, now)).collect(), next_cursor }))
}

/// Create a key
///
/// Only this response contains its text. Requires the role admin and a token with the scope `write`.
#[utoipa::path(post, path = "/v1/admin/projects/{project}/keys", operation_id = "createKey", tag = "admin",
    params(ProjectParam, IdempotencyParam),
    request_body = NewKeyIn,
    responses((status = 201, description = "The key, with its text.", body = CreatedKeyOut)),
    extensions(("x-error-codes" = json!(["key_kind_not_allowed"]))),
    security(("access_token" = [])))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    RawQuery(query): RawQuery,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    let posted = Posted::receive(&app, &member.by, request, MAX_SMALL_BODY).await?;
    if let Some(earlier) = posted.earlier(&app).await? {
        return Ok(earlier);
    }
    let now = app.now();
    let wanted = new_key(&posted.text, member.project.id, now)?;
    let out = |created: &CreatedKey| CreatedKeyOut::of(created, None, now);
    let respond = |created: &CreatedKey| posted.stored(&app, &out(created));
    let (control, pepper, by) = (&app.stores.control, app.credentials.keys.pepper(), member.by.actor());
    let made = create_key_once(control, pepper, &wanted, respond, &by, now).await;
    posted.respond(&app, made.map(|created| out(&created)).map_err(failed)).await
}

/// Show a key, without its text
#[utoipa::path(get, path = "/v1/admin/projects/{project}/keys/{key}", operation_id = "getKey", tag = "admin",
    params(ProjectParam, KeyParam),
    responses((status = 200, description = "The key.", body = KeyOut)),
    security(("access_token" = [])))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: TokenInProject<Viewer>,
    Path(path): Path<KeyPath>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<KeyOut>> {
    Params::of(query.as_deref(), &[]).finish()?;
    Ok(Json(KeyOut::of(&named(&app, &member, &path).await?, app.now())))
}

/// Rotate a key
///
/// Creates a key with the same kind, scopes, addresses and label. The old key works on for a while, so that it can be
/// replaced where it is used. Requires the role admin and a token with the scope `write`.
#[utoipa::path(post, path = "/v1/admin/projects/{project}/keys/{key}/rotate", operation_id = "rotateKey", tag = "admin",
    params(ProjectParam, KeyParam, IdempotencyParam),
    request_body = RotateKeyIn,
    responses((status = 201, description = "The new key, with its text.", body = CreatedKeyOut)),
    extensions(("x-error-codes" = json!(["key_not_live"]))),
    security(("access_token" = [])))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    Path(path): Path<KeyPath>,
    RawQuery(query): RawQuery,
    request: Request,
) -> ApiResult<Response> {
    Params::of(query.as_deref(), &[]).finish()?;
    let posted = Posted::receive(&app, &member.by, request, MAX_SMALL_BODY).await?;
    if let Some(earlier) = posted.earlier(&app).await? {
        return Ok(earlier);
    }
    let now = app.now();
    let until = now.plus_millis(grace_millis(&posted.text)?);
    let old = named(&app, &member, &path).await?;
    let old_end = old.expires_at.map_or(until, |end| end.min(until));
    let replaces = ReplacedKey { id: old.id.to_string(), expires_at: old_end.to_string() };
    let out = |created: &CreatedKey| CreatedKeyOut::of(created, Some(replaces.clone()), now);
    let respond = |created: &CreatedKey| posted.stored(&app, &out(created));
    let (control, pepper, by) = (&app.stores.control, app.credentials.keys.pepper(), member.by.actor());
    let made = rotate_once(control, pepper, (&old, until), respond, &by, now).await;
    posted.respond(&app, made.map(|created| out(&created)).map_err(failed)).await
}

/// Revoke a key
///
/// Requests with it fail within a second. Requires the role admin and a token with the scope `write`.
#[utoipa::path(delete, path = "/v1/admin/projects/{project}/keys/{key}", operation_id = "revokeKey", tag = "admin",
    params(ProjectParam, KeyParam),
    responses((status = 200, description = "The key is revoked.", body = RevokedKey)),
    security(("access_token" = [])))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    member: TokenInProject<Admin>,
    Path(path): Path<KeyPath>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<RevokedKey>> {
    Params::of(query.as_deref(), &[]).finish()?;
    let key = named(&app, &member, &path).await?;
    let revoked = app.stores.control.revoke_key(key.id, &member.by.actor(), app.now()).await;
    Ok(Json(RevokedKey { ok: true, was_live: revoked.map_err(refused)? }))
}

/// The body was checked, so only the store and the random generator can fail.
fn failed(error: CreateKeyError) -> OpsError {
    match error {
        CreateKeyError::Control(error) => error.into(),
        other => OpsError::internal(other),
    }
}
