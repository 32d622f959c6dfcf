//! Links by which anybody reads a project's reports, until they are revoked.
//!
//! Stores only the hash of a link; what the link shows is decided elsewhere.

use millimetric_core::ids::{ProjectId, ShareLinkId};
use millimetric_core::time::Timestamp;
use millimetric_core::token::TokenHash;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::query;

use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::projects::{Project, project, project_columns};
use crate::{Actor, Change, Control, ControlError, row};

/// A link that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareLink {
    /// Its identifier.
    pub id: ShareLinkId,
    /// When it was made.
    pub created_at: Timestamp,
}

const INSERT: &str = "insert into share_links (id, token_hash, project_id, created_at)
    select $1, $2, id, $4 from projects where id = $3 and deleted_at is null";
const OF_PROJECT: &str = "select id, created_at from share_links
    where project_id = $1 and revoked_at is null order by created_at desc, id desc";
const BY_TOKEN: &str = concat!(
    "select ",
    project_columns!(),
    " from share_links l join projects p on p.id = l.project_id
     where l.token_hash = $1 and l.revoked_at is null and p.deleted_at is null"
);
const REVOKE: &str = "update share_links set revoked_at = $3
    where id = $1 and project_id = $2 and revoked_at is null";

impl Control {
    /// Makes a link to a project; [`ControlError::UnknownProject`].
    pub async fn share(
        &self,
        link: ShareLink,
        token: TokenHash,
        of: ProjectId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let done = query(INSERT)
            .bind(link.id.to_string())
            .bind(token.as_bytes().to_vec())
            .bind(of.to_string())
            .bind(link.created_at.millis())
            .execute(&mut *change)
            .await?;
        if done.rows_affected() == 0 {
            return Err(ControlError::UnknownProject);
        }
        write_audit(&mut change, link.id, of, "share_link.made", by, now).await?;
        Ok(change.commit().await?)
    }

    /// The links of a project that work and can be read, newest first.
    pub async fn share_links(&self, of: ProjectId) -> Result<Vec<ShareLink>, ControlError> {
        row::readable(&self.pool, query(OF_PROJECT).bind(of.to_string()), share_link).await
    }

    /// The project that the link of this token shows, as long as both are there.
    pub async fn shared_project(&self, token: TokenHash) -> Result<Option<Project>, ControlError> {
        let found = query(BY_TOKEN).bind(token.as_bytes().to_vec()).fetch_optional(&self.pool).await?;
        found.as_ref().map(project).transpose()
    }

    /// Makes a project's link stop working; one that has is left alone.
    pub async fn revoke_share_link(
        &self,
        id: ShareLinkId,
        of: ProjectId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_people().await?;
        let done = query(REVOKE)
            .bind(id.to_string())
            .bind(of.to_string())
            .bind(now.millis())
            .execute(&mut *change)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        write_audit(&mut change, id, of, "share_link.revoked", by, now).await?;
        Ok(change.commit().await?)
    }
}

pub(crate) fn share_link(row: &AnyRow) -> Result<ShareLink, ControlError> {
    let read = || Ok(ShareLink { id: row::parsed(row, "id")?, created_at: row::time(row, "created_at")? });
    row::named(read(), row, "share link", "id")
}

async fn write_audit(
    change: &mut Change,
    id: ShareLinkId,
    of: ProjectId,
    action: &'static str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let scope = AuditScope::Project(of);
    let entry = NewAuditEntry { scope, action, subject: id.to_string(), detail: json!({}) };
    audit::write(change, &entry, by, now).await
}
