//! The second factor of a user, as it is kept: the secret of their authenticator, and the codes
//! that help when it is lost.
//!
//! Computes no code: the server compares them, and asks here whether one was used before.

use std::fmt;

use millimetric_core::ids::UserId;
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use serde_json::json;
use sqlx::{query, query_scalar};

use super::users::write_audit;
use crate::{Actor, Control, ControlError};

/// The secret that a user's authenticator shares with the server.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Vec<u8>);

impl TotpSecret {
    /// Wraps the bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

const OFFER: &str = "update users set totp_secret = $2, totp_last_step = 0
    where id = $1 and totp_on = 0";
const TURN_ON: &str =
    "update users set totp_on = 1 where id = $1 and totp_on = 0 and totp_secret is not null";
const TURN_OFF: &str = "update users set totp_on = 0, totp_secret = null where id = $1 and totp_on = 1";
const TAKE_STEP: &str = "update users set totp_last_step = $2 where id = $1 and totp_last_step < $2";
const ADD_CODE: &str = "insert into recovery_codes (user_id, hash) values ($1, $2)";
const DROP_CODES: &str = "delete from recovery_codes where user_id = $1";
const USE_CODE: &str =
    "update recovery_codes set used_at = $3 where user_id = $1 and hash = $2 and used_at is null";
const CODES_LEFT: &str = "select count(*) from recovery_codes where user_id = $1 and used_at is null";

impl Control {
    /// Keeps a secret that somebody is about to put into their authenticator; it decides nothing
    /// until it is turned on, and one that is on stays.
    pub async fn offer_factor(&self, user: UserId, secret: &TotpSecret) -> Result<(), ControlError> {
        query(OFFER).bind(user.to_string()).bind(secret.0.clone()).execute(&self.pool).await?;
        Ok(())
    }

    /// Asks for the second factor from now on; recovery codes of before stop working. Changes
    /// nothing when it is on already, and returns whether it did.
    pub async fn turn_on_factor(
        &self,
        user: UserId,
        recovery_codes: &[TokenHash],
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let done = query(TURN_ON).bind(user.to_string()).execute(&mut *change).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        query(DROP_CODES).bind(user.to_string()).execute(&mut *change).await?;
        for code in recovery_codes {
            let hash = code.as_bytes().to_vec();
            query(ADD_CODE).bind(user.to_string()).bind(hash).execute(&mut *change).await?;
        }
        write_audit(&mut change, user, "second_factor.on", json!({}), &Actor::User(user), now).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Asks for it no longer.
    pub async fn turn_off_factor(
        &self,
        user: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let done = query(TURN_OFF).bind(user.to_string()).execute(&mut *change).await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        query(DROP_CODES).bind(user.to_string()).execute(&mut *change).await?;
        write_audit(&mut change, user, "second_factor.off", json!({}), by, now).await?;
        Ok(change.commit().await?)
    }

    /// Takes the code of a time step; returns whether neither it nor a later one was taken
    /// before: of two who send the same code, one gets in.
    pub async fn take_totp_step(&self, user: UserId, step: i64) -> Result<bool, ControlError> {
        let done = query(TAKE_STEP).bind(user.to_string()).bind(step).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses a recovery code; returns whether it existed and was unused.
    pub async fn use_recovery_code(
        &self,
        user: UserId,
        code: TokenHash,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let done = query(USE_CODE)
            .bind(user.to_string())
            .bind(code.as_bytes().to_vec())
            .bind(now.millis())
            .execute(&mut *change)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        write_audit(&mut change, user, "recovery_code.used", json!({}), &Actor::User(user), now).await?;
        change.commit().await?;
        Ok(true)
    }

    /// How many recovery codes a user has left.
    pub async fn recovery_codes_left(&self, user: UserId) -> Result<u64, ControlError> {
        let left: i64 = query_scalar(CODES_LEFT).bind(user.to_string()).fetch_one(&self.pool).await?;
        Ok(u64::try_from(left).unwrap_or_default())
    }
}
