//! The keys of a project, or of an account: the table, minting, rotating, revoking. A secret is in
//! the one page that shows it after its minting, and in no other.

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
use crate::ops::keys::{KeyRequest, MintError, Minted, mint, rotate};
use crate::state::App;

/// What expiries and periods of grace are chosen from: hours and words.
const EXPIRIES: &[(i64, &str)] = &[
    (0, "never"),
    (7 * 24, "in 7 days"),
    (30 * 24, "in 30 days"),
    (90 * 24, "in 90 days"),
    (365 * 24, "in a year"),
];
const GRACES: &[(i64, &str)] = &[
    (24, "for 24 hours more"),
    (7 * 24, "for 7 days more"),
    (1, "for an hour more"),
    (0, "not at all: it stops at once"),
];

/// Where keys are kept, and by whom they are seen.
pub(in crate::dashboard) struct Keeper {
    frame: Frame,
    /// The address of the table.
    base: String,
    owner: KeyOwner,
    kinds: &'static [KeyKind],
    actor: Actor,
    /// Whether they may mint, rotate and revoke here.
    may_change: bool,
    /// The address of the page that waits for events.
    install: Option<String>,
}

/// An owner whose keys these pages show.
pub(in crate::dashboard) trait Keeping:
    FromRequestParts<Arc<App>, Rejection = SessionError> + Send
{
    /// The owner as these pages need it.
    fn keeper(&self) -> PageResult<Keeper>;
}

impl<R: Asks> Keeping for InProject<R> {
    fn keeper(&self) -> PageResult<Keeper> {
        let frame = Frame::of_project(self, Tab::Keys)?;
        Ok(Keeper {
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

impl<R: Asks> Keeping for InAccount<R> {
    fn keeper(&self) -> PageResult<Keeper> {
        let frame = Frame::of_account(self, AccountTab::Keys)?;
        Ok(Keeper {
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
    /// With what each is for.
    kinds: Vec<(KeyKind, &'static str)>,
    working: Vec<KeyRow>,
    ended: Vec<KeyRow>,
    minting: Option<Minting>,
    fresh: Option<Fresh>,
    revoked: bool,
}

/// The form for a new key, with what was typed into it.
struct Minting {
    kind: KeyKind,
    label: String,
    networks: String,
    problem: Option<String>,
}

impl Minting {
    fn for_what(&self) -> &'static str {
        for_what(self.kind)
    }

    fn scopes(&self) -> &'static [Scope] {
        self.kind.default_scopes()
    }

    #[expect(clippy::unused_self, reason = "the template asks the form for its choices")]
    fn expiries(&self) -> &'static [(i64, &'static str)] {
        EXPIRIES
    }
}

/// A key just minted, and what to do with it.
struct Fresh {
    text: String,
    kind: KeyKind,
    host: String,
    install: Option<String>,
}

/// What a kind of key is for.
const fn for_what(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Pk => "sends events from browsers, from the allowed origins only; anybody may see it",
        KeyKind::Sk => "sends, reads and forgets, from servers; keep it secret",
        KeyKind::Rk => "reads, for dashboards and agents; keep it secret",
        KeyKind::Ak => "reads every project of the account, for agents; keep it secret",
    }
}

/// Which form is open.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct Open {
    mint: Option<String>,
    revoked: Option<String>,
}

/// The table.
pub(in crate::dashboard) async fn show<P: Keeping>(
    State(app): State<Arc<App>>,
    Query(open): Query<Open>,
    place: P,
) -> PageResult<Response> {
    let keeper = place.keeper()?;
    let kind: Option<KeyKind> = open.mint.and_then(|kind| kind.parse().ok());
    let kind = kind.filter(|kind| keeper.may_change && keeper.kinds.contains(kind));
    let minting =
        kind.map(|kind| Minting { kind, label: String::new(), networks: String::new(), problem: None });
    let table = table(&app, keeper).await?;
    page(&Keys { minting, revoked: open.revoked.is_some(), ..table })
}

async fn table(app: &App, keeper: Keeper) -> PageResult<Keys> {
    let now = app.now();
    let keys = app.stores.control.keys(keeper.owner).await?;
    let (working, ended): (Vec<StoredKey>, Vec<StoredKey>) =
        keys.into_iter().partition(|key| key.is_live(now));
    let rows = |keys: Vec<StoredKey>| keys.iter().map(|key| KeyRow::of(key, now)).collect();
    Ok(Keys {
        frame: keeper.frame,
        base: keeper.base,
        may_change: keeper.may_change,
        kinds: keeper.kinds.iter().map(|&kind| (kind, for_what(kind))).collect(),
        working: rows(working),
        ended: rows(ended),
        minting: None,
        fresh: None,
        revoked: false,
    })
}

/// A new key.
pub(in crate::dashboard) async fn mint_one<P: Keeping>(
    State(app): State<Arc<App>>,
    place: P,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let keeper = place.keeper()?;
    let kind = fields.get("kind").parse().ok().filter(|kind| keeper.kinds.contains(kind));
    let kind = kind.ok_or(PageError::NotFound)?;
    let minted = match request(&app, &keeper, kind, &fields) {
        Ok(request) => {
            mint(&app.stores.control, app.credentials.keys.pepper(), &request, &keeper.actor, app.now()).await
        }
        Err(problem) => return mint_again(&app, keeper, kind, &fields, problem).await,
    };
    match minted {
        Ok(minted) => shown_once(&app, keeper, &minted).await,
        Err(MintError::Invalid(error)) => mint_again(&app, keeper, kind, &fields, sentence(error)).await,
        Err(error) => Err(failed(error)),
    }
}

async fn mint_again(
    app: &App,
    keeper: Keeper,
    kind: KeyKind,
    fields: &Fields,
    problem: String,
) -> PageResult<Response> {
    let text = |name| fields.get(name).to_owned();
    let minting = Minting { kind, label: text("label"), networks: text("networks"), problem: Some(problem) };
    again(&Keys { minting: Some(minting), ..table(app, keeper).await? })
}

/// What was asked for, or what is wrong with it.
fn request(app: &App, keeper: &Keeper, kind: KeyKind, fields: &Fields) -> Result<KeyRequest, String> {
    let env = if fields.get("env") == Env::Test.as_str() { Env::Test } else { Env::Live };
    let mut request = KeyRequest::new(keeper.owner, kind, env);
    let label = fields.get("label");
    if !label.trim().is_empty() {
        request.label = Some(label.parse().map_err(|error| format!("The label: {error}."))?);
    }
    request.scopes = fields.all("scope").filter_map(|scope| scope.parse().ok()).collect();
    if request.scopes.is_empty() {
        return Err("A key needs at least one scope.".to_owned());
    }
    for network in fields.get("networks").split([' ', ',', '\r', '\n']).filter(|text| !text.is_empty()) {
        let parsed = parse_network(network);
        request.allowed_ips.push(parsed.map_err(|error| format!("The address `{network}`: {error}."))?);
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
async fn shown_once(app: &App, keeper: Keeper, minted: &Minted) -> PageResult<Response> {
    let fresh = Fresh {
        text: minted.text.reveal().to_owned(),
        kind: minted.stored.kind,
        host: app.public_url.as_str().to_owned(),
        install: keeper.install.clone(),
    };
    page(&Keys { fresh: Some(fresh), ..table(app, keeper).await? })
}

#[derive(Template)]
#[template(path = "key_change.html")]
struct KeyChange {
    frame: Frame,
    base: String,
    key: KeyRow,
    /// The periods of grace of a rotation; none of a revocation.
    graces: &'static [(i64, &'static str)],
    problem: Option<String>,
}

/// The key that `{key}` in the path names, when it is kept here.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct Named {
    key: String,
}

async fn named(app: &App, keeper: &Keeper, named: &Named) -> PageResult<StoredKey> {
    let id = named.key.parse().map_err(|_| PageError::NotFound)?;
    let key = app.stores.control.key(id).await?.filter(|key| key.owner == keeper.owner);
    key.ok_or(PageError::NotFound)
}

fn change(app: &App, keeper: Keeper, key: &StoredKey, graces: &'static [(i64, &'static str)]) -> KeyChange {
    let key = KeyRow::of(key, app.now());
    KeyChange { frame: keeper.frame, base: keeper.base, key, graces, problem: None }
}

/// Asks before rotating.
pub(in crate::dashboard) async fn ask_rotate<P: Keeping>(
    State(app): State<Arc<App>>,
    Path(path): Path<Named>,
    place: P,
) -> PageResult<Response> {
    let keeper = place.keeper()?;
    let key = named(&app, &keeper, &path).await?;
    page(&change(&app, keeper, &key, GRACES))
}

/// Rotates: a successor, shown once; the old key works on for a while.
pub(in crate::dashboard) async fn rotate_one<P: Keeping>(
    State(app): State<Arc<App>>,
    Path(path): Path<Named>,
    place: P,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let keeper = place.keeper()?;
    let old = named(&app, &keeper, &path).await?;
    let grace = chosen(GRACES, fields.get("grace")) * HOUR_MILLIS;
    match rotate(&app.stores.control, app.credentials.keys.pepper(), &old, grace, &keeper.actor, app.now())
        .await
    {
        Ok(minted) => shown_once(&app, keeper, &minted).await,
        Err(MintError::Control(error @ millimetric_control::ControlError::KeyNotLive)) => {
            let problem = Some(sentence(error));
            again(&KeyChange { problem, ..change(&app, keeper, &old, GRACES) })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Asks before revoking.
pub(in crate::dashboard) async fn ask_revoke<P: Keeping>(
    State(app): State<Arc<App>>,
    Path(path): Path<Named>,
    place: P,
) -> PageResult<Response> {
    let keeper = place.keeper()?;
    let key = named(&app, &keeper, &path).await?;
    page(&change(&app, keeper, &key, &[]))
}

/// Revokes.
pub(in crate::dashboard) async fn revoke<P: Keeping>(
    State(app): State<Arc<App>>,
    Path(path): Path<Named>,
    place: P,
    Posted(_): Posted,
) -> PageResult<Response> {
    let keeper = place.keeper()?;
    let key = named(&app, &keeper, &path).await?;
    app.stores.control.revoke_key(key.id, &keeper.actor, app.now()).await?;
    Ok(Redirect::to(&format!("{}?revoked=yes", keeper.base)).into_response())
}

fn failed(error: MintError) -> PageError {
    match error {
        MintError::Control(error) => error.into(),
        other => OpsError::internal(other).into(),
    }
}
