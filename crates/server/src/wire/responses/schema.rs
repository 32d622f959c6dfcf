//! The JSON of `GET /v1/schema`.
//!
//! Only shapes: nothing is decided here.

use millimetric_core::classify::rules;
use millimetric_core::property_samples::PropertyDescribed;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{NameRow, is_false};
use crate::ops::reports::schema::{ColumnDescribed, Kind, SchemaResponse, SchemaRows as Described};

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
            Described::Columns(rows) => rows.iter().map(column).collect(),
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
