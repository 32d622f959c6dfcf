//! The query strings of the read routes, read into the typed queries of `core::query`.
//!
//! A parameter that is unknown, given twice or out of range is refused by name: a response to a
//! query that was not asked would be worse.

mod check;
mod explain;
mod journeys;
#[cfg(test)]
mod mutated;
mod schema;

use std::fmt::Write as _;

use millimetric_core::column::{Column, FilterInfo};
use millimetric_core::query::{
    Cursor, EventsQuery, ExportQuery, NamesQuery, RowLimit, SourcesQuery, StatsQuery,
};
use millimetric_core::time::TimeRange;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use self::check::Check;
pub use self::explain::ExplainParams;
pub use self::journeys::{FunnelParams, PagesParams, RetentionParams, SessionsParams};
pub use self::schema::SchemaParams;
use super::responses::read_cursor;
use super::rows::RowFormat;
use crate::error::{ApiError, ApiResult, ErrorCode};

/// `GET /v1/query`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// Only this event name.
    event: Option<String>,
    /// Rows answered, 1–1000; absent: 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /v1/export`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// `ndjson` (default), `csv` or `parquet`.
    format: Option<String>,
    /// Only this event name.
    event: Option<String>,
}

/// `GET /v1/stats`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// `count` (default), `uniques`, `sum` or `avg`.
    metric: Option<String>,
    /// The numeric property that `sum` and `avg` are of.
    property: Option<String>,
    /// Up to four of `event_name, source, medium, country, device_type, browser, os, path,
    /// campaign, source_confidence, source_rule_id, properties.<name>`, with commas between.
    #[param(example = "source,medium")]
    group_by: Option<String>,
    /// `hour`, `day`, `week` (from Monday) or `month`: one row for each, in `bucket`.
    interval: Option<String>,
    /// Whose midnights the buckets follow, an IANA name; absent: UTC.
    #[param(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Only this event name.
    event: Option<String>,
    /// Rows answered, 1–1000; absent: 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// `GET /v1/sources`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SourcesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// `source_medium` (default) or `source`.
    breakdown: Option<String>,
    /// Only this event name.
    event: Option<String>,
    /// Rows answered, 1–200; absent: 50.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// `GET /v1/events`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NamesParams {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in UTC.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
    /// Rows answered, 1–1000; absent: 100.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// `GET /v1/usage`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageParams {
    /// The first month is the one this instant lies in.
    #[param(required, example = "2026-05-01")]
    from: Option<String>,
    /// First instant after the range.
    #[param(required, example = "2026-06-01")]
    to: Option<String>,
}

/// Filters beside a route's own parameters: one for each column that queries can filter by. A route
/// that filters by event name has the parameter `event` among its own.
#[derive(Debug, Default)]
pub struct FilterParams(Vec<(Column, String)>);

impl FilterParams {
    fn columns() -> impl Iterator<Item = (Column, FilterInfo)> {
        let beside = Column::filterable().filter(|column| *column != Column::EventName);
        beside.filter_map(|column| Some((column, column.info().filter?)))
    }

    fn column(parameter: &str) -> Option<Column> {
        Self::columns().find(|(_, filter)| filter.parameter == parameter).map(|(column, _)| column)
    }

    fn add(&mut self, column: Column, value: String) -> ApiResult<()> {
        if self.0.iter().any(|(known, _)| *known == column) {
            let why = format!("duplicate field `{}`", column.filter_parameter());
            return Err(ApiError::form(ErrorCode::InvalidParams, why));
        }
        self.0.push((column, value));
        Ok(())
    }
}

impl IntoParams for FilterParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
        let parameter = |filter: FilterInfo| {
            ParameterBuilder::new()
                .name(filter.parameter)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(filter.description))
                .schema(Some(text()))
                .build()
        };
        Self::columns().map(|(_, filter)| parameter(filter)).collect()
    }
}

/// Reads a query string by name.
pub fn params<T: DeserializeOwned>(query: Option<&str>) -> ApiResult<T> {
    serde_urlencoded::from_str(query.unwrap_or_default())
        .map_err(|error| ApiError::form(ErrorCode::InvalidParams, error.to_string()))
}

/// Reads a query string of parameters and filters. They are separated by name beforehand, since
/// serde cannot flatten one struct into another and still refuse unknown names.
pub fn params_and_filters<T: DeserializeOwned>(query: Option<&str>) -> ApiResult<(T, FilterParams)> {
    let mut own = form_urlencoded::Serializer::new(String::new());
    let mut filters = Vec::new();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match FilterParams::column(&name) {
            Some(column) => filters.push((column, value.into_owned())),
            None => drop(own.append_pair(&name, &value)),
        }
    }
    let own = serde_urlencoded::from_str(&own.finish()).map_err(|error| {
        let mut words = error.to_string();
        if words.starts_with("unknown field") {
            let names: Vec<_> = FilterParams::columns().map(|(_, filter)| filter.parameter).collect();
            let _ = write!(words, ", or a filter: `{}`", names.join("`, `"));
        }
        ApiError::form(ErrorCode::InvalidParams, words)
    })?;
    let mut params = FilterParams::default();
    filters.into_iter().try_for_each(|(column, value)| params.add(column, value))?;
    Ok((own, params))
}

impl EventsParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<EventsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let after = check.read("cursor", self.cursor, |text| {
            read_cursor(text).ok_or("is not a cursor: pass next_cursor as it was answered")
        });
        let filters = check.filters(self.event, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(EventsQuery { range, filters, limit, after: after as Option<Cursor> })
    }
}

impl ExportParams {
    /// The query and the format, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<(ExportQuery, RowFormat)> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let format = check
            .read("format", self.format, |text| text.parse::<RowFormat>().map_err(|error| error.to_string()));
        let filters = check.filters(self.event, filters);
        let (range, _) = check.finish(range, RowLimit::new(1))?;
        Ok((ExportQuery { range, filters }, format.unwrap_or_default()))
    }
}

impl StatsParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<StatsQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let metric = check.metric(self.metric, self.property);
        let group_by = check.group_by(self.group_by)?;
        let buckets = check.buckets(self.interval, self.timezone);
        let filters = check.filters(self.event, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(StatsQuery { range, filters, metric, group_by, buckets, limit })
    }
}

impl SourcesParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self, filters: FilterParams) -> ApiResult<SourcesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 50, 200);
        let by_medium = check.read("breakdown", self.breakdown, |text| match text {
            "source_medium" => Ok(true),
            "source" => Ok(false),
            _ => Err("must be source_medium or source"),
        });
        let filters = check.filters(self.event, filters);
        let (range, limit) = check.finish(range, limit)?;
        Ok(SourcesQuery { range, filters, by_medium: by_medium.unwrap_or(true), limit })
    }
}

impl NamesParams {
    /// The query, or every parameter that is wrong.
    pub fn query(self) -> ApiResult<NamesQuery> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let (range, limit) = check.finish(range, limit)?;
        Ok(NamesQuery { range, limit })
    }
}

impl UsageParams {
    /// The range asked for.
    pub fn range(self) -> ApiResult<TimeRange> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = RowLimit::new(1);
        check.finish(range, limit).map(|(range, _)| range)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use millimetric_core::query::{Column, Dimension, Filter, Metric, PropertyName};

    use super::*;

    fn stats(query: &str) -> ApiResult<StatsQuery> {
        params_and_filters::<StatsParams>(Some(query)).and_then(|(own, filters)| own.query(filters))
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
    fn a_whole_question_is_read() {
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
        assert_eq!(query.filters, [Filter { column: Column::Country, value: "DE".into() }]);
        assert_eq!(query.limit.get(), 7);
    }
}
