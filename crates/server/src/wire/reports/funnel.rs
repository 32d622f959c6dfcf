//! `GET /v1/funnel`: how many visitors complete each step of a series of events.

use millimetric_core::query::{
    Dimension, FunnelGroup, FunnelQuery, FunnelResponse, FunnelWindow, GroupAt, StepOrder,
};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::answer::comparison::{Comparable, lifted};
use super::{QueryResponse, Report, share};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::wire::choices::{GroupAtName, Instant, StepOrderName};
use crate::wire::params::{Check, FilterParams, ListParam, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};
use crate::wire::shapes::FunnelRowShape;

/// `GET /v1/funnel`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FunnelParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// Two to eight steps with commas between: names of events, pages (`page:/pricing*`, a `$pageview` whose path
    /// matches) and goals of the project (`goal:signup`); a step may occur more than once. Or a JSON list of them and
    /// of objects with an `event`, a `page` or a `goal`, and the `filters` that it must pass:
    /// `["page:/pricing*",{"event":"signup","filters":[["is","properties.plan",["pro"]]]}]`. A path with a comma, and
    /// an event whose name begins with `page:` or `goal:`, need the JSON list: `{"event":"page:x"}`.
    #[param(value_type = Option<String>, required, example = "$pageview,add_to_cart,purchase")]
    steps: Option<Value>,
    /// The longest time from the first step to the last: a whole number with `s`, `m`, `h`, `d` or
    /// `w`, at most `366d`; default `7d`.
    #[param(pattern = "^[0-9]+[smhdw]$", example = "7d")]
    window: Option<String>,
    /// `strict` (default): each step after the one before. `any`: in whatever order.
    #[param(value_type = Option<StepOrderName>, inline)]
    order: Option<String>,
    /// Up to four columns with commas between: a funnel for each value that they have in the event that
    /// `group_at` says.
    #[param(value_type = Option<String>)]
    group_by: Option<ListParam>,
    /// Whose group a visitor is in for all steps. `first` (default): that of their first event of the range that can
    /// start an attempt. `attempt`: that of the event that starts the attempt that first got furthest.
    #[param(value_type = Option<GroupAtName>, inline)]
    group_at: Option<String>,
    /// Maximum number of groups, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for FunnelParams {
    type Query = FunnelQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<FunnelQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let steps = check.steps(self.steps, &filters.goals);
        let window = check.read("window", self.window, |text| {
            text.parse::<FunnelWindow>().map_err(|error| error.to_string())
        });
        let order = check.read("order", self.order, |text| match text {
            "strict" => Ok(StepOrder::Strict),
            "any" => Ok(StepOrder::Any),
            _ => Err("must be strict or any"),
        });
        let group_at = check.read("group_at", self.group_at, |text| {
            text.parse::<GroupAt>().map_err(|error| error.to_string())
        });
        let group_by = check.group_by(self.group_by, Self::group_names())?;
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(FunnelQuery {
            range,
            filters,
            // Without steps, `finish` has refused the query.
            steps: steps.ok_or(ApiError::new(ErrorCode::InvalidParams))?,
            window: window.unwrap_or(FunnelWindow::WEEK),
            order: order.unwrap_or(StepOrder::Strict),
            group_by,
            group_at: group_at.unwrap_or_default(),
            limit,
        })
    }
}

impl Report for FunnelParams {
    const PATH: &'static str = "/v1/funnel";
    const OPERATION_ID: &'static str = "getFunnel";
    const SUMMARY: &'static str = "How many visitors get how far along a series of events";
    const DESCRIPTION: Option<&'static str> = Some(
        "Each visitor counts by the attempt that gets furthest. In strict order an attempt starts with an \
         event of the first step; each further step is an event after the one before, at most `window` after \
         the start, and other events in between do not matter. In any order it starts with an event of any \
         step and holds the steps that occur within the window. Filters are about the event that starts the \
         attempt; an event is one step only. The time of a step is that from the latest event that led to it \
         to the first event that reached it. A visitor is in one group for all steps: that of their first \
         event that can start an attempt.",
    );
    const COMPARABLE: Option<Comparable<FunnelQuery>> = Some(Comparable {
        keys: |query| {
            let groups = query.group_by.iter().map(Dimension::name);
            groups.chain(["step", "event"].map(str::to_owned)).collect()
        },
        figures: &["uniques", "from_previous_pct", "from_start_pct"],
        nothing: |_| 0.into(),
        unlimited: |query| lifted(&mut query.limit),
        buckets: None,
    });
    type Body = FunnelRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> FunnelRows {
        FunnelRows::new(query, response)
    }
}

/// `GET /v1/funnel`
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelRows {
    /// `strict` or `any`.
    #[schema(value_type = StepOrderName, inline)]
    pub order: &'static str,
    /// A row for each step, group after group. Each holds the columns of `group_by`; `step`, from 1;
    /// `event`, the step as it was sent (only when the order is strict); `uniques`, the visitors who got there;
    /// `from_previous_pct`, their share of those at the step before, and `from_start_pct`, of those who
    /// started, in percent with two decimals; `median_seconds` from the step before and
    /// `median_seconds_from_start` from the start of the attempt, null where there is none.
    #[schema(value_type = Vec<FunnelRowShape>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true if groups were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Visitors who started in a group that has no row, because there are too many groups to count separately;
    /// absent where every group was counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

impl FunnelRows {
    /// The response, with the names of the query's steps and dimensions.
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
            row.insert("event".to_owned(), Value::from(query.steps.as_slice()[step].name.as_str()));
        }
        let here = visitors(Some(step));
        row.insert("uniques".to_owned(), Value::from(here));
        row.insert("from_previous_pct".to_owned(), Value::from(percent(here, visitors(step.checked_sub(1)))));
        row.insert("from_start_pct".to_owned(), Value::from(percent(here, visitors(None))));
        let seconds = |millis: Option<f64>| Value::from(millis.map(|millis| millis / 1000.0));
        let counted = group.steps[step];
        row.insert("median_seconds".to_owned(), seconds(counted.median_millis));
        row.insert("median_seconds_from_start".to_owned(), seconds(counted.median_millis_from_start));
        row
    };
    (0..group.steps.len()).map(row).collect()
}

/// A share in percent, with two decimals.
fn percent(part: u64, whole: u64) -> f64 {
    (share(part, whole) * 10_000.0).round() / 100.0
}
