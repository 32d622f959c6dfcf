//! Goals: what a project counts as conversions.
//!
//! Keeps them; which events reach a goal is decided by `core::goal` and the event store.

mod replace;

use millimetric_core::goal::{Goal, GoalTarget};
use millimetric_core::ids::ProjectId;
use millimetric_core::query::{GoalSlug, PropertyName, ValueProperty, currency};
use millimetric_core::time::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;
use sqlx::{query, query_scalar};

use crate::audit::{self, AuditScope, NewAuditEntry};
use crate::projects::live_project;
use crate::row::{self, damaged};
use crate::{Actor, Change, Control, ControlError, Name, meta};

/// A goal of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectGoal {
    /// Its name for people.
    pub name: Name,
    /// What it is.
    pub goal: Goal,
}

/// The columns that [`project_goal`] reads, of a table `goals g`.
macro_rules! goal_columns {
    () => {
        "g.project_id, g.slug, g.name, g.event, g.page, g.filters, g.value_property, g.currency"
    };
}
pub(crate) use goal_columns;

const OF_PROJECT: &str =
    concat!("select ", goal_columns!(), " from goals g where g.project_id = $1 order by g.slug");
const ONE: &str =
    concat!("select ", goal_columns!(), " from goals g where g.project_id = $1 and g.slug = $2");
const SLUGS: &str = "select slug from goals where project_id = $1 order by slug";
const COUNT: &str = "select count(*) from goals where project_id = $1";
const INSERT: &str = "insert into goals (project_id, slug, name, event, page, filters, value_property,
        currency, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (project_id, slug) do nothing";
const UPDATE: &str = "update goals set name = $3, event = $4, page = $5, filters = $6, value_property = $7,
        currency = $8
    where project_id = $1 and slug = $2";
const DELETE: &str = "delete from goals where project_id = $1 and slug = $2";

impl Control {
    /// The goals of a project that can be read, by slug.
    pub async fn goals(&self, of: ProjectId) -> Result<Vec<ProjectGoal>, ControlError> {
        row::readable(&self.pool, query(OF_PROJECT).bind(of.to_string()), project_goal).await
    }

    /// The goal of this slug.
    pub async fn goal(&self, of: ProjectId, slug: &GoalSlug) -> Result<Option<ProjectGoal>, ControlError> {
        let one = query(ONE).bind(of.to_string()).bind(slug.to_string());
        let found = one.fetch_optional(&self.pool).await?;
        found.as_ref().map(project_goal).transpose()
    }

    /// The slugs of a project's goals, also of those that cannot be read otherwise.
    pub async fn goal_slugs(&self, of: ProjectId) -> Result<Vec<GoalSlug>, ControlError> {
        row::readable(&self.pool, query(SLUGS).bind(of.to_string()), |row| row::parsed(row, "slug")).await
    }

    /// Creates a goal; [`ControlError::UnknownProject`], [`ControlError::GoalTaken`],
    /// [`ControlError::TooManyGoals`].
    pub async fn create_goal(
        &self,
        of: ProjectId,
        goal: &ProjectGoal,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_goals().await?;
        live_project(&mut change, of).await?;
        let values = query(INSERT).bind(of.to_string()).bind(goal.goal.slug.to_string());
        let done = bound(values, goal).bind(now.millis()).execute(&mut *change).await?;
        if done.rows_affected() == 0 {
            return Err(ControlError::GoalTaken(goal.goal.slug.clone()));
        }
        let count: i64 = query_scalar(COUNT).bind(of.to_string()).fetch_one(&mut *change).await?;
        if count > Goal::MAX_PER_PROJECT as i64 {
            return Err(ControlError::TooManyGoals);
        }
        let detail = Value::Object(settings(goal));
        write_audit(&mut change, of, "goal.created", &goal.goal.slug, detail, by, now).await?;
        Ok(change.commit().await?)
    }

    /// Replaces the goal of the same slug, also one that cannot be read. A goal that stays the same leaves no
    /// audit entry. [`ControlError::UnknownGoal`].
    pub async fn update_goal(
        &self,
        of: ProjectId,
        goal: &ProjectGoal,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let slug = &goal.goal.slug;
        let mut change = self.begin_change_of_goals().await?;
        live_project(&mut change, of).await?;
        let one = query(ONE).bind(of.to_string()).bind(slug.to_string());
        let before = match one.fetch_optional(&mut *change).await? {
            Some(row) => project_goal(&row).ok(),
            None => return Err(ControlError::UnknownGoal(slug.clone())),
        };
        if before.as_ref() == Some(goal) {
            return Ok(());
        }
        let values = query(UPDATE).bind(of.to_string()).bind(slug.to_string());
        bound(values, goal).execute(&mut *change).await?;
        let detail = differences(before.as_ref(), goal);
        write_audit(&mut change, of, "goal.updated", slug, detail, by, now).await?;
        Ok(change.commit().await?)
    }

    /// Deletes a goal, also one that cannot be read; [`ControlError::UnknownGoal`].
    pub async fn delete_goal(
        &self,
        of: ProjectId,
        slug: &GoalSlug,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.begin_change_of_goals().await?;
        let delete = query(DELETE).bind(of.to_string()).bind(slug.to_string());
        if delete.execute(&mut *change).await?.rows_affected() == 0 {
            return Err(ControlError::UnknownGoal(slug.clone()));
        }
        write_audit(&mut change, of, "goal.deleted", slug, json!({}), by, now).await?;
        Ok(change.commit().await?)
    }

    /// Starts a change of goals, which affects neither keys nor people.
    async fn begin_change_of_goals(&self) -> Result<Change, ControlError> {
        let mut change = self.pool.begin().await?;
        meta::advance_revision(&mut change, "goals").await?;
        Ok(change)
    }
}

/// Binds what can be changed of a goal.
fn bound(values: row::Select, goal: &ProjectGoal) -> row::Select {
    let Goal { target, filters, value, .. } = &goal.goal;
    let (event, page) = match target {
        GoalTarget::Event(name) => (Some(name.to_string()), None),
        GoalTarget::Page(path) => (None, Some(path.to_string())),
    };
    values
        .bind(goal.name.to_string())
        .bind(event)
        .bind(page)
        .bind(filters.to_string())
        .bind(value.as_ref().map(|value| value.property.as_str().to_owned()))
        .bind(value.as_ref().and_then(|value| value.currency))
}

/// Reads the columns of [`goal_columns`].
pub(crate) fn project_goal(row: &AnyRow) -> Result<ProjectGoal, ControlError> {
    read(row).map_err(|error| match error {
        ControlError::Corrupt(column) => {
            let (slug, project) = (row::shown(row, "slug"), row::shown(row, "project_id"));
            ControlError::Corrupt(format!("goal {slug} of project {project}, {column}"))
        }
        other => other,
    })
}

fn read(row: &AnyRow) -> Result<ProjectGoal, ControlError> {
    let _: ProjectId = row::parsed(row, "project_id")?;
    let event = row::parsed_or_none(row, "event")?.map(GoalTarget::Event);
    let page = row::parsed_or_none(row, "page")?.map(GoalTarget::Page);
    let ((Some(target), None) | (None, Some(target))) = (event, page) else {
        return Err(damaged("event"));
    };
    let property: Option<&str> = row::value(row, "value_property")?;
    let code: Option<&str> = row::value(row, "currency")?;
    let known = |code: &str| currency::code(code).ok_or_else(|| damaged("currency"));
    let currency = code.map(known).transpose()?;
    let value = match (property, currency) {
        (Some(name), currency) => {
            let property = PropertyName::new(name).ok_or_else(|| damaged("value_property"))?;
            Some(ValueProperty { property, currency })
        }
        (None, None) => None,
        (None, Some(_)) => return Err(damaged("value_property")),
    };
    let slug = row::parsed(row, "slug")?;
    let goal = Goal { slug, target, filters: row::parsed(row, "filters")?, value };
    Ok(ProjectGoal { name: row::parsed(row, "name")?, goal })
}

/// What can be changed of a goal, as the audit log shows it.
fn settings(goal: &ProjectGoal) -> Map<String, Value> {
    let Goal { target, filters, value, .. } = &goal.goal;
    let target = match target {
        GoalTarget::Event(name) => ("event".to_owned(), json!(name.as_str())),
        GoalTarget::Page(path) => ("page".to_owned(), json!(path.as_str())),
    };
    Map::from_iter([
        ("name".to_owned(), json!(goal.name.as_str())),
        target,
        ("filters".to_owned(), filters.to_json()),
        ("value_property".to_owned(), json!(value.as_ref().map(|value| value.property.as_str()))),
        ("currency".to_owned(), json!(value.as_ref().and_then(|value| value.currency))),
    ])
}

fn differences(before: Option<&ProjectGoal>, after: &ProjectGoal) -> Value {
    let (before, after) = (before.map(settings).unwrap_or_default(), settings(after));
    let mut changed = Map::new();
    for name in before.keys().chain(after.keys()) {
        let [from, to] = [&before, &after].map(|settings| settings.get(name).unwrap_or(&Value::Null));
        if from != to {
            changed.insert(name.clone(), json!({ "from": from, "to": to }));
        }
    }
    Value::Object(changed)
}

async fn write_audit(
    change: &mut Change,
    of: ProjectId,
    action: &'static str,
    slug: &GoalSlug,
    detail: Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let entry = NewAuditEntry { scope: AuditScope::Project(of), action, subject: slug.to_string(), detail };
    audit::write(change, &entry, by, now).await
}
