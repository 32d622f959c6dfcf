//! The tools that are about single events.

use millimetric_core::query::Period;

use super::Shape::{Object, Text};
use super::{EVENT, GOAL, Spec, limit, parameter};
use crate::wire::reports::{EventsParams, Report as _};

pub(super) const TRACK_EVENT: Spec = Spec {
    name: "track_event",
    title: "Track an event",
    text: "Stores one event and returns its classification. Use names that describe_schema lists.",
    own: &[
        parameter("event", Text, "Name, 1-128 characters; $pageview is a page view."),
        parameter("event_id", Text, "Your own id; the same id is stored once."),
        parameter("timestamp", Text, "When it happened, ISO 8601 with offset. Default now."),
        parameter("anonymous_id", Text, "The visitor. Default: one is invented."),
        parameter("user_id", Text, "The signed-in user."),
        parameter("session_id", Text, "The session."),
        parameter("url", Text, "The page's URL; utm_* and click ids are read from it."),
        parameter("path", Text, "The page's path. Default: the url's."),
        parameter("referrer", Text, "Where the visitor came from."),
        parameter("properties", Object, "Anything else."),
        parameter("context", Object, "The visitor's ip and user_agent, never stored."),
    ],
    required: &["event"],
    range: None,
    filtered: false,
    route: None,
    example: r#"{"event":"signup","anonymous_id":"visitor-1","url":"https://shop.example/?utm_source=news&utm_medium=email","properties":{"plan":"pro"}}"#,
};

pub(super) const QUERY_EVENTS: Spec = Spec {
    name: "query_events",
    title: "Raw events",
    text: "Single events, newest first, with all columns; properties is JSON text. For counts ask get_stats.",
    own: &[EVENT, GOAL, limit(1000), parameter("cursor", Text, "next_cursor of the response before.")],
    required: &[],
    range: Some(Period::WEEK),
    filtered: true,
    route: Some(EventsParams::PATH),
    example: r#"{"event":"purchase","filters":{"session_source":"facebook"},"period":"24h","limit":20}"#,
};
