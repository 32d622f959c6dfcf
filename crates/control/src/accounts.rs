//! Accounts: the owners of projects and of `ak` keys.
//!
//! Knows nothing of the people who sign in.

use millimetric_core::ids::AccountId;
use millimetric_core::time::Timestamp;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{query, query_scalar};

use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::{Actor, Change, Control, ControlError, Name, row};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its identifier.
    pub id: AccountId,
    /// Its name; no two accounts have the same.
    pub name: Name,
    /// When it was created.
    pub created_at: Timestamp,
}

const CREATE: &str = "insert into accounts (id, name, created_at) values ($1, $2, $3)
    on conflict (name) do nothing";
const BY_NAME: &str = "select id, name, created_at from accounts where name = $1";
const LIST: &str = "select id, name, created_at from accounts order by created_at, id";
const COUNT: &str = "select count(*) from accounts";

impl Control {
    /// Creates an account; [`ControlError::AccountNameTaken`] when another has the name.
    pub async fn create_account(
        &self,
        id: AccountId,
        name: Name,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Account, ControlError> {
        let mut change = self.pool.begin().await?;
        let account = add(&mut change, id, name, by, now).await?;
        change.commit().await?;
        Ok(account)
    }

    /// The account of this name.
    pub async fn account_by_name(&self, name: &Name) -> Result<Option<Account>, ControlError> {
        let row = query(BY_NAME).bind(name.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(account).transpose()
    }

    /// Every account that can be read, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, ControlError> {
        row::readable(&self.pool, query(LIST), account).await
    }

    /// Whether there is any account, readable or not.
    pub async fn has_accounts(&self) -> Result<bool, ControlError> {
        Ok(query_scalar::<_, i64>(COUNT).fetch_one(&self.pool).await? > 0)
    }
}

/// Creates an account within a change.
pub(crate) async fn add(
    change: &mut Change,
    id: AccountId,
    name: Name,
    by: &Actor,
    now: Timestamp,
) -> Result<Account, ControlError> {
    let account = Account { id, name, created_at: now };
    let done = query(CREATE)
        .bind(id.to_string())
        .bind(account.name.to_string())
        .bind(now.millis())
        .execute(&mut **change)
        .await?;
    if done.rows_affected() == 0 {
        return Err(ControlError::AccountNameTaken(account.name));
    }
    let entry = NewAuditEntry {
        scope: AuditScope::Account(id),
        action: "account.created",
        subject: id.to_string(),
        detail: json!({ "name": account.name.as_str() }),
    };
    audit::write(change, &entry, by, now).await?;
    Ok(account)
}

/// Whether there is any account, within a change.
pub(crate) async fn exist(change: &mut Change) -> Result<bool, ControlError> {
    Ok(query_scalar::<_, i64>(COUNT).fetch_one(&mut **change).await? > 0)
}

pub(crate) fn account(row: &AnyRow) -> Result<Account, ControlError> {
    let read = || {
        Ok(Account {
            id: row::parsed(row, "id")?,
            name: row::parsed(row, "name")?,
            created_at: row::time(row, "created_at")?,
        })
    };
    row::named(read(), row, "account", "id")
}
