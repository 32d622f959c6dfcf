//! The goals of a project, replaced as a whole: one transaction, with the audit entries of each single change.

use std::collections::HashSet;

use millimetric_core::goal::Goal;
use millimetric_core::ids::ProjectId;
use millimetric_core::query::GoalSlug;
use millimetric_core::time::Timestamp;
use serde_json::{Value, json};
use sqlx::query;

use super::{
    DELETE, INSERT, OF_PROJECT, ProjectGoal, UPDATE, bound, differences, project_goal, settings, write_audit,
};
use crate::projects::live_project;
use crate::{Actor, Change, Control, ControlError, row};

impl Control {
    /// Replaces all goals of a project, also those that cannot be read. `is_expected` sees the goals that can be
    /// read, by slug, before anything is changed. Goals that stay the same leave no audit entry.
    ///
    /// [`ControlError::Changed`] if they are not the expected ones; [`ControlError::GoalTaken`] if two have the
    /// same slug; [`ControlError::TooManyGoals`], [`ControlError::UnknownProject`].
    pub async fn replace_goals(
        &self,
        of: ProjectId,
        goals: &[ProjectGoal],
        is_expected: impl FnOnce(&[ProjectGoal]) -> bool + Send,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        if goals.len() > Goal::MAX_PER_PROJECT {
            return Err(ControlError::TooManyGoals);
        }
        let mut change = self.begin_change_of_goals().await?;
        live_project(&mut change, of).await?;
        let mut before = stored(&mut change, of).await?;
        let readable: Vec<ProjectGoal> = before.iter().filter_map(|(_, goal)| goal.clone()).collect();
        if !is_expected(&readable) {
            return Err(ControlError::Changed);
        }
        let mut written = HashSet::new();
        for goal in goals {
            let slug = &goal.goal.slug;
            if !written.insert(slug) {
                return Err(ControlError::GoalTaken(slug.clone()));
            }
            let index = before.iter().position(|(known, _)| known == slug.as_str());
            let (action, detail) = match index.map(|index| before.swap_remove(index).1) {
                Some(known) if known.as_ref() == Some(goal) => continue,
                Some(known) => ("goal.updated", differences(known.as_ref(), goal)),
                None => ("goal.created", Value::Object(settings(goal))),
            };
            put(&mut change, of, goal, action == "goal.created", now).await?;
            write_audit(&mut change, of, action, slug, detail, by, now).await?;
        }
        before.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (slug, _) in before {
            query(DELETE).bind(of.to_string()).bind(slug.clone()).execute(&mut *change).await?;
            if let Ok(slug) = slug.parse::<GoalSlug>() {
                write_audit(&mut change, of, "goal.deleted", &slug, json!({}), by, now).await?;
            }
        }
        Ok(change.commit().await?)
    }
}

/// The slugs of all goals, in order; `None` beside one that cannot be read otherwise.
async fn stored(
    change: &mut Change,
    of: ProjectId,
) -> Result<Vec<(String, Option<ProjectGoal>)>, ControlError> {
    let rows = query(OF_PROJECT).bind(of.to_string()).fetch_all(&mut **change).await?;
    let slug = |row| row::value::<String>(row, "slug");
    rows.iter().map(|row| Ok((slug(row)?, project_goal(row).ok()))).collect()
}

async fn put(
    change: &mut Change,
    of: ProjectId,
    goal: &ProjectGoal,
    is_new: bool,
    now: Timestamp,
) -> Result<(), ControlError> {
    let begin = |sql| query(sql).bind(of.to_string()).bind(goal.goal.slug.to_string());
    let statement =
        if is_new { bound(begin(INSERT), goal).bind(now.millis()) } else { bound(begin(UPDATE), goal) };
    statement.execute(&mut **change).await?;
    Ok(())
}
