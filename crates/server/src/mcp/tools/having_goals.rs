//! Which of several projects have the goals that a call names, in `goal` or in the steps of a funnel.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::arguments::Arguments;
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::goals;
use crate::ops::reports::multi_project;
use crate::state::App;
use crate::wire::goals::unknown_goal;
use crate::wire::params::named_goals;

/// The projects that have every goal that is asked for; a project that lacks one counts nowhere.
///
/// # Errors
/// `invalid_params` if none of several projects has them. A single project is refused when its arguments are read.
pub(super) async fn having_goals(
    app: &App,
    readers: Vec<Authorized<Read>>,
    arguments: &Arguments,
) -> ApiResult<Vec<Authorized<Read>>> {
    let mut named = named_goals(&arguments.values);
    named.truncate(goals::MOST);
    if named.is_empty() || readers.len() < 2 {
        return Ok(readers);
    }
    let slugs: Vec<Cow<'_, str>> = named.iter().map(|(_, slug)| Cow::Borrowed(slug.as_str())).collect();
    let asked = multi_project::of_each(&readers, |by| goals::asked(app, by, &slugs)).await?;
    let has_all = |asked: &goals::AskedGoals| slugs.iter().all(|slug| asked.get(slug).is_some());
    let having: Vec<_> =
        readers.iter().zip(&asked).filter(|(_, asked)| has_all(asked)).map(|(by, _)| by.clone()).collect();
    if !having.is_empty() {
        return Ok(having);
    }
    // Each project lacks a goal, so that the goals of all are known.
    let known: BTreeSet<_> = asked.iter().flat_map(|asked| asked.known.iter().cloned()).collect();
    let known: Vec<_> = known.into_iter().collect();
    let mut problems = Problems::default();
    for (at, slug) in named.iter().filter(|(_, slug)| known.iter().all(|known| known.as_str() != *slug)) {
        problems.field(at.as_str(), unknown_goal(slug, &known));
    }
    if problems.is_empty() {
        let slugs = slugs.iter().map(|slug| format!("`{slug}`")).collect::<Vec<_>>().join(", ");
        problems.form(format!(
            "No project has all of the goals {slugs}; describe_schema with kind=goals lists those of each"
        ));
    }
    Err(ApiError::validation(ErrorCode::InvalidParams, problems))
}
