//! `GET /v1/events`: the event names that occur, with their properties.

use millimetric_core::query::{NamesQuery, NamesResponse, NamesRow};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::comparison::{Comparable, lifted};
use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::wire::choices::Instant;
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};

/// `GET /v1/events`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NamesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for NamesParams {
    type Query = NamesQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<NamesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(NamesQuery { range, filters, limit })
    }
}

impl Report for NamesParams {
    const PATH: &'static str = "/v1/events";
    const OPERATION_ID: &'static str = "listEvents";
    const SUMMARY: &'static str = "Event names that occur, with their properties";
    const DESCRIPTION: Option<&'static str> = Some(
        "Lists the names that occur in the range. Counts and properties are those of the range; `first_seen` and \
         `last_seen` are of all events that are stored.",
    );
    const COMPARABLE: Option<Comparable<NamesQuery>> = Some(Comparable {
        keys: |_| vec!["event_name".to_owned()],
        figures: &["count", "uniques"],
        nothing: |_| 0.into(),
        unlimited: |query| lifted(&mut query.limit),
        buckets: None,
    });
    type Body = NameRows;

    fn body(_: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> NameRows {
        response.into()
    }
}

/// `GET /v1/events`
#[derive(Debug, Serialize, ToSchema)]
pub struct NameRows {
    /// By count, descending.
    pub rows: Vec<NameRow>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of the least frequent names, which are in no row because there are too many names to
    /// count separately; absent if all were.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true if distinct visitors are estimated.
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
    /// The earliest of all that are stored, also before the range. Filters apply.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// The latest of all that are stored, also after the range. Filters apply.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// Their properties, by count descending.
    pub properties: Vec<PropertyRow>,
    /// How often these events have a property that is not listed; absent if all are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub other_properties: u64,
}

/// One property of an event name.
#[derive(Debug, Serialize, ToSchema)]
pub struct PropertyRow {
    /// The property.
    pub name: String,
    /// Events that have it.
    pub count: u64,
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
