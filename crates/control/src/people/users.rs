//! Users: made by the first setup, by an invitation or on the command line.

use millimetric_core::ids::{AccountId, UserId};
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{query, query_scalar};

use super::factor::TotpSecret;
use super::memberships;
use super::sessions::{self, NewSession};
use super::{Email, Role};
use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::{Actor, Change, Control, ControlError, row};

/// Somebody who signs in.
#[derive(Debug, Clone)]
pub struct User {
    /// Their identifier.
    pub id: UserId,
    /// By what they sign in.
    pub email: Email,
    /// Their password's hash in the PHC format; `None` until they chose one.
    pub password_hash: Option<String>,
    /// The secret of their second factor, being set up or on.
    pub totp_secret: Option<TotpSecret>,
    /// Whether signing in takes a second factor.
    pub totp_on: bool,
    /// When they were added.
    pub created_at: Timestamp,
}

/// What a new user is made of. The fields are those of [`User`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is documented where it is kept")]
pub struct NewUser {
    pub id: UserId,
    pub email: Email,
    pub password_hash: Option<String>,
}

/// The columns that [`user`] reads, of a table `users u`.
macro_rules! user_columns {
    () => {
        "u.id as user_id, u.email as user_email, u.password_hash as user_password_hash,
         u.totp_secret as user_totp_secret, u.totp_on as user_totp_on, u.created_at as user_created_at"
    };
}
pub(crate) use user_columns;

/// Under this name the store keeps the hash of the link that sets the installation up.
const SETUP_TOKEN: &str = "setup_token";
const ANY: &str = "select count(*) from users";
const OFFER: &str = "insert into meta (name, value) values ($1, $2)
    on conflict (name) do update set value = excluded.value";
const OFFERED: &str = "select value from meta where name = $1";
const WITHDRAW: &str = "delete from meta where name = $1";
const INSERT: &str = "insert into users (id, email, password_hash, created_at) values ($1, $2, $3, $4)
    on conflict (email) do nothing";
const BY_ID: &str = concat!("select ", user_columns!(), " from users u where u.id = $1");
const BY_EMAIL: &str = concat!("select ", user_columns!(), " from users u where u.email = $1");

impl Control {
    /// Whether anybody can sign in yet.
    pub async fn has_users(&self) -> Result<bool, ControlError> {
        Ok(query_scalar::<_, i64>(ANY).fetch_one(&self.pool).await? > 0)
    }

    /// Opens the setup to the holder of this token only; returns whether it was opened: it is
    /// not once there is a user. Not audited, since nobody decides it.
    pub async fn offer_setup(&self, token: TokenHash) -> Result<bool, ControlError> {
        let mut change = self.begin_change_of_people().await?;
        if query_scalar::<_, i64>(ANY).fetch_one(&mut *change).await? > 0 {
            return Ok(false);
        }
        query(OFFER).bind(SETUP_TOKEN).bind(text(token)).execute(&mut *change).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Whether this token opens the setup now.
    pub async fn setup_is_open(&self, token: TokenHash) -> Result<bool, ControlError> {
        Ok(self.meta(SETUP_TOKEN).await?.is_some_and(|offered| offered == text(token)))
    }

    /// The first user, owner of the account, signed in at once; [`ControlError::LinkGone`] when
    /// the token does not open the setup (any more).
    pub async fn set_up(
        &self,
        token: TokenHash,
        new: &NewUser,
        account: AccountId,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let offered: Option<String> =
            query_scalar(OFFERED).bind(SETUP_TOKEN).fetch_optional(&mut *change).await?;
        if offered.is_none_or(|offered| offered != text(token)) {
            return Err(ControlError::LinkGone);
        }
        query(WITHDRAW).bind(SETUP_TOKEN).execute(&mut *change).await?;
        create(&mut change, new, &Actor::Setup, now).await?;
        memberships::add(&mut change, new.id, account, Role::Owner, &Actor::Setup, now).await?;
        sessions::start(&mut change, session, now).await?;
        Ok(change.commit().await?)
    }

    /// A user by identifier.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, ControlError> {
        let row = query(BY_ID).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(user).transpose()
    }

    /// The user who signs in with this address.
    pub async fn user_by_email(&self, email: &Email) -> Result<Option<User>, ControlError> {
        let row = query(BY_EMAIL).bind(email.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(user).transpose()
    }
}

/// Adds a user; [`ControlError::EmailTaken`].
pub(super) async fn create(
    change: &mut Change,
    new: &NewUser,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let done = query(INSERT)
        .bind(new.id.to_string())
        .bind(new.email.to_string())
        .bind(new.password_hash.clone())
        .bind(now.millis())
        .execute(&mut **change)
        .await?;
    if done.rows_affected() == 0 {
        return Err(ControlError::EmailTaken);
    }
    write_audit(change, new.id, "user.created", json!({}), by, now).await?;
    // Nobody sets up an installation that has a user.
    query(WITHDRAW).bind(SETUP_TOKEN).execute(&mut **change).await?;
    Ok(())
}

/// An entry about a person, who is named by identifier alone.
pub(super) async fn write_audit(
    change: &mut Change,
    user: UserId,
    action: &'static str,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let entry = NewAuditEntry { scope: AuditScope::Installation, action, subject: user.to_string(), detail };
    audit::write(change, &entry, by, now).await
}

/// Reads the columns of [`user_columns`].
pub(crate) fn user(row: &AnyRow) -> Result<User, ControlError> {
    row::named(read(row), row, "user", "user_id")
}

fn read(row: &AnyRow) -> Result<User, ControlError> {
    let secret: Option<Vec<u8>> = row::value(row, "user_totp_secret")?;
    Ok(User {
        id: row::parsed(row, "user_id")?,
        email: row::parsed(row, "user_email")?,
        password_hash: row::value(row, "user_password_hash")?,
        totp_secret: secret.map(TotpSecret::new),
        totp_on: row::value::<i64>(row, "user_totp_on")? != 0,
        created_at: row::time(row, "user_created_at")?,
    })
}

fn text(token: TokenHash) -> String {
    hex::encode(token.as_bytes())
}
