//! Goals as JSON, and what is said of one that does not exist.

use millimetric_control::ProjectGoal;
use millimetric_core::fuzzy_match;
use millimetric_core::goal::{Goal, GoalTarget};
use millimetric_core::query::GoalSlug;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::params::{FilterParams, Parameters};
use crate::error::ApiResult;

/// The most slugs that an error lists if none is close.
const EXAMPLES: usize = 5;
/// How the sentence about a goal that does not exist begins.
pub const UNKNOWN_GOAL: &str = "is not a goal";

/// `GET /v1/goals` takes no parameters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct GoalsParams {}

impl Parameters for GoalsParams {
    type Query = ();
    const FILTERED: bool = false;

    fn query(self, _: FilterParams) -> ApiResult<()> {
        Ok(())
    }
}

/// `GET /v1/goals`
#[derive(Debug, Serialize, ToSchema)]
pub struct GoalList {
    /// By slug.
    pub goals: Vec<GoalRow>,
}

/// A goal.
#[derive(Debug, Serialize, ToSchema)]
pub struct GoalRow {
    /// By which queries name it: `goal=signup`.
    #[schema(example = "signup")]
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The event that reaches it; absent if a page does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "signup")]
    pub event: Option<String>,
    /// The path of the page view that reaches it; `*` matches any characters. Absent if an event does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/thank-you*")]
    pub page: Option<String>,
    /// Conditions that the event must meet too; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<Value>>>, example = json!([["is", "country", ["DE", "AT"]]]))]
    pub filters: Option<Value>,
    /// What reaching it is worth; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<GoalValue>,
}

/// What reaching a goal is worth.
#[derive(Debug, Serialize, ToSchema)]
pub struct GoalValue {
    /// The property with the amount.
    #[schema(example = "amount")]
    pub property: String,
    /// The currency of events that have none in their property `currency`, ISO 4217; absent if they then have
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "EUR")]
    pub currency: Option<&'static str>,
}

impl From<ProjectGoal> for GoalRow {
    fn from(goal: ProjectGoal) -> Self {
        let ProjectGoal { name, goal: Goal { slug, target, filters, value } } = goal;
        let (event, page) = match target {
            GoalTarget::Event(event) => (Some(event.to_string()), None),
            GoalTarget::Page(path) => (None, Some(path.to_string())),
        };
        let value = value.map(|value| GoalValue {
            property: value.property.as_str().to_owned(),
            currency: value.currency,
        });
        let filters = (!filters.as_slice().is_empty()).then(|| filters.to_json());
        Self { slug: slug.to_string(), name: name.to_string(), event, page, filters, value }
    }
}

/// What is wrong with the slug of a goal that does not exist, and which there are.
pub fn unknown_goal(sent: &str, known: &[GoalSlug]) -> String {
    let slugs = || known.iter().map(GoalSlug::as_str);
    let Some(closest) = fuzzy_match::closest(sent, slugs()) else {
        let some: Vec<String> = slugs().take(EXAMPLES).map(|slug| format!("`{slug}`")).collect();
        if some.is_empty() {
            return format!("{UNKNOWN_GOAL}: there are none yet; create one with `millimetric goal create`");
        }
        return format!("{UNKNOWN_GOAL}: there are {}; GET /v1/goals lists all", some.join(", "));
    };
    format!("{UNKNOWN_GOAL}: did you mean `{closest}`? GET /v1/goals lists all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_goal_is_told_with_the_closest_ones() {
        let known = |slugs: &[&str]| slugs.iter().map(|slug| slug.parse().unwrap()).collect::<Vec<_>>();
        for (sent, slugs, said) in [
            (
                "signups",
                &["buy", "signup"][..],
                "is not a goal: did you mean `signup`? GET /v1/goals lists all",
            ),
            ("Sign_Up", &["sign-up"], "is not a goal: did you mean `sign-up`? GET /v1/goals lists all"),
            (
                "refund",
                &["buy", "signup"],
                "is not a goal: there are `buy`, `signup`; GET /v1/goals lists all",
            ),
            (
                "",
                &["a", "b", "c", "d", "e", "f"],
                "is not a goal: there are `a`, `b`, `c`, `d`, `e`; GET /v1/goals lists all",
            ),
            ("x", &[], "is not a goal: there are none yet; create one with `millimetric goal create`"),
        ] {
            assert_eq!(unknown_goal(sent, &known(slugs)), said, "{sent}");
        }
    }
}
