//! Projects: creating one with its first keys, and the very first one of an installation.

use std::num::NonZeroU32;

use chrono_tz::Tz;
use millimetric_control::{
    Account, Actor, Control, ControlError, KeyOwner, Name, NewProject, Plan, Project, Slug, StoredResponse,
};
use millimetric_core::ids::{AccountId, ProjectId};
use millimetric_core::key::{Env, KeyKind, Pepper};
use millimetric_core::origin::AllowedOrigin;
use millimetric_core::time::Timestamp;
use uuid::Uuid;

use super::keys::{self, CreateKeyError, CreatedKey, KeyRequest, create_key};

/// The name of the account and the project that a first start creates.
pub const DEFAULT: &str = "default";

/// A project and the keys that it starts with.
#[derive(Debug)]
pub struct Founded {
    /// The project.
    pub project: Project,
    /// For browsers.
    pub pk: CreatedKey,
    /// For servers.
    pub sk: CreatedKey,
    /// For reading.
    pub rk: CreatedKey,
}

/// A project to be created, self-hosted.
#[derive(Debug, Clone)]
pub struct ProjectRequest {
    /// Its name for people, from which its slug is derived.
    pub name: Name,
    /// The origins that its pk keys may be used from.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Days after which an event goes; `None`: never.
    pub retention_days: Option<NonZeroU32>,
    /// The time zone of its days.
    pub timezone: Tz,
}

impl ProjectRequest {
    /// One that is only named.
    pub const fn new(name: Name) -> Self {
        Self { name, allowed_origins: Vec::new(), retention_days: None, timezone: Tz::UTC }
    }
}

/// The account that projects belong to when nobody names one: created when it is missing.
pub async fn default_account(control: &Control, by: &Actor, now: Timestamp) -> Result<Account, ControlError> {
    let name: Name = DEFAULT.parse().map_err(|_| ControlError::UnknownAccount)?;
    if let Some(account) = control.account_by_name(&name).await? {
        return Ok(account);
    }
    match control.create_account(AccountId::new(Uuid::now_v7()), name.clone(), by, now).await {
        // Somebody was faster.
        Err(ControlError::AccountNameTaken(_)) => {
            control.account_by_name(&name).await?.ok_or(ControlError::UnknownAccount)
        }
        other => other,
    }
}

/// Creates a project of an account, self-hosted and without a key. Where its slug is taken it gets
/// a number, so that nobody learns what others call theirs.
pub async fn create(
    control: &Control,
    account: AccountId,
    name: Name,
    by: &Actor,
    now: Timestamp,
) -> Result<Project, ControlError> {
    create_once(control, account, &ProjectRequest::new(name), |_| Ok(None), by, now).await
}

/// The same with further settings, together with the response that is repeated if the request is sent again, which
/// `respond` makes of the project before it is stored.
pub async fn create_once<E: From<ControlError>>(
    control: &Control,
    account: AccountId,
    request: &ProjectRequest,
    respond: impl Fn(&Project) -> Result<Option<StoredResponse>, E> + Send,
    by: &Actor,
    now: Timestamp,
) -> Result<Project, E> {
    let plain = Slug::from_name(&request.name);
    for number in 1..=1000 {
        let slug = if number == 1 { plain.clone() } else { plain.numbered(number) };
        let new = NewProject {
            retention_days: request.retention_days,
            timezone: request.timezone,
            ..new_project(account, request.name.clone(), slug, request.allowed_origins.clone())
        };
        let response = respond(&new.clone().stored(now))?;
        match control.create_project_once(new, response.as_ref(), by, now).await {
            Err(ControlError::SlugTaken(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(ControlError::SlugTaken(plain).into())
}

fn new_project(
    account_id: AccountId,
    name: Name,
    slug: Slug,
    allowed_origins: Vec<AllowedOrigin>,
) -> NewProject {
    NewProject {
        id: ProjectId::new(Uuid::now_v7()),
        account_id,
        slug,
        name,
        allowed_origins,
        plan: Plan::SelfHosted,
        retention_days: None,
        timezone: chrono_tz::Tz::UTC,
    }
}

/// Creates a project in the default account, with one live pk, sk and rk.
pub async fn found(
    control: &Control,
    pepper: &Pepper,
    name: Name,
    slug: Slug,
    allowed_origins: Vec<AllowedOrigin>,
    by: &Actor,
    now: Timestamp,
) -> Result<Founded, CreateKeyError> {
    let account = default_account(control, by, now).await?;
    let new = new_project(account.id, name, slug, allowed_origins);
    let project = control.create_project(new, by, now).await?;
    let key = async |kind| {
        let request = KeyRequest::new(KeyOwner::Project(project.id), kind, Env::Live);
        create_key(control, pepper, &request, by, now).await
    };
    let (pk, sk, rk) = (key(KeyKind::Pk).await?, key(KeyKind::Sk).await?, key(KeyKind::Rk).await?);
    Ok(Founded { project, pk, sk, rk })
}

/// On an installation without any account: the account and project `default`. Of servers that start together, one
/// creates them.
pub async fn first(
    control: &Control,
    pepper: &Pepper,
    now: Timestamp,
) -> Result<Option<Founded>, CreateKeyError> {
    if control.has_accounts().await? {
        return Ok(None);
    }
    let name: Name = DEFAULT.parse().map_err(|_| ControlError::UnknownAccount)?;
    let account = AccountId::new(Uuid::now_v7());
    let project = new_project(account, name.clone(), Slug::from_name(&name), Vec::new());
    let owner = KeyOwner::Project(project.id);
    let draw = |kind| keys::draw(pepper, &KeyRequest::new(owner, kind, Env::Live));
    let drawn = [draw(KeyKind::Pk)?, draw(KeyKind::Sk)?, draw(KeyKind::Rk)?];
    let new = drawn.iter().map(|(_, new)| new.clone()).collect();
    let created = control.create_first(name, project, new, &Actor::Setup, now).await?;
    let [pk, sk, rk] = drawn.map(|(text, new)| CreatedKey { stored: new.stored(now), text });
    Ok(created.map(|project| Founded { project, pk, sk, rk }))
}
