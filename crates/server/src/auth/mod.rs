//! Proof of authority: a handler that takes [`Authorized`] cannot be reached without a key that
//! passed every check of the contract, in the contract's order (section 1). What an agent's key
//! opens (MCP) is in `agents`, what somebody who is signed in may in `sessions`, what the access token of a person
//! opens (the management API) in `access_tokens`.
//!
//! Decides who may; never what is done. No key is kept, shown or logged here.

pub mod access_tokens;
pub mod agents;
pub mod devices;
pub mod error;
mod key_text;
pub mod metered;
pub mod sessions;
pub mod sharing;
pub mod write_key;

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use millimetric_control::{Actor, Project};
use millimetric_core::event::EventScope;
use millimetric_core::ids::UserId;
use millimetric_core::key::{Env, KeyKind, KeyPrefix, Scope};
use millimetric_core::origin::Origin;

use crate::client_info::ClientInfo;
use crate::credentials::key_cache::{KeyError, VerifiedKey};
use crate::limits::Traffic;
use crate::limits::slots::Slot;
use crate::refusals::Why;
use crate::state::App;

use self::error::{AuthError, AuthResult};
pub use self::key_text::{bearer, is_basic};

/// Something that a route needs to be allowed to do.
pub trait Permission: Send + Sync + 'static {
    /// The scope that the key must hold.
    const SCOPE: Scope;
    /// Whether browsers call this route: a pk is bound to its origins, and may stand in the URL.
    const FROM_BROWSERS: bool = false;

    /// The error for a key of a kind that can never do this, whatever its scopes.
    fn refusal(kind: KeyKind) -> Option<AuthError>;
}

/// A permission without rate limit: its proof is an extractor by itself.
///
/// ```
/// # use millimetric::auth::{Authorized, Ingest, Read, metered::{Metered, Track}};
/// fn is_extractor<T: axum::extract::FromRequestParts<std::sync::Arc<millimetric::state::App>>>() {}
/// is_extractor::<Authorized<Read>>();
/// is_extractor::<Metered<Track>>();
/// ```
///
/// `Ingest` has none, so a route that receives events cannot skip the token:
///
/// ```compile_fail
/// # use millimetric::auth::{Authorized, Ingest, Read, metered::{Metered, Track}};
/// # fn is_extractor<T: axum::extract::FromRequestParts<std::sync::Arc<millimetric::state::App>>>() {}
/// is_extractor::<Authorized<Ingest>>();
/// ```
pub trait Unmetered: Permission {}

/// May send events. Each request takes a token: [`metered::Metered`].
#[derive(Debug)]
pub struct Ingest;
/// May ask queries.
#[derive(Debug)]
pub struct Read;
/// May erase a person.
#[derive(Debug)]
pub struct Forget;

impl Permission for Ingest {
    const SCOPE: Scope = Scope::Ingest;
    const FROM_BROWSERS: bool = true;

    fn refusal(kind: KeyKind) -> Option<AuthError> {
        match kind {
            KeyKind::Pk | KeyKind::Sk => None,
            KeyKind::Rk => Some(AuthError::LacksScope(Scope::Ingest)),
            KeyKind::Ak => Some(wrong_kind(&["pk", "sk"])),
        }
    }
}

impl Permission for Read {
    const SCOPE: Scope = Scope::Read;

    fn refusal(kind: KeyKind) -> Option<AuthError> {
        match kind {
            KeyKind::Sk | KeyKind::Rk => None,
            KeyKind::Pk => Some(AuthError::LacksScope(Scope::Read)),
            KeyKind::Ak => Some(wrong_kind(&["rk", "sk"])),
        }
    }
}

impl Permission for Forget {
    const SCOPE: Scope = Scope::Forget;

    fn refusal(kind: KeyKind) -> Option<AuthError> {
        match kind {
            KeyKind::Sk => None,
            KeyKind::Pk => Some(AuthError::ForgetTakesSecretKey),
            KeyKind::Rk | KeyKind::Ak => Some(AuthError::LacksScope(Scope::Forget)),
        }
    }
}

impl Unmetered for Read {}
impl Unmetered for Forget {}

fn wrong_kind(allowed: &'static [&'static str]) -> AuthError {
    AuthError::WrongKind { allowed, hint: None }
}

/// A request that may do `P` in one project.
#[derive(Debug)]
pub struct Authorized<P> {
    by: Holder,
    env: Env,
    project: Arc<Project>,
    /// Where its queries share one.
    slot: Option<Arc<Slot>>,
    permission: PhantomData<P>,
}

/// Who holds the right.
#[derive(Debug, Clone)]
enum Holder {
    Key(Arc<VerifiedKey>),
    User(UserId),
    /// Anybody with the link.
    Link,
}

// A proof may be handed on; a derived impl would ask the same of `P`.
impl<P> Clone for Authorized<P> {
    fn clone(&self) -> Self {
        Self {
            by: self.by.clone(),
            env: self.env,
            project: Arc::clone(&self.project),
            slot: self.slot.clone(),
            permission: PhantomData,
        }
    }
}

impl<P> Authorized<P> {
    /// The right of a key, whose checks were made.
    fn of_key(key: Arc<VerifiedKey>, project: Arc<Project>) -> Self {
        Self { env: key.env, by: Holder::Key(key), project, slot: None, permission: PhantomData }
    }

    /// The project that this is about.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The project's live or test side.
    pub fn scope(&self) -> EventScope {
        EventScope { project: self.project.id, env: self.env }
    }

    /// The holder of the right, for the audit log.
    pub fn actor(&self) -> Actor {
        match &self.by {
            Holder::Key(key) => Actor::Key(key.id),
            Holder::User(id) => Actor::User(*id),
            // A link only reads: nothing that it does is written down.
            Holder::Link => Actor::Server,
        }
    }

    /// Whose share of tokens and memory a request with this right uses.
    pub fn traffic(&self) -> Traffic {
        match &self.by {
            Holder::Key(key) if key.kind == KeyKind::Pk => Traffic::Browsers(self.project.id),
            Holder::Key(_) | Holder::User(_) | Holder::Link => Traffic::Servers(self.project.id),
        }
    }

    /// Kind and prefix of the key that gives the right, where a key gives it.
    pub fn key(&self) -> Option<(KeyKind, KeyPrefix)> {
        match &self.by {
            Holder::Key(key) => Some((key.kind, key.prefix)),
            Holder::User(_) | Holder::Link => None,
        }
    }
}

impl Authorized<Read> {
    /// The right of a user whose role in the project's account was checked.
    fn of_user(user: UserId, project: Project, env: Env) -> Self {
        Self::of_holder(Holder::User(user), project, env)
    }

    /// The right of anybody with a link that works.
    fn of_link(project: Project, env: Env) -> Self {
        Self::of_holder(Holder::Link, project, env)
    }

    fn of_holder(by: Holder, project: Project, env: Env) -> Self {
        Self { by, env, project: Arc::new(project), slot: None, permission: PhantomData }
    }

    /// The same right, whose queries share a slot.
    #[must_use]
    pub fn holding(self, slot: Arc<Slot>) -> Self {
        Self { slot: Some(slot), ..self }
    }

    /// Whether its queries share a slot.
    pub fn holds_slot(&self) -> bool {
        self.slot.is_some()
    }
}

impl<P: Unmetered> FromRequestParts<Arc<App>> for Authorized<P> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AuthError> {
        check(parts, app).await
    }
}

/// Every check of the contract that comes before the token, in its order.
async fn check<P: Permission>(parts: &Parts, app: &App) -> AuthResult<Authorized<P>> {
    let text = key_text::of(parts, app, ClientInfo::address(parts, app), P::FROM_BROWSERS).await?;
    check_key(&text, parts, app).await
}

/// Every check of a key that was found.
async fn check_key<P: Permission>(text: &str, parts: &Parts, app: &App) -> AuthResult<Authorized<P>> {
    let address = ClientInfo::address(parts, app);
    let key = app.credentials.keys.verify(&app.stores.control, text, address, app.now()).await?;
    if let Some(refusal) = P::refusal(key.kind) {
        return Err(refusal);
    }
    let project = key.project.clone().ok_or(KeyError::Invalid)?;
    let note = |why| app.refusals.note(project.id, (key.kind, key.prefix), why, app.now());
    let origin = only_origin(&parts.headers);
    check_origin(&key, &project, origin).inspect_err(|_| note(Why::origin(origin)))?;
    check_address(&key, address).inspect_err(|_| note(Why::AddressNotAllowed))?;
    if !key.scopes.contains(&P::SCOPE) {
        return Err(AuthError::LacksScope(P::SCOPE));
    }
    app.credentials.keys.used(&key, app.now());
    Ok(Authorized::of_key(key, project))
}

/// The origin that a request names, when it names one.
fn only_origin(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(ORIGIN).iter();
    match (sent.next(), sent.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn check_origin(key: &VerifiedKey, project: &Project, sent: Option<&str>) -> AuthResult<()> {
    if key.kind != KeyKind::Pk {
        return Ok(());
    }
    let allowed = |origin: &Origin| {
        project.allowed_origins.iter().any(|entry| entry.matches(origin))
            || (key.env == Env::Test && origin.is_loopback())
    };
    match sent.and_then(Origin::parse) {
        Some(origin) if allowed(&origin) => Ok(()),
        _ => Err(AuthError::OriginNotAllowed),
    }
}

fn check_address(key: &VerifiedKey, ip: Option<std::net::IpAddr>) -> AuthResult<()> {
    let inside = |ip: std::net::IpAddr| key.allowed_ips.iter().any(|block| block.contains(&ip));
    if key.allowed_ips.is_empty() || ip.is_some_and(inside) {
        Ok(())
    } else {
        Err(AuthError::AddressNotAllowed)
    }
}
