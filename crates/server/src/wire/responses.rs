//! The JSON of the responses: names and order of the keys are the contract's.
//!
//! Only shapes: nothing is counted or decided here.

mod explain;
mod journeys;
mod multi_project;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millimetric_core::event::Event;
use millimetric_core::query::{
    Cursor, EventsResponse, NamesResponse, NamesRow, Number, SourcesResponse, StatsQuery, StatsResponse,
};
use millimetric_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::explain::{Classified, ExplainedEvent, ExplainedRows, RuleRow};
pub use self::journeys::{CohortRow, FunnelRows, PageRow, PageRows, RetentionRows, SessionRow, SessionRows};
pub use self::multi_project::{ComparedRow, ComparedRows, ProjectRow, ProjectRows};
pub use self::schema::SchemaRows;

/// `POST /v1/track`
#[derive(Debug, Serialize, ToSchema)]
pub struct Tracked {
    /// Always true.
    pub ok: bool,
    /// The event's id: the client's own, or the one the server made.
    pub event_id: String,
    /// 1 when the event was there already.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// The event was left out on purpose, and why (a known bot).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// `POST /v1/batch`
#[derive(Debug, Serialize, ToSchema)]
pub struct Batched {
    /// Always true.
    pub ok: bool,
    /// Events of the batch.
    pub count: u64,
    /// How many of them were there already.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// The batch was left out on purpose, and why (a known bot).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// `POST /v1/identify`
#[derive(Debug, Serialize, ToSchema)]
pub struct Identified {
    /// Always true.
    pub ok: bool,
    /// The link was left out on purpose, and why (a known bot).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// `POST /v1/forget`
#[derive(Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// Always true.
    pub ok: bool,
    /// Always true: hidden now, erased from the disk within a minute.
    pub queued: bool,
    /// For `GET /v1/forget/{request_id}`.
    pub request_id: String,
}

/// `GET /v1/forget/{request_id}`
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgetStatus {
    /// The request.
    pub request_id: String,
    /// `queued`, `running`, `done` or `failed`.
    pub status: &'static str,
    /// Events erased from the disk so far.
    pub events_deleted: u64,
    /// When it was asked for.
    pub requested_at: String,
    /// When it was done.
    pub finished_at: Option<String>,
}

/// `GET /v1/query`
#[derive(Debug, Serialize, ToSchema)]
pub struct EventRows {
    /// Newest first.
    pub rows: Vec<EventRow>,
    /// Pass as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One stored event.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct EventRow {
    #[schema(example = "2026-05-16T19:00:00.000Z")]
    pub timestamp: String,
    pub event_name: String,
    pub event_id: String,
    pub anonymous_id: String,
    pub user_id: Option<String>,
    pub session_id: String,
    pub source: String,
    pub medium: String,
    pub campaign: Option<String>,
    pub source_confidence: &'static str,
    pub source_rule_id: String,
    pub referrer: Option<String>,
    pub url: Option<String>,
    pub path: Option<String>,
    pub country: String,
    pub device_type: &'static str,
    pub browser: &'static str,
    pub os: &'static str,
    /// A JSON object, as a string.
    #[schema(example = "{\"plan\":\"pro\"}")]
    pub properties: String,
}

/// `GET /v1/stats`
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsRows {
    /// What was counted: `count`, `uniques`, `sum` or `avg`.
    pub metric: &'static str,
    /// Each row holds `bucket` (with an interval), the columns of `group_by`, and `value`.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true when rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of groups that are in no row, the least frequent, since there are too many to count each
    /// apart; absent where every group was counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true when distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
}

/// `GET /v1/sources`
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceRows {
    /// `source_medium` or `source`.
    pub breakdown: &'static str,
    /// By events, descending.
    pub rows: Vec<SourceRow>,
    /// Present and true when rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of sources that are in no row, the least frequent, since there are too many to count each
    /// apart; absent where every source was counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true when distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
}

/// One source.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceRow {
    /// The source.
    pub source: String,
    /// The medium; absent under `breakdown=source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// Events.
    pub events: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// Share of the events whose medium is `paid`, 0 to 1.
    pub paid_share: f64,
}

/// `GET /v1/events`
#[derive(Debug, Serialize, ToSchema)]
pub struct NameRows {
    /// By count, descending.
    pub rows: Vec<NameRow>,
    /// Present and true when rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of names that are in no row, the least frequent, since there are too many to count each
    /// apart; absent where every name was counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true when distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
}

/// One event name.
#[derive(Debug, Serialize, ToSchema)]
pub struct NameRow {
    /// The name.
    pub event_name: String,
    /// Events of that name.
    pub count: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// The earliest in the range.
    pub first_seen: String,
    /// The latest in the range.
    pub last_seen: String,
    /// Properties that occur, by count descending.
    pub properties: Vec<PropertyRow>,
    /// How often these events carry a property that is not listed; absent where all are.
    #[serde(skip_serializing_if = "is_zero")]
    pub other_properties: u64,
}

/// One property of an event name.
#[derive(Debug, Serialize, ToSchema)]
pub struct PropertyRow {
    /// The property.
    pub name: String,
    /// Events that carry it.
    pub count: u64,
}

/// `GET /v1/usage`
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageRows {
    /// The project's plan.
    pub plan: &'static str,
    /// Events that the plan holds each month; null: no limit.
    pub monthly_limit: Option<u64>,
    /// Months with events, in order.
    pub rows: Vec<UsageRow>,
}

/// One month.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageRow {
    /// `2026-05`
    pub month: String,
    /// Events stored in it, of the key's env.
    pub events: u64,
}

impl From<EventsResponse> for EventRows {
    fn from(response: EventsResponse) -> Self {
        Self {
            next_cursor: response.next.as_ref().map(write_cursor),
            rows: response.rows.into_iter().map(EventRow::from).collect(),
        }
    }
}

impl From<Event> for EventRow {
    fn from(event: Event) -> Self {
        Self {
            timestamp: event.timestamp.to_string(),
            event_name: event.event_name,
            event_id: event.event_id,
            anonymous_id: event.anonymous_id,
            user_id: event.user_id,
            session_id: event.session_id,
            source: event.source.into_owned(),
            medium: event.medium.into_owned(),
            campaign: event.campaign,
            source_confidence: event.source_confidence.as_str(),
            source_rule_id: event.source_rule_id.into_owned(),
            referrer: event.referrer,
            url: event.url,
            path: event.path,
            country: event.country.to_string(),
            device_type: event.device_type.as_str(),
            browser: event.browser.as_str(),
            os: event.os.as_str(),
            properties: event.properties,
        }
    }
}

impl StatsRows {
    /// The answer under the names that the query asked for.
    pub fn new(query: &StatsQuery, response: StatsResponse) -> Self {
        use millimetric_core::query::Metric;
        let names: Vec<String> =
            query.group_by.iter().map(millimetric_core::query::Dimension::name).collect();
        let row = |row: millimetric_core::query::StatsRow| {
            let bucket = row.bucket.map(|at| ("bucket".to_owned(), Value::from(at.to_rfc3339_seconds())));
            let keys = names.iter().cloned().zip(row.keys.into_iter().map(Value::from));
            let value = ("value".to_owned(), number(row.value));
            bucket.into_iter().chain(keys).chain([value]).collect()
        };
        Self {
            metric: match query.metric {
                Metric::Count => "count",
                Metric::Uniques => "uniques",
                Metric::Sum(_) => "sum",
                Metric::Avg(_) => "avg",
            },
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
            approximate: response.approximate,
        }
    }
}

impl SourceRows {
    /// The answer, by source alone or by medium too.
    pub fn new(by_medium: bool, response: SourcesResponse) -> Self {
        let row = |row: millimetric_core::query::SourcesRow| SourceRow {
            source: row.source,
            medium: row.medium,
            events: row.events,
            uniques: row.uniques,
            paid_share: row.paid_share,
        };
        Self {
            breakdown: if by_medium { "source_medium" } else { "source" },
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
            approximate: response.approximate,
        }
    }
}

impl From<NamesRow> for NameRow {
    fn from(row: NamesRow) -> Self {
        let properties = row.properties.into_iter();
        Self {
            event_name: row.event_name,
            count: row.count,
            uniques: row.uniques,
            first_seen: row.first_seen.to_string(),
            last_seen: row.last_seen.to_string(),
            properties: properties.map(|p| PropertyRow { name: p.name, count: p.count }).collect(),
            other_properties: row.other_properties,
        }
    }
}

impl From<NamesResponse> for NameRows {
    fn from(response: NamesResponse) -> Self {
        Self {
            rows: response.rows.into_iter().map(NameRow::from).collect(),
            truncated: response.truncated,
            other: response.other,
            approximate: response.approximate,
        }
    }
}

fn number(value: Option<Number>) -> Value {
    match value {
        Some(Number::Integer(count)) => Value::from(count),
        Some(Number::Float(sum)) => Value::from(sum),
        None => Value::Null,
    }
}

/// A cursor as clients carry it: opaque text, safe in a URL.
pub fn write_cursor(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", cursor.timestamp.millis(), cursor.event_id))
}

/// The position that a client's cursor names.
pub fn read_cursor(text: &str) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (millis, event_id) = text.split_once(':')?;
    Some(Cursor { timestamp: Timestamp::from_millis(millis.parse().ok()?)?, event_id: event_id.to_owned() })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor { timestamp: Timestamp::from_millis(-5).unwrap(), event_id: "a:b ü".into() };
        assert_eq!(read_cursor(&write_cursor(&cursor)), Some(cursor));
        for text in ["", "!!", "YWJj", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6YQ"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
