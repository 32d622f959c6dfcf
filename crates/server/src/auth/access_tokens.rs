//! Proof that a request of the management API comes with a personal access token, and of what its owner may:
//! [`ByToken`], [`TokenInAccount`], [`TokenInProject`]. The role is the one that the owner has now.
//!
//! Who is no member of an account finds nothing below it, not even a refusal. A token reaches no other route, and
//! no other credential reaches these.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use millimetric_control::{AccessToken, Account, Actor, ControlError, Membership, Project, Role, User};
use millimetric_core::key::access_token::AccessTokenScope;

use super::error::AuthError;
use super::metered::take_token;
use super::sessions::{Asks, in_path};
use super::{bearer, key_text};
use crate::client_info::ClientInfo;
use crate::credentials::access_tokens::AccessTokenError;
use crate::limits::rates::RateNote;
use crate::limits::{Limited, Traffic};
use crate::state::App;

/// Why a token does not permit a request.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no token, or none that works.
    #[error("there is no valid access token")]
    InvalidSession,
    /// Too many tokens from this address were not valid.
    #[error("too many access tokens from this address were not valid")]
    TooManyFailures {
        /// When the next one is looked up, in seconds.
        retry_after_s: u64,
    },
    /// The token only reads.
    #[error("the token lacks the scope write")]
    OnlyReads,
    /// The role of the token's owner is too low.
    #[error("the role {role} is below {least}")]
    RoleTooLow {
        /// The owner's role in the account.
        role: Role,
        /// The least role that may do this.
        least: Role,
    },
    /// The owner belongs to these accounts, and the request names none of them.
    #[error("the request does not name one of several accounts")]
    WhichAccount(Vec<Account>),
    /// There is nothing here, or nothing for them.
    #[error("not found")]
    NotFound,
    /// A secret in the URL, or the person's bucket is empty.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl From<AccessTokenError> for TokenError {
    fn from(error: AccessTokenError) -> Self {
        match error {
            AccessTokenError::Invalid => Self::InvalidSession,
            AccessTokenError::TooManyFailures { retry_after_s } => Self::TooManyFailures { retry_after_s },
            AccessTokenError::Control(error) => error.into(),
        }
    }
}

/// A request with a valid token, which took one from its owner's bucket.
#[derive(Debug)]
pub struct ByToken {
    token: AccessToken,
    user: User,
}

impl ByToken {
    /// The token.
    pub const fn token(&self) -> &AccessToken {
        &self.token
    }

    /// As the audit log names its owner.
    pub const fn actor(&self) -> Actor {
        Actor::Token(self.user.id, self.token.prefix)
    }

    /// Whose share of tokens and memory the request uses.
    pub const fn traffic(&self) -> Traffic {
        Traffic::Person(self.user.id)
    }

    /// Requires the scope `write` for what needs more than to be a member.
    const fn check_scope(&self, least: Role) -> Result<(), TokenError> {
        match (least, self.token.scope) {
            (Role::Viewer, _) | (_, AccessTokenScope::Write) => Ok(()),
            (_, AccessTokenScope::Read) => Err(TokenError::OnlyReads),
        }
    }

    /// The place of its owner that `chosen` selects, if the role suffices.
    async fn place(
        &self,
        app: &App,
        least: Role,
        chosen: impl FnOnce(Vec<Membership>) -> Result<Membership, TokenError>,
    ) -> Result<Membership, TokenError> {
        let membership = chosen(app.stores.control.memberships(self.user.id).await?)?;
        if membership.role < least {
            return Err(TokenError::RoleTooLow { role: membership.role, least });
        }
        Ok(membership)
    }
}

impl FromRequestParts<Arc<App>> for ByToken {
    type Rejection = TokenError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, TokenError> {
        let (address, now) = (ClientInfo::address(parts, app), app.now());
        key_text::refuse_secrets_in_url(parts, app, address).await?;
        let text = bearer(&parts.headers).ok_or(TokenError::InvalidSession)?;
        let (control, credentials) = (&app.stores.control, &app.credentials);
        let (token, user) =
            credentials.tokens.verify(control, &credentials.secrets, &text, address, now).await?;
        let by = Self { token, user };
        let note = parts.extensions.get::<RateNote>().cloned().unwrap_or_default();
        take_token(app, Limited::Admin, by.traffic(), address, &note)?;
        Ok(by)
    }
}

/// The token of a member, with at least the role `R`, of the account that the parameter `account` names by id or
/// name. It can be absent if there is only one.
#[derive(Debug)]
pub struct TokenInAccount<R> {
    /// The token.
    pub by: ByToken,
    /// The account.
    pub account: Account,
    /// The owner's role in it.
    pub role: Role,
    asks: PhantomData<R>,
}

/// The token of a member, with at least the role `R`, of the account of the project that `{project}` in the path
/// names by id or slug.
#[derive(Debug)]
pub struct TokenInProject<R> {
    /// The token.
    pub by: ByToken,
    /// The project.
    pub project: Project,
    asks: PhantomData<R>,
}

impl<R: Asks> FromRequestParts<Arc<App>> for TokenInAccount<R> {
    type Rejection = TokenError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, TokenError> {
        let by = ByToken::from_request_parts(parts, app).await?;
        by.check_scope(R::ROLE)?;
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let named = form_urlencoded::parse(query).find(|(name, _)| name == "account");
        let named = named.map(|(_, value)| value);
        let Membership { account, role } =
            by.place(app, R::ROLE, |own| choose(own, named.as_deref())).await?;
        Ok(Self { by, account, role, asks: PhantomData })
    }
}

impl<R: Asks> FromRequestParts<Arc<App>> for TokenInProject<R> {
    type Rejection = TokenError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, TokenError> {
        let by = ByToken::from_request_parts(parts, app).await?;
        by.check_scope(R::ROLE)?;
        let named = in_path(parts, app, "project").await.map_err(|_| TokenError::NotFound)?;
        let control = &app.stores.control;
        let found = match (named.parse(), named.parse()) {
            (Ok(id), _) => control.project(id).await?,
            (_, Ok(slug)) => control.project_by_slug(&slug).await?,
            _ => None,
        };
        let project = found.filter(|project| project.deleted_at.is_none()).ok_or(TokenError::NotFound)?;
        let of_project = |own: Vec<Membership>| {
            own.into_iter().find(|place| place.account.id == project.account_id).ok_or(TokenError::NotFound)
        };
        by.place(app, R::ROLE, of_project).await?;
        Ok(Self { by, project, asks: PhantomData })
    }
}

/// The account of this id or name, or the only one.
fn choose(mut own: Vec<Membership>, named: Option<&str>) -> Result<Membership, TokenError> {
    let Some(named) = named else {
        return match own.len() {
            0 => Err(TokenError::NotFound),
            1 => Ok(own.remove(0)),
            _ => Err(TokenError::WhichAccount(own.into_iter().map(|place| place.account).collect())),
        };
    };
    let is_named = |account: &Account| account.id.to_string() == named || account.name.as_str() == named;
    own.into_iter().find(|place| is_named(&place.account)).ok_or(TokenError::NotFound)
}
