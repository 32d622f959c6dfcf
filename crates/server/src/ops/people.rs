//! People: the first setup, signing in and out; below it passwords, the second factor, invitations.
//!
//! A token leaves this file once, for the cookie or the link that it is for; no password, and no
//! hint whether an e-mail address is known, ever does.

pub mod access_tokens;
pub mod device;
pub mod invitations;
pub mod passwords;
pub mod second_factor;

use millimetric_control::{Actor, BucketSize, ControlError, Email, EmailError, NewSession, NewUser};
use millimetric_core::ids::{SessionId, UserId};
use millimetric_core::token::{TOKEN_BYTES, Token};

use super::projects::default_account;
use crate::auth::devices::DeviceCookie;
use crate::auth::sessions::{LASTS_SECONDS, SignedIn};
use crate::client_info::ClientInfo;
use crate::credentials::passwords::{HashError, Lane, NewPassword, PasswordError};
use crate::limits::sign_in::{Proof, Try};
use crate::ops::error::OpsError;
use crate::secrets::random_bytes;
use crate::state::App;

/// How long somebody may take between password and code, in seconds.
const CODE_WITHIN_SECONDS: i64 = 10 * 60;

/// The fact of the control database that a shared setup link is derived from.
const SETUP_NUMBER: &str = "setup_number";

/// Why something did not happen. Each sentence is for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The password is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The text is not an e-mail address.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// No such user or a wrong password: one message for both, so that addresses cannot be probed.
    #[error("incorrect e-mail or password")]
    Wrong,
    /// Not the password of the user who is signed in.
    #[error("incorrect password")]
    WrongPassword,
    /// The code is not valid now, or was used already.
    #[error("incorrect, expired or already used code: try the next one")]
    WrongCode,
    /// Too many tries; seconds until the next one.
    #[error("too many attempts: try again in {0} seconds")]
    TooMany(u64),
    /// The store refuses, with a sentence of its own.
    #[error(transparent)]
    Refused(ControlError),
    /// An internal failure, which the message does not describe.
    #[error("internal error: try again")]
    Failed(OpsError),
}

impl PeopleError {
    /// What a link that has stopped working gets.
    const fn gone() -> Self {
        Self::Refused(ControlError::LinkGone)
    }
}

impl From<OpsError> for PeopleError {
    fn from(error: OpsError) -> Self {
        Self::Failed(error)
    }
}

impl From<HashError> for PeopleError {
    fn from(error: HashError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<getrandom::Error> for PeopleError {
    fn from(error: getrandom::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ControlError> for PeopleError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::EmailTaken
            | ControlError::UnknownUser
            | ControlError::LinkGone
            | ControlError::TooManyTokens
            | ControlError::LastOwner => Self::Refused(error),
            other => Self::Failed(other.into()),
        }
    }
}

/// A session just started: the only moment at which its token can be given away.
#[derive(Debug)]
pub struct Started {
    /// The token, for the browser's cookie.
    pub token: Token,
    /// For the browser's other cookie: from now on it is a known device. `None` while the code of a
    /// second factor is still owed.
    pub device: Option<DeviceCookie>,
}

impl Started {
    /// A session of somebody who has proven everything, in a browser that is known from now on.
    fn whole(app: &App, token: Token, user: UserId, password_hash: &str) -> Result<Self, PeopleError> {
        Ok(Self { token, device: Some(DeviceCookie::create(app, user, password_hash)?) })
    }

    /// Whether the code of a second factor is still owed.
    pub const fn awaits_code(&self) -> bool {
        self.device.is_none()
    }
}

/// A link for the first setup, as long as there is nobody. It is a new one, and the one before stops working;
/// servers that share a control database have one link together.
pub async fn offer_setup(app: &App) -> anyhow::Result<Option<Token>> {
    let control = &app.stores.control;
    let random = random_bytes::<TOKEN_BYTES>()?;
    let token = if app.stores.is_shared() {
        let number = control.meta_or(SETUP_NUMBER, &hex::encode(random), &Actor::Setup, app.now()).await?;
        app.credentials.secrets.shared_token(&format!("setup\0{number}"))
    } else {
        Token::create(&random)
    };
    Ok(control.offer_setup(token.hash()).await?.then_some(token))
}

/// The first user, who owns the account `default`, signed in at once.
pub async fn set_up(
    app: &App,
    link: &Token,
    email: &str,
    password: &str,
    client: &ClientInfo,
) -> Result<Started, PeopleError> {
    if !app.stores.control.setup_is_open(link.hash()).await? {
        return Err(PeopleError::gone());
    }
    take_turn(app, Try::Proven(Proof::Link(link.hash()))).await?;
    let (new, password_hash) = new_user(app, email, password).await?;
    let account = default_account(&app.stores.control, &Actor::Setup, app.now()).await?;
    let (token, session) = new_session(app, new.id, client, false).await?;
    app.stores.control.set_up(link.hash(), &new, account.id, &session, app.now()).await?;
    Started::whole(app, token, new.id, &password_hash)
}

/// Signs in with a password; `before` is who was signed in in this browser, `device` the device cookie
/// that it sent. Tries of a known device are counted for it alone, and those of all others for their
/// network address and for the e-mail address.
pub async fn sign_in(
    app: &App,
    email: &str,
    password: &str,
    client: &ClientInfo,
    before: Option<&SignedIn>,
    device: Option<DeviceCookie>,
) -> Result<Started, PeopleError> {
    let user = match email.parse::<Email>() {
        Ok(email) => app.stores.control.user_by_email(&email).await?,
        Err(_) => None,
    };
    let lane = if let Some(device) = device.and_then(|cookie| cookie.device_of(app, user.as_ref())) {
        take_turn(app, Try::Proven(Proof::Device(device.number()))).await?;
        Lane::Known
    } else {
        take_turn(app, Try::Address(client.ip)).await?;
        take_turn(app, Try::Email(email)).await?;
        Lane::Strangers
    };
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let right = app.credentials.passwords.matches(password, hash.as_deref(), lane).await?;
    let (user, hash) = user.zip(hash).filter(|_| right).ok_or(PeopleError::Wrong)?;
    let (token, session) = new_session(app, user.id, client, user.totp_on).await?;
    app.stores.control.start_session(&session, app.now()).await?;
    if let Some(before) = before {
        sign_out(app, before).await?;
    }
    if session.awaits_code {
        Ok(Started { token, device: None })
    } else {
        Started::whole(app, token, user.id, &hash)
    }
}

/// Takes a token for a try: of this server, and of all that share its control database. Whom this server refuses
/// costs the database nothing.
async fn take_turn(app: &App, what: Try<'_>) -> Result<(), PeopleError> {
    app.limits.sign_ins.take(what).map_err(PeopleError::TooMany)?;
    if !app.stores.is_shared() {
        return Ok(());
    }
    let set = what.set();
    let cell = app.credentials.secrets.shared_cell(&format!("{}\0{}", set.name, what.key()));
    let size = BucketSize { burst: set.burst, every_millis: set.every.as_millis() as i64 };
    let taken = app.stores.control.take_token(&format!("{} {cell}", set.name), size).await?;
    taken.map_err(|millis| PeopleError::TooMany(millis.unsigned_abs().div_ceil(1000)))
}

/// Ends the session of a user who is signed in.
pub async fn sign_out(app: &App, by: &SignedIn) -> Result<(), PeopleError> {
    Ok(app.stores.control.end_session(by.session().id, by.user().id, &by.actor(), app.now()).await?)
}

/// A user with this address and password, both checked, who is stored nowhere yet; and the hash of the
/// password.
async fn new_user(app: &App, email: &str, password: &str) -> Result<(NewUser, String), PeopleError> {
    let email: Email = email.parse()?;
    let password = NewPassword::of(password, email.as_str())?;
    let hash = app.credentials.passwords.hash(password).await?;
    Ok((NewUser { id: UserId::new(app.new_id()), email, password_hash: Some(hash.clone()) }, hash))
}

/// A session that is stored nowhere yet, and the token that opens it.
async fn new_session(
    app: &App,
    user: UserId,
    client: &ClientInfo,
    awaits_code: bool,
) -> Result<(Token, NewSession), PeopleError> {
    take_turn(app, Try::Session(user)).await?;
    let random = random_bytes()?;
    let token = Token::create(&random);
    let seconds = if awaits_code { CODE_WITHIN_SECONDS } else { LASTS_SECONDS };
    let session = NewSession {
        id: SessionId::new(app.new_id()),
        token: token.hash(),
        user,
        awaits_code,
        device: device::label(app, client),
        expires_at: app.now().plus_millis(seconds * 1000),
    };
    Ok((token, session))
}
