//! The tools that are about the projects of an account.

use millimetric_core::query::Period;

use super::Shape::{Text, Unlisted};
use super::{EVENT, GOAL, METRICS, PROJECT_IDS, Spec, parameter};

pub(super) const LIST_PROJECTS: Spec = Spec {
    name: "list_projects",
    title: "List projects",
    text: "The projects of the account, with their last event and the figures of the last seven days.",
    own: &[parameter("search", Text, "Only names and slugs that hold this text.")],
    required: &[],
    range: None,
    filtered: false,
    route: None,
    example: r#"{"search":"shop"}"#,
};
pub(super) const COMPARE_PROJECTS: Spec = Spec {
    name: "compare_projects",
    title: "Compare projects",
    text: "One figure of each project, the highest first; of counts and sums with its share of all. Amounts are ranked in each currency.",
    own: &[
        parameter("metric", Unlisted(METRICS), "As in get_stats. Default count."),
        parameter("property", Text, "As in get_stats."),
        EVENT,
        GOAL,
        PROJECT_IDS,
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: None,
    example: r#"{"metric":"uniques","period":"30d"}"#,
};
