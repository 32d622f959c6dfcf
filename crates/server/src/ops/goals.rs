//! The goals of a project, and the goals that a request names.

use std::borrow::Cow;

use millimetric_control::ProjectGoal;
use millimetric_core::goal::Goal;
use millimetric_core::query::{FunnelSteps, GoalSlug, ValueProperty};

use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::state::App;

/// The most goals that a request names: one for each step of a funnel.
pub const MOST: usize = FunnelSteps::MOST;

/// The goals that a request names, looked up in its project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedGoals {
    /// Those that the project has.
    pub found: Vec<Goal>,
    /// The slugs of all goals of the project, at most 100, if one of those asked for is not among them.
    pub known: Vec<GoalSlug>,
}

impl AskedGoals {
    /// The goal of this slug, if it was asked for and found.
    pub fn get(&self, slug: &str) -> Option<&Goal> {
        self.found.iter().find(|goal| goal.slug.as_str() == slug)
    }

    /// What reaching the goal is worth, for requests that name one.
    pub fn value(&self) -> Option<&ValueProperty> {
        self.found.first().and_then(|goal| goal.value.as_ref())
    }
}

/// All goals of the project that can be read, by slug.
pub async fn list(app: &App, by: &Authorized<Read>) -> OpsResult<Vec<ProjectGoal>> {
    Ok(app.stores.control.goals(by.project().id).await?)
}

/// Looks up the goals of these slugs, of which more than a query can have are ignored. A text that is no slug is not
/// looked up.
///
/// # Errors
/// The control database failed, or a stored goal cannot be read.
pub async fn asked(app: &App, by: &Authorized<Read>, slugs: &[Cow<'_, str>]) -> OpsResult<AskedGoals> {
    let (control, project) = (&app.stores.control, by.project().id);
    let mut asked = AskedGoals::default();
    for text in slugs.iter().take(MOST) {
        if asked.get(text).is_some() {
            continue;
        }
        let found = match text.parse::<GoalSlug>() {
            Ok(slug) => control.goal(project, &slug).await?,
            Err(_) => None,
        };
        match found {
            Some(found) => asked.found.push(found.goal),
            None if asked.known.is_empty() => asked.known = control.goal_slugs(project).await?,
            None => {}
        }
    }
    Ok(asked)
}
