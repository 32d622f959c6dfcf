//! Re-classifications of stored events: which were asked for, with which rules, and what they changed.
//!
//! The event store does the work. This is the record of it, with an audit entry at either end.

use millimetric_core::classify::ProjectRules;
use millimetric_core::event::EventScope;
use millimetric_core::ids::{ProjectId, ReclassificationId};
use millimetric_core::query::RuleChanges;
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::query;

use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::error::is_unique_violation;
use crate::projects::classifier::Classifier;
use crate::projects::live_project;
use crate::{Actor, Change, Control, ControlError, row};

/// A re-classification that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reclassification {
    /// Its identifier.
    pub id: ReclassificationId,
    /// Whose events.
    pub scope: EventScope,
    /// Which of them; all if absent.
    pub range: Option<TimeRange>,
    /// The rules of the project when it was asked for.
    pub rules: ProjectRules,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// What it changed, once it is finished.
    pub counts: Option<RuleChanges>,
}

/// Rows of changes that are kept, also in the audit log.
const KEPT_ROWS: usize = 100;

const INSERT: &str = "insert into reclassifications (id, project_id, env, range_from, range_to, rules,
        requested_at)
    values ($1, $2, $3, $4, $5, $6, $7)";
const BY_ID: &str =
    "select id, project_id, env, range_from, range_to, rules, requested_at, finished_at, counts
    from reclassifications where id = $1";
const UNFINISHED: &str =
    "select r.id, r.project_id, r.env, r.range_from, r.range_to, r.rules, r.requested_at,
        r.finished_at, r.counts
    from reclassifications r join projects p on p.id = r.project_id
    where r.finished_at is null and p.deleted_at is null order by r.requested_at, r.id";
const FINISH: &str = "update reclassifications set finished_at = $2, counts = $3
    where id = $1 and finished_at is null";

impl Control {
    /// Records that a project's events are to be classified again with its rules of now.
    /// [`ControlError::UnknownProject`]; [`ControlError::ReclassificationRunning`] if an earlier one of the
    /// same project and environment is not finished.
    pub async fn request_reclassification(
        &self,
        id: ReclassificationId,
        scope: EventScope,
        range: Option<TimeRange>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Reclassification, ControlError> {
        let mut change = self.begin_change().await?;
        let project = live_project(&mut change, scope.project).await?;
        query(INSERT)
            .bind(id.to_string())
            .bind(scope.project.to_string())
            .bind(scope.env.as_str())
            .bind(range.map(|range| range.from().millis()))
            .bind(range.map(|range| range.to().millis()))
            .bind(project.classifier.text())
            .bind(now.millis())
            .execute(&mut *change)
            .await
            .map_err(|error| {
                if is_unique_violation(&error) { ControlError::ReclassificationRunning } else { error.into() }
            })?;
        let detail = json!({ "env": scope.env.as_str(), "from": range.map(|range| range.from().to_string()),
            "to": range.map(|range| range.to().to_string()) });
        write_audit(&mut change, id, scope.project, "events.reclassification_requested", detail, by, now)
            .await?;
        change.commit().await?;
        let rules = project.classifier.rules().clone();
        Ok(Reclassification { id, scope, range, rules, requested_at: now, finished_at: None, counts: None })
    }

    /// A re-classification by its identifier.
    pub async fn reclassification(
        &self,
        id: ReclassificationId,
    ) -> Result<Option<Reclassification>, ControlError> {
        let row = query(BY_ID).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(reclassification).transpose()
    }

    /// Those of projects that are not deleted that are not finished and can be read, oldest first.
    pub async fn unfinished_reclassifications(&self) -> Result<Vec<Reclassification>, ControlError> {
        row::readable(&self.pool, query(UNFINISHED), reclassification).await
    }

    /// Records that one is finished, and what it changed: the 100 rows with most events, and the others as one
    /// number. The second call does nothing.
    pub async fn finish_reclassification(
        &self,
        done: &Reclassification,
        mut counts: RuleChanges,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let cut = counts.rows.split_off(counts.rows.len().min(KEPT_ROWS));
        counts.other += cut.iter().map(|row| row.events).sum::<u64>();
        let counts = json!(counts);
        // It affects no key, so the key revision stays.
        let mut change = self.pool.begin().await?;
        let finished = query(FINISH)
            .bind(done.id.to_string())
            .bind(now.millis())
            .bind(counts.to_string())
            .execute(&mut *change)
            .await?;
        if finished.rows_affected() == 0 {
            return Ok(());
        }
        write_audit(&mut change, done.id, done.scope.project, "events.reclassified", counts, by, now).await?;
        Ok(change.commit().await?)
    }
}

pub(crate) fn reclassification(row: &AnyRow) -> Result<Reclassification, ControlError> {
    row::named(read(row), row, "reclassification", "id")
}

fn read(row: &AnyRow) -> Result<Reclassification, ControlError> {
    let project: ProjectId = row::parsed(row, "project_id")?;
    let range = match (row::time_or_none(row, "range_from")?, row::time_or_none(row, "range_to")?) {
        (None, None) => None,
        (from, to) => {
            let range = from.zip(to).and_then(|(from, to)| TimeRange::new(from, to));
            Some(range.ok_or_else(|| row::damaged("range_from"))?)
        }
    };
    let classifier = Classifier::read(row::value(row, "rules")?);
    if classifier.problem().is_some() {
        return Err(row::damaged("rules"));
    }
    let counts: Option<Value> = row::parsed_or_none(row, "counts")?;
    Ok(Reclassification {
        id: row::parsed(row, "id")?,
        scope: EventScope { project, env: row::parsed(row, "env")? },
        range,
        rules: classifier.rules().clone(),
        requested_at: row::time(row, "requested_at")?,
        finished_at: row::time_or_none(row, "finished_at")?,
        counts: counts.map(serde_json::from_value).transpose().map_err(|_| row::damaged("counts"))?,
    })
}

async fn write_audit(
    change: &mut Change,
    id: ReclassificationId,
    of: ProjectId,
    action: &'static str,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let entry = NewAuditEntry { scope: AuditScope::Project(of), action, subject: id.to_string(), detail };
    audit::write(change, &entry, by, now).await
}
