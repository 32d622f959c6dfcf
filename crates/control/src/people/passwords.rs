//! Passwords as they change: by their owner, or by a link that somebody with a shell made.
//!
//! Only hashes of passwords and links are stored.

use millimetric_core::ids::{AccountId, UserId};
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use serde_json::json;
use sqlx::query;

use super::sessions::{self, NewSession};
use super::users::{self, User, user_columns};
use super::{NewUser, Role, memberships};
use crate::{Actor, Change, Control, ControlError, row};

const SET: &str = "update users set password_hash = $2 where id = $1";
const OFFER: &str = "insert into password_links (token_hash, user_id, expires_at) values ($1, $2, $3)";
const WITHDRAW: &str = "delete from password_links where user_id = $1";
const BY_LINK: &str = concat!(
    "select ",
    user_columns!(),
    " from password_links l join users u on u.id = l.user_id where l.token_hash = $1 and l.expires_at > $2"
);

impl Control {
    /// Adds a user who chooses a password by the link; [`ControlError::EmailTaken`],
    /// [`ControlError::UnknownAccount`].
    pub async fn add_user(
        &self,
        new: &NewUser,
        account: AccountId,
        role: Role,
        link: (TokenHash, Timestamp),
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        users::create(&mut change, new, by, now).await?;
        memberships::add(&mut change, new.id, account, role, by, now).await?;
        offer(&mut change, new.id, link).await?;
        Ok(change.commit().await?)
    }

    /// Makes a link, with the instant at which it ends, by which a user chooses a new password;
    /// one made before stops working.
    pub async fn offer_password_link(
        &self,
        user: UserId,
        link: (TokenHash, Timestamp),
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        offer(&mut change, user, link).await?;
        users::write_audit(&mut change, user, "password.link_made", json!({}), by, now).await?;
        Ok(change.commit().await?)
    }

    /// Whose password the link changes, as long as it works.
    pub async fn user_of_password_link(
        &self,
        link: TokenHash,
        now: Timestamp,
    ) -> Result<Option<User>, ControlError> {
        let found = query(BY_LINK)
            .bind(link.as_bytes().to_vec())
            .bind(now.millis())
            .fetch_optional(&self.pool)
            .await?;
        found.as_ref().map(users::user).transpose()
    }

    /// Sets a password by a link, which stops working, and ends every session of the user;
    /// [`ControlError::LinkGone`].
    pub async fn use_password_link(
        &self,
        link: TokenHash,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let found = query(BY_LINK)
            .bind(link.as_bytes().to_vec())
            .bind(now.millis())
            .fetch_optional(&mut *change)
            .await?;
        let user: UserId = row::parsed(&found.ok_or(ControlError::LinkGone)?, "user_id")?;
        set(&mut change, user, password_hash, now).await?;
        Ok(change.commit().await?)
    }

    /// Sets a password and ends every session of the user but the new one.
    pub async fn change_password(
        &self,
        password_hash: &str,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        set(&mut change, session.user, password_hash, now).await?;
        sessions::start(&mut change, session, now).await?;
        Ok(change.commit().await?)
    }
}

async fn set(
    change: &mut Change,
    user: UserId,
    password_hash: &str,
    now: Timestamp,
) -> Result<(), ControlError> {
    query(SET).bind(user.to_string()).bind(password_hash.to_owned()).execute(&mut **change).await?;
    query(WITHDRAW).bind(user.to_string()).execute(&mut **change).await?;
    sessions::end_all(change, user).await?;
    users::write_audit(change, user, "password.changed", json!({}), &Actor::User(user), now).await
}

async fn offer(
    change: &mut Change,
    user: UserId,
    (token, expires_at): (TokenHash, Timestamp),
) -> Result<(), ControlError> {
    query(WITHDRAW).bind(user.to_string()).execute(&mut **change).await?;
    query(OFFER)
        .bind(token.as_bytes().to_vec())
        .bind(user.to_string())
        .bind(expires_at.millis())
        .execute(&mut **change)
        .await?;
    Ok(())
}
