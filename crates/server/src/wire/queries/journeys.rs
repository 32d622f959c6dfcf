//! The query strings of the queries that follow visitors from event to event: funnels,
//! retention, pages, sessions.

use millimetric_core::query::{
    Buckets, FunnelQuery, FunnelSteps, FunnelWindow, Interval, PagesQuery, PagesSort, RetentionQuery,
    RowLimit, SessionsQuery, StepOrder,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::FilterParams;
use super::check::Check;
use crate::error::{ApiError, ApiResult, ErrorCode};

/// `GET /v1/funnel`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FunnelParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// Two to eight event names with commas between; the same name may stand more than once.
    #[param(required, example = "$pageview,add_to_cart,purchase")]
    steps: Option<String>,
    /// How long a visitor may take, from the first step on: a whole number with `s`, `m`, `h`, `d`
    /// or `w`, at most `366d`; absent: `7d`.
    #[param(example = "7d")]
    window: Option<String>,
    /// `strict` (default): each step after the one before. `any`: in whatever order.
    order: Option<String>,
    /// Up to four columns of `/v1/stats`, with commas between: a funnel for each value of the event
    /// that a visitor starts with.
    #[param(example = "source,medium")]
    group_by: Option<String>,
    /// Groups answered, 1–1000; absent: 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

impl FunnelParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<FunnelQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        if self.steps.is_none() {
            check.problems.field("steps", "is required: two to eight event names with commas between");
        }
        let steps = check.read("steps", self.steps, |text| {
            let names = text.split(',').map(|name| name.trim().to_owned()).collect();
            FunnelSteps::new(names).ok_or("must be two to eight event names with commas between")
        });
        let window = check.read("window", self.window, |text| {
            text.parse::<FunnelWindow>().map_err(|error| error.to_string())
        });
        let order = check.read("order", self.order, |text| match text {
            "strict" => Ok(StepOrder::Strict),
            "any" => Ok(StepOrder::Any),
            _ => Err("must be strict or any"),
        });
        let group_by = check.group_by(self.group_by)?;
        let filters = check.filters(None, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(FunnelQuery {
            range,
            filters,
            // Without steps, `finish` has refused the query.
            steps: steps.ok_or(ApiError::new(ErrorCode::InvalidParams))?,
            window: window.unwrap_or(FunnelWindow::WEEK),
            order: order.unwrap_or(StepOrder::Strict),
            group_by,
            limit,
        })
    }
}

/// `GET /v1/retention`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetentionParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range, at most 120 periods later.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// The periods: `day`, `week` (default; from Monday) or `month`.
    interval: Option<String>,
    /// Whose midnights the periods follow, an IANA name; absent: UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The event that a visitor begins with; absent: any.
    #[param(example = "signup")]
    event: Option<String>,
    /// The event that counts as a return; absent: any.
    return_event: Option<String>,
}

impl RetentionParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<RetentionQuery> {
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
        let filters = check.filters(None, filters);
        let (range, _) = check.finish(range, RowLimit::new(1))?;
        let periods = Buckets { interval, timezone: timezone.unwrap_or_default() };
        Ok(RetentionQuery { range, filters, event: self.event, return_event: self.return_event, periods })
    }
}

/// `GET /v1/pages`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PagesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// What the rows are ordered by: `views` (default: top pages), `entries` (where sessions begin) or
    /// `exits` (where they end).
    sort: Option<String>,
    /// Rows answered, 1–1000; absent: 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

impl PagesParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<PagesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let sort = check
            .read("sort", self.sort, |text| text.parse::<PagesSort>().map_err(|error| error.to_string()));
        let filters = check.filters(None, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(PagesQuery { range, filters, sort: sort.unwrap_or_default(), limit })
    }
}

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
    /// Whose midnights the buckets follow, an IANA name; absent: UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Rows answered, 1–1000; absent: 1000.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

impl SessionsParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<SessionsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let buckets = check.buckets(self.interval, self.timezone);
        let limit = check.limit(self.limit, 1000, 1000);
        let filters = check.filters(None, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(SessionsQuery { range, filters, buckets, limit })
    }
}
