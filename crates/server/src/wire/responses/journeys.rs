//! The JSON of funnels, retention, pages and sessions.
//!
//! Only shapes and shares: nothing is counted here.

use millimetric_core::query::{
    Dimension, FunnelGroup, FunnelQuery, FunnelResponse, Interval, PagesResponse, RetentionResponse,
    SessionsResponse, StepOrder,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{is_false, is_zero};

/// `GET /v1/funnel`
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelRows {
    /// `strict` or `any`.
    pub order: &'static str,
    /// A row for each step, group after group. Each holds the columns of `group_by`; `step`, from 1;
    /// `event`, its name (only when the order is strict); `uniques`, the visitors who got there;
    /// `from_previous_pct`, their share of those at the step before, and `from_start_pct`, of those who
    /// started, in percent with two decimals; `median_seconds` from the step before, null where there
    /// is none.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true when groups were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Visitors who started in a group that has no row, since there are too many to count each apart;
    /// absent where every group was counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

impl FunnelRows {
    /// The answer under the names that the query asked for.
    pub fn new(query: &FunnelQuery, response: FunnelResponse) -> Self {
        let names: Vec<String> = query.group_by.iter().map(Dimension::name).collect();
        let rows = response.groups.iter().flat_map(|group| rows_of(query, &names, group)).collect();
        Self { order: query.order.as_str(), rows, truncated: response.truncated, other: response.other }
    }
}

fn rows_of(query: &FunnelQuery, names: &[String], group: &FunnelGroup) -> Vec<Map<String, Value>> {
    let visitors =
        |step: Option<usize>| step.map_or(group.steps[0].visitors, |step| group.steps[step].visitors);
    let row = |step: usize| {
        let mut row: Map<String, Value> =
            names.iter().cloned().zip(group.keys.iter().cloned().map(Value::from)).collect();
        row.insert("step".to_owned(), Value::from(step + 1));
        if query.order == StepOrder::Strict {
            row.insert("event".to_owned(), Value::from(query.steps.names()[step].as_str()));
        }
        let here = visitors(Some(step));
        row.insert("uniques".to_owned(), Value::from(here));
        row.insert("from_previous_pct".to_owned(), Value::from(percent(here, visitors(step.checked_sub(1)))));
        row.insert("from_start_pct".to_owned(), Value::from(percent(here, visitors(None))));
        let seconds = group.steps[step].median_millis.map(|millis| millis / 1000.0);
        row.insert("median_seconds".to_owned(), Value::from(seconds));
        row
    };
    (0..group.steps.len()).map(row).collect()
}

/// `GET /v1/retention`
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionRows {
    /// `day`, `week` or `month`.
    pub interval: &'static str,
    /// Cohorts in order of time; a period in which nobody began has none.
    pub rows: Vec<CohortRow>,
}

/// The visitors who began in one period.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortRow {
    /// The first instant of the period.
    #[schema(example = "2026-05-04T00:00:00Z")]
    pub cohort: String,
    /// How many they are.
    pub visitors: u64,
    /// How many of them returned in the period itself, in the next one, and so on to the last period
    /// of the range.
    pub returned: Vec<u64>,
}

impl RetentionRows {
    /// The answer for periods of that width.
    pub fn new(interval: Interval, response: RetentionResponse) -> Self {
        let row = |cohort: millimetric_core::query::Cohort| CohortRow {
            cohort: cohort.start.to_rfc3339_seconds(),
            visitors: cohort.visitors,
            returned: cohort.returned,
        };
        Self { interval: interval.as_str(), rows: response.cohorts.into_iter().map(row).collect() }
    }
}

/// `GET /v1/pages`
#[derive(Debug, Serialize, ToSchema)]
pub struct PageRows {
    /// Sessions of all pages together.
    pub sessions: u64,
    /// Share of them that are of one page view, 0 to 1.
    pub bounce_rate: f64,
    /// By what `sort` says, descending.
    pub rows: Vec<PageRow>,
    /// Present and true when rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Page views of paths that are in no row, the least viewed, since there are too many to count each
    /// apart; absent where every path was counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

/// One path.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageRow {
    /// The path; null for page views without one.
    pub path: Option<String>,
    /// Page views.
    pub views: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// Sessions that begin here.
    pub entries: u64,
    /// Sessions that end here.
    pub exits: u64,
    /// Sessions that begin here and view nothing else.
    pub bounces: u64,
    /// Share of the entries that bounce, 0 to 1.
    pub bounce_rate: f64,
}

impl From<PagesResponse> for PageRows {
    fn from(response: PagesResponse) -> Self {
        let row = |row: millimetric_core::query::PagesRow| PageRow {
            path: row.path,
            views: row.views,
            uniques: row.uniques,
            entries: row.entries,
            exits: row.exits,
            bounces: row.bounces,
            bounce_rate: share(row.bounces, row.entries),
        };
        Self {
            sessions: response.sessions,
            bounce_rate: share(response.bounces, response.sessions),
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
        }
    }
}

/// `GET /v1/sessions`
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionRows {
    /// In order of time; a bucket in which no session begins has none. Without `interval` one row.
    pub rows: Vec<SessionRow>,
    /// Present and true when rows were cut at the limit.
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
    /// How many of them are of one page view.
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

/// 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A share in percent, with two decimals.
fn percent(part: u64, whole: u64) -> f64 {
    (share(part, whole) * 10_000.0).round() / 100.0
}
