//! `GET /v1/changes`: which values of which columns explain the difference between two ranges.

mod rows;

use chrono_tz::Tz;
use millimetric_core::fuzzy_match;
use millimetric_core::query::{
    Aggregate, ChangeMetric, ChangesQuery, Comparison, Dimension, EventSelector, Metric,
};
use millimetric_core::time::{TimeRange, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

pub use self::rows::{ChangeRow, ChangesRows, ComparedRange, OtherChangeRow, UnchangedRow};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::goals::AskedGoals;
use crate::wire::choices::{ChangeMetricName, Instant};
use crate::wire::params::{Check, FilterParams, ListParam, NumberParam, Parameters};
use crate::wire::reports::{QueryResponse, Report};

/// `GET /v1/changes`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-11")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-18")]
    to: Option<String>,
    /// What the range is compared with: `previous` (default), the range of equal length before it; `year`, the same
    /// dates one year earlier; or another range, as `<from>/<to>`.
    #[param(max_length = 100, example = "previous")]
    compare: Option<String>,
    /// The time zone of dates without a time, and of the days of `compare`, an IANA name; default UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// `count` (default), `uniques`, `conversions` (events that reach `goal`), or `sum`.
    #[param(value_type = Option<ChangeMetricName>, inline)]
    metric: Option<String>,
    /// The numeric property, required for `sum` unless `goal` has a value. Amounts in different currencies are never
    /// added up: the response is about the currency with the most events, and names it.
    #[param(min_length = 1, max_length = 128)]
    property: Option<String>,
    /// Up to nine columns with commas between, any that `/v1/stats` groups by. Default: `session_source`,
    /// `session_medium`, `session_campaign`, `country`, `device_type`, `browser`, `os`, `path` and `event_name`; for one
    /// event or goal without `event_name`, and with `entry_path` in place of `path` unless it is `$pageview`.
    #[param(value_type = Option<String>, example = "session_source,country,device_type")]
    columns: Option<ListParam>,
    /// Only this event name.
    #[param(max_length = 2048)]
    event: Option<String>,
    /// Only events that reach this goal of the project, by its slug (`/v1/goals`), such as `signup`; in place
    /// of `event`.
    #[param(max_length = 2048)]
    goal: Option<String>,
    /// Maximum number of rows, 1–100; default 20.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<NumberParam>,
}

impl Parameters for ChangesParams {
    type Query = ChangesQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<ChangesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let timezone = check.timezone(self.timezone);
        let compared_with = compared_with(&mut check, self.compare, range, timezone);
        let metric = metric(&mut check, self.metric, self.property, self.goal.as_deref(), &filters.goals);
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        let columns = columns(&mut check, self.columns, &events);
        let filters = check.filters(filters);
        let limit = check.limit(self.limit, 20, ChangesQuery::MAX_ROWS);
        let (range, limit) = check.finish(range, limit)?;
        // Absent only together with the range.
        let compared_with = compared_with.ok_or_else(|| ApiError::new(ErrorCode::InvalidParams))?;
        Ok(ChangesQuery { range, compared_with, events, filters, metric, columns, limit })
    }
}

fn compared_with(
    check: &mut Check,
    compare: Option<String>,
    range: Option<TimeRange>,
    timezone: Option<Tz>,
) -> Option<TimeRange> {
    let text = compare.unwrap_or_else(|| "previous".to_owned());
    let comparison = check.read("compare", Some(text), |text| {
        // In a query string, a `+` that is not escaped is read as a blank.
        let comparison = text.parse::<Comparison>().or_else(|_| text.replace(' ', "+").parse());
        comparison.map_err(|error| error.to_string())
    })?;
    let compared = comparison.range(range?, timezone?);
    if compared.is_none() {
        let why = "must be a range that begins before its end, and not before the year 1";
        check.problems.field("compare", why);
    }
    compared
}

/// The metrics of `/v1/stats` that can be explained.
fn metric(
    check: &mut Check,
    metric: Option<String>,
    property: Option<String>,
    goal: Option<&str>,
    asked: &AskedGoals,
) -> ChangeMetric {
    if !matches!(metric.as_deref(), None | Some("count" | "uniques" | "conversions" | "sum")) {
        check.problems.field("metric", "must be count, uniques, conversions or sum");
        return ChangeMetric::Count;
    }
    match check.metric(metric, property, goal, asked) {
        Metric::Uniques => ChangeMetric::Uniques,
        Metric::Conversions => ChangeMetric::Conversions,
        Metric::Of(Aggregate::Sum, property) => {
            let value = asked.value().filter(|value| value.property == property);
            ChangeMetric::Sum { property, currency: value.and_then(|value| value.currency) }
        }
        _ => ChangeMetric::Count,
    }
}

fn columns(check: &mut Check, sent: Option<ListParam>, events: &EventSelector) -> Vec<Dimension> {
    let Some(sent) = sent else { return ChangesQuery::default_columns(events) };
    let mut columns: Vec<Dimension> = Vec::new();
    let names = sent.texts().map(str::trim).filter(|name| !name.is_empty());
    // One more than the maximum is enough to refuse the list.
    for name in names.take(ChangesQuery::MAX_COLUMNS + 1) {
        match name.parse::<Dimension>() {
            Ok(column) if columns.contains(&column) => {
                check.problems.field("columns", format!("names {} twice", column.name()));
            }
            Ok(column) => columns.push(column),
            Err(unknown) => {
                check.problems.field("columns", no_column(&unknown.0));
                return columns;
            }
        }
    }
    if columns.is_empty() {
        check.problems.field("columns", "must name at least one column, such as country");
    }
    if columns.len() > ChangesQuery::MAX_COLUMNS {
        check.problems.field("columns", format!("takes at most {} columns", ChangesQuery::MAX_COLUMNS));
    }
    columns
}

fn no_column(name: &str) -> String {
    let known = || Dimension::allowed().filter(|name| !name.starts_with("properties."));
    if let Some(closest) = fuzzy_match::closest(name, known()) {
        return format!("`{name}` is not a column: did you mean `{closest}`?");
    }

    let known: Vec<_> = Dimension::allowed().collect();
    format!("`{name}` is not a column: columns are {}", known.join(", "))
}

impl Report for ChangesParams {
    const PATH: &'static str = "/v1/changes";
    const OPERATION_ID: &'static str = "explainChange";
    const SUMMARY: &'static str = "Which values of which columns explain the difference between two ranges";
    const DESCRIPTION: Option<&'static str> = Some(
        "Each value of each column is counted in both ranges, and each pair of values of two columns. All counts are \
         exact. A pair is a row if it explains more than its two values: it changed by at least 80 % of the change of \
         each, and has at most 80 % of the events of each. A change is `noise` if it is less than three standard \
         errors (Wald test for two Poisson rates, which takes the lengths of the ranges into account). Values that \
         did not change are in no row, nor is a value that all events have.\n\nOf `count`, `conversions` and `sum`, \
         `contribution_pct` of the rows of one column and of that column in `other` sum to 100. A visitor can have \
         several values, so those of `uniques` may sum to more or less.",
    );
    type Body = ChangesRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> ChangesRows {
        ChangesRows::new(query, response)
    }
}
