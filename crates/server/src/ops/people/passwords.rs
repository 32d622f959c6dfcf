//! Choosing a new password: by who knows the old one, or by a link.
//!
//! A link leaves this file once, with its making.

use millimetric_control::{Actor, Control, Email, NewUser, Role, User};
use millimetric_core::ids::{AccountId, UserId};
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use millimetric_core::token::Token;
use uuid::Uuid;

use super::{PeopleError, Started, new_session, take_turn};
use crate::auth::devices::DeviceCookie;
use crate::auth::sessions::SignedIn;
use crate::client_info::ClientInfo;
use crate::credentials::passwords::{Lane, NewPassword};
use crate::limits::sign_in::{Proof, Try};
use crate::secrets::random_bytes;
use crate::state::App;

/// How long a link works, in milliseconds.
const LINK_MILLIS: i64 = DAY_MILLIS;

/// Whether this is the password of the user who is signed in: asked again before what matters most. The
/// tries are counted for the session alone, so that nobody who guesses elsewhere can use them up.
pub(super) async fn check(app: &App, by: &SignedIn, password: &str) -> Result<(), PeopleError> {
    take_turn(app, Try::Proven(Proof::Session(by.session().id))).await?;
    let hash = by.user().password_hash.as_deref();
    let right = app.credentials.passwords.matches(password, hash, Lane::Known).await?;
    if right { Ok(()) } else { Err(PeopleError::WrongPassword) }
}

/// Changes a password: every other session ends, and this browser gets a new one.
pub async fn change(
    app: &App,
    by: &SignedIn,
    old: &str,
    new: &str,
    client: &ClientInfo,
) -> Result<Started, PeopleError> {
    let new = NewPassword::of(new, by.user().email.as_str())?;
    check(app, by, old).await?;
    let hash = app.credentials.passwords.hash(new).await?;
    let (token, session) = new_session(app, by.user().id, client, false).await?;
    app.stores.control.change_password(&hash, &session, app.now()).await?;
    Started::whole(app, token, by.user().id, &hash)
}

/// Whose password a link changes, as long as it works.
pub async fn whose(app: &App, link: &Token) -> Result<Option<User>, PeopleError> {
    Ok(app.stores.control.user_of_password_link(link.hash(), app.now()).await?)
}

/// Chooses a password by a link, which stops working; every session ends, and no device is known any
/// more but the one of this browser.
pub async fn choose(app: &App, link: &Token, password: &str) -> Result<DeviceCookie, PeopleError> {
    let user = whose(app, link).await?.ok_or(PeopleError::gone())?;
    take_turn(app, Try::Proven(Proof::Link(link.hash()))).await?;
    let password = NewPassword::of(password, user.email.as_str())?;
    let hash = app.credentials.passwords.hash(password).await?;
    app.stores.control.use_password_link(link.hash(), &hash, app.now()).await?;
    Ok(DeviceCookie::create(app, user.id, &hash)?)
}

/// Adds somebody, who chooses a password by the link that this returns.
pub async fn add(
    control: &Control,
    email: Email,
    account: AccountId,
    role: Role,
    by: &Actor,
    now: Timestamp,
) -> anyhow::Result<Token> {
    let token = Token::create(&random_bytes()?);
    let new = NewUser { id: UserId::new(Uuid::now_v7()), email, password_hash: None };
    control.add_user(&new, account, role, (token.hash(), now.plus_millis(LINK_MILLIS)), by, now).await?;
    Ok(token)
}

/// A link by which a user chooses a new password; one made before stops working.
pub async fn reset(control: &Control, user: UserId, by: &Actor, now: Timestamp) -> anyhow::Result<Token> {
    let token = Token::create(&random_bytes()?);
    control.offer_password_link(user, (token.hash(), now.plus_millis(LINK_MILLIS)), by, now).await?;
    Ok(token)
}
