//! `GET /v1/sessions`: the number of sessions and bounces.

use millimetric_core::query::{SessionsQuery, SessionsResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{QueryResponse, Report, share};
use crate::error::ApiResult;
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::responses::is_false;

/// `GET /v1/sessions`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// A row for each `hour`, `day`, `week` (from Monday) or `month` in which a session begins.
    interval: Option<String>,
    /// The time zone of the buckets, an IANA name; default UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Maximum number of rows, 1–1000; default 1000.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for SessionsParams {
    type Query = SessionsQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<SessionsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let buckets = check.buckets(self.interval, self.timezone);
        let limit = check.limit(self.limit, 1000, 1000);
        let filters = check.filters(None, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(SessionsQuery { range, filters, buckets, limit })
    }
}

impl Report for SessionsParams {
    const PATH: &'static str = "/v1/sessions";
    const OPERATION_ID: &'static str = "sessions";
    const SUMMARY: &'static str = "How many sessions begin, and how many of them see one page only";
    const DESCRIPTION: Option<&'static str> = Some(
        "Sessions as `/v1/pages` counts them; with `interval` each in the bucket of its first page view.",
    );
    type Body = SessionRows;

    fn body(_: &Self::Query, response: QueryResponse<Self>) -> SessionRows {
        response.into()
    }
}

/// `GET /v1/sessions`
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionRows {
    /// In order of time; a bucket in which no session begins has none. Without `interval` one row.
    pub rows: Vec<SessionRow>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// The sessions that begin in one bucket.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionRow {
    /// The first instant of the bucket; absent without `interval`.
    #[schema(example = "2026-05-04T00:00:00Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Sessions.
    pub sessions: u64,
    /// How many of them have one page view.
    pub bounces: u64,
    /// Their share, 0 to 1.
    pub bounce_rate: f64,
}

impl From<SessionsResponse> for SessionRows {
    fn from(response: SessionsResponse) -> Self {
        let row = |row: millimetric_core::query::SessionsRow| SessionRow {
            bucket: row.bucket.map(millimetric_core::time::Timestamp::to_rfc3339_seconds),
            sessions: row.sessions,
            bounces: row.bounces,
            bounce_rate: share(row.bounces, row.sessions),
        };
        Self { rows: response.rows.into_iter().map(row).collect(), truncated: response.truncated }
    }
}
