//! `GET /v1/journeys`: what visitors do after, or before, a page or an event.

use millimetric_core::query::{
    JourneyDirection, JourneyStart, JourneySteps, JourneysQuery, JourneysResponse, JourneysRow,
};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::wire::choices::{Instant, JourneyDirectionName};
use crate::wire::params::{Check, FilterParams, FlagParam, NumberParam, Parameters};
use crate::wire::reports::{QueryResponse, Report, share};
use crate::wire::responses::{is_false, is_zero};

/// `GET /v1/journeys`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JourneysParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Where paths begin, or backwards end: the name of an event, such as `signup`, or a page, with `page:` before
    /// its path, in which `*` is any characters: `page:/pricing*`. `$pageview` is any page.
    #[param(required, example = "page:/")]
    start: Option<String>,
    /// `forwards` (default): what happens after the start. `backwards`: what happened before it.
    #[param(value_type = Option<JourneyDirectionName>, inline)]
    direction: Option<String>,
    /// The most steps of a path, the start among them, 2–5; default 3.
    #[param(value_type = Option<u8>, minimum = 2, maximum = 5)]
    steps: Option<NumberParam>,
    /// Whether page views are steps, `true` (default) or `false`; the start is one in any case.
    #[param(value_type = Option<bool>)]
    pageviews: Option<FlagParam>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for JourneysParams {
    type Query = JourneysQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<JourneysQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        if self.start.is_none() {
            let why = "is required: the name of an event, like signup, or a page, like page:/pricing*";
            check.problems.field("start", why);
        }
        let start = check.read("start", self.start, |text| {
            text.parse::<JourneyStart>().map_err(|error| error.to_string())
        });
        let direction = check.read("direction", self.direction, |text| {
            text.parse::<JourneyDirection>().map_err(|error| error.to_string())
        });
        let steps = self
            .steps
            .map_or(Some(JourneySteps::default()), |steps| steps.whole().and_then(JourneySteps::new));
        if steps.is_none() {
            let why = format!("must be a whole number from 2 to {}", JourneySteps::MOST);
            check.problems.field("steps", why);
        }
        let page_views = self.pageviews.map_or(Some(true), |flag| flag.is_true());
        if page_views.is_none() {
            check.problems.field("pageviews", "must be true or false");
        }
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(JourneysQuery {
            range,
            // Without a start, `finish` has refused the query.
            start: start.ok_or(ApiError::new(ErrorCode::InvalidParams))?,
            filters,
            direction: direction.unwrap_or_default(),
            steps: steps.unwrap_or_default(),
            page_views: page_views.unwrap_or(true),
            limit,
        })
    }
}

impl Report for JourneysParams {
    const PATH: &'static str = "/v1/journeys";
    const OPERATION_ID: &'static str = "getJourneys";
    const SUMMARY: &'static str = "What visitors do after, or before, a page or an event";
    const DESCRIPTION: Option<&'static str> = Some(
        "The most frequent paths within a session. Each session with a start in the range that passes the filters \
         counts once: forwards by the steps after the first such event, backwards by those before the last. A step \
         is a page view or another event; those whose name starts with `$` are left out. Equal steps that follow \
         each other are one. Nothing after the range is read, and before it no more than 24 hours.",
    );
    type Body = JourneyRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> JourneyRows {
        JourneyRows::new(query, response)
    }
}

/// `GET /v1/journeys`
#[derive(Debug, Serialize, ToSchema)]
pub struct JourneyRows {
    /// The start, as it was read.
    pub start: String,
    /// `forwards` or `backwards`.
    #[schema(value_type = JourneyDirectionName, inline)]
    pub direction: &'static str,
    /// Sessions with a start: those of all rows and of `other`.
    pub sessions: u64,
    /// By sessions, descending; ties by the path.
    pub rows: Vec<JourneyRow>,
    /// Present and true if there are paths without a row.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Sessions whose path has no row, because of the limit or because there are too many paths to count
    /// separately; absent if all have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

/// One path.
#[derive(Debug, Serialize, ToSchema)]
pub struct JourneyRow {
    /// The steps in order of time: forwards, the start is the first one, backwards the last. A page is its path,
    /// which begins with `/`, and an event its name. A name that begins with `/` comes after `event:`, a path that
    /// does not after `page:`; a page view without a path is `$pageview`.
    #[schema(example = json!(["/pricing", "signup", "/welcome"]))]
    pub path: Vec<String>,
    /// Present and true if the sessions have no further step: the path is shorter than `steps`.
    #[serde(skip_serializing_if = "is_false")]
    pub ended: bool,
    /// Sessions.
    pub sessions: u64,
    /// Distinct visitors.
    pub visitors: u64,
    /// The share of `sessions` in all sessions with a start, 0 to 1.
    pub share: f64,
}

impl JourneyRows {
    fn new(query: &JourneysQuery, response: JourneysResponse) -> Self {
        let row = |row: JourneysRow| JourneyRow {
            ended: row.path.len() < query.steps.get(),
            path: row.path,
            sessions: row.sessions,
            visitors: row.visitors,
            share: share(row.sessions, response.sessions),
        };
        Self {
            start: query.start.to_string(),
            direction: query.direction.as_str(),
            sessions: response.sessions,
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.other > 0,
            other: response.other,
        }
    }
}
