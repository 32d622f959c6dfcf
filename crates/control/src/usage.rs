//! How many events each project sent in each month: what quotas and bills are read from.
//!
//! Counts only; not audited, for nobody decides them.

pub(crate) mod month;

use millimetric_core::ids::ProjectId;
use millimetric_core::key::Env;
use sqlx::any::AnyRow;
use sqlx::query;

use crate::error::is_missing_reference;
use crate::{Control, ControlError, Month, row};

/// The events of one project in one month and environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthlyUsage {
    /// The month, in UTC.
    pub month: Month,
    /// Live or test.
    pub env: Env,
    /// Events accepted.
    pub events: u64,
}

const ADD: &str = "insert into usage (project_id, env, month, events) values ($1, $2, $3, $4)
    on conflict (project_id, env, month) do update set events = usage.events + excluded.events";
const READ: &str = "select project_id, month, env, events from usage
    where project_id = $1 and month >= $2 and month <= $3
    order by month, env";

/// Every row counts, also one whose environment cannot be read.
const OF_MONTH: &str = "select events from usage where project_id = $1 and month = $2";
const BY_PROJECT: &str = "select project_id, cast(sum(events) as bigint) as events from usage
    where month = $1 group by project_id";

impl Control {
    /// Adds to the counters, all or none; [`ControlError::UnknownProject`] when one does not
    /// exist (a deleted one does).
    pub async fn add_usage(&self, added: &[(ProjectId, Env, Month, u64)]) -> Result<(), ControlError> {
        if added.is_empty() {
            return Ok(());
        }
        // In one order for everybody, so that two writers never wait for each other in a circle.
        let mut added = added.to_vec();
        added.sort_unstable();
        let mut change = self.pool.begin().await?;
        for (project, env, month, events) in added {
            query(ADD)
                .bind(project.to_string())
                .bind(env.as_str())
                .bind(month.to_string())
                .bind(i64::try_from(events).unwrap_or(i64::MAX))
                .execute(&mut *change)
                .await
                .map_err(
                    |e| if is_missing_reference(&e) { ControlError::UnknownProject } else { e.into() },
                )?;
        }
        Ok(change.commit().await?)
    }

    /// The counters of a project from one month to another that can be read, both included, oldest
    /// first; a month without events has no row. For the limit of a plan see
    /// [`Control::events_in_month`].
    pub async fn usage(
        &self,
        project: ProjectId,
        from_month: Month,
        to_month: Month,
    ) -> Result<Vec<MonthlyUsage>, ControlError> {
        let months =
            query(READ).bind(project.to_string()).bind(from_month.to_string()).bind(to_month.to_string());
        row::readable(&self.pool, months, monthly_usage).await
    }

    /// The events of a project in a month, live and test: what its plan's quota is held against.
    /// A counter that cannot be read is an error, never nothing: else it would free the quota.
    pub async fn events_in_month(&self, project: ProjectId, month: Month) -> Result<u64, ControlError> {
        let found =
            query(OF_MONTH).bind(project.to_string()).bind(month.to_string()).fetch_all(&self.pool).await?;
        found.iter().try_fold(0_u64, |sum, row| Ok(sum.saturating_add(row::count(row, "events")?)))
    }

    /// The same for every project that has events in the month, of those that can be read.
    pub async fn events_by_project(&self, month: Month) -> Result<Vec<(ProjectId, u64)>, ControlError> {
        let read = |row: &AnyRow| Ok((row::parsed(row, "project_id")?, row::count(row, "events")?));
        row::readable(&self.pool, query(BY_PROJECT).bind(month.to_string()), read).await
    }
}

pub(crate) fn monthly_usage(row: &AnyRow) -> Result<MonthlyUsage, ControlError> {
    let read = || {
        Ok(MonthlyUsage {
            month: row::parsed(row, "month")?,
            env: row::parsed(row, "env")?,
            events: row::count(row, "events")?,
        })
    };
    row::named(read(), row, "usage of project", "project_id")
}
