//! `GET /v1/retention`: how many visitors return in each period after their first.

use millimetric_core::query::{Buckets, Interval, NewVisitors, RetentionQuery, RetentionResponse, RowLimit};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::wire::choices::{Instant, NewVisitorsName, PeriodName};
use crate::wire::params::{Check, FilterParams, Parameters};

/// `GET /v1/retention`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetentionParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range, at most 120 periods later.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// The periods: `day`, `week` (default; from Monday) or `month`.
    #[param(value_type = Option<PeriodName>, inline, example = "week")]
    interval: Option<String>,
    /// The time zone of the periods and of dates without a time, an IANA name; default UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The name of a visitor's first event; default any.
    #[param(example = "signup")]
    event: Option<String>,
    /// In place of `event`: a goal of the project, by its slug (`/v1/goals`), that a visitor first reaches.
    goal: Option<String>,
    /// Which visitors are new. `ever` (default): those whose first `event` of all that are stored lies in the range.
    /// `range`: all, by their first `event` in the range.
    #[param(value_type = Option<NewVisitorsName>, inline)]
    new: Option<String>,
    /// The name of an event that counts as a return; default any.
    return_event: Option<String>,
}

impl Parameters for RetentionParams {
    type Query = RetentionQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<RetentionQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let interval = check.read("interval", self.interval, |text| {
            text.parse()
                .ok()
                .filter(|interval| *interval != Interval::Hour)
                .ok_or("must be day, week or month")
        });
        let interval = interval.unwrap_or(Interval::Week);
        let timezone = check.timezone(self.timezone);
        if range.is_some_and(|range| {
            range.to().millis() - range.from().millis() > RetentionQuery::longest(interval)
        }) {
            let most = RetentionQuery::MOST_PERIODS;
            check.problems.field(
                "to",
                format!("must lie at most {most} periods after `from`: take a wider `interval`"),
            );
        }
        let new = check
            .read("new", self.new, |text| text.parse::<NewVisitors>().map_err(|error| error.to_string()));
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        let filters = check.filters(filters);
        let (range, _) = check.finish(range, RowLimit::new(1))?;
        let periods = Buckets { interval, timezone: timezone.unwrap_or_default() };
        let new = new.unwrap_or_default();
        Ok(RetentionQuery { range, events, new, filters, return_event: self.return_event, periods })
    }
}

impl Report for RetentionParams {
    const PATH: &'static str = "/v1/retention";
    const OPERATION_ID: &'static str = "getRetention";
    const SUMMARY: &'static str = "How many visitors come back, period after period";
    const DESCRIPTION: Option<&'static str> = Some(
        "A visitor's cohort is the period of their first `event` (or `goal`) that passes the filters, of all that are \
         stored; visitors who had it before the range are in none. With `new=range` it is their first in the range. They \
         have returned in a period when any `return_event` of theirs lies in it, whatever the filters.",
    );
    type Body = RetentionRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> RetentionRows {
        RetentionRows::new(query.periods.interval, response)
    }
}

/// `GET /v1/retention`
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionRows {
    /// `day`, `week` or `month`.
    #[schema(value_type = PeriodName, inline)]
    pub interval: &'static str,
    /// Cohorts in order of time; a period without first events has none.
    pub rows: Vec<CohortRow>,
}

/// The visitors of one cohort.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortRow {
    /// The first instant of the period.
    #[schema(format = DateTime, example = "2026-05-04T00:00:00Z")]
    pub cohort: String,
    /// The size of the cohort.
    pub visitors: u64,
    /// How many of them returned in the period itself, in the next one, and so on to the last period
    /// of the range.
    pub returned: Vec<u64>,
}

impl RetentionRows {
    /// The response for periods of this width.
    pub fn new(interval: Interval, response: RetentionResponse) -> Self {
        let row = |cohort: millimetric_core::query::Cohort| CohortRow {
            cohort: cohort.start.to_rfc3339_seconds(),
            visitors: cohort.visitors,
            returned: cohort.returned,
        };
        Self { interval: interval.as_str(), rows: response.cohorts.into_iter().map(row).collect() }
    }
}
