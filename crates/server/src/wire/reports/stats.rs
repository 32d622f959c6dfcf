//! `GET /v1/stats`: counts, distinct visitors, conversions, and aggregates of a property.

pub(super) mod changes;

use millimetric_core::query::{
    Dimension, Number, Phase, Skipped, StatsBuckets, StatsQuery, StatsResponse, StatsRow,
};
use millimetric_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::answer::comparison::{Comparable, lifted_series};
use super::{QueryResponse, Report};
use crate::error::ApiResult;
use crate::ops::reports::warnings::Warning;
use crate::wire::bucket::ShownBuckets;
use crate::wire::choices::{Instant, MetricName, StatsIntervalName};
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
    /// reach `goal`, divided by all visitors of the group and bucket), or of a numeric `property`: `sum`, `avg`,
    /// `min`, `max`, `median` or `p95` (the 95th percentile); these two are exact.
    #[param(value_type = Option<MetricName>, inline)]
    metric: Option<String>,
    /// The numeric property, required for `sum`, `avg`, `min`, `max`, `median` and `p95` unless `goal` has a value.
    /// Rows are split by `currency` if one of the numbers has one, in the property `currency` of its event.
    #[param(min_length = 1, max_length = 128)]
    property: Option<String>,
    /// Up to four columns with commas between.
    #[param(value_type = Option<String>, example = "source,medium")]
    group_by: Option<ListParam>,
    /// `hour`, `day`, `week` (from Monday) or `month`: one row for each, in `bucket`. `hour_of_day` (0–23) and
    /// `day_of_week` (1 is Monday): one row for each number, of all hours or days that have it in `timezone`.
    #[param(value_type = Option<StatsIntervalName>, inline, example = "week")]
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
    /// Maximum number of rows, 1–1000; default 100. Without it, a response with `interval` has whole series: the
    /// groups that come first without `interval`, each with all of its buckets, at most 100 groups and 10 000 rows.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<NumberParam>,
}

impl Parameters for StatsParams {
    type Query = StatsQuery;
    const FILTERED: bool = true;

    fn query(self, filters: FilterParams) -> ApiResult<StatsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.series_limit(self.limit, 100, self.interval.as_deref());
        let metric = check.metric(self.metric, self.property, self.goal.as_deref(), &filters.goals);
        let mut group_by = check.group_by(self.group_by, Self::group_names())?;
        check.money(&metric, &filters.goals, &mut group_by);
        let labels = self.timezone.is_some();
        let buckets = check.stats_buckets(self.interval, self.timezone);
        let events = check.events(self.event, self.goal.as_deref(), &filters.goals);
        let filters = check.filters(filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(StatsQuery { range, events, filters, metric, group_by, buckets, labels, limit })
    }
}

impl Report for StatsParams {
    const PATH: &'static str = "/v1/stats";
    const OPERATION_ID: &'static str = "getStats";
    const SUMMARY: &'static str = "Counts, distinct visitors and conversions, by group and over time";
    const COMPARABLE: Option<Comparable<StatsQuery>> = Some(Comparable {
        keys: |query| {
            let groups = query.group_by.iter().map(Dimension::name);
            groups.chain(["currency", "hour_of_day", "day_of_week"].map(str::to_owned)).collect()
        },
        figures: &["value"],
        nothing: |query| number(query.metric.of_nothing()),
        unlimited: |query| lifted_series(&mut query.limit),
        buckets: Some(|query| match query.buckets? {
            StatsBuckets::Spans(buckets) => Some((buckets, query.labels)),
            StatsBuckets::Cyclic(_) => None,
        }),
    });
    type Body = StatsRows;

    fn body(query: &Self::Query, response: QueryResponse<Self>, now: Timestamp) -> StatsRows {
        StatsRows::new(query, response, now)
    }

    fn warnings(query: &Self::Query, body: &StatsRows) -> Vec<Warning> {
        let skipped = body.skipped.as_ref().map_or(0, |skipped| skipped.not_numeric);
        let property = query.metric.property().filter(|_| skipped > 0);
        property.map(|property| Warning::not_numeric(property, skipped)).into_iter().collect()
    }
}

/// `GET /v1/stats`
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsRows {
    /// What was counted: `count`, `uniques`, `conversions`, `conversion_rate`, `sum`, `avg`, `min`, `max`, `median`
    /// or `p95`.
    #[schema(value_type = MetricName, inline)]
    pub metric: &'static str,
    /// Each row holds `bucket`, `label` and `partial`, or `hour_of_day` or `day_of_week` (with an interval), the
    /// columns of `group_by`, `currency` (of amounts in a currency; null if it is not known), `value`, and `mean`
    /// (per hour of `hour_of_day` or day of `day_of_week`).
    #[schema(value_type = Vec<StatsRowShape>)]
    pub rows: Vec<Map<String, Value>>,
    /// Present and true if rows were cut at the limit, or groups were left out.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Events of the groups that are in no row because there are too many groups to count separately; absent if
    /// all were.
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Present and true if distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
    /// Selected events that are in no aggregate of a property; present for all of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedEvents>,
}

/// Events that are in no aggregate of a property.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkippedEvents {
    /// They do not have the property, or it is null.
    pub missing: u64,
    /// Its value is not a JSON number: a text such as `"12"`, a boolean, a list or an object.
    pub not_numeric: u64,
}

impl From<Skipped> for SkippedEvents {
    fn from(skipped: Skipped) -> Self {
        Self { missing: skipped.missing, not_numeric: skipped.not_numeric }
    }
}

impl StatsRows {
    /// The response, with the names of the query's dimensions.
    pub fn new(query: &StatsQuery, response: StatsResponse, now: Timestamp) -> Self {
        let currency = response.by_currency.then(|| Dimension::Currency(None).name());
        let names: Vec<String> = query.group_by.iter().map(Dimension::name).chain(currency).collect();
        let time = ShownTime::of(query, now);
        let row = |row: StatsRow| {
            let (bucket, mean) = time.members(&row);
            let keys = names.iter().cloned().zip(row.keys.into_iter().map(Value::from));
            let value = ("value".to_owned(), number(row.value));
            bucket.into_iter().chain(keys).chain([value]).chain(mean).collect()
        };
        Self {
            metric: query.metric.as_str(),
            rows: response.rows.into_iter().map(row).collect(),
            truncated: response.truncated,
            other: response.other,
            approximate: response.approximate,
            skipped: response.skipped.map(SkippedEvents::from),
        }
    }
}

/// How rows show their part of time.
enum ShownTime {
    None,
    Spans(ShownBuckets),
    /// The key, and how many single hours or days there are of each number.
    Cyclic(&'static str, [u64; 24]),
}

type Member = (String, Value);

impl ShownTime {
    fn of(query: &StatsQuery, now: Timestamp) -> Self {
        let (range, labels) = (query.range, query.labels);
        match query.buckets {
            None => Self::None,
            Some(StatsBuckets::Spans(buckets)) => Self::Spans(ShownBuckets { buckets, labels, range, now }),
            Some(StatsBuckets::Cyclic(buckets)) => {
                Self::Cyclic(buckets.cycle.as_str(), buckets.begun(range, now))
            }
        }
    }

    /// The members of a row before its groups, and the one after its value.
    fn members(&self, row: &StatsRow) -> (Vec<Member>, Option<Member>) {
        match (self, row.bucket, row.phase) {
            (Self::Spans(buckets), Some(start), _) => (buckets.at(start).members().collect(), None),
            (Self::Cyclic(key, begun), _, Some(Phase { number, sum })) => {
                let single = begun.get(usize::from(number)).copied().unwrap_or_default();
                let mean = sum.filter(|_| single > 0).map(|sum| sum / single as f64);
                let members = vec![((*key).to_owned(), Value::from(number))];
                (members, Some(("mean".to_owned(), Value::from(mean))))
            }
            _ => (Vec::new(), None),
        }
    }
}

/// A figure as JSON: a whole number if it is a count, null if there is none.
pub(in crate::wire) fn number(value: Option<Number>) -> Value {
    match value {
        Some(Number::Integer(count)) => Value::from(count),
        Some(Number::Float(sum)) => Value::from(sum),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::{
        Aggregate, Column, Cycle, CyclicBuckets, Filter, Limit, Metric, PropertyName,
    };
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
            wrong("from=x&to=2026-05-02&limit=1001&metric=mode&interval=year&timezone=Mars"),
            ["from", "limit", "metric", "timezone", "interval"]
        );
        let range = "from=2026-05-01&to=2026-05-02";
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("metric=sum", "property"),
            ("metric=median", "property"),
            ("metric=p95&property=", "property"),
            ("metric=P95&property=amount", "metric"),
            ("interval=hour_of_day&timezone=Mars", "timezone"),
            ("interval=day_of_year", "interval"),
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
        assert_eq!(query.metric, Metric::Of(Aggregate::Avg, PropertyName::new("amount").unwrap()));
        assert_eq!(
            query.group_by.iter().map(Dimension::name).collect::<Vec<_>>(),
            ["source", "properties.plan"]
        );
        assert_eq!(query.buckets.unwrap().spans().timezone, Tz::Europe__Berlin);
        assert!(query.labels);
        assert_eq!(query.filters, [Filter::new(Column::Country, "DE")]);
        assert_eq!(query.limit.rows(), 7);
    }

    #[test]
    fn a_series_is_not_cut_unless_a_limit_is_sent() {
        let range = "from=2026-05-01&to=2026-06-01";
        let limit = |query: &str| stats(&format!("{range}&{query}")).unwrap().limit;
        assert_eq!(limit("").rows(), 100);
        assert_eq!(limit("interval=day"), Limit::Series);
        assert_eq!(limit("interval=hour_of_day&group_by=source"), Limit::Series);
        assert_eq!(limit("interval=day&limit=100").rows(), 100);
    }

    #[test]
    fn hours_of_the_day_are_those_of_the_time_zone() {
        let query = "from=2026-05-01&to=2026-06-01&interval=hour_of_day";
        let hours =
            |timezone| Some(StatsBuckets::Cyclic(CyclicBuckets { cycle: Cycle::HourOfDay, timezone }));
        let utc = stats(query).unwrap();
        assert_eq!((utc.buckets, utc.labels), (hours(Tz::UTC), false));
        let tokyo = stats(&format!("{query}&timezone=Asia/Tokyo")).unwrap();
        assert_eq!(tokyo.buckets, hours(Tz::Asia__Tokyo));
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
