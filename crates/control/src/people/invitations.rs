//! Invitations to an account: a link that works once, for one person.

use millimetric_core::ids::{AccountId, InvitationId, UserId};
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::query;

use super::sessions::{self, NewSession};
use super::{Email, NewUser, Role, memberships, users};
use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::{Actor, Change, Control, ControlError, row};

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its identifier.
    pub id: InvitationId,
    /// To which account.
    pub account: AccountId,
    /// As what.
    pub role: Role,
    /// For whom alone; `None`: whoever has the link.
    pub email: Option<Email>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first instant at which it no longer works.
    pub expires_at: Timestamp,
}

const INSERT: &str =
    "insert into invitations (id, token_hash, account_id, role, email, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7)";
/// The columns that [`invitation`] reads, of those that still work.
macro_rules! open {
    () => {
        "select id, account_id, role, email, created_at, expires_at from invitations
         where accepted_at is null and revoked_at is null and expires_at > $2 and "
    };
}
const BY_TOKEN: &str = concat!(open!(), "token_hash = $1");
const OF_ACCOUNT: &str = concat!(open!(), "account_id = $1 order by created_at desc, id desc");
const ACCEPT: &str = "update invitations set accepted_at = $2 where id = $1";
const WITHDRAW: &str = "update invitations set revoked_at = $3
    where id = $1 and account_id = $2 and accepted_at is null and revoked_at is null";

impl Control {
    /// Makes an invitation, which the holder of the token may accept.
    pub async fn invite(
        &self,
        new: &Invitation,
        token: TokenHash,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        query(INSERT)
            .bind(new.id.to_string())
            .bind(token.as_bytes().to_vec())
            .bind(new.account.to_string())
            .bind(new.role.as_str())
            .bind(new.email.as_ref().map(ToString::to_string))
            .bind(new.created_at.millis())
            .bind(new.expires_at.millis())
            .execute(&mut *change)
            .await?;
        let detail = json!({ "role": new.role.as_str(), "expires_at": new.expires_at.to_string() });
        write_audit(&mut change, new, "invitation.made", detail, by, now).await?;
        Ok(change.commit().await?)
    }

    /// The invitations to an account that still work and can be read, newest first.
    pub async fn invitations(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Invitation>, ControlError> {
        let open = query(OF_ACCOUNT).bind(account.to_string()).bind(now.millis());
        row::readable(&self.pool, open, invitation).await
    }

    /// The invitation of this token, as long as it works.
    pub async fn invitation(
        &self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Invitation>, ControlError> {
        let found = query(BY_TOKEN)
            .bind(token.as_bytes().to_vec())
            .bind(now.millis())
            .fetch_optional(&self.pool)
            .await?;
        found.as_ref().map(invitation).transpose()
    }

    /// Somebody new accepts, and is signed in; [`ControlError::LinkGone`],
    /// [`ControlError::EmailTaken`].
    pub async fn accept_as_new(
        &self,
        token: TokenHash,
        new: &NewUser,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let invitation = take(&mut change, token, &new.email, now).await?;
        let by = Actor::User(new.id);
        users::create(&mut change, new, &by, now).await?;
        memberships::add(&mut change, new.id, invitation.account, invitation.role, &by, now).await?;
        write_audit(&mut change, &invitation, "invitation.accepted", json!({}), &by, now).await?;
        sessions::start(&mut change, session, now).await?;
        Ok(change.commit().await?)
    }

    /// Somebody who has an account here accepts; who belongs to this one already keeps their role.
    /// [`ControlError::LinkGone`].
    pub async fn accept(
        &self,
        token: TokenHash,
        user: UserId,
        email: &Email,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let invitation = take(&mut change, token, email, now).await?;
        let by = Actor::User(user);
        if memberships::role_of(&mut change, user, invitation.account).await?.is_none() {
            memberships::add(&mut change, user, invitation.account, invitation.role, &by, now).await?;
        }
        write_audit(&mut change, &invitation, "invitation.accepted", json!({}), &by, now).await?;
        Ok(change.commit().await?)
    }

    /// Makes an account's invitation stop working; one that has is left alone.
    pub async fn withdraw_invitation(
        &self,
        id: InvitationId,
        account: AccountId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let done = query(WITHDRAW)
            .bind(id.to_string())
            .bind(account.to_string())
            .bind(now.millis())
            .execute(&mut *change)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        let entry = NewAuditEntry {
            scope: AuditScope::Account(account),
            action: "invitation.withdrawn",
            subject: id.to_string(),
            detail: json!({}),
        };
        audit::write(&mut change, &entry, by, now).await?;
        Ok(change.commit().await?)
    }
}

/// Uses an invitation up, when it is for whoever has this address.
async fn take(
    change: &mut Change,
    token: TokenHash,
    email: &Email,
    now: Timestamp,
) -> Result<Invitation, ControlError> {
    let found = query(BY_TOKEN)
        .bind(token.as_bytes().to_vec())
        .bind(now.millis())
        .fetch_optional(&mut **change)
        .await?;
    let found = found.as_ref().map(invitation).transpose()?;
    let meant = |invitation: &Invitation| invitation.email.as_ref().is_none_or(|only| only == email);
    let invitation = found.filter(meant).ok_or(ControlError::LinkGone)?;
    query(ACCEPT).bind(invitation.id.to_string()).bind(now.millis()).execute(&mut **change).await?;
    Ok(invitation)
}

async fn write_audit(
    change: &mut Change,
    invitation: &Invitation,
    action: &'static str,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let scope = AuditScope::Account(invitation.account);
    let entry = NewAuditEntry { scope, action, subject: invitation.id.to_string(), detail };
    audit::write(change, &entry, by, now).await
}

pub(crate) fn invitation(row: &AnyRow) -> Result<Invitation, ControlError> {
    let read = || {
        Ok(Invitation {
            id: row::parsed(row, "id")?,
            account: row::parsed(row, "account_id")?,
            role: row::parsed(row, "role")?,
            email: row::parsed_or_none(row, "email")?,
            created_at: row::time(row, "created_at")?,
            expires_at: row::time(row, "expires_at")?,
        })
    };
    row::named(read(), row, "invitation", "id")
}
