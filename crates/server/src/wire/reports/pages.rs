//! `GET /v1/pages`: views, entries and exits of pages.

use millimetric_core::query::{PagesQuery, PagesResponse, PagesSort};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::comparison::{Comparable, lifted};
use super::{QueryResponse, Report, share};
use crate::error::ApiResult;
use crate::wire::choices::{Instant, PagesSortName};
use crate::wire::params::{Check, FilterParams, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};

/// `GET /v1/pages`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PagesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// What the rows are ordered by: `views` (default: top pages), `entries` (where sessions begin) or
    /// `exits` (where they end).
    #[param(value_type = Option<PagesSortName>, inline)]
    sort: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for PagesParams {
    type Query = PagesQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<PagesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let sort = check
            .read("sort", self.sort, |text| text.parse::<PagesSort>().map_err(|error| error.to_string()));
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(PagesQuery { range, filters, sort: sort.unwrap_or_default(), limit })
    }
}

impl Report for PagesParams {
    const PATH: &'static str = "/v1/pages";
    const OPERATION_ID: &'static str = "getPages";
    const SUMMARY: &'static str = "Page views by path, with the sessions that begin and end there";
    const DESCRIPTION: Option<&'static str> = Some(
        "Sessions are those of `/v1/sessions`. A page view counts if the first page view of its session passes \
         the filters: `session_source=google` asks for what visitors from there have seen.",
    );
    const COMPARABLE: Option<Comparable<PagesQuery>> = Some(Comparable {
        keys: |_| vec!["path".to_owned()],
        figures: &["views", "uniques", "entries", "exits", "bounces", "bounce_rate"],
        nothing: |_| 0.into(),
        unlimited: |query| lifted(&mut query.limit),
        buckets: None,
    });
    type Body = PageRows;

    fn body(_: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> PageRows {
        response.into()
    }
}

/// `GET /v1/pages`
#[derive(Debug, Serialize, ToSchema)]
pub struct PageRows {
    /// All sessions.
    pub sessions: u64,
    /// The share of sessions that bounce, 0 to 1: one page view, and no other event than system events.
    pub bounce_rate: f64,
    /// By what `sort` says, descending.
    pub rows: Vec<PageRow>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Page views of the least viewed paths, which are in no row because there are too many paths to
    /// count separately; absent if all were.
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
    /// Sessions that begin here and bounce.
    pub bounces: u64,
    /// The share of the entries that bounce, 0 to 1.
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
