//! The API keys of a project or account: list, create, rotate, revoke. A secret is in the one response
//! that creates its key, and in no other.

use millimetric_core::time::HOUR_MILLIS;
use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use millimetric_control::{Actor, KeyOwner, StoredKey};
use millimetric_core::key::{Env, KeyKind, Scope};
use serde::Deserialize;

use super::key_row::KeyRow;
use crate::auth::sessions::{Asks, InAccount, InProject, SessionError};
use crate::config::parse_network;
use crate::dashboard::form::{Fields, Posted};
use crate::dashboard::format::sentence;
use crate::dashboard::frame::{AccountTab, Frame, Tab, page};
use crate::dashboard::refusal::{PageError, PageResult, again};
use crate::ops::error::OpsError;
use crate::ops::keys::{CreateKeyError, CreatedKey, KeyRequest, create_key, rotate};
use crate::state::App;

/// The choices for a key's expiry: hours (0: never) and label.
const EXPIRIES: &[(i64, &str)] = &[
    (0, "Never"),
    (7 * 24, "In 7 days"),
    (30 * 24, "In 30 days"),
    (90 * 24, "In 90 days"),
    (365 * 24, "In 1 year"),
];
/// The choices for when a rotated key expires: hours from now and label.
const GRACE_PERIODS: &[(i64, &str)] =
    &[(24, "In 24 hours"), (7 * 24, "In 7 days"), (1, "In 1 hour"), (0, "Immediately")];

/// Where keys are kept, and by whom they are seen.
pub(in crate::dashboard) struct KeyOwnerPage {
    frame: Frame,
    /// The address of the table.
    base: String,
    owner: KeyOwner,
    kinds: &'static [KeyKind],
    actor: Actor,
    /// Whether they may create, rotate and revoke keys here.
    may_change: bool,
    /// The address of the page that waits for events.
    install: Option<String>,
}

/// An owner whose keys these pages show.
pub(in crate::dashboard) trait HasKeys:
    FromRequestParts<Arc<App>, Rejection = SessionError> + Send
{
    /// The owner as these pages need it.
    fn owner_page(&self) -> PageResult<KeyOwnerPage>;
}

impl<R: Asks> HasKeys for InProject<R> {
    fn owner_page(&self) -> PageResult<KeyOwnerPage> {
        let frame = Frame::of_project(self, Tab::Keys)?;
        Ok(KeyOwnerPage {
            may_change: frame.may_change(),
            frame,
            base: format!("/projects/{}/keys", self.project.slug),
            owner: KeyOwner::Project(self.project.id),
            kinds: &[KeyKind::Pk, KeyKind::Sk, KeyKind::Rk],
            actor: self.by.actor(),
            install: Some(format!("/projects/{}/install", self.project.slug)),
        })
    }
}

impl<R: Asks> HasKeys for InAccount<R> {
    fn owner_page(&self) -> PageResult<KeyOwnerPage> {
        let frame = Frame::of_account(self, AccountTab::Keys)?;
        Ok(KeyOwnerPage {
            may_change: frame.may_decide(),
            frame,
            base: format!("/accounts/{}/keys", self.account.id),
            owner: KeyOwner::Account(self.account.id),
            kinds: &[KeyKind::Ak],
            actor: self.by.actor(),
            install: None,
        })
    }
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    frame: Frame,
    base: String,
    may_change: bool,
    /// The kinds that can be created here.
    kinds: Vec<KindRow>,
    active: Vec<KeyRow>,
    ended: Vec<KeyRow>,
    /// `2 revoked keys`; empty if there are none.
    ended_title: String,
    /// The form for a new key, if it is open.
    new_key: Option<NewKeyForm>,
    fresh: Option<Fresh>,
    revoked: bool,
}

/// A kind of key, as the page explains it.
struct KindRow {
    /// `pk`
    code: KeyKind,
    /// `Public key`
    name: &'static str,
    purpose: &'static str,
}

impl KindRow {
    const fn of(code: KeyKind) -> Self {
        Self { code, name: name(code), purpose: purpose(code) }
    }
}

/// The form for a new key, with what was typed into it.
struct NewKeyForm {
    kind: KeyKind,
    label: String,
    networks: String,
    problem: Option<String>,
}

impl NewKeyForm {
    fn name(&self) -> &'static str {
        name(self.kind)
    }

    fn purpose(&self) -> &'static str {
        purpose(self.kind)
    }

    fn scopes(&self) -> &'static [Scope] {
        self.kind.default_scopes()
    }

    #[expect(clippy::unused_self, reason = "the template asks the form for its choices")]
    fn expiries(&self) -> &'static [(i64, &'static str)] {
        EXPIRIES
    }
}

/// A key that was just created: the page shows its text once.
struct Fresh {
    text: String,
    kind: KeyKind,
    name: &'static str,
    host: String,
    install: Option<String>,
}

/// The plain name of a kind of key.
const fn name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Pk => "Public key",
        KeyKind::Sk => "Secret key",
        KeyKind::Rk => "Read key",
        KeyKind::Ak => "Account key",
    }
}

/// What a kind of key is for, as a sentence.
const fn purpose(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Pk => "Sends events from browsers, from the allowed origins only. Visible to visitors.",
        KeyKind::Sk => "Sends events, runs queries and erases users, from servers. Keep it secret.",
        KeyKind::Rk => "Runs queries, for dashboards and agents. Keep it secret.",
        KeyKind::Ak => "Runs queries on every project of the account, for agents. Keep it secret.",
    }
}

/// Which form is open.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct KeysParams {
    create: Option<String>,
    revoked: Option<String>,
}

/// The table.
pub(in crate::dashboard) async fn show<P: HasKeys>(
    State(app): State<Arc<App>>,
    Query(open): Query<KeysParams>,
    member: P,
) -> PageResult<Response> {
    let owner_page = member.owner_page()?;
    let kind: Option<KeyKind> = open.create.and_then(|kind| kind.parse().ok());
    let kind = kind.filter(|kind| owner_page.may_change && owner_page.kinds.contains(kind));
    let new_key =
        kind.map(|kind| NewKeyForm { kind, label: String::new(), networks: String::new(), problem: None });
    let table = table(&app, owner_page).await?;
    page(&Keys { new_key, revoked: open.revoked.is_some(), ..table })
}

async fn table(app: &App, owner_page: KeyOwnerPage) -> PageResult<Keys> {
    let now = app.now();
    let keys = app.stores.control.keys(owner_page.owner).await?;
    let (active, ended): (Vec<StoredKey>, Vec<StoredKey>) =
        keys.into_iter().partition(|key| key.is_live(now));
    let rows = |keys: Vec<StoredKey>| keys.iter().map(|key| KeyRow::of(key, now)).collect();
    Ok(Keys {
        frame: owner_page.frame,
        base: owner_page.base,
        may_change: owner_page.may_change,
        kinds: owner_page.kinds.iter().map(|&kind| KindRow::of(kind)).collect(),
        active: rows(active),
        ended_title: ended_title(&ended),
        ended: rows(ended),
        new_key: None,
        fresh: None,
        revoked: false,
    })
}

/// `1 revoked key`, or `3 revoked or expired keys` if some of them have only expired.
fn ended_title(keys: &[StoredKey]) -> String {
    let state =
        if keys.iter().all(|key| key.revoked_at.is_some()) { "revoked" } else { "revoked or expired" };
    match keys.len() {
        0 => String::new(),
        1 => format!("1 {state} key"),
        count => format!("{count} {state} keys"),
    }
}

/// Creates a key.
pub(in crate::dashboard) async fn create<P: HasKeys>(
    State(app): State<Arc<App>>,
    member: P,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let owner_page = member.owner_page()?;
    let kind = fields.get("kind").parse().ok().filter(|kind| owner_page.kinds.contains(kind));
    let kind = kind.ok_or(PageError::NotFound)?;
    let created = match request(&app, &owner_page, kind, &fields) {
        Ok(request) => {
            create_key(
                &app.stores.control,
                app.credentials.keys.pepper(),
                &request,
                &owner_page.actor,
                app.now(),
            )
            .await
        }
        Err(problem) => return form_again(&app, owner_page, kind, &fields, problem).await,
    };
    match created {
        Ok(created) => shown_once(&app, owner_page, &created).await,
        Err(CreateKeyError::Invalid(error)) => {
            form_again(&app, owner_page, kind, &fields, sentence(error)).await
        }
        Err(error) => Err(failed(error)),
    }
}

async fn form_again(
    app: &App,
    owner_page: KeyOwnerPage,
    kind: KeyKind,
    fields: &Fields,
    problem: String,
) -> PageResult<Response> {
    let text = |name| fields.get(name).to_owned();
    let new_key =
        NewKeyForm { kind, label: text("label"), networks: text("networks"), problem: Some(problem) };
    again(&Keys { new_key: Some(new_key), ..table(app, owner_page).await? })
}

/// What was asked for, or what is wrong with it.
fn request(
    app: &App,
    owner_page: &KeyOwnerPage,
    kind: KeyKind,
    fields: &Fields,
) -> Result<KeyRequest, String> {
    let env = if fields.get("env") == Env::Test.as_str() { Env::Test } else { Env::Live };
    let mut request = KeyRequest::new(owner_page.owner, kind, env);
    let label = fields.get("label");
    if !label.trim().is_empty() {
        request.label = Some(label.parse().map_err(|error| format!("Label: {error}."))?);
    }
    request.scopes = fields.all("scope").filter_map(|scope| scope.parse().ok()).collect();
    if request.scopes.is_empty() {
        return Err("A key needs at least one scope.".to_owned());
    }
    for network in fields.get("networks").split([' ', ',', '\r', '\n']).filter(|text| !text.is_empty()) {
        let parsed = parse_network(network);
        request.allowed_ips.push(parsed.map_err(|error| format!("IP address `{network}`: {error}."))?);
    }
    request.expires_at = match chosen(EXPIRIES, fields.get("expires")) {
        0 => None,
        hours => Some(app.now().plus_millis(hours * HOUR_MILLIS)),
    };
    Ok(request)
}

/// One of the hours of a list; the first when it is none.
fn chosen(from: &[(i64, &str)], text: &str) -> i64 {
    let hours = text.parse().ok().filter(|hours| from.iter().any(|(known, _)| known == hours));
    hours.unwrap_or(from[0].0)
}

/// The table, with the secret of a new key before it.
async fn shown_once(app: &App, owner_page: KeyOwnerPage, created: &CreatedKey) -> PageResult<Response> {
    let fresh = Fresh {
        text: created.text.reveal().to_owned(),
        kind: created.stored.kind,
        name: name(created.stored.kind),
        host: app.public_url.as_str().to_owned(),
        install: owner_page.install.clone(),
    };
    page(&Keys { fresh: Some(fresh), ..table(app, owner_page).await? })
}

#[derive(Template)]
#[template(path = "key_change.html")]
struct KeyChange {
    frame: Frame,
    base: String,
    key: KeyRow,
    /// The periods of grace of a rotation; none of a revocation.
    grace_periods: &'static [(i64, &'static str)],
    problem: Option<String>,
}

/// The key that `{key}` in the path names, when it is kept here.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct KeyPath {
    key: String,
}

async fn named(app: &App, owner_page: &KeyOwnerPage, named: &KeyPath) -> PageResult<StoredKey> {
    let id = named.key.parse().map_err(|_| PageError::NotFound)?;
    let key = app.stores.control.key(id).await?.filter(|key| key.owner == owner_page.owner);
    key.ok_or(PageError::NotFound)
}

fn change(
    app: &App,
    owner_page: KeyOwnerPage,
    key: &StoredKey,
    grace_periods: &'static [(i64, &'static str)],
) -> KeyChange {
    let key = KeyRow::of(key, app.now());
    KeyChange { frame: owner_page.frame, base: owner_page.base, key, grace_periods, problem: None }
}

/// Asks before rotating.
pub(in crate::dashboard) async fn ask_rotate<P: HasKeys>(
    State(app): State<Arc<App>>,
    Path(path): Path<KeyPath>,
    member: P,
) -> PageResult<Response> {
    let owner_page = member.owner_page()?;
    let key = named(&app, &owner_page, &path).await?;
    page(&change(&app, owner_page, &key, GRACE_PERIODS))
}

/// Rotates: a successor, shown once; the old key works on for a while.
pub(in crate::dashboard) async fn rotate_one<P: HasKeys>(
    State(app): State<Arc<App>>,
    Path(path): Path<KeyPath>,
    member: P,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let owner_page = member.owner_page()?;
    let old = named(&app, &owner_page, &path).await?;
    let grace = chosen(GRACE_PERIODS, fields.get("grace")) * HOUR_MILLIS;
    match rotate(
        &app.stores.control,
        app.credentials.keys.pepper(),
        &old,
        grace,
        &owner_page.actor,
        app.now(),
    )
    .await
    {
        Ok(created) => shown_once(&app, owner_page, &created).await,
        Err(CreateKeyError::Control(error @ millimetric_control::ControlError::KeyNotLive)) => {
            let problem = Some(sentence(error));
            again(&KeyChange { problem, ..change(&app, owner_page, &old, GRACE_PERIODS) })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Asks before revoking.
pub(in crate::dashboard) async fn ask_revoke<P: HasKeys>(
    State(app): State<Arc<App>>,
    Path(path): Path<KeyPath>,
    member: P,
) -> PageResult<Response> {
    let owner_page = member.owner_page()?;
    let key = named(&app, &owner_page, &path).await?;
    page(&change(&app, owner_page, &key, &[]))
}

/// Revokes.
pub(in crate::dashboard) async fn revoke<P: HasKeys>(
    State(app): State<Arc<App>>,
    Path(path): Path<KeyPath>,
    member: P,
    Posted(_): Posted,
) -> PageResult<Response> {
    let owner_page = member.owner_page()?;
    let key = named(&app, &owner_page, &path).await?;
    app.stores.control.revoke_key(key.id, &owner_page.actor, app.now()).await?;
    Ok(Redirect::to(&format!("{}?revoked=yes", owner_page.base)).into_response())
}

fn failed(error: CreateKeyError) -> PageError {
    match error {
        CreateKeyError::Control(error) => error.into(),
        other => OpsError::internal(other).into(),
    }
}
