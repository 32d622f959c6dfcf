//! `GET /v1/attribution/paths`: the most frequent sequences of touches before conversions.

use millimetric_core::query::{PathsQuery, PathsResponse, PathsRow};
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::attribution::{SentConversions, rounded};
use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::wire::choices::{ConversionCountName, Instant};
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};

/// `GET /v1/attribution/paths`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PathsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// The event that is a conversion; required unless `goal` is given.
    #[param(example = "purchase")]
    event: Option<String>,
    /// The goal that is reached by a conversion, by its slug (`/v1/goals`), such as `sale`; in place of `event`.
    goal: Option<String>,
    /// How long before a conversion a session may have started to be a touch: `1d` to `366d`; default `30d`.
    #[param(pattern = "^[0-9]+[smhdw]$")]
    lookback: Option<String>,
    /// `all` conversions (default), or `once`: the first of each visitor in the range.
    #[param(value_type = Option<ConversionCountName>, inline)]
    count: Option<String>,
    /// A numeric property that says what a conversion is worth; default that of the goal, if it has one. Rows
    /// are then split by the event's `currency`.
    #[param(example = "amount")]
    value: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for PathsParams {
    type Query = PathsQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<PathsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let sent = SentConversions {
            event: self.event,
            goal: self.goal,
            lookback: self.lookback,
            count: self.count,
            value: self.value,
        };
        let conversions = sent.checked(&mut check, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(PathsQuery { range, conversions, limit })
    }
}

impl Report for PathsParams {
    const PATH: &'static str = "/v1/attribution/paths";
    const OPERATION_ID: &'static str = "getAttributionPaths";
    const SUMMARY: &'static str = "The most frequent sequences of touches before conversions";
    const DESCRIPTION: Option<&'static str> = Some(
        "Touches are those of `/v1/attribution`, from the first to the last. Of more than 20, the path has the \
         last 20, and `cut` is true.",
    );
    type Body = PathRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> PathRows {
        PathRows::new(query, response)
    }
}

/// `GET /v1/attribution/paths`
#[derive(Debug, Serialize, ToSchema)]
pub struct PathRows {
    /// The event that is a conversion; absent if `goal` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The goal; absent if `event` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// By conversions, descending.
    pub rows: Vec<PathRow>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Conversions of the least frequent paths, which are in no row because there are too many paths to count
    /// separately; absent if all were.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

/// One sequence of touches.
#[derive(Debug, Serialize, ToSchema)]
pub struct PathRow {
    /// Source and medium of each touch, from the first to the last.
    #[schema(example = json!(["google / paid", "email / email"]))]
    pub path: Vec<String>,
    /// Present and true if touches before the first are left out.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
    /// Conversions after this sequence.
    pub conversions: u64,
    /// The currency of `value`: present if a value is asked for, null if the events name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub currency: Option<serde_json::Value>,
    /// What they are worth; present if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The median time from the first touch to the conversion, in days.
    pub median_days: f64,
}

impl PathRows {
    fn new(query: &PathsQuery, response: PathsResponse) -> Self {
        let valued = query.conversions.value.is_some();
        let row = |row: PathsRow| PathRow {
            path: row.path.into_iter().map(|(source, medium)| format!("{source} / {medium}")).collect(),
            cut: row.cut,
            conversions: row.conversions,
            currency: valued.then(|| row.currency.into()),
            value: valued.then(|| rounded(row.value)),
            median_days: row.median_millis / DAY_MILLIS as f64,
        };
        Self {
            event: query.conversions.events.event().map(str::to_owned),
            goal: query.conversions.events.goal().map(ToString::to_string),
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
        }
    }
}
