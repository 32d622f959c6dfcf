//! Proof that a request comes from somebody who is signed in, and of what they may: [`SignedIn`],
//! [`InAccount`], [`InProject`]. A page that takes one cannot be reached without it.
//!
//! Who is no member of an account finds nothing below it, not even a refusal. Decides who
//! may; never what is done, and draws no page.

use millimetric_core::time::{DAY_MILLIS, MINUTE_MILLIS, SECOND_MILLIS};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millimetric_control::{Account, Actor, ControlError, Membership, Project, Role, Session, User};
use millimetric_core::ids::AccountId;
use millimetric_core::key::Env;
use millimetric_core::token::Token;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Authorized, Read};
use crate::secrets::random_bytes;
use crate::state::App;

/// How long a session lasts, in seconds.
pub const LASTS_SECONDS: i64 = 30 * DAY_MILLIS / SECOND_MILLIS;
/// What its cookie is called; behind https with a prefix.
const NAME: &str = "mm_session";
/// Behind https a name that begins so makes browsers refuse a cookie that another host of the domain set.
const HOST_PREFIX: &str = "__Host-";
/// How often its last use is written, in milliseconds.
const USE_WRITTEN_EVERY_MILLIS: i64 = 5 * MINUTE_MILLIS;

/// Why a request does not come from somebody who may do this.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody is signed in; after signing in they may go on to this path of this server.
    #[error("nobody is signed in")]
    SignIn(String),
    /// There is nothing here, or nothing for them.
    #[error("not found")]
    NotFound,
    /// Their role is below this one.
    #[error("this takes the role {0}")]
    Forbidden(Role),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Somebody who is signed in, second factor included.
#[derive(Debug)]
pub struct SignedIn {
    session: Session,
    user: User,
    token: Token,
}

impl SignedIn {
    /// Who is signed in, if anybody is.
    pub async fn of(headers: &HeaderMap, app: &App) -> Result<Option<Self>, SessionError> {
        Ok(Self::find(headers, app).await?.filter(|found| !found.session.awaits_code))
    }

    async fn find(headers: &HeaderMap, app: &App) -> Result<Option<Self>, SessionError> {
        let Some(token) = sent_token(headers, app) else { return Ok(None) };
        let now = app.now();
        let Some((session, user)) = app.stores.control.session(token.hash(), now).await? else {
            return Ok(None);
        };
        if now.millis() - session.last_seen_at.millis() >= USE_WRITTEN_EVERY_MILLIS {
            app.stores.control.touch_session(session.id, now).await?;
        }
        Ok(Some(Self { session, user, token }))
    }

    /// The session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Who it is.
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// As the audit log names them.
    pub const fn actor(&self) -> Actor {
        Actor::User(self.user.id)
    }

    /// The accounts that they belong to, with the right to ask each account's projects.
    pub async fn accounts(
        &self,
        app: &App,
    ) -> Result<Vec<(Membership, Vec<Authorized<Read>>)>, SessionError> {
        let mut accounts = Vec::new();
        for membership in app.stores.control.memberships(self.user.id).await? {
            let projects = app.stores.control.projects_of_account(membership.account.id).await?.into_iter();
            let readers = projects.map(|project| Authorized::of_user(self.user.id, project, Env::Live));
            accounts.push((membership, readers.collect()));
        }
        Ok(accounts)
    }

    /// The token that forms of this session carry. It looks different each time, so that what a
    /// page repeats of its request cannot be used to guess it from the compressed length.
    pub fn form_token(&self) -> Result<String, getrandom::Error> {
        let pad: [u8; 32] = random_bytes()?;
        let secret = form_secret(&self.token);
        let masked = secret.iter().zip(&pad).map(|(a, b)| a ^ b);
        Ok(URL_SAFE_NO_PAD.encode(pad.iter().copied().chain(masked).collect::<Vec<u8>>()))
    }
}

/// Somebody who gave their password and still owes the code of their second factor: they may give
/// it, and nothing else.
#[derive(Debug)]
pub struct OwesCode(SignedIn);

impl OwesCode {
    /// Who owes one, if anybody does.
    pub async fn of(headers: &HeaderMap, app: &App) -> Result<Option<Self>, SessionError> {
        Ok(SignedIn::find(headers, app).await?.filter(|found| found.session.awaits_code).map(Self))
    }

    /// The session, which opens nothing.
    pub const fn session(&self) -> &Session {
        &self.0.session
    }

    /// Who it is.
    pub const fn user(&self) -> &User {
        &self.0.user
    }

    /// The token that the form for the code carries.
    pub fn form_token(&self) -> Result<String, getrandom::Error> {
        self.0.form_token()
    }
}

/// Whether a form carries the token of the session whose cookie came with it.
pub fn form_is_ours(headers: &HeaderMap, app: &App, form_token: &str) -> bool {
    let Some(token) = sent_token(headers, app) else { return false };
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(form_token) else { return false };
    let Some((pad, masked)) = bytes.split_at_checked(32) else { return false };
    let secret: Vec<u8> = masked.iter().zip(pad).map(|(a, b)| a ^ b).collect();
    secret.ct_eq(&form_secret(&token)).into()
}

fn form_secret(token: &Token) -> [u8; 32] {
    Sha256::new().chain_update("millimetric form\0").chain_update(token.reveal()).finalize().into()
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, SessionError> {
        let wanted = || parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str()).to_owned();
        // What was sent cannot be sent again by going there.
        let next = if parts.method.is_safe() { wanted() } else { "/".to_owned() };
        Self::of(&parts.headers, app).await?.ok_or(SessionError::SignIn(next))
    }
}

/// The least role that a page asks for.
pub trait Asks: Send + Sync + 'static {
    /// The role.
    const ROLE: Role;
}

/// Asks for a member.
#[derive(Debug)]
pub struct Viewer;
/// Asks for somebody who may change projects and keys.
#[derive(Debug)]
pub struct Admin;
/// Asks for somebody who may decide about members.
#[derive(Debug)]
pub struct Owner;

impl Asks for Viewer {
    const ROLE: Role = Role::Viewer;
}
impl Asks for Admin {
    const ROLE: Role = Role::Admin;
}
impl Asks for Owner {
    const ROLE: Role = Role::Owner;
}

/// A member of the account that `{account}` in the path names, with at least the role `R`.
#[derive(Debug)]
pub struct InAccount<R> {
    /// Who it is.
    pub by: SignedIn,
    /// The account.
    pub account: Account,
    /// Their role in it.
    pub role: Role,
    asks: PhantomData<R>,
}

/// A member of the account whose project `{project}` in the path names by its slug, with at least
/// the role `R`.
#[derive(Debug)]
pub struct InProject<R> {
    /// Who it is.
    pub by: SignedIn,
    /// The project.
    pub project: Project,
    /// Their role in its account.
    pub role: Role,
    asks: PhantomData<R>,
}

impl<R: Asks> InProject<R> {
    /// The right to ask queries of the project's live or test side.
    pub fn reader(&self, env: Env) -> Authorized<Read> {
        Authorized::of_user(self.by.user.id, self.project.clone(), env)
    }

    /// Whether the user who sent these headers still has this role, for what goes on after the request.
    pub async fn still(app: &App, headers: &HeaderMap, project: &Project) -> bool {
        match SignedIn::of(headers, app).await {
            Ok(Some(by)) => place(app, &by, project.account_id, R::ROLE).await.is_ok(),
            _ => false,
        }
    }
}

impl<R: Asks> FromRequestParts<Arc<App>> for InAccount<R> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, SessionError> {
        let by = SignedIn::from_request_parts(parts, app).await?;
        let id = in_path(parts, app, "account").await?.parse().map_err(|_| SessionError::NotFound)?;
        let (account, role) = place(app, &by, id, R::ROLE).await?;
        Ok(Self { by, account, role, asks: PhantomData })
    }
}

impl<R: Asks> FromRequestParts<Arc<App>> for InProject<R> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, SessionError> {
        let by = SignedIn::from_request_parts(parts, app).await?;
        let slug = in_path(parts, app, "project").await?.parse().map_err(|_| SessionError::NotFound)?;
        let project = app.stores.control.project_by_slug(&slug).await?.ok_or(SessionError::NotFound)?;
        let (_, role) = place(app, &by, project.account_id, R::ROLE).await?;
        Ok(Self { by, project, role, asks: PhantomData })
    }
}

/// What the path has in the place of this name.
pub(super) async fn in_path(parts: &mut Parts, app: &Arc<App>, name: &str) -> Result<String, SessionError> {
    let Path(mut named) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
        .await
        .map_err(|_| SessionError::NotFound)?;
    named.remove(name).ok_or(SessionError::NotFound)
}

/// Somebody's account and role in it, when the role suffices.
async fn place(
    app: &App,
    by: &SignedIn,
    id: AccountId,
    least: Role,
) -> Result<(Account, Role), SessionError> {
    let memberships = app.stores.control.memberships(by.user.id).await?;
    let found = memberships.into_iter().find(|membership| membership.account.id == id);
    let membership = found.ok_or(SessionError::NotFound)?;
    if membership.role < least {
        return Err(SessionError::Forbidden(least));
    }
    Ok((membership.account, membership.role))
}

/// The header that gives a browser its session's token.
pub fn cookie(app: &App, token: &Token) -> HeaderValue {
    cookie_header(app, NAME, token.reveal(), LASTS_SECONDS)
}

/// The header that takes it away.
pub fn no_cookie(app: &App) -> HeaderValue {
    cookie_header(app, NAME, "", 0)
}

/// The header that sets a cookie for this server alone, out of the reach of scripts.
pub(super) fn cookie_header(app: &App, name: &str, value: &str, seconds: i64) -> HeaderValue {
    written(is_https(app), name, value, seconds)
}

fn written(https: bool, name: &str, value: &str, seconds: i64) -> HeaderValue {
    let (prefix, secure) = if https { (HOST_PREFIX, "; Secure") } else { ("", "") };
    let text = format!("{prefix}{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn is_https(app: &App) -> bool {
    app.public_url.as_str().starts_with("https://")
}

/// The value of a cookie of ours that came with a request.
pub(super) fn sent_cookie<'a>(headers: &'a HeaderMap, app: &App, name: &str) -> Option<&'a str> {
    let prefix = if is_https(app) { HOST_PREFIX } else { "" };
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    Some(pairs.find(|(sent, _)| sent.strip_prefix(prefix) == Some(name))?.1)
}

fn sent_token(headers: &HeaderMap, app: &App) -> Option<Token> {
    sent_cookie(headers, app, NAME)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_https_the_cookie_is_secure_and_bound_to_the_host() {
        for name in ["mm_session", "mm_device"] {
            let plain = format!("{name}=abc; Path=/; Max-Age=9; HttpOnly; SameSite=Lax");
            assert_eq!(written(false, name, "abc", 9), plain);
            assert_eq!(written(true, name, "abc", 9), format!("__Host-{plain}; Secure"));
        }
    }
}
