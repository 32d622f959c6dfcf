//! The JSON of what describes the data itself: its schema, and an explained attribution.
//!
//! Only shapes: nothing is decided here.

use millimetric_core::classify::rules;
use millimetric_core::event::Event;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{NameRow, is_false};
use crate::ops::explain::Explained;
use crate::ops::schema::{ColumnDescribed, Kind, PropertyDescribed, SchemaResponse, SchemaRows as Described};

/// `GET /v1/schema`
#[derive(Debug, Serialize, ToSchema)]
pub struct SchemaRows {
    /// `events`, `properties`, `values`, `columns` or `rules`.
    pub kind: &'static str,
    /// Of events: those of `/v1/events`. Of properties: `event_name`, `name`, `count`, and of recent
    /// events `types` and `samples`. Of values: `value`, `count`. Of columns: `name`, `groups`, `filters`,
    /// `text`. Of rules: `rule_id`, `fires_when`, `source`, `medium`, `confidence`, in the order in which
    /// they are tried.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true when rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

impl SchemaRows {
    /// The answer of that kind.
    pub fn new(kind: Kind, response: SchemaResponse) -> Self {
        let rows = match response.rows {
            Described::Events(rows) => rows.into_iter().map(|row| object(&NameRow::from(row))).collect(),
            Described::Properties(rows) => rows.into_iter().map(property).collect(),
            Described::Values(rows) => {
                let row = |(value, count): (Option<String>, u64)| {
                    object(&json!({ "value": value, "count": count }))
                };
                rows.into_iter().map(row).collect()
            }
            Described::Columns(rows) => rows.into_iter().map(column).collect(),
            Described::Rules(ids) => ids.into_iter().filter_map(rule).collect(),
        };
        Self { kind: word(kind), rows, truncated: response.truncated }
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Events => "events",
        Kind::Properties => "properties",
        Kind::Values => "values",
        Kind::Columns => "columns",
        Kind::Rules => "rules",
    }
}

fn property(row: PropertyDescribed) -> Map<String, Value> {
    let PropertyDescribed { event_name, name, count, types, samples } = row;
    object(
        &json!({ "event_name": event_name, "name": name, "count": count, "types": types, "samples": samples }),
    )
}

fn column(row: &ColumnDescribed) -> Map<String, Value> {
    object(&json!({ "name": row.name, "groups": row.groups, "filters": row.filters, "text": row.text }))
}

fn rule(id: &str) -> Option<Map<String, Value>> {
    let rule = rules().iter().find(|rule| rule.id() == id)?;
    Some(object(&json!({
        "rule_id": rule.id(), "fires_when": rule.fires_when(), "source": rule.source(),
        "medium": rule.medium(), "confidence": rule.confidence().as_str(),
    })))
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Where a visit counts, and by which rule.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct Classified {
    pub source: String,
    pub medium: String,
    pub campaign: Option<String>,
    pub source_confidence: &'static str,
    pub source_rule_id: String,
}

impl From<&Event> for Classified {
    fn from(event: &Event) -> Self {
        Self {
            source: event.source.clone().into_owned(),
            medium: event.medium.clone().into_owned(),
            campaign: event.campaign.clone(),
            source_confidence: event.source_confidence.as_str(),
            source_rule_id: event.source_rule_id.clone().into_owned(),
        }
    }
}

/// `GET /v1/explain`
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedRows {
    /// What the rules of today say.
    pub attribution: Classified,
    /// The event that was asked for, as it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<ExplainedEvent>,
    /// What could be done better, most important first.
    pub advice: Vec<&'static str>,
    /// The rules in the order in which they were tried; the last one fired.
    pub rows: Vec<RuleRow>,
}

/// An event whose attribution is explained.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct ExplainedEvent {
    pub event_id: String,
    pub event_name: String,
    pub timestamp: String,
    pub url: Option<String>,
    pub referrer: Option<String>,
    pub stored: Classified,
    /// Whether what is stored is what the rules of today say.
    pub agrees: bool,
}

/// One rule that was tried.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleRow {
    /// The rule.
    pub rule_id: String,
    /// Whether it explains the visit.
    pub fired: bool,
    /// Why it did, or what it lacked.
    pub reason: String,
}

impl From<Explained> for ExplainedRows {
    fn from(explained: Explained) -> Self {
        let Explained { event, explanation, fired_since, agrees, advice } = explained;
        let now = explanation.attribution;
        let passed = explanation.passed_over.into_iter().map(|passed| RuleRow {
            rule_id: passed.rule_id.to_owned(),
            fired: false,
            reason: passed.reason,
        });
        let fired = RuleRow { rule_id: now.rule_id.to_owned(), fired: true, reason: fired_since };
        Self {
            rows: passed.chain([fired]).collect(),
            advice,
            event: event.map(|event| ExplainedEvent {
                stored: Classified::from(&event),
                event_id: event.event_id,
                event_name: event.event_name,
                timestamp: event.timestamp.to_string(),
                url: event.url,
                referrer: event.referrer,
                agrees: agrees.unwrap_or_default(),
            }),
            attribution: Classified {
                source: now.source.into_owned(),
                medium: now.medium.into_owned(),
                campaign: now.campaign,
                source_confidence: now.confidence.as_str(),
                source_rule_id: now.rule_id.to_owned(),
            },
        }
    }
}
