//! The limits that clients meet, from the constants and the settings that enforce them.

use millimetric_core::goal::Goal;
use millimetric_core::ingest::validate::{MAX_ADDRESS, MAX_AHEAD_MILLIS};
use millimetric_core::origin::AllowedOrigin;
use millimetric_core::properties;
use millimetric_core::query::{FunnelSteps, StatsQuery};

use crate::body::{MAX_BATCH_BODY, MAX_RULES_BODY, MAX_SMALL_BODY};
use crate::config::{RateLimit, Settings};
use crate::limits::EXPORTS;
use crate::wire::requests::MAX_BATCH;

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
    let row = |what, value: String, beyond| Limit { what, value, beyond };
    let rates = &settings.rates;
    let queries = &settings.queries;
    vec![
        row("Events in a batch", MAX_BATCH.to_string(), "400 `invalid_payload`"),
        row(
            "Body of `/v1/batch`, also after decompression",
            bytes(MAX_BATCH_BODY),
            "413 `payload_too_large`",
        ),
        row("Body of `POST /v1/explain`", bytes(MAX_RULES_BODY), "413 `payload_too_large`"),
        row("Body of every other route", bytes(MAX_SMALL_BODY), "413 `payload_too_large`"),
        row(
            "Properties of an event",
            format!("{}, {} levels deep", bytes(properties::MAX_BYTES), properties::MAX_DEPTH),
            "400 `invalid_payload`",
        ),
        row(
            "URL, path and referrer of an event",
            format!("{MAX_ADDRESS} characters"),
            "400 `invalid_payload`",
        ),
        row(
            "Timestamp ahead of the server",
            format!("{} minutes", MAX_AHEAD_MILLIS / 60_000),
            "it becomes the time of the server",
        ),
        row(
            "Requests to `/v1/track` and `/v1/identify`, per project and kind of key",
            rate(rates.rate_limit_track),
            "429 `rate_limited`",
        ),
        row(
            "Requests to `/v1/batch`, per project and kind of key",
            rate(rates.rate_limit_batch),
            "429 `rate_limited`",
        ),
        row("Of these, one address with a `pk`", "a quarter".to_owned(), "429 `rate_limited`"),
        row("Columns in `group_by`", StatsQuery::MAX_DIMENSIONS.to_string(), "400 `invalid_params`"),
        row("Steps of a funnel", FunnelSteps::MOST.to_string(), "400 `invalid_params`"),
        row("Time of a query", format!("{} s", queries.query_timeout), "503 `query_too_large`"),
        row(
            "Memory of all queries, of which one takes at most half",
            format!("{} MiB", queries.query_mib),
            "503 `query_too_large`",
        ),
        row(
            "Queries at once, of which one project has at most half",
            queries.query_slots.to_string(),
            "it waits, then 503 `overloaded`",
        ),
        row(
            "Exports at once, and of one project",
            format!("{}, {}", EXPORTS.0, EXPORTS.1),
            "503 `overloaded`",
        ),
        row("Goals of a project", Goal::MAX_PER_PROJECT.to_string(), "they are refused"),
        row(
            "Allowed origins of a project",
            format!("{}, {} each", AllowedOrigin::MAX_PER_PROJECT, bytes(AllowedOrigin::MAX_BYTES)),
            "they are refused",
        ),
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
