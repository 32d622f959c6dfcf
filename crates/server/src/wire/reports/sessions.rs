//! `GET /v1/sessions`: the number of sessions and bounces, and what sessions are like.

mod journeys;

use millimetric_core::query::{Dimension, SessionsQuery, SessionsResponse, SessionsRow};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

pub use self::journeys::{JourneyRow, JourneyRows, JourneysParams};
use super::answer::comparison::{Comparable, lifted_series};
use super::{QueryResponse, Report, share};
use crate::error::ApiResult;
use crate::wire::bucket::ShownBuckets;
use crate::wire::choices::{Instant, IntervalName};
use crate::wire::params::{Check, FilterParams, ListParam, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};

/// `GET /v1/sessions`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Up to four columns, with commas between: columns of the session, and the visitor's country and device.
    #[param(value_type = Option<String>, example = "session_source,session_medium")]
    group_by: Option<ListParam>,
    /// A row for each `hour`, `day`, `week` (from Monday) or `month` in which a session begins.
    #[param(value_type = Option<IntervalName>, inline)]
    interval: Option<String>,
    /// The time zone of the buckets and of dates without a time, an IANA name; default UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Maximum number of rows, 1–1000; default 1000. Without it, a response with `interval` has whole series: the
    /// groups with the most sessions, each with all of its buckets, at most 100 groups and 10 000 rows.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for SessionsParams {
    type Query = SessionsQuery;
    const FILTERED: bool = true;

    fn group_names() -> Vec<String> {
        SessionsQuery::allowed().map(|dimension| dimension.name()).collect()
    }

    fn query(self, filters: FilterParams) -> ApiResult<SessionsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.series_limit(self.limit, 1000, self.interval.as_deref());
        let labels = self.timezone.is_some();
        let buckets = check.buckets(self.interval, self.timezone);
        let group_by = check.group_by(self.group_by, Self::group_names())?;
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(SessionsQuery { range, filters, group_by, buckets, labels, limit })
    }
}

impl Report for SessionsParams {
    const PATH: &'static str = "/v1/sessions";
    const OPERATION_ID: &'static str = "getSessions";
    const SUMMARY: &'static str = "How many sessions begin, how many of them bounce, and how long they are";
    const DESCRIPTION: Option<&'static str> = Some(
        "A session is the events of one visitor with the same `session_id` that the client sent, or with pauses \
         of at most 30 minutes. It counts in the range and bucket of its first event if it has a `$pageview`. \
         Its country and device, and filters by columns of events, are those of its first page view.",
    );
    const COMPARABLE: Option<Comparable<SessionsQuery>> = Some(Comparable {
        keys: |query| query.group_by.iter().map(Dimension::name).collect(),
        figures: &["sessions", "bounces", "bounce_rate", "views_per_session", "median_duration_seconds"],
        nothing: |_| 0.into(),
        unlimited: |query| lifted_series(&mut query.limit),
        buckets: Some(|query| Some((query.buckets?, query.labels))),
    });
    type Body = SessionRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, now: Timestamp) -> SessionRows {
        SessionRows::new(query, response, now)
    }
}

/// `GET /v1/sessions`
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionRows {
    /// By bucket, then by sessions descending; a bucket in which no session begins has none. Without
    /// `interval` and `group_by` one row.
    pub rows: Vec<SessionRow>,
    /// Present and true if rows were cut at the limit, or groups were left out.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Sessions of the least frequent groups, which are in no row because there are too many groups to count
    /// separately; absent if all were.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

/// The sessions of one group that begin in one bucket.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionRow {
    /// The first instant of the bucket; absent without `interval`.
    #[schema(format = DateTime, example = "2026-05-04T00:00:00Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The first instant of the bucket in `timezone`; absent without that.
    #[schema(format = DateTime, example = "2026-05-04T00:00:00+02:00")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Present and true if the range cuts the bucket, or if it is not over yet.
    #[serde(skip_serializing_if = "is_false")]
    pub partial: bool,
    /// The columns of `group_by`.
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, Option<String>>)]
    pub groups: Map<String, Value>,
    /// Sessions.
    pub sessions: u64,
    /// How many of them have one page view, and no other event than system events (`$…`).
    pub bounces: u64,
    /// Their share, 0 to 1.
    pub bounce_rate: f64,
    /// Page views per session; 0 without sessions.
    pub views_per_session: f64,
    /// The median time from a session's first to its last event, in seconds; 0 without sessions.
    pub median_duration_seconds: f64,
}

impl SessionRows {
    fn new(query: &SessionsQuery, response: SessionsResponse, now: Timestamp) -> Self {
        let names: Vec<String> = query.group_by.iter().map(Dimension::name).collect();
        let (range, labels) = (query.range, query.labels);
        let buckets = query.buckets.map(|buckets| ShownBuckets { buckets, labels, range, now });
        let shown = |row: &SessionsRow| Some(buckets?.at(row.bucket?));
        let row = |row: SessionsRow| {
            let shown = shown(&row);
            let partial = shown.as_ref().is_some_and(|shown| shown.partial);
            let (bucket, label) = shown.map_or((None, None), |shown| (Some(shown.bucket), shown.label));
            SessionRow {
                bucket,
                label,
                partial,
                groups: names.iter().cloned().zip(row.keys.into_iter().map(Value::from)).collect(),
                sessions: row.sessions,
                bounces: row.bounces,
                bounce_rate: share(row.bounces, row.sessions),
                views_per_session: share(row.views, row.sessions),
                median_duration_seconds: row.median_millis.unwrap_or_default() / 1000.0,
            }
        };
        Self {
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
        }
    }
}
