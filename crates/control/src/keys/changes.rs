//! What happens to a key after it was created: stored, revoked, rotated, used, exposed.
//!
//! Rows are never removed: a prefix means the same key for ever.

use millimetric_core::ids::KeyId;
use millimetric_core::key::KeyPrefix;
use millimetric_core::time::Timestamp;
use serde_json::{Value, json};
use sqlx::query;

use super::{KeyOwner, NewKey, StoredKey, known_key};
use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::error::is_missing_reference;
use crate::{Actor, Change, Control, ControlError, StoredResponse, projects, row, stored_responses};

const INSERT: &str = "insert into keys (id, project_id, account_id, kind, env, prefix, hash, label, scopes,
        allowed_ips, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict (prefix) do nothing";
const REVOKE: &str = "update keys set revoked_at = $2 where id = $1";
const REVOKE_LIVE: &str = "update keys set revoked_at = $2 where id = $1 and revoked_at is null";
const REPLACE: &str = "update keys set replaced_by = $2, expires_at = $3 where id = $1";
const TOUCH: &str = "update keys set last_used_at = $2
    where id = $1 and (last_used_at is null or last_used_at < $2)";
const EXPOSE: &str = "update keys set exposed_at = $2 where prefix = $1 and exposed_at is null returning id";

impl Control {
    /// Stores a new key. [`ControlError::KeyPrefixTaken`]: create the key again;
    /// [`ControlError::UnknownProject`], [`ControlError::UnknownAccount`].
    pub async fn insert_key(
        &self,
        new: NewKey,
        by: &Actor,
        now: Timestamp,
    ) -> Result<StoredKey, ControlError> {
        self.insert_key_once(new, None, by, now).await
    }

    /// The same, with the response that is repeated if the request is sent again.
    /// [`ControlError::AlreadyAnswered`].
    pub async fn insert_key_once(
        &self,
        new: NewKey,
        response: Option<&StoredResponse>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<StoredKey, ControlError> {
        let mut change = self.begin_change().await?;
        stored_responses::store(&mut change, response, now).await?;
        let key = add(&mut change, new, by, now).await?;
        change.commit().await?;
        Ok(key)
    }

    /// Revokes a key; returns whether it was valid until now. A key that is revoked already stays unchanged.
    /// One that cannot be read did not work, and is revoked too. [`ControlError::UnknownKey`].
    pub async fn revoke_key(&self, id: KeyId, by: &Actor, now: Timestamp) -> Result<bool, ControlError> {
        let mut change = self.begin_change().await?;
        let key = match known_key(&mut change, id).await {
            Err(ControlError::Corrupt(damage)) => {
                return revoke_unreadable(change, id, &damage, by, now).await;
            }
            known => known?,
        };
        if key.revoked_at.is_some() {
            return Ok(false);
        }
        query(REVOKE).bind(id.to_string()).bind(now.millis()).execute(&mut *change).await?;
        let was_live = key.is_live(now);
        let detail = json!({ "prefix": key.prefix.as_str(), "was_live": was_live });
        write_audit(&mut change, &key, "key.revoked", detail, by, now).await?;
        change.commit().await?;
        Ok(was_live)
    }

    /// Stores a successor; the old key works until `old_expires_at`, or its own earlier expiry.
    /// The successor inherits nothing: the caller fills it.
    ///
    /// [`ControlError::UnknownKey`]; [`ControlError::KeyNotLive`] when the old key is revoked,
    /// expired or has a successor; [`ControlError::RotationMismatch`];
    /// [`ControlError::KeyPrefixTaken`].
    pub async fn rotate_key(
        &self,
        old: KeyId,
        new: NewKey,
        old_expires_at: Timestamp,
        by: &Actor,
        now: Timestamp,
    ) -> Result<StoredKey, ControlError> {
        self.rotate_key_once((old, old_expires_at), new, None, by, now).await
    }

    /// The same, with the response that is repeated if the request is sent again; the old key comes with the
    /// instant until which it works. [`ControlError::AlreadyAnswered`].
    pub async fn rotate_key_once(
        &self,
        (old, old_expires_at): (KeyId, Timestamp),
        new: NewKey,
        response: Option<&StoredResponse>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<StoredKey, ControlError> {
        let mut change = self.begin_change().await?;
        stored_responses::store(&mut change, response, now).await?;
        let (old, key) = (known_key(&mut change, old).await?, new.stored(now));
        if !old.is_live(now) || old.replaced_by.is_some() {
            return Err(ControlError::KeyNotLive);
        }
        if (old.owner, old.kind, old.env) != (key.owner, key.kind, key.env) {
            return Err(ControlError::RotationMismatch);
        }
        let old_end = old.expires_at.map_or(old_expires_at, |end| end.min(old_expires_at));
        insert(&mut change, &key).await?;
        query(REPLACE)
            .bind(old.id.to_string())
            .bind(key.id.to_string())
            .bind(old_end.millis())
            .execute(&mut *change)
            .await?;
        let detail =
            json!({ "new": description(&key), "new_id": key.id, "old_expires_at": old_end.to_string() });
        write_audit(&mut change, &old, "key.rotated", detail, by, now).await?;
        change.commit().await?;
        Ok(key)
    }

    /// Notes when keys were last used. An earlier time than the stored one, or an unknown key,
    /// changes nothing. Decides nothing about a key: neither audited nor seen in the revision.
    pub async fn touch_last_used(&self, used: &[(KeyId, Timestamp)]) -> Result<(), ControlError> {
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

    /// Marks a key whose text was exposed, for example in a URL; returns whether this is
    /// news; an unknown prefix is none.
    pub async fn flag_exposed(
        &self,
        prefix: KeyPrefix,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, ControlError> {
        let mut change = self.begin_change().await?;
        let flagged =
            query(EXPOSE).bind(prefix.to_string()).bind(now.millis()).fetch_optional(&mut *change).await?;
        let Some(found) = flagged else {
            return Ok(false);
        };
        let key = known_key(&mut change, row::parsed(&found, "id")?).await?;
        let detail = json!({ "prefix": key.prefix.as_str() });
        write_audit(&mut change, &key, "key.exposed", detail, by, now).await?;
        change.commit().await?;
        Ok(true)
    }
}

/// Revokes a key of which nothing but its identifier is known.
async fn revoke_unreadable(
    mut change: Change,
    id: KeyId,
    damage: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, ControlError> {
    let done = query(REVOKE_LIVE).bind(id.to_string()).bind(now.millis()).execute(&mut *change).await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let detail = json!({ "was_live": false, "unreadable": damage });
    let subject = id.to_string();
    let entry = NewAuditEntry { scope: AuditScope::Installation, action: "key.revoked", subject, detail };
    audit::write(&mut change, &entry, by, now).await?;
    change.commit().await?;
    Ok(false)
}

/// Stores a new key within a change.
pub(crate) async fn add(
    change: &mut Change,
    new: NewKey,
    by: &Actor,
    now: Timestamp,
) -> Result<StoredKey, ControlError> {
    let key = new.stored(now);
    insert(change, &key).await?;
    write_audit(change, &key, "key.minted", description(&key), by, now).await?;
    Ok(key)
}

async fn insert(change: &mut Change, key: &StoredKey) -> Result<(), ControlError> {
    let (project, account) = match key.owner {
        // The reference alone would let a deleted project have a new key.
        KeyOwner::Project(id) => (Some(projects::live_project(change, id).await?.id.to_string()), None),
        KeyOwner::Account(id) => (None, Some(id.to_string())),
    };
    let done = query(INSERT)
        .bind(key.id.to_string())
        .bind(project)
        .bind(account)
        .bind(key.kind.as_str())
        .bind(key.env.as_str())
        .bind(key.prefix.to_string())
        .bind(key.hash.as_bytes().to_vec())
        .bind(key.label.as_ref().map(ToString::to_string))
        .bind(row::texts(&key.scopes).to_string())
        .bind(row::texts(&key.allowed_ips).to_string())
        .bind(key.created_at.millis())
        .bind(key.expires_at.map(Timestamp::millis))
        .execute(&mut **change)
        .await
        .map_err(|e| if is_missing_reference(&e) { ControlError::UnknownAccount } else { e.into() })?;
    if done.rows_affected() == 0 { Err(ControlError::KeyPrefixTaken(key.prefix)) } else { Ok(()) }
}

/// What a key is, without what it is made of.
fn description(key: &StoredKey) -> Value {
    json!({
        "kind": key.kind,
        "env": key.env,
        "prefix": key.prefix.as_str(),
        "label": key.label.as_ref().map(ToString::to_string),
        "scopes": key.scopes,
        "allowed_ips": row::texts(&key.allowed_ips),
        "expires_at": key.expires_at.map(|at| at.to_string()),
    })
}

async fn write_audit(
    change: &mut Change,
    key: &StoredKey,
    action: &'static str,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let scope = match key.owner {
        KeyOwner::Project(id) => AuditScope::Project(id),
        KeyOwner::Account(id) => AuditScope::Account(id),
    };
    let entry = NewAuditEntry { scope, action, subject: key.id.to_string(), detail };
    audit::write(change, &entry, by, now).await
}
