//! The tools that look for something by themselves: why a figure changed, and what is wrong with the events.

use millimetric_core::query::Period;

use super::Shape::{Choice, List, Text};
use super::{EVENT, GOAL, Spec, limit, parameter};
use crate::wire::reports::{ChangesParams, Report as _};

pub(super) const EXPLAIN_CHANGE: Spec = Spec {
    name: "explain_change",
    title: "Explain a change",
    text: "Why a figure rose or fell: which values of columns, alone and in pairs, explain the difference between two ranges, by exact contribution. noise: not significant; unchanged: what stayed the same.",
    own: &[
        parameter("metric", Choice(&["count", "uniques", "conversions", "sum"]), "As in get_stats."),
        parameter("property", Text, "For sum."),
        EVENT,
        GOAL,
        parameter("compare", Text, "previous (default), year or from/to."),
        parameter("columns", List(9), "Up to nine that get_stats groups by."),
        limit(100),
    ],
    required: &[],
    range: Some(Period::LastWeek),
    filtered: true,
    route: Some(ChangesParams::PATH),
    example: r#"{"metric":"count","event":"purchase","period":"last_7_days"}"#,
};

pub(super) const DATA_QUALITY: Spec = Spec {
    name: "data_quality",
    title: "Data quality",
    text: "What is wrong with the events, each fault with an example and advice: tags in several spellings, payment pages as sources, numbers sent as text, mixed currencies, look-alike event names, placeholder ids and more.",
    own: &[limit(100)],
    required: &[],
    range: Some(Period::WEEK),
    filtered: false,
    route: Some("/v1/quality"),
    example: r#"{"period":"last_30_days"}"#,
};
