//! The tools that are about the projects of an account.

use super::Shape::{Choice, Text};
use super::{Cell, EVENT, GOAL, PROJECT_IDS, Rows, Spec, parameter};

pub(super) const LIST_PROJECTS: Spec = Spec {
    name: "list_projects",
    title: "List projects",
    text: "The projects of the account, with their last event and the figures of the last seven days.",
    own: &[parameter("search", Text, "Only names and slugs that hold this text.")],
    required: &[],
    ranged: false,
    filtered: false,
    rows: Rows::Cells(&[
        ("id", Cell::String),
        ("slug", Cell::String),
        ("name", Cell::String),
        ("created_at", Cell::String),
        ("last_event_at", Cell::MaybeString),
        ("events_7d", Cell::Integer),
        ("uniques_7d", Cell::Integer),
    ]),
    route: None,
    example: r#"{"search":"shop"}"#,
};
pub(super) const COMPARE_PROJECTS: Spec = Spec {
    name: "compare_projects",
    title: "Compare projects",
    text: "One figure of each project, the highest first, with its share of the sum.",
    own: &[
        parameter("metric", Choice(&["count", "uniques"]), "What is compared. Default count."),
        EVENT,
        GOAL,
        PROJECT_IDS,
    ],
    required: &[],
    ranged: true,
    filtered: false,
    rows: Rows::Cells(&[
        ("rank", Cell::Integer),
        ("project_id", Cell::String),
        ("slug", Cell::String),
        ("name", Cell::String),
        ("value", Cell::Integer),
        ("share_pct", Cell::Number),
    ]),
    route: None,
    example: r#"{"metric":"uniques","period":"30d"}"#,
};
