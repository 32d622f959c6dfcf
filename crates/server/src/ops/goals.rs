//! The goals of a project, and the goal that a request names.

use millimetric_control::ProjectGoal;
use millimetric_core::goal::Goal;
use millimetric_core::query::{GoalSlug, ValueProperty};

use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::state::App;

/// The goal that a request names, looked up in its project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AskedGoal {
    /// It names none.
    #[default]
    None,
    /// The goal.
    Found(Box<Goal>),
    /// The project has no such goal, but these: at most 100.
    Unknown(Vec<GoalSlug>),
}

impl AskedGoal {
    /// What reaching it is worth, if it was found and is worth anything.
    pub fn value(&self) -> Option<&ValueProperty> {
        match self {
            Self::Found(goal) => goal.value.as_ref(),
            Self::None | Self::Unknown(_) => None,
        }
    }
}

/// All goals of the project that can be read, by slug.
pub async fn list(app: &App, by: &Authorized<Read>) -> OpsResult<Vec<ProjectGoal>> {
    Ok(app.stores.control.goals(by.project().id).await?)
}

/// Looks up the goal of this slug. A text that is no slug is not looked up.
///
/// # Errors
/// The control database failed, or the stored goal cannot be read.
pub async fn asked(app: &App, by: &Authorized<Read>, slug: Option<&str>) -> OpsResult<AskedGoal> {
    let Some(slug) = slug else { return Ok(AskedGoal::None) };
    let (control, project) = (&app.stores.control, by.project().id);
    if let Ok(slug) = slug.parse::<GoalSlug>()
        && let Some(found) = control.goal(project, &slug).await?
    {
        return Ok(AskedGoal::Found(Box::new(found.goal)));
    }
    Ok(AskedGoal::Unknown(control.goal_slugs(project).await?))
}
