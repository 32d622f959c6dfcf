//! Keys as they are stored and looked up. Their text is `millimetric_core::key`'s subject; what
//! is here never sees a secret, only its hash.

pub(crate) mod changes;
mod new_key;

use ipnet::IpNet;
use millimetric_core::ids::{AccountId, KeyId, ProjectId};
use millimetric_core::key::{Env, KeyKind, KeyPrefix, Scope, SecretHash};
use millimetric_core::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::query;

use crate::projects::{self, project_columns};
use crate::{Change, Control, ControlError, Name, Project, row};

pub use new_key::{NewKey, NewKeyError};

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// A `pk`, `sk` or `rk`.
    Project(ProjectId),
    /// An `ak`.
    Account(AccountId),
}

impl KeyOwner {
    /// The identifier's text; its prefix is the type of owner.
    fn id(self) -> String {
        match self {
            Self::Project(id) => id.to_string(),
            Self::Account(id) => id.to_string(),
        }
    }
}

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// Its identifier.
    pub id: KeyId,
    /// Whose it is.
    pub owner: KeyOwner,
    /// What it is for.
    pub kind: KeyKind,
    /// Live or test.
    pub env: Env,
    /// By what it is looked up.
    pub prefix: KeyPrefix,
    /// `sha256(secret || pepper)`.
    pub hash: SecretHash,
    /// What people call it.
    pub label: Option<Name>,
    /// What it may do: never more than its kind's default, never nothing.
    pub scopes: Vec<Scope>,
    /// The networks that it may be used from; empty: from anywhere.
    pub allowed_ips: Vec<IpNet>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// The first instant at which it no longer works.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When its text was first seen where anybody could have read it.
    pub exposed_at: Option<Timestamp>,
    /// Its successor, once rotated.
    pub replaced_by: Option<KeyId>,
}

impl StoredKey {
    /// Whether the key works at this instant: neither revoked nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Everything that verifying a key needs.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// The key.
    pub key: StoredKey,
    /// The account that the key or its project belongs to.
    pub account_id: AccountId,
    /// The key's project; `None` for an `ak`, and when the project is deleted.
    pub project: Option<Project>,
}

/// A key that was found by its prefix. Only who has the secret may learn more than that.
#[derive(Debug, Clone)]
pub struct FoundKey {
    /// What the secret is compared with.
    pub hash: SecretHash,
    /// Everything else; an error when a value of the key or of its project cannot be read. Such a
    /// key does not work: without its networks or its plan it would have no bounds.
    pub record: Result<KeyRecord, ControlError>,
}

/// The columns that [`stored_key`] reads, of a table `keys k`.
macro_rules! key_columns {
    () => {
        "k.id, k.project_id as owner_project_id, k.account_id as owner_account_id, k.kind, k.env,
         k.prefix, k.hash, k.label, k.scopes, k.allowed_ips, k.created_at, k.last_used_at,
         k.expires_at, k.revoked_at, k.exposed_at, k.replaced_by"
    };
}
pub(crate) use key_columns;

const BY_PREFIX: &str = concat!(
    "select ",
    key_columns!(),
    ", ",
    project_columns!(),
    " from keys k left join projects p on p.id = k.project_id where k.prefix = $1"
);
const BY_ID: &str = concat!("select ", key_columns!(), " from keys k where k.id = $1");
const OF_OWNER: &str = concat!(
    "select ",
    key_columns!(),
    " from keys k where k.project_id = $1 or k.account_id = $1 order by k.created_at desc, k.id desc"
);

impl Control {
    /// The key of this prefix, live or not, with its project: one query. Whoever calls compares
    /// the hash and looks at the dates.
    pub async fn key_by_prefix(&self, prefix: &KeyPrefix) -> Result<Option<FoundKey>, ControlError> {
        let row = query(BY_PREFIX).bind(prefix.to_string()).fetch_optional(&self.pool).await?;
        let found = |row| Ok(FoundKey { hash: hash(row)?, record: key_record(row) });
        row.as_ref().map(found).transpose()
    }

    /// A key by its identifier, live or not.
    pub async fn key(&self, id: KeyId) -> Result<Option<StoredKey>, ControlError> {
        let row = query(BY_ID).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(stored_key).transpose()
    }

    /// The keys of a project, or the `ak` keys of an account, live or not, newest first; those
    /// that cannot be read, and so do not work, are left out.
    pub async fn keys(&self, owner: KeyOwner) -> Result<Vec<StoredKey>, ControlError> {
        row::readable(&self.pool, query(OF_OWNER).bind(owner.id()), stored_key).await
    }
}

/// The key, or [`ControlError::UnknownKey`].
async fn known_key(change: &mut Change, id: KeyId) -> Result<StoredKey, ControlError> {
    let row = query(BY_ID).bind(id.to_string()).fetch_optional(&mut **change).await?;
    row.as_ref().map(stored_key).transpose()?.ok_or(ControlError::UnknownKey)
}

fn key_record(row: &AnyRow) -> Result<KeyRecord, ControlError> {
    let key = stored_key(row)?;
    Ok(match key.owner {
        KeyOwner::Account(account_id) => KeyRecord { key, account_id, project: None },
        KeyOwner::Project(_) => {
            let project = projects::project(row)?;
            let account_id = project.account_id;
            KeyRecord { key, account_id, project: Some(project).filter(|p| p.deleted_at.is_none()) }
        }
    })
}

/// Reads the columns of [`key_columns`]. A value that cannot be read makes the whole key
/// unreadable: none may fall back to one that allows more.
pub(crate) fn stored_key(row: &AnyRow) -> Result<StoredKey, ControlError> {
    row::named(read(row), row, "key", "id")
}

fn owner(row: &AnyRow) -> Result<KeyOwner, ControlError> {
    Ok(match row::parsed_or_none(row, "owner_project_id")? {
        Some(project) => KeyOwner::Project(project),
        None => KeyOwner::Account(row::parsed(row, "owner_account_id")?),
    })
}

fn hash(row: &AnyRow) -> Result<SecretHash, ControlError> {
    let bytes = row::value::<&[u8]>(row, "hash")?.try_into().map_err(|_| row::damaged("hash"))?;
    Ok(SecretHash::from_bytes(bytes))
}

fn read(row: &AnyRow) -> Result<StoredKey, ControlError> {
    Ok(StoredKey {
        id: row::parsed(row, "id")?,
        owner: owner(row)?,
        kind: row::parsed(row, "kind")?,
        env: row::parsed(row, "env")?,
        prefix: row::parsed(row, "prefix")?,
        hash: hash(row)?,
        label: row::parsed_or_none(row, "label")?,
        scopes: row::list(row, "scopes")?,
        allowed_ips: row::list(row, "allowed_ips")?,
        created_at: row::time(row, "created_at")?,
        last_used_at: row::time_or_none(row, "last_used_at")?,
        expires_at: row::time_or_none(row, "expires_at")?,
        revoked_at: row::time_or_none(row, "revoked_at")?,
        exposed_at: row::time_or_none(row, "exposed_at")?,
        replaced_by: row::parsed_or_none(row, "replaced_by")?,
    })
}
