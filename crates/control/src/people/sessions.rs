//! Sessions: the browsers in which somebody is signed in.
//!
//! Holds the hash of each session's token, and of the browser two words; never its address.

use millimetric_core::ids::{SessionId, UserId};
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::query;

use super::User;
use super::users::{self, user_columns};
use crate::{Actor, Change, Control, ControlError, row};

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Who is signed in.
    pub user: UserId,
    /// Whether only the password was given so far: such a session opens nothing.
    pub awaits_code: bool,
    /// Browser and system in words.
    pub device: String,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When it was last used, give or take some minutes.
    pub last_seen_at: Timestamp,
    /// The first instant at which it no longer works.
    pub expires_at: Timestamp,
}

/// What a new session is made of. The fields are those of [`Session`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is documented where it is kept")]
pub struct NewSession {
    pub id: SessionId,
    pub token: TokenHash,
    pub user: UserId,
    pub awaits_code: bool,
    pub device: String,
    pub expires_at: Timestamp,
}

/// The columns that [`session`] reads, of a table `sessions s`.
macro_rules! session_columns {
    () => {
        "s.id, s.user_id as session_user_id, s.awaits_code, s.device, s.created_at, s.last_seen_at, s.expires_at"
    };
}
pub(crate) use session_columns;

const INSERT: &str = "insert into sessions (id, token_hash, user_id, awaits_code, device, created_at,
        last_seen_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $6, $7)";
const BY_TOKEN: &str = concat!(
    "select ",
    session_columns!(),
    ", ",
    user_columns!(),
    " from sessions s join users u on u.id = s.user_id where s.token_hash = $1 and s.expires_at > $2"
);
const OF_USER: &str = concat!(
    "select ",
    session_columns!(),
    " from sessions s where s.user_id = $1 and s.expires_at > $2 and s.awaits_code = 0
     order by s.last_seen_at desc, s.id"
);
const TOUCH: &str = "update sessions set last_seen_at = $2 where id = $1 and last_seen_at < $2";
const END: &str = "delete from sessions where id = $1 and user_id = $2 returning awaits_code";
const END_ALL: &str = "delete from sessions where user_id = $1";
const END_EXPIRED: &str = "delete from sessions where expires_at <= $1";

impl Control {
    /// Starts a session.
    pub async fn start_session(&self, new: &NewSession, now: Timestamp) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        start(&mut change, new, now).await?;
        Ok(change.commit().await?)
    }

    /// The session of this token and its user, unless it is over.
    pub async fn session(
        &self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, ControlError> {
        let found = query(BY_TOKEN)
            .bind(token.as_bytes().to_vec())
            .bind(now.millis())
            .fetch_optional(&self.pool)
            .await?;
        found.as_ref().map(|row| Ok((session(row)?, users::user(row)?))).transpose()
    }

    /// The sessions of a user that can be read, the last used first.
    pub async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, ControlError> {
        let of_user = query(OF_USER).bind(user.to_string()).bind(now.millis());
        row::readable(&self.pool, of_user, session).await
    }

    /// Notes that a session was used. Decides nothing, so it is not audited.
    pub async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), ControlError> {
        query(TOUCH).bind(id.to_string()).bind(now.millis()).execute(&self.pool).await?;
        Ok(())
    }

    /// Ends one of a user's sessions; one that is over, or another's, changes nothing.
    pub async fn end_session(
        &self,
        id: SessionId,
        user: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let ended =
            query(END).bind(id.to_string()).bind(user.to_string()).fetch_optional(&mut *change).await?;
        let Some(ended) = ended else { return Ok(()) };
        // A session that awaits its code opens nothing, so the audit log has no entry of its start.
        if row::value::<i64>(&ended, "awaits_code")? == 0 {
            users::write_audit(&mut change, user, "session.ended", json!({ "session": id }), by, now).await?;
        }
        Ok(change.commit().await?)
    }
}

/// Starts a session within a change, and removes those that are over.
pub(super) async fn start(change: &mut Change, new: &NewSession, now: Timestamp) -> Result<(), ControlError> {
    query(END_EXPIRED).bind(now.millis()).execute(&mut **change).await?;
    query(INSERT)
        .bind(new.id.to_string())
        .bind(new.token.as_bytes().to_vec())
        .bind(new.user.to_string())
        .bind(i64::from(new.awaits_code))
        .bind(new.device.clone())
        .bind(now.millis())
        .bind(new.expires_at.millis())
        .execute(&mut **change)
        .await?;
    if new.awaits_code {
        return Ok(());
    }
    let detail = json!({ "session": new.id, "device": new.device });
    users::write_audit(change, new.user, "session.started", detail, &Actor::User(new.user), now).await
}

/// Ends every session of a user within a change.
pub(super) async fn end_all(change: &mut Change, user: UserId) -> Result<(), ControlError> {
    query(END_ALL).bind(user.to_string()).execute(&mut **change).await?;
    Ok(())
}

pub(crate) fn session(row: &AnyRow) -> Result<Session, ControlError> {
    let read = || {
        Ok(Session {
            id: row::parsed(row, "id")?,
            user: row::parsed(row, "session_user_id")?,
            awaits_code: row::value::<i64>(row, "awaits_code")? != 0,
            device: row::value(row, "device")?,
            created_at: row::time(row, "created_at")?,
            last_seen_at: row::time(row, "last_seen_at")?,
            expires_at: row::time(row, "expires_at")?,
        })
    };
    row::named(read(), row, "session", "id")
}
