//! The limits that clients meet, from the constants and the settings that enforce them.

use millimetric_core::goal::Goal;
use millimetric_core::ingest::validate::{MAX_ADDRESS, MAX_AHEAD_MILLIS};
use millimetric_core::origin::AllowedOrigin;
use millimetric_core::properties;
use millimetric_core::query::{FunnelSteps, StatsQuery};

use crate::body::{MAX_BATCH_BODY, MAX_RULES_BODY, MAX_SMALL_BODY};
use crate::config::{RateLimit, Settings};
use crate::limits::EXPORTS;
use crate::wire::requests::{MAX_BATCH, segment};

/// A limit.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) what: &'static str,
    pub(super) value: String,
    /// What a request beyond it gets, in Markdown.
    pub(super) beyond: &'static str,
}

/// All of them, those of sending first.
pub(super) fn limits(settings: &Settings) -> Vec<Limit> {
    let mut limits = of_events();
    limits.extend(of_requests(settings));
    limits.extend(of_queries(settings));
    limits.extend(of_projects());
    limits
}

fn row(what: &'static str, value: impl ToString, beyond: &'static str) -> Limit {
    Limit { what, value: value.to_string(), beyond }
}

fn of_events() -> Vec<Limit> {
    let properties = format!("{}, {} levels deep", bytes(properties::MAX_BYTES), properties::MAX_DEPTH);
    let ahead = format!("{} minutes", MAX_AHEAD_MILLIS / 60_000);
    vec![
        row("Events in a batch", MAX_BATCH, "400 `invalid_payload`"),
        row("Properties of an event", properties, "400 `invalid_payload`"),
        row(
            "URL, path and referrer of an event",
            format!("{MAX_ADDRESS} characters"),
            "400 `invalid_payload`",
        ),
        row("Timestamp ahead of the server", ahead, "it becomes the time of the server"),
        row(
            "Body of `/v1/batch`, also after decompression",
            bytes(MAX_BATCH_BODY),
            "413 `payload_too_large`",
        ),
        row("Body of `POST /v1/explain`", bytes(MAX_RULES_BODY), "413 `payload_too_large`"),
        row(
            "Message of Segment's libraries",
            bytes(segment::MAX_MESSAGE),
            "413 `payload_too_large`; in a batch 400 `invalid_payload`",
        ),
        row("Batch of Segment's libraries", bytes(segment::MAX_BATCH), "413 `payload_too_large`"),
        row("Body of other routes", bytes(MAX_SMALL_BODY), "413 `payload_too_large`"),
    ]
}

fn of_requests(settings: &Settings) -> Vec<Limit> {
    let rates = &settings.rates;
    let (track, batch) = (rate(rates.rate_limit_track), rate(rates.rate_limit_batch));
    vec![
        row("`/v1/track` and `/v1/identify`, per project and kind of key", track, "429 `rate_limited`"),
        row("`/v1/batch`, per project and kind of key", batch, "429 `rate_limited`"),
        row("Of these, one address with a `pk`", "a quarter", "429 `rate_limited`"),
    ]
}

fn of_queries(settings: &Settings) -> Vec<Limit> {
    let queries = &settings.queries;
    let (time, memory) = (format!("{} s", queries.query_timeout), format!("{} MiB", queries.query_mib));
    let slots = queries.query_slots;
    vec![
        row("Columns in `group_by`", StatsQuery::MAX_DIMENSIONS, "400 `invalid_params`"),
        row("Steps of a funnel", FunnelSteps::MOST, "400 `invalid_params`"),
        row("Time of a query", time, "503 `query_too_large`"),
        row("Memory of all queries, of which one takes at most half", memory, "503 `query_too_large`"),
        row(
            "Queries at once, of which one project has at most half",
            slots,
            "it waits, then 503 `overloaded`",
        ),
        row(
            "Exports at once, and of one project",
            format!("{}, {}", EXPORTS.0, EXPORTS.1),
            "503 `overloaded`",
        ),
    ]
}

fn of_projects() -> Vec<Limit> {
    let origins = format!("{}, {} each", AllowedOrigin::MAX_PER_PROJECT, bytes(AllowedOrigin::MAX_BYTES));
    vec![
        row("Goals of a project", Goal::MAX_PER_PROJECT, "they are refused"),
        row("Allowed origins of a project", origins, "they are refused"),
    ]
}

fn rate(limit: RateLimit) -> String {
    match limit {
        RateLimit::Off => "unlimited".to_owned(),
        RateLimit::On { per_second, burst } => format!("{per_second} per second, {burst} at once"),
    }
}

/// A size in the largest unit that divides it.
fn bytes(bytes: usize) -> String {
    match bytes {
        mib if mib % (1 << 20) == 0 => format!("{} MiB", mib >> 20),
        kib if kib % (1 << 10) == 0 => format!("{} KiB", kib >> 10),
        bytes => format!("{bytes} bytes"),
    }
}
