//! The tools that are about visits: sessions, what visitors do in them, and visitors who return.

use millimetric_core::query::Period;

use super::Shape::{Choice, Flag, List, Number, Text};
use super::{COMPARE, EVENT, GOAL, Spec, limit, parameter};
use crate::wire::reports::{JourneysParams, Report as _, RetentionParams, SessionsParams};

pub(super) const SESSIONS: Spec = Spec {
    name: "sessions",
    title: "Sessions",
    text: "Sessions (visits) that begin in the range, bounces, bounce_rate (0-1), views_per_session and median_duration_seconds. A session ends after 30 idle minutes; a bounce is one page view and no other event. Filters are about its first page view.",
    own: &[
        parameter(
            "group_by",
            List(4),
            "session_source, session_medium, session_campaign, entry_path, exit_path, country, device_type, browser or os.",
        ),
        parameter("interval", Choice(&["hour", "day", "week", "month"]), "A row for each, in bucket."),
        COMPARE,
        limit(1000),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(SessionsParams::PATH),
    example: r#"{"group_by":["session_source"],"period":"last_30_days"}"#,
};

pub(super) const RETENTION: Spec = Spec {
    name: "retention",
    title: "Retention",
    text: "Visitors by the period of their first event ever (cohorts), and how many of them came back in each period after it: returned[0] is the period itself. A period that is not over is not comparable yet.",
    own: &[
        parameter("interval", Choice(&["day", "week", "month"]), "The periods. Default week, from Monday."),
        EVENT,
        GOAL,
        parameter("return_event", Text, "The event that counts as a return. Default any."),
        parameter("new", Choice(&["ever", "range"]), "range: the first event within the range, not ever."),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(RetentionParams::PATH),
    example: r#"{"interval":"week","event":"signup","period":"last_90_days"}"#,
};

pub(super) const JOURNEYS: Spec = Spec {
    name: "journeys",
    title: "Journeys",
    text: "The most frequent paths of visitors within a visit, from a page or an event onwards, or backwards from it, with sessions and visitors. Equal steps in a row are one; ended: the visit had no further step.",
    own: &[
        parameter("start", Text, "An event name, or page:/pricing (* is any characters)."),
        parameter("direction", Choice(&["forwards", "backwards"]), "Default forwards."),
        parameter("steps", Number(5), "2-5, with the start. Default 3."),
        parameter("pageviews", Flag, "false: other events alone."),
        limit(1000),
    ],
    required: &["start"],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(JourneysParams::PATH),
    example: r#"{"start":"page:/pricing","period":"last_30_days"}"#,
};
