//! `GET /v1/stats`: counts, distinct visitors, conversions, sums and means.

pub(super) mod changes;

use millimetric_core::query::{Dimension, Metric, Number, StatsQuery, StatsResponse, StatsRow};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::wire::choices::{Instant, IntervalName, MetricName};
use crate::wire::params::{Check, FilterParams, ListParam, NumberParam, Parameters};
use crate::wire::responses::{is_false, is_zero};
use crate::wire::shapes::StatsRowShape;

/// `GET /v1/stats`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, value_type = Option<Instant>, inline, example = "2026-06-01")]
    to: Option<String>,
    /// `count` (default), `uniques`, `conversions` (events that reach `goal`), `conversion_rate` (visitors who
    /// reach `goal`, divided by all visitors of the group and bucket), `sum` or `avg`.
    #[param(value_type = Option<MetricName>, inline)]
    metric: Option<String>,
    /// The numeric property, required for `sum` and `avg` unless `goal` has a value. Of the value of a goal, rows
    /// are split by `currency`.
    #[param(min_length = 1, max_length = 128)]
    property: Option<String>,
    /// Up to four columns with commas between.
    #[param(value_type = Option<String>, example = "source,medium")]
    group_by: Option<ListParam>,
    /// `hour`, `day`, `week` (from Monday) or `month`: one row for each, in `bucket`.
    #[param(value_type = Option<IntervalName>, inline, example = "week")]
    interval: Option<String>,
    /// The time zone of the buckets and of dates without a time, an IANA name; default UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Only this event name.
    #[param(max_length = 2048)]
    event: Option<String>,
    /// Only events that reach this goal of the project, by its slug (`/v1/goals`), such as `signup`; in place
    /// of `event`.
    #[param(max_length = 2048)]
    goal: Option<String>,
    /// Maximum number of rows, 1–1000; default 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for StatsParams {
    type Query = StatsQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<StatsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let metric = check.metric(self.metric, self.property, self.goal.as_deref(), &filters.goal);
        let mut group_by = check.group_by(self.group_by, Self::group_names())?;
        check.money(&metric, &filters.goal, &mut group_by);
        let buckets = check.buckets(self.interval, self.timezone);
        let events = check.events(self.event, self.goal.as_deref(), &filters.goal);
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(StatsQuery { range, events, filters, metric, group_by, buckets, limit })
    }
}

impl Report for StatsParams {
    const PATH: &'static str = "/v1/stats";
    const OPERATION_ID: &'static str = "getStats";
    const SUMMARY: &'static str = "Counts, distinct visitors and conversions, by group and over time";
    type Body = StatsRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, _: Timestamp) -> StatsRows {
        StatsRows::new(query, response)
    }
}

/// `GET /v1/stats`
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsRows {
    /// What was counted: `count`, `uniques`, `conversions`, `conversion_rate`, `sum` or `avg`.
    #[schema(value_type = MetricName, inline)]
    pub metric: &'static str,
    /// Each row holds `bucket` (with an interval), the columns of `group_by`, `currency` (of the value of a goal;
    /// null if none is known), and `value`.
    #[schema(value_type = Vec<StatsRowShape>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true if rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of the least frequent groups, which are in no row because there are too many groups to
    /// count separately; absent if all were.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true if distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
}

impl StatsRows {
    /// The response, with the names of the query's dimensions.
    pub fn new(query: &StatsQuery, response: StatsResponse) -> Self {
        let names: Vec<String> = query.group_by.iter().map(Dimension::name).collect();
        let row = |row: StatsRow| {
            let bucket = row.bucket.map(|at| ("bucket".to_owned(), Value::from(at.to_rfc3339_seconds())));
            let keys = names.iter().cloned().zip(row.keys.into_iter().map(Value::from));
            let value = ("value".to_owned(), number(row.value));
            bucket.into_iter().chain(keys).chain([value]).collect()
        };
        Self {
            metric: match query.metric {
                Metric::Count => "count",
                Metric::Uniques => "uniques",
                Metric::Conversions => "conversions",
                Metric::ConversionRate => "conversion_rate",
                Metric::Sum(_) => "sum",
                Metric::Avg(_) => "avg",
            },
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
            approximate: response.approximate,
        }
    }
}

fn number(value: Option<Number>) -> Value {
    match value {
        Some(Number::Integer(count)) => Value::from(count),
        Some(Number::Float(sum)) => Value::from(sum),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::{Column, Filter, PropertyName};
    use serde_json::json;

    use super::*;
    use crate::error::ErrorCode;
    use crate::wire::params::{from_json, from_query_string};

    fn stats(query: &str) -> ApiResult<StatsQuery> {
        from_query_string::<StatsParams>(Some(query))
    }

    fn wrong(query: &str) -> Vec<String> {
        let error = stats(query).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidParams, "{query}");
        error.details["fieldErrors"].as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        assert_eq!(wrong(""), ["from", "to"]);
        assert_eq!(wrong("from=2026-05-02&to=2026-05-02"), ["from"]);
        assert_eq!(
            wrong("from=x&to=2026-05-02&limit=1001&metric=median&interval=year&timezone=Mars"),
            ["from", "limit", "metric", "timezone", "interval"]
        );
        let range = "from=2026-05-01&to=2026-05-02";
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("metric=sum", "property"),
            ("metric=count&property=amount", "property"),
            ("group_by=source,source", "group_by"),
            ("group_by=source,medium,os,browser,path", "group_by"),
        ] {
            assert_eq!(wrong(&format!("{range}&{query}")), [name], "{query}");
        }
        assert!(wrong(&format!("{range}&cuntry=DE")).is_empty(), "an unknown name is a form error");
        for repeated in ["from=2026-05-01", "country=DE&country=FR"] {
            assert!(wrong(&format!("{range}&{repeated}")).is_empty(), "a repeated name is a form error");
        }
    }

    #[test]
    fn an_unknown_column_lists_the_known_ones() {
        let query = "from=2026-05-01&to=2026-05-02&group_by=source,ip_hash";
        let error = stats(query).unwrap_err();
        assert_eq!((error.code, &error.details["unknown"]), (ErrorCode::InvalidGroupBy, &"ip_hash".into()));
        assert_eq!(error.details["allowed"][0], "event_name");
    }

    #[test]
    fn a_whole_query_is_read() {
        let query = "from=2026-05-01&to=2026-05-02T12:00:00%2B02:00&metric=avg&property=amount\
                     &group_by=source,%20properties.plan&interval=week&timezone=Europe/Berlin&country=DE&limit=7";
        let query = stats(query).unwrap();
        assert_eq!(query.range.to().to_string(), "2026-05-02T10:00:00.000Z");
        assert_eq!(query.metric, Metric::Avg(PropertyName::new("amount").unwrap()));
        assert_eq!(
            query.group_by.iter().map(Dimension::name).collect::<Vec<_>>(),
            ["source", "properties.plan"]
        );
        assert_eq!(query.buckets.unwrap().timezone, Tz::Europe__Berlin);
        assert_eq!(query.filters, [Filter::new(Column::Country, "DE")]);
        assert_eq!(query.limit.get(), 7);
    }

    #[test]
    fn json_and_a_query_string_ask_for_the_same() {
        let json = |object: Value| from_json::<StatsParams>(object.as_object().unwrap().clone());
        let texts = "from=2026-05-01&to=2026-05-02&metric=uniques&group_by=source,medium&country=DE&limit=7";
        let typed = json!({ "from": "2026-05-01", "to": "2026-05-02", "metric": "uniques",
            "group_by": ["source", " medium"], "country": "DE", "limit": 7 });
        assert_eq!(json(typed).unwrap(), stats(texts).unwrap());
        // Only JSON can name a property with a comma.
        let comma = json!({ "from": "2026-05-01", "to": "2026-05-02", "group_by": ["properties.a,b"] });
        let names: Vec<_> = json(comma).unwrap().group_by.iter().map(Dimension::name).collect();
        assert_eq!(names, ["properties.a,b"]);
        for (name, value) in [("limit", json!(true)), ("country", json!(1)), ("cuntry", json!("DE"))] {
            let mut object = json!({ "from": "2026-05-01", "to": "2026-05-02" });
            object[name] = value;
            assert_eq!(json(object).unwrap_err().code, ErrorCode::InvalidParams, "{name}");
        }
    }
}
