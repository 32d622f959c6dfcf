//! Inviting people into an account, and what becomes of an invitation.
//!
//! Its link leaves this file once, with its making.

use millimetric_control::{Email, Invitation, Role};
use millimetric_core::ids::InvitationId;
use millimetric_core::time::DAY_MILLIS;
use millimetric_core::token::Token;

use super::{PeopleError, Started, new_session, new_user, take_turn};
use crate::auth::sessions::{InAccount, Owner, SignedIn};
use crate::client_info::ClientInfo;
use crate::limits::sign_in::{Proof, Try};
use crate::secrets::random_bytes;
use crate::state::App;

/// How long an invitation works, in milliseconds.
const LASTS_MILLIS: i64 = 7 * DAY_MILLIS;

/// Creates an invitation: for `email` alone, or if that is empty for anybody with the link.
pub async fn invite(app: &App, by: &InAccount<Owner>, role: Role, email: &str) -> Result<Token, PeopleError> {
    let email = if email.trim().is_empty() { None } else { Some(email.parse::<Email>()?) };
    let random = random_bytes()?;
    let (token, now) = (Token::create(&random), app.now());
    let invitation = Invitation {
        id: InvitationId::new(app.new_id()),
        account: by.account.id,
        role,
        email,
        created_at: now,
        expires_at: now.plus_millis(LASTS_MILLIS),
    };
    app.stores.control.invite(&invitation, token.hash(), &by.by.actor(), now).await?;
    Ok(token)
}

/// What a link invites to, as long as it works.
pub async fn of_link(app: &App, link: &Token) -> Result<Invitation, PeopleError> {
    app.stores.control.invitation(link.hash(), app.now()).await?.ok_or(PeopleError::gone())
}

/// Somebody new accepts with an address and a password, and is signed in.
pub async fn accept_as_new(
    app: &App,
    link: &Token,
    email: &str,
    password: &str,
    client: &ClientInfo,
) -> Result<Started, PeopleError> {
    of_link(app, link).await?;
    take_turn(app, Try::Proven(Proof::Link(link.hash()))).await?;
    let (new, password_hash) = new_user(app, email, password).await?;
    let (token, session) = new_session(app, new.id, client, false).await?;
    app.stores.control.accept_as_new(link.hash(), &new, &session, app.now()).await?;
    Started::whole(app, token, new.id, &password_hash)
}

/// A user who is signed in accepts.
pub async fn accept(app: &App, link: &Token, by: &SignedIn) -> Result<(), PeopleError> {
    let user = by.user();
    Ok(app.stores.control.accept(link.hash(), user.id, &user.email, app.now()).await?)
}
