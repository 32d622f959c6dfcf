//! Projects: the walls between one site's events and another's, with their settings.
//!
//! Knows nothing of events: a deleted project's are erased elsewhere.

pub(crate) mod changes;
pub(crate) mod classifier;
pub(crate) mod plan;
pub(crate) mod reclassifications;
pub(crate) mod share_links;

use std::num::NonZeroU32;

use chrono_tz::Tz;
use millimetric_core::classify::ProjectRules;
use millimetric_core::ids::{AccountId, ProjectId};
use millimetric_core::origin::AllowedOrigin;
use millimetric_core::time::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::query;

use self::classifier::Classifier;
use crate::{Change, Control, ControlError, Name, Plan, Slug, row};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Its short name; no two projects that are not deleted have the same.
    pub slug: Slug,
    /// Its name for people.
    pub name: Name,
    /// The origins that its `pk` keys may be used from; empty: none.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Stored entries that are no origins (any more): they let nobody in, and stay until the list
    /// is replaced.
    pub unreadable_origins: Vec<String>,
    /// What it may use.
    pub plan: Plan,
    /// Days after which an event goes, as the project asks; `None`: as long as the plan allows.
    pub retention_days: Option<NonZeroU32>,
    /// The time zone of its days, where a query names none.
    pub timezone: Tz,
    /// What it sets for the classifier.
    pub classifier: Classifier,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was deleted; its row stays for the audit log and the usage counters.
    pub deleted_at: Option<Timestamp>,
}

impl Project {
    /// Days after which an event goes: the project's wish, held to its plan; `None`: never.
    pub fn effective_retention_days(&self) -> Option<u32> {
        let asked = self.retention_days.map(NonZeroU32::get);
        asked.into_iter().chain(self.plan.max_retention_days()).min()
    }
}

/// What a new project is made of. The fields are those of [`Project`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is documented where it is kept")]
pub struct NewProject {
    pub id: ProjectId,
    pub account_id: AccountId,
    pub slug: Slug,
    pub name: Name,
    pub allowed_origins: Vec<AllowedOrigin>,
    pub plan: Plan,
    pub retention_days: Option<NonZeroU32>,
    pub timezone: Tz,
}

/// What to change of a project: `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ProjectPatch {
    /// A new slug.
    pub slug: Option<Slug>,
    /// A new name.
    pub name: Option<Name>,
    /// The whole new list of origins.
    pub allowed_origins: Option<Vec<AllowedOrigin>>,
    /// A new plan.
    pub plan: Option<Plan>,
    /// `Some(None)`: as long as the plan allows.
    pub retention_days: Option<Option<NonZeroU32>>,
    /// A new time zone.
    pub timezone: Option<Tz>,
    /// New settings for the classifier.
    pub classifier: Option<ProjectRules>,
}

/// The columns that [`project`] reads, of a table `projects p`.
macro_rules! project_columns {
    () => {
        "p.id as project_id, p.account_id as project_account_id, p.slug as project_slug,
         p.name as project_name, p.allowed_origins as project_allowed_origins,
         p.plan as project_plan, p.retention_days as project_retention_days,
         p.timezone as project_timezone, p.classifier as project_classifier, p.created_at as project_created_at,
         p.deleted_at as project_deleted_at"
    };
}
pub(crate) use project_columns;

const BY_ID: &str = concat!("select ", project_columns!(), " from projects p where p.id = $1");
const BY_SLUG: &str =
    concat!("select ", project_columns!(), " from projects p where p.slug = $1 and p.deleted_at is null");
const LIST: &str = concat!(
    "select ",
    project_columns!(),
    " from projects p where p.deleted_at is null order by p.created_at, p.id"
);
const LIST_DELETED: &str =
    "select p.id from projects p where p.deleted_at is not null order by p.deleted_at, p.id";
const LIST_OF_ACCOUNT: &str = concat!(
    "select ",
    project_columns!(),
    " from projects p where p.account_id = $1 and p.deleted_at is null order by p.created_at, p.id"
);

impl Control {
    /// A project by its identifier, deleted ones too.
    pub async fn project(&self, id: ProjectId) -> Result<Option<Project>, ControlError> {
        let row = query(BY_ID).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(project).transpose()
    }

    /// The project of this slug; deleted ones have none.
    pub async fn project_by_slug(&self, slug: &Slug) -> Result<Option<Project>, ControlError> {
        let row = query(BY_SLUG).bind(slug.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(project).transpose()
    }

    /// Every project that is not deleted and can be read, oldest first.
    pub async fn projects(&self) -> Result<Vec<Project>, ControlError> {
        row::readable(&self.pool, query(LIST), project).await
    }

    /// The identifiers of the projects that were deleted, oldest deletion first: their events are
    /// to go.
    pub async fn deleted_projects(&self) -> Result<Vec<ProjectId>, ControlError> {
        row::readable(&self.pool, query(LIST_DELETED), |row| row::parsed(row, "id")).await
    }

    /// The projects of an account that are not deleted and can be read, oldest first.
    pub async fn projects_of_account(&self, id: AccountId) -> Result<Vec<Project>, ControlError> {
        row::readable(&self.pool, query(LIST_OF_ACCOUNT).bind(id.to_string()), project).await
    }
}

/// The project, unless it is unknown or deleted.
pub(crate) async fn live_project(change: &mut Change, id: ProjectId) -> Result<Project, ControlError> {
    let row = query(BY_ID).bind(id.to_string()).fetch_optional(&mut **change).await?;
    let found = row.as_ref().map(project).transpose()?;
    found.filter(|project| project.deleted_at.is_none()).ok_or(ControlError::UnknownProject)
}

/// Reads the columns of [`project_columns`]. All but unreadable origins and settings for the classifier make
/// the whole project unreadable: without its plan it would have no limits, and without its retention no end.
pub(crate) fn project(row: &AnyRow) -> Result<Project, ControlError> {
    row::named(read(row), row, "project", "project_id")
}

fn read(row: &AnyRow) -> Result<Project, ControlError> {
    let (allowed_origins, unreadable_origins) = origins(row)?;
    let days: Option<i64> = row::value(row, "project_retention_days")?;
    let positive = |days| u32::try_from(days).ok().and_then(NonZeroU32::new);
    Ok(Project {
        id: row::parsed(row, "project_id")?,
        account_id: row::parsed(row, "project_account_id")?,
        slug: row::parsed(row, "project_slug")?,
        name: row::parsed(row, "project_name")?,
        allowed_origins,
        unreadable_origins,
        plan: row::parsed(row, "project_plan")?,
        retention_days: days
            .map(|days| positive(days).ok_or_else(|| row::damaged("project_retention_days")))
            .transpose()?,
        timezone: row::parsed(row, "project_timezone")?,
        classifier: Classifier::read(row::value(row, "project_classifier")?),
        created_at: row::time(row, "project_created_at")?,
        deleted_at: row::time_or_none(row, "project_deleted_at")?,
    })
}

/// The entries of a project's list that are origins, and the texts of all others.
fn origins(row: &AnyRow) -> Result<(Vec<AllowedOrigin>, Vec<String>), ControlError> {
    let text: &str = row::value(row, "project_allowed_origins")?;
    let Ok(entries) = serde_json::from_str::<Vec<Value>>(text) else {
        return Ok((Vec::new(), vec![text.to_owned()]));
    };
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.as_str().map(str::parse) {
            Some(Ok(origin)) => readable.push(origin),
            _ => unreadable.push(entry.as_str().map_or_else(|| entry.to_string(), str::to_owned)),
        }
    }
    Ok((readable, unreadable))
}
