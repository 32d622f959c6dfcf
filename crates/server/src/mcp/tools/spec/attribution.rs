//! The tools that say where visits and conversions came from.

use millimetric_core::query::Period;

use super::Shape::{Choice, Flag, List, Text};
use super::{COMPARE, Spec, limit, parameter};
use crate::wire::reports::{AttributionParams, Report as _};

pub(super) const ATTRIBUTION: Spec = Spec {
    name: "attribution",
    title: "Attribution",
    text: "Which sources get the credit for an event or a goal, under all models side by side. Touches are the visitor's sessions before it. Filters select conversions.",
    own: &[
        parameter("event", Text, "The conversion, such as purchase. This or goal."),
        parameter("goal", Text, "A goal's slug; its value is the default of value."),
        parameter("paths", Flag, "Instead, the most frequent sequences of touches."),
        parameter("lookback", Text, "How far back sessions count, 1d to 366d. Default 30d."),
        parameter(
            "models",
            List(6),
            "Of first, last, last_non_direct, linear, position, time_decay. Default all.",
        ),
        parameter(
            "group_by",
            List(4),
            "Columns of sessions: session_source and session_medium (default), session_campaign, session_confidence, session_rule_id, entry_path, exit_path.",
        ),
        parameter("count", Choice(&["all", "once"]), "once: only each visitor's first conversion."),
        parameter("value", Text, "A numeric property that it is worth; rows are split by currency."),
        COMPARE,
        limit(1000),
    ],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(AttributionParams::PATH),
    example: r#"{"event":"purchase","value":"amount","period":"30d"}"#,
};

pub(super) const EXPLAIN_ATTRIBUTION: Spec = Spec {
    name: "explain_attribution",
    title: "Explain an attribution",
    text: "Why a visit counts where it does: the rule that matched, those that nearly did, and advice on tags; of a stored event also its session and its touches with their weights. Or a dry run of url and referrer.",
    own: &[
        parameter("event_id", Text, "A stored event."),
        parameter("url", Text, "Dry run: the landing page."),
        parameter("referrer", Text, "Dry run: where the visitor came from."),
        parameter("rules", Choice(&["near", "all"]), "all: every rule that was tried."),
    ],
    required: &[],
    range: None,
    filtered: false,
    route: Some("/v1/explain"),
    example: r#"{"url":"https://shop.example/?fbclid=1","referrer":"https://l.facebook.com/"}"#,
};
