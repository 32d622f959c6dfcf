//! Personal access tokens: created on the profile page or on the command line.
//!
//! The text of a token leaves this file once, when the token is created; only its hash is stored.

use millimetric_control::{AccessToken, Actor, Control, ControlError, Name, NewAccessToken};
use millimetric_core::ids::{AccessTokenId, UserId};
use millimetric_core::key::access_token::{AccessTokenScope, AccessTokenText};
use millimetric_core::key::{KEY_RANDOM_BYTES, Pepper};
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use uuid::Uuid;

use super::{PeopleError, passwords};
use crate::auth::sessions::SignedIn;
use crate::secrets::random_bytes;
use crate::state::App;

/// The most tries to create a token whose random prefix is not taken.
const TRIES: usize = 5;

/// A token to be created.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What its owner calls it.
    pub name: Name,
    /// What it may do.
    pub scope: AccessTokenScope,
    /// For how long it works, in milliseconds: at most 366 days; more are held to that.
    pub lifetime_millis: i64,
}

/// A token that was just created. Its text cannot be shown again later.
#[derive(Debug)]
pub struct CreatedToken {
    /// What is stored of it.
    pub stored: AccessToken,
    /// The text to hand to its owner.
    pub text: AccessTokenText,
}

/// Why a token was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateTokenError {
    /// The database refused or failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The operating system gave no random bytes.
    #[error("the operating system's random generator failed: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<CreateTokenError> for PeopleError {
    fn from(error: CreateTokenError) -> Self {
        match error {
            CreateTokenError::Control(error) => error.into(),
            CreateTokenError::Random(error) => error.into(),
        }
    }
}

/// Creates a token of a person.
pub async fn create(
    control: &Control,
    pepper: &Pepper,
    user: UserId,
    request: &TokenRequest,
    by: &Actor,
    now: Timestamp,
) -> Result<CreatedToken, CreateTokenError> {
    let mut taken = None;
    for _ in 0..TRIES {
        let text = AccessTokenText::create(&random_bytes::<KEY_RANDOM_BYTES>()?);
        let new = NewAccessToken {
            id: AccessTokenId::new(Uuid::now_v7()),
            user,
            prefix: text.prefix(),
            hash: text.hash(pepper),
            name: request.name.clone(),
            scope: request.scope,
            expires_at: now
                .plus_millis(request.lifetime_millis.clamp(0, AccessTokenText::MAX_DAYS * DAY_MILLIS)),
        };
        match control.create_access_token(new, by, now).await {
            Ok(stored) => return Ok(CreatedToken { stored, text }),
            Err(error @ ControlError::KeyPrefixTaken(_)) => taken = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(taken.unwrap_or(ControlError::UnknownUser).into())
}

/// Creates a token of the person who is signed in, who gives their password again: a token outlives the session.
pub async fn create_own(
    app: &App,
    by: &SignedIn,
    password: &str,
    request: &TokenRequest,
) -> Result<CreatedToken, PeopleError> {
    passwords::check(app, by, password).await?;
    let (control, pepper) = (&app.stores.control, app.credentials.keys.pepper());
    Ok(create(control, pepper, by.user().id, request, &by.actor(), app.now()).await?)
}
