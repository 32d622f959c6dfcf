//! Who belongs to which account, as what.
//!
//! An account with members keeps an owner: who would be the last cannot leave.

use millimetric_core::ids::{AccountId, UserId};
use millimetric_core::time::Timestamp;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{query, query_scalar};

use super::{Email, Role};
use crate::accounts::account;
use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::error::is_missing_reference;
use crate::{Account, Actor, Change, Control, ControlError, row};

/// A user's place in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The account.
    pub account: Account,
    /// As what.
    pub role: Role,
}

/// A member of an account, as the other members see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// By what they sign in.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Whether signing in takes them a second factor.
    pub totp_on: bool,
    /// Since when.
    pub since: Timestamp,
}

const INSERT: &str =
    "insert into memberships (user_id, account_id, role, created_at) values ($1, $2, $3, $4)";
const OF_USER: &str = "select a.id, a.name, a.created_at, m.role
    from memberships m join accounts a on a.id = m.account_id
    where m.user_id = $1
    order by a.created_at, a.id";
const OF_ACCOUNT: &str = "select m.user_id, m.role, m.created_at, u.email, u.totp_on
    from memberships m join users u on u.id = m.user_id
    where m.account_id = $1
    order by m.created_at, m.user_id";
const ROLE: &str = "select role from memberships where user_id = $1 and account_id = $2";
const OWNERS: &str = "select count(*) from memberships where account_id = $1 and role = 'owner'";
const SET_ROLE: &str = "update memberships set role = $3 where user_id = $1 and account_id = $2";
const REMOVE: &str = "delete from memberships where user_id = $1 and account_id = $2";

impl Control {
    /// The accounts that a user belongs to, oldest first; one whose role cannot be read gives no
    /// right.
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, ControlError> {
        row::readable(&self.pool, query(OF_USER).bind(user.to_string()), membership).await
    }

    /// The members of an account that can be read, the first one first.
    pub async fn members(&self, account: AccountId) -> Result<Vec<Member>, ControlError> {
        row::readable(&self.pool, query(OF_ACCOUNT).bind(account.to_string()), member).await
    }

    /// Gives a member another role; [`ControlError::UnknownUser`], [`ControlError::LastOwner`].
    pub async fn set_role(
        &self,
        account: AccountId,
        user: UserId,
        role: Role,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let before = role_of(&mut change, user, account).await?.ok_or(ControlError::UnknownUser)?;
        if before == role {
            return Ok(());
        }
        query(SET_ROLE)
            .bind(user.to_string())
            .bind(account.to_string())
            .bind(role.as_str())
            .execute(&mut *change)
            .await?;
        keep_an_owner(&mut change, account).await?;
        let detail = json!({ "from": before.as_str(), "to": role.as_str() });
        write_audit(&mut change, account, user, "member.role_changed", detail, by, now).await?;
        Ok(change.commit().await?)
    }

    /// Takes a member out of an account; [`ControlError::UnknownUser`], [`ControlError::LastOwner`].
    pub async fn remove_member(
        &self,
        account: AccountId,
        user: UserId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let removed =
            query(REMOVE).bind(user.to_string()).bind(account.to_string()).execute(&mut *change).await?;
        if removed.rows_affected() == 0 {
            return Err(ControlError::UnknownUser);
        }
        keep_an_owner(&mut change, account).await?;
        write_audit(&mut change, account, user, "member.removed", json!({}), by, now).await?;
        Ok(change.commit().await?)
    }
}

/// Adds a user to an account that they do not belong to yet; [`ControlError::UnknownAccount`].
pub(super) async fn add(
    change: &mut Change,
    user: UserId,
    account: AccountId,
    role: Role,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    query(INSERT)
        .bind(user.to_string())
        .bind(account.to_string())
        .bind(role.as_str())
        .bind(now.millis())
        .execute(&mut **change)
        .await
        .map_err(|e| if is_missing_reference(&e) { ControlError::UnknownAccount } else { e.into() })?;
    write_audit(change, account, user, "member.added", json!({ "role": role.as_str() }), by, now).await
}

/// A user's role in an account, if they belong to it.
pub(super) async fn role_of(
    change: &mut Change,
    user: UserId,
    account: AccountId,
) -> Result<Option<Role>, ControlError> {
    let row =
        query(ROLE).bind(user.to_string()).bind(account.to_string()).fetch_optional(&mut **change).await?;
    row.as_ref().map(|row| row::parsed(row, "role")).transpose()
}

async fn keep_an_owner(change: &mut Change, account: AccountId) -> Result<(), ControlError> {
    let owners: i64 = query_scalar(OWNERS).bind(account.to_string()).fetch_one(&mut **change).await?;
    if owners == 0 { Err(ControlError::LastOwner) } else { Ok(()) }
}

async fn write_audit(
    change: &mut Change,
    account: AccountId,
    user: UserId,
    action: &'static str,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let entry =
        NewAuditEntry { scope: AuditScope::Account(account), action, subject: user.to_string(), detail };
    audit::write(change, &entry, by, now).await
}

fn membership(row: &AnyRow) -> Result<Membership, ControlError> {
    Ok(Membership { account: account(row)?, role: row::parsed(row, "role")? })
}

pub(crate) fn member(row: &AnyRow) -> Result<Member, ControlError> {
    let read = || {
        Ok(Member {
            user: row::parsed(row, "user_id")?,
            email: row::parsed(row, "email")?,
            role: row::parsed(row, "role")?,
            totp_on: row::value::<i64>(row, "totp_on")? != 0,
            since: row::time(row, "created_at")?,
        })
    };
    row::named(read(), row, "membership", "user_id")
}
