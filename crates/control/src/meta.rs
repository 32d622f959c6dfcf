//! The facts that the installation keeps about itself, and the counter by which instances that
//! share a database learn of each other's changes to keys.
//!
//! Never holds a secret: a value here may be shown.

use millimetric_core::time::Timestamp;
use sqlx::{query, query_scalar};

use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::{Actor, Change, Control, ControlError};

const KEY_REVISION: &str = "select revision from revisions where subject = 'keys'";
const ADVANCE: &str = "update revisions set revision = revision + 1 where subject = $1";
const META: &str = "select value from meta where name = $1";
const SET_IF_ABSENT: &str = "insert into meta (name, value) values ($1, $2) on conflict (name) do nothing";
const SET_META: &str = "insert into meta (name, value) values ($1, $2)
    on conflict (name) do update set value = excluded.value";

impl Control {
    /// A number that grows with every change to keys or projects, whoever makes it: an instance
    /// that polls it knows when what it remembers of keys may be out of date.
    pub async fn key_revision(&self) -> Result<i64, ControlError> {
        let revision = query_scalar(KEY_REVISION).fetch_optional(&self.pool).await?;
        revision.ok_or_else(|| ControlError::Corrupt("no key revision".into()))
    }

    /// A fact by its name, such as `pepper_fingerprint`.
    pub async fn meta(&self, name: &str) -> Result<Option<String>, ControlError> {
        Ok(query_scalar(META).bind(name.to_owned()).fetch_optional(&self.pool).await?)
    }

    /// A fact by its name; if there is none, it becomes this value first, with an audit entry. Servers that start
    /// together agree on one.
    pub async fn meta_or(
        &self,
        name: &'static str,
        value: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<String, ControlError> {
        if let Some(known) = self.meta(name).await? {
            return Ok(known);
        }
        let mut change = self.pool.begin().await?;
        let set = query(SET_IF_ABSENT).bind(name).bind(value.to_owned()).execute(&mut *change).await?;
        if set.rows_affected() > 0 {
            write_audit(&mut change, name, by, now).await?;
            change.commit().await?;
            return Ok(value.to_owned());
        }
        drop(change);
        self.meta(name).await?.ok_or_else(|| ControlError::Corrupt(format!("no {name}")))
    }

    /// Sets a value. The audit log records the name, not the value.
    pub async fn set_meta(
        &self,
        name: &'static str,
        value: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.pool.begin().await?;
        query(SET_META).bind(name).bind(value.to_owned()).execute(&mut *change).await?;
        write_audit(&mut change, name, by, now).await?;
        Ok(change.commit().await?)
    }
}

async fn write_audit(
    change: &mut Change,
    name: &'static str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    audit::write(change, &NewAuditEntry::new(AuditScope::Installation, "meta.set", name), by, now).await
}

/// Moves the revision of `keys`, `people` or `goals`.
pub(crate) async fn advance_revision(change: &mut Change, subject: &'static str) -> Result<(), ControlError> {
    query(ADVANCE).bind(subject).execute(&mut **change).await?;
    Ok(())
}
