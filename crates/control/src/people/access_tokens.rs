//! Personal access tokens as they are stored and looked up, and what happens to them.
//!
//! Sees no secret, only its hash. What a token may do in an account is decided by the role that its owner has
//! there at that time; nothing of it is stored with the token.

use millimetric_core::ids::{AccessTokenId, UserId};
use millimetric_core::key::access_token::{AccessTokenScope, AccessTokenText};
use millimetric_core::key::{KeyPrefix, SecretHash};
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{query, query_scalar};

use super::User;
use super::users::{self, user_columns};
use crate::error::is_missing_reference;
use crate::{Actor, Control, ControlError, Name, row};

/// How long a token that has ended is listed, in milliseconds.
const LISTED_MILLIS: i64 = 90 * DAY_MILLIS;

/// A token as it is stored.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// Its identifier.
    pub id: AccessTokenId,
    /// Whose it is.
    pub user: UserId,
    /// By what it is looked up.
    pub prefix: KeyPrefix,
    /// `sha256(secret || pepper)`.
    pub hash: SecretHash,
    /// What its owner calls it.
    pub name: Name,
    /// What it may do.
    pub scope: AccessTokenScope,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// The first instant at which it no longer works.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When its text was first seen where anybody could have read it.
    pub exposed_at: Option<Timestamp>,
}

impl AccessToken {
    /// Whether the token works at this instant: neither revoked nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// What a new token is made of. The fields are those of [`AccessToken`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is documented where it is kept")]
pub struct NewAccessToken {
    pub id: AccessTokenId,
    pub user: UserId,
    pub prefix: KeyPrefix,
    pub hash: SecretHash,
    pub name: Name,
    pub scope: AccessTokenScope,
    pub expires_at: Timestamp,
}

/// A token that was found by its prefix. Only who has the secret may learn more than that.
#[derive(Debug, Clone)]
pub struct FoundAccessToken {
    /// What the secret is compared with.
    pub hash: SecretHash,
    /// The token and its owner; an error if a value cannot be read. Such a token does not work.
    pub record: Result<(AccessToken, User), ControlError>,
}

/// The columns that [`access_token`] reads, of a table `access_tokens t`.
macro_rules! access_token_columns {
    () => {
        "t.id as token_id, t.user_id as token_user_id, t.prefix, t.hash, t.name, t.scope,
         t.created_at as token_created_at, t.last_used_at, t.expires_at, t.revoked_at, t.exposed_at"
    };
}
pub(crate) use access_token_columns;

const BY_PREFIX: &str = concat!(
    "select ",
    access_token_columns!(),
    ", ",
    user_columns!(),
    " from access_tokens t join users u on u.id = t.user_id where t.prefix = $1"
);
const OF_USER: &str = concat!(
    "select ",
    access_token_columns!(),
    " from access_tokens t where t.user_id = $1 order by t.created_at desc, t.id desc"
);
const COUNT_LIVE: &str =
    "select count(*) from access_tokens where user_id = $1 and revoked_at is null and expires_at > $2";
const DROP_ENDED: &str = "delete from access_tokens
    where user_id = $1 and (expires_at <= $2 or (revoked_at is not null and revoked_at <= $2))";
const INSERT: &str =
    "insert into access_tokens (id, user_id, prefix, hash, name, scope, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (prefix) do nothing";
const REVOKE: &str = "update access_tokens set revoked_at = $3
    where id = $1 and user_id = $2 and revoked_at is null
    returning prefix";
const EXISTS: &str = "select count(*) from access_tokens where id = $1 and user_id = $2";
const EXPOSE: &str = "update access_tokens set exposed_at = $2 where prefix = $1 and exposed_at is null
    returning id, user_id";
const TOUCH: &str = "update access_tokens set last_used_at = $2
    where id = $1 and (last_used_at is null or last_used_at < $2)";

impl Control {
    /// Stores a new token; tokens of the same person that ended 90 days ago are deleted.
    /// [`ControlError::KeyPrefixTaken`]: create the token again; [`ControlError::UnknownUser`],
    /// [`ControlError::TooManyTokens`].
    pub async fn create_access_token(
        &self,
        new: NewAccessToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<AccessToken, ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let user = new.user.to_string();
        query(DROP_ENDED)
            .bind(user.clone())
            .bind(now.plus_millis(-LISTED_MILLIS).millis())
            .execute(&mut *change)
            .await?;
        let live: i64 =
            query_scalar(COUNT_LIVE).bind(user).bind(now.millis()).fetch_one(&mut *change).await?;
        if live >= AccessTokenText::MAX_PER_PERSON as i64 {
            return Err(ControlError::TooManyTokens);
        }
        let done = query(INSERT)
            .bind(new.id.to_string())
            .bind(new.user.to_string())
            .bind(new.prefix.to_string())
            .bind(new.hash.as_bytes().to_vec())
            .bind(new.name.to_string())
            .bind(new.scope.as_str())
            .bind(now.millis())
            .bind(new.expires_at.millis())
            .execute(&mut *change)
            .await
            .map_err(|e| if is_missing_reference(&e) { ControlError::UnknownUser } else { e.into() })?;
        if done.rows_affected() == 0 {
            return Err(ControlError::KeyPrefixTaken(new.prefix));
        }
        let detail = json!({
            "token": new.id, "prefix": new.prefix.as_str(), "name": new.name.as_str(), "scope": new.scope,
            "expires_at": new.expires_at.to_string(),
        });
        users::write_audit(&mut change, new.user, "access_token.created", detail, by, now).await?;
        change.commit().await?;
        Ok(new.stored(now))
    }

    /// The token of this prefix, live or not, with its owner: one query. Whoever calls compares the hash and
    /// looks at the dates.
    pub async fn access_token_by_prefix(
        &self,
        prefix: &KeyPrefix,
    ) -> Result<Option<FoundAccessToken>, ControlError> {
        let found = query(BY_PREFIX).bind(prefix.to_string()).fetch_optional(&self.pool).await?;
        let both = |row: &AnyRow| Ok((access_token(row)?, users::user(row)?));
        let found = found.as_ref().map(|row| Ok(FoundAccessToken { hash: hash(row)?, record: both(row) }));
        found.transpose()
    }

    /// The tokens of a person that can be read, live or not, newest first.
    pub async fn access_tokens(&self, user: UserId) -> Result<Vec<AccessToken>, ControlError> {
        row::readable(&self.pool, query(OF_USER).bind(user.to_string()), access_token).await
    }

    /// Revokes one of a person's tokens, also one that cannot be read; returns whether it was not revoked
    /// before. [`ControlError::UnknownToken`].
    pub async fn revoke_access_token(
        &self,
        id: AccessTokenId,
        user: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let ids = || (id.to_string(), user.to_string());
        let (token, owner) = ids();
        let revoke = query(REVOKE).bind(token).bind(owner).bind(now.millis());
        let Some(revoked) = revoke.fetch_optional(&mut *change).await? else {
            let (token, owner) = ids();
            let known: i64 = query_scalar(EXISTS).bind(token).bind(owner).fetch_one(&mut *change).await?;
            return if known > 0 { Ok(false) } else { Err(ControlError::UnknownToken) };
        };
        let detail = json!({ "token": id, "prefix": row::shown(&revoked, "prefix") });
        users::write_audit(&mut change, user, "access_token.revoked", detail, by, now).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Marks a token whose text was exposed, for example in a URL; returns whether this is news; an unknown
    /// prefix is none.
    pub async fn flag_token_exposed(
        &self,
        prefix: KeyPrefix,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let expose = query(EXPOSE).bind(prefix.to_string()).bind(now.millis());
        let Some(found) = expose.fetch_optional(&mut *change).await? else { return Ok(false) };
        let id: AccessTokenId = row::parsed(&found, "id")?;
        let detail = json!({ "token": id, "prefix": prefix.as_str() });
        let user = row::parsed(&found, "user_id")?;
        users::write_audit(&mut change, user, "access_token.exposed", detail, by, now).await?;
        change.commit().await?;
        Ok(true)
    }

    /// Notes when tokens were last used. Decides nothing, so it is not audited.
    pub async fn touch_access_tokens(&self, used: &[(AccessTokenId, Timestamp)]) -> Result<(), ControlError> {
        if used.is_empty() {
            return Ok(());
        }
        // In one order for everybody, so that two writers never wait for each other in a circle.
        let mut used = used.to_vec();
        used.sort_unstable();
        let mut change = self.pool.begin().await?;
        for (id, at) in used {
            query(TOUCH).bind(id.to_string()).bind(at.millis()).execute(&mut *change).await?;
        }
        Ok(change.commit().await?)
    }
}

impl NewAccessToken {
    fn stored(self, now: Timestamp) -> AccessToken {
        let Self { id, user, prefix, hash, name, scope, expires_at } = self;
        AccessToken {
            id,
            user,
            prefix,
            hash,
            name,
            scope,
            created_at: now,
            last_used_at: None,
            expires_at,
            revoked_at: None,
            exposed_at: None,
        }
    }
}

/// Reads the columns of [`access_token_columns`].
pub(crate) fn access_token(row: &AnyRow) -> Result<AccessToken, ControlError> {
    row::named(read(row), row, "token", "token_id")
}

fn hash(row: &AnyRow) -> Result<SecretHash, ControlError> {
    let bytes = row::value::<&[u8]>(row, "hash")?.try_into().map_err(|_| row::damaged("hash"))?;
    Ok(SecretHash::from_bytes(bytes))
}

fn read(row: &AnyRow) -> Result<AccessToken, ControlError> {
    Ok(AccessToken {
        id: row::parsed(row, "token_id")?,
        user: row::parsed(row, "token_user_id")?,
        prefix: row::parsed(row, "prefix")?,
        hash: hash(row)?,
        name: row::parsed(row, "name")?,
        scope: row::parsed(row, "scope")?,
        created_at: row::time(row, "token_created_at")?,
        last_used_at: row::time_or_none(row, "last_used_at")?,
        expires_at: row::time(row, "expires_at")?,
        revoked_at: row::time_or_none(row, "revoked_at")?,
        exposed_at: row::time_or_none(row, "exposed_at")?,
    })
}
