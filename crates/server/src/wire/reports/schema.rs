//! `GET /v1/schema`: which names, properties, values, columns, rules and goals there are.

pub(super) mod quality;

use millimetric_core::property_samples::PropertyDescribed;
use millimetric_core::time::TimeRange;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{NameRow, WarningRow};
use crate::error::ApiResult;
use crate::ops::reports::schema::{
    ColumnDescribed, Kind, RuleDescribed, SchemaQuery, SchemaResponse, SchemaRows as Described, dimension,
};
use crate::ops::reports::warnings::Warning;
use crate::wire::choices::{Instant, SchemaKindName};
use crate::wire::goals::GoalRow;
use crate::wire::params::{Check, FILTERS, FilterParams, NumberParam, Parameters};
use crate::wire::responses::is_false;

/// Longest search, in characters.
const MAX_SEARCH: usize = 128;

/// `GET /v1/schema`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SchemaParams {
    /// `events` (default), `properties`, `values` (of `property`), `columns`, `rules` or `goals`.
    #[param(value_type = Option<SchemaKindName>, inline, example = "properties")]
    kind: Option<String>,
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`. `columns`, `rules`
    /// and `goals` need no range.
    #[param(value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Only this event name.
    #[param(max_length = 2048)]
    event: Option<String>,
    /// Only events that reach this goal of the project, by its slug (`/v1/goals`), such as `signup`; in place
    /// of `event`.
    #[param(max_length = 2048)]
    goal: Option<String>,
    /// With `kind=values`: a column of `group_by`, or a property by its name, such as `plan`.
    property: Option<String>,
    /// Only names or values that hold this text, in whatever case.
    #[param(max_length = 128)]
    search: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for SchemaParams {
    type Query = SchemaQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<SchemaQuery> {
        let mut check = Check::default();
        let kind = check
            .read("kind", self.kind, |text| text.parse::<Kind>().map_err(|error| error.to_string()))
            .unwrap_or_default();
        let range = match kind {
            Kind::Columns | Kind::Rules | Kind::Goals => check.range_or(self.from, self.to, TimeRange::LAST),
            Kind::Events | Kind::Properties | Kind::Values => check.range(self.from, self.to),
        };
        let limit = check.limit(self.limit, 100, 1000);
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        if kind != Kind::Values && self.goal.is_some() {
            check.problems.field("goal", "goes with kind=values");
        }
        let filters = check.filters(filters);
        if matches!(kind, Kind::Columns | Kind::Rules | Kind::Goals) && !filters.is_empty() {
            check.problems.field(FILTERS, "go with kind=events, properties and values");
        }
        let search = check.text("search", self.search, MAX_SEARCH);
        if kind == Kind::Values && self.property.is_none() {
            check.problems.field("property", "is required with kind=values: a column or a property");
        }
        if kind != Kind::Values && self.property.is_some() {
            check.problems.field("property", "goes with kind=values");
        }
        let of = check.read("property", self.property, |text| {
            dimension(text).ok_or("must be a column or the name of a property, 1 to 128 bytes long")
        });
        let (range, limit) = check.finish(range, limit)?;
        Ok(SchemaQuery { kind, range, events, filters, of, search, limit })
    }
}

/// `GET /v1/schema`
#[derive(Debug, Serialize, ToSchema)]
pub struct SchemaRows {
    /// `events`, `properties`, `values`, `columns`, `rules` or `goals`.
    #[schema(value_type = SchemaKindName, inline)]
    pub kind: &'static str,
    /// Of events: those of `/v1/events`. Of properties: `event_name`, `name`, `count`, and of recent
    /// events `types` and `samples`. Of values: `value`, `count`. Of columns: `name`, `groups`, `filters`,
    /// `text`. Of rules: `rule_id`, `fires_when`, `source`, `medium`, `confidence`, in the order in which
    /// they are tried. Of goals: those of `/v1/goals`.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Why there are no rows, of events, properties and values; absent if there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<WarningRow>,
}

impl SchemaRows {
    /// The response of this kind.
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
            Described::Rules(rules) => rules.into_iter().map(rule).collect(),
            Described::Goals(goals) => goals.into_iter().map(|goal| object(&GoalRow::from(goal))).collect(),
        };
        Self { kind: word(kind), rows, truncated: response.truncated, warnings: Vec::new() }
    }

    /// The same with these warnings.
    #[must_use]
    pub fn with(self, warnings: Vec<Warning>) -> Self {
        Self { warnings: warnings.into_iter().map(WarningRow::from).collect(), ..self }
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Events => "events",
        Kind::Properties => "properties",
        Kind::Values => "values",
        Kind::Columns => "columns",
        Kind::Rules => "rules",
        Kind::Goals => "goals",
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

fn rule(rule: RuleDescribed) -> Map<String, Value> {
    let RuleDescribed { id, fires_when, source, medium, confidence } = rule;
    object(&json!({ "rule_id": id, "fires_when": fires_when, "source": source, "medium": medium,
        "confidence": confidence.as_str() }))
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
