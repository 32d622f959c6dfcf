//! `GET /v1/sources`: the sources of visits.

use millimetric_core::query::{Attribution, SourcesQuery, SourcesResponse, SourcesRow};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::comparison::{Comparable, lifted};
use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::wire::choices::{AttributionName, BreakdownName, Instant};
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};

/// `GET /v1/sources`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SourcesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// `source_medium` (default) or `source`.
    #[param(value_type = Option<BreakdownName>, inline)]
    breakdown: Option<String>,
    /// Whose source and medium: that of each `event` (default), or that of its `session`.
    #[param(value_type = Option<AttributionName>, inline)]
    attribution: Option<String>,
    /// Only this event name.
    #[param(max_length = 2048)]
    event: Option<String>,
    /// Only events that reach this goal of the project, by its slug (`/v1/goals`), such as `signup`; in place
    /// of `event`.
    #[param(max_length = 2048)]
    goal: Option<String>,
    /// Maximum number of rows, 1–200; default 50.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<NumberParam>,
}

impl Parameters for SourcesParams {
    type Query = SourcesQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<SourcesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 50, 200);
        let by_medium = check.read("breakdown", self.breakdown, |text| match text {
            "source_medium" => Ok(true),
            "source" => Ok(false),
            _ => Err("must be source_medium or source"),
        });
        let attribution = check.read("attribution", self.attribution, |text| {
            text.parse::<Attribution>().map_err(|error| error.to_string())
        });
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        let (by_medium, attribution) = (by_medium.unwrap_or(true), attribution.unwrap_or_default());
        Ok(SourcesQuery { range, events, filters, by_medium, attribution, limit })
    }
}

impl Report for SourcesParams {
    const PATH: &'static str = "/v1/sources";
    const OPERATION_ID: &'static str = "getSources";
    const SUMMARY: &'static str = "Where visits came from, and how much of it was paid for";
    const COMPARABLE: Option<Comparable<SourcesQuery>> = Some(Comparable {
        keys: |_| ["source", "medium"].map(str::to_owned).to_vec(),
        figures: &["events", "uniques", "paid_share"],
        nothing: |_| 0.into(),
        unlimited: |query| lifted(&mut query.limit),
        buckets: None,
    });
    type Body = SourceRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> SourceRows {
        SourceRows::new(query.by_medium, response)
    }
}

/// `GET /v1/sources`
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceRows {
    /// `source_medium` or `source`.
    #[schema(value_type = BreakdownName, inline)]
    pub breakdown: &'static str,
    /// By events, descending.
    pub rows: Vec<SourceRow>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of the least frequent sources, which are in no row because there are too many sources to
    /// count separately; absent if all were.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true if distinct visitors are estimated.
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

impl SourceRows {
    /// The response, by source alone or by medium too.
    pub fn new(by_medium: bool, response: SourcesResponse) -> Self {
        let row = |row: SourcesRow| SourceRow {
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
