//! What happens to a project: created, changed, deleted.
//!
//! Rows are never removed: the audit log and the usage counters go on naming them.

use millimetric_core::ids::ProjectId;
use millimetric_core::origin::AllowedOrigin;
use millimetric_core::time::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::query;

use super::classifier::Classifier;
use super::{NewProject, Project, ProjectPatch, live_project};
use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::error::{is_missing_reference, is_unique_violation};
use crate::{Actor, Change, Control, ControlError, StoredResponse, stored_responses};

const CREATE: &str = "insert into projects (id, account_id, slug, name, allowed_origins, plan,
        retention_days, timezone, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (slug) where deleted_at is null do nothing";
const UPDATE: &str = "update projects set slug = $2, name = $3, allowed_origins = $4, plan = $5,
        retention_days = $6, timezone = $7, classifier = $8
    where id = $1";
const DELETE: &str = "update projects set deleted_at = $2 where id = $1 and deleted_at is null";
const REVOKE_KEYS: &str = "update keys set revoked_at = $2 where project_id = $1 and revoked_at is null";

impl Control {
    /// Creates a project; [`ControlError::SlugTaken`], [`ControlError::UnknownAccount`],
    /// [`ControlError::TooManyOrigins`].
    pub async fn create_project(
        &self,
        new: NewProject,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Project, ControlError> {
        self.create_project_once(new, None, by, now).await
    }

    /// The same, with the response that is repeated if the request is sent again.
    /// [`ControlError::AlreadyAnswered`].
    pub async fn create_project_once(
        &self,
        new: NewProject,
        response: Option<&StoredResponse>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Project, ControlError> {
        check_origins(&new.allowed_origins)?;
        let mut change = self.begin_change().await?;
        stored_responses::store(&mut change, response, now).await?;
        let project = add(&mut change, new, by, now).await?;
        change.commit().await?;
        Ok(project)
    }

    /// Changes a project and returns its new state. A patch that changes nothing writes no audit row.
    /// [`ControlError::UnknownProject`], [`ControlError::SlugTaken`], [`ControlError::TooManyOrigins`].
    pub async fn update_project(
        &self,
        id: ProjectId,
        patch: ProjectPatch,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Project, ControlError> {
        self.update_project_if(id, patch, |_| true, by, now).await
    }

    /// The same, if the project is as the caller expects; `is_expected` sees it before anything is changed.
    /// [`ControlError::Changed`].
    pub async fn update_project_if(
        &self,
        id: ProjectId,
        patch: ProjectPatch,
        is_expected: impl FnOnce(&Project) -> bool + Send,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Project, ControlError> {
        patch.allowed_origins.as_deref().map_or(Ok(()), check_origins)?;
        let mut change = self.begin_change().await?;
        let before = live_project(&mut change, id).await?;
        if !is_expected(&before) {
            return Err(ControlError::Changed);
        }
        let after = patched(before.clone(), patch);
        if after == before {
            return Ok(before);
        }
        update(&mut change, &after).await?;
        write_audit(&mut change, id, "project.updated", differences(&before, &after), by, now).await?;
        change.commit().await?;
        Ok(after)
    }

    /// Marks a project as deleted and revokes its keys; [`ControlError::UnknownProject`] when
    /// there is none, or no more.
    pub async fn delete_project(
        &self,
        id: ProjectId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change().await?;
        let deleted = query(DELETE).bind(id.to_string()).bind(now.millis()).execute(&mut *change).await?;
        if deleted.rows_affected() == 0 {
            return Err(ControlError::UnknownProject);
        }
        let keys = query(REVOKE_KEYS).bind(id.to_string()).bind(now.millis()).execute(&mut *change).await?;
        let detail = json!({ "keys_revoked": keys.rows_affected() });
        write_audit(&mut change, id, "project.deleted", detail, by, now).await?;
        Ok(change.commit().await?)
    }
}

impl NewProject {
    /// The project as it is stored, created at this instant.
    pub fn stored(self, now: Timestamp) -> Project {
        Project {
            id: self.id,
            account_id: self.account_id,
            slug: self.slug,
            name: self.name,
            allowed_origins: self.allowed_origins,
            unreadable_origins: Vec::new(),
            plan: self.plan,
            retention_days: self.retention_days,
            timezone: self.timezone,
            classifier: Classifier::default(),
            created_at: now,
            deleted_at: None,
        }
    }
}

fn check_origins(origins: &[AllowedOrigin]) -> Result<(), ControlError> {
    let count = origins.len();
    if count > AllowedOrigin::MAX_PER_PROJECT { Err(ControlError::TooManyOrigins(count)) } else { Ok(()) }
}

/// The list of origins as it is stored: what could not be read stays in it.
fn stored_origins(project: &Project) -> Value {
    let readable = project.allowed_origins.iter().map(ToString::to_string);
    readable.chain(project.unreadable_origins.iter().cloned()).collect()
}

/// Creates a project within a change.
pub(crate) async fn add(
    change: &mut Change,
    new: NewProject,
    by: &Actor,
    now: Timestamp,
) -> Result<Project, ControlError> {
    let project = new.stored(now);
    insert(change, &project).await?;
    let detail = Value::Object(settings(&project));
    write_audit(change, project.id, "project.created", detail, by, now).await?;
    Ok(project)
}

async fn insert(change: &mut Change, project: &Project) -> Result<(), ControlError> {
    let done = query(CREATE)
        .bind(project.id.to_string())
        .bind(project.account_id.to_string())
        .bind(project.slug.to_string())
        .bind(project.name.to_string())
        .bind(stored_origins(project).to_string())
        .bind(project.plan.as_str())
        .bind(project.retention_days.map(|days| i64::from(days.get())))
        .bind(project.timezone.name())
        .bind(project.created_at.millis())
        .execute(&mut **change)
        .await
        .map_err(|e| if is_missing_reference(&e) { ControlError::UnknownAccount } else { e.into() })?;
    if done.rows_affected() == 0 { Err(ControlError::SlugTaken(project.slug.clone())) } else { Ok(()) }
}

async fn update(change: &mut Change, project: &Project) -> Result<(), ControlError> {
    query(UPDATE)
        .bind(project.id.to_string())
        .bind(project.slug.to_string())
        .bind(project.name.to_string())
        .bind(stored_origins(project).to_string())
        .bind(project.plan.as_str())
        .bind(project.retention_days.map(|days| i64::from(days.get())))
        .bind(project.timezone.name())
        .bind(project.classifier.text())
        .execute(&mut **change)
        .await
        .map_err(|e| {
            if is_unique_violation(&e) { ControlError::SlugTaken(project.slug.clone()) } else { e.into() }
        })?;
    Ok(())
}

fn patched(before: Project, patch: ProjectPatch) -> Project {
    let keeps_list = patch.allowed_origins.is_none();
    Project {
        slug: patch.slug.unwrap_or(before.slug),
        name: patch.name.unwrap_or(before.name),
        allowed_origins: patch.allowed_origins.unwrap_or(before.allowed_origins),
        unreadable_origins: if keeps_list { before.unreadable_origins } else { Vec::new() },
        plan: patch.plan.unwrap_or(before.plan),
        retention_days: patch.retention_days.unwrap_or(before.retention_days),
        timezone: patch.timezone.unwrap_or(before.timezone),
        classifier: patch.classifier.map_or(before.classifier, Classifier::from),
        ..before
    }
}

/// What can be changed of a project, as the audit log shows it.
fn settings(project: &Project) -> Map<String, Value> {
    Map::from_iter([
        ("slug".to_owned(), json!(project.slug.as_str())),
        ("name".to_owned(), json!(project.name.as_str())),
        ("allowed_origins".to_owned(), stored_origins(project)),
        ("plan".to_owned(), json!(project.plan.as_str())),
        ("retention_days".to_owned(), json!(project.retention_days)),
        ("timezone".to_owned(), json!(project.timezone.name())),
        ("classifier".to_owned(), json!(project.classifier.settings())),
    ])
}

fn differences(before: &Project, after: &Project) -> Value {
    let changed = settings(before).into_iter().zip(settings(after)).filter(|(old, new)| old != new);
    changed.map(|((name, from), (_, to))| (name, json!({ "from": from, "to": to }))).collect()
}

async fn write_audit(
    change: &mut Change,
    id: ProjectId,
    action: &'static str,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let entry = NewAuditEntry { scope: AuditScope::Project(id), action, subject: id.to_string(), detail };
    audit::write(change, &entry, by, now).await
}
