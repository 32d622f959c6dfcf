//! The query strings of the read routes, read into the typed questions of `core::query`.
//!
//! A parameter that is unknown, given twice or out of range is refused by name: an answer to a
//! question that was not asked would be worse.

use chrono_tz::Tz;
use millimetric_core::query::{
    Buckets, Column, Cursor, Dimension, EventsQuestion, ExportQuestion, Filter, Interval, Metric,
    NamesQuestion, PropertyName, RowLimit, SourcesQuestion, StatsQuestion,
};
use millimetric_core::time::{TimeRange, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::answers::read_cursor;
use super::rows::RowFormat;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};

/// Longest filter value, in characters.
const MAX_FILTER: usize = 2048;

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
    /// Only this source.
    source: Option<String>,
    /// Only this medium.
    medium: Option<String>,
    /// Only this campaign.
    campaign: Option<String>,
    /// Only this user.
    user_id: Option<String>,
    /// Only this visitor.
    anonymous_id: Option<String>,
    /// Only this session.
    session_id: Option<String>,
    /// Only this country, ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Only this path.
    path: Option<String>,
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
    /// Only this source.
    source: Option<String>,
    /// Only this medium.
    medium: Option<String>,
    /// Only this campaign.
    campaign: Option<String>,
    /// Only this user.
    user_id: Option<String>,
    /// Only this visitor.
    anonymous_id: Option<String>,
    /// Only this session.
    session_id: Option<String>,
    /// Only this country, ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Only this path.
    path: Option<String>,
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
    /// Only this source.
    source: Option<String>,
    /// Only this medium.
    medium: Option<String>,
    /// Only this campaign.
    campaign: Option<String>,
    /// Only this user.
    user_id: Option<String>,
    /// Only this visitor.
    anonymous_id: Option<String>,
    /// Only this session.
    session_id: Option<String>,
    /// Only this country, ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Only this path.
    path: Option<String>,
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

/// Reads a query string by name.
pub fn params<T: DeserializeOwned>(query: Option<&str>) -> ApiResult<T> {
    serde_urlencoded::from_str(query.unwrap_or_default())
        .map_err(|error| ApiError::form(ErrorCode::InvalidParams, error.to_string()))
}

impl EventsParams {
    /// The question, or every parameter that is wrong.
    pub fn question(self) -> ApiResult<EventsQuestion> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let after = check.read("cursor", self.cursor, |text| {
            read_cursor(text).ok_or("is not a cursor: pass next_cursor as it was answered")
        });
        let filters = check.filters([
            (Column::EventName, "event", self.event),
            (Column::Source, "source", self.source),
            (Column::Medium, "medium", self.medium),
            (Column::Campaign, "campaign", self.campaign),
            (Column::UserId, "user_id", self.user_id),
            (Column::AnonymousId, "anonymous_id", self.anonymous_id),
            (Column::SessionId, "session_id", self.session_id),
            (Column::Country, "country", self.country),
            (Column::Path, "path", self.path),
        ]);
        let (range, limit) = check.finish(range, limit)?;
        Ok(EventsQuestion { range, filters, limit, after: after as Option<Cursor> })
    }
}

impl ExportParams {
    /// The question and the format, or every parameter that is wrong.
    pub fn question(self) -> ApiResult<(ExportQuestion, RowFormat)> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let format = check
            .read("format", self.format, |text| text.parse::<RowFormat>().map_err(|error| error.to_string()));
        let filters = check.filters([
            (Column::EventName, "event", self.event),
            (Column::Source, "source", self.source),
            (Column::Medium, "medium", self.medium),
            (Column::Campaign, "campaign", self.campaign),
            (Column::UserId, "user_id", self.user_id),
            (Column::AnonymousId, "anonymous_id", self.anonymous_id),
            (Column::SessionId, "session_id", self.session_id),
            (Column::Country, "country", self.country),
            (Column::Path, "path", self.path),
        ]);
        let (range, _) = check.finish(range, RowLimit::new(1))?;
        Ok((ExportQuestion { range, filters }, format.unwrap_or_default()))
    }
}

impl StatsParams {
    /// The question, or every parameter that is wrong.
    pub fn question(self) -> ApiResult<StatsQuestion> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let metric = check.metric(self.metric, self.property);
        let group_by = check.group_by(self.group_by)?;
        let buckets = check.buckets(self.interval, self.timezone);
        let filters = check.filters([
            (Column::EventName, "event", self.event),
            (Column::Source, "source", self.source),
            (Column::Medium, "medium", self.medium),
            (Column::Campaign, "campaign", self.campaign),
            (Column::UserId, "user_id", self.user_id),
            (Column::AnonymousId, "anonymous_id", self.anonymous_id),
            (Column::SessionId, "session_id", self.session_id),
            (Column::Country, "country", self.country),
            (Column::Path, "path", self.path),
        ]);
        let (range, limit) = check.finish(range, limit)?;
        Ok(StatsQuestion { range, filters, metric, group_by, buckets, limit })
    }
}

impl SourcesParams {
    /// The question, or every parameter that is wrong.
    pub fn question(self) -> ApiResult<SourcesQuestion> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 50, 200);
        let by_medium = check.read("breakdown", self.breakdown, |text| match text {
            "source_medium" => Ok(true),
            "source" => Ok(false),
            _ => Err("must be source_medium or source"),
        });
        let filters = check.filters([(Column::EventName, "event", self.event)]);
        let (range, limit) = check.finish(range, limit)?;
        Ok(SourcesQuestion { range, filters, by_medium: by_medium.unwrap_or(true), limit })
    }
}

impl NamesParams {
    /// The question, or every parameter that is wrong.
    pub fn question(self) -> ApiResult<NamesQuestion> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        let limit = check.limit(self.limit, 100, 1000);
        let (range, limit) = check.finish(range, limit)?;
        Ok(NamesQuestion { range, limit })
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

/// Reads parameters one by one and remembers what is wrong with each.
#[derive(Default)]
struct Check {
    problems: Problems,
}

impl Check {
    fn read<T, M: Into<String>>(
        &mut self,
        name: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, M>,
    ) -> Option<T> {
        parse(&value?).map_err(|message| self.problems.field(name, message)).ok()
    }

    fn time(&mut self, name: &str, value: Option<String>) -> Option<Timestamp> {
        if value.is_none() {
            self.problems.field(name, "is required");
        }
        self.read(name, value, |text| {
            Timestamp::parse_or_date(text)
                .map_err(|_| "must be a date like 2026-05-16 or a time like 2026-05-16T19:00:00Z")
        })
    }

    fn range(&mut self, from: Option<String>, to: Option<String>) -> Option<TimeRange> {
        let (from, to) = (self.time("from", from), self.time("to", to));
        let range = TimeRange::new(from?, to?);
        if range.is_none() {
            self.problems.field("from", "must lie before `to` (`to` is exclusive)");
        }
        range
    }

    fn limit(&mut self, value: Option<String>, default: u64, max: u64) -> Option<RowLimit> {
        let Some(value) = value else { return RowLimit::new(default) };
        let rows = value.parse::<u64>().ok().filter(|rows| *rows <= max).and_then(RowLimit::new);
        if rows.is_none() {
            self.problems.field("limit", format!("must be a whole number from 1 to {max}"));
        }
        rows
    }

    fn filters<const N: usize>(&mut self, sent: [(Column, &str, Option<String>); N]) -> Vec<Filter> {
        let mut filters = Vec::new();
        for (column, name, value) in sent {
            match value {
                Some(value) if value.chars().count() > MAX_FILTER => {
                    self.problems.field(name, format!("must be at most {MAX_FILTER} characters long"));
                }
                Some(value) => filters.push(Filter { column, value }),
                None => {}
            }
        }
        filters
    }

    fn metric(&mut self, metric: Option<String>, property: Option<String>) -> Metric {
        let property = self.read("property", property, |text| {
            PropertyName::new(text).ok_or("must be the name of a property, 1 to 128 bytes long")
        });
        match (metric.as_deref().unwrap_or("count"), property) {
            ("count", None) => return Metric::Count,
            ("uniques", None) => return Metric::Uniques,
            ("sum", Some(property)) => return Metric::Sum(property),
            ("avg", Some(property)) => return Metric::Avg(property),
            ("count" | "uniques", Some(_)) => {
                self.problems.field("property", "goes with metric=sum or metric=avg");
            }
            ("sum" | "avg", None) => {
                self.problems.field("property", "is required: the numeric property to work on");
            }
            _ => self.problems.field("metric", "must be count, uniques, sum or avg"),
        }
        Metric::Count
    }

    /// The only parameter with a code of its own (contract, section 2).
    fn group_by(&mut self, value: Option<String>) -> ApiResult<Vec<Dimension>> {
        let mut dimensions = Vec::new();
        for name in
            value.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty())
        {
            let dimension: Dimension =
                name.parse().map_err(|error: millimetric_core::query::UnknownDimension| {
                    ApiError::new(ErrorCode::InvalidGroupBy)
                        .detail("unknown", error.0)
                        .detail("allowed", Dimension::ALLOWED)
                })?;
            if dimensions.contains(&dimension) {
                self.problems.field("group_by", format!("names {name} twice"));
            }
            dimensions.push(dimension);
        }
        if dimensions.len() > StatsQuestion::MAX_DIMENSIONS {
            self.problems
                .field("group_by", format!("takes at most {} columns", StatsQuestion::MAX_DIMENSIONS));
        }
        Ok(dimensions)
    }

    fn buckets(&mut self, interval: Option<String>, timezone: Option<String>) -> Option<Buckets> {
        let timezone = self.read("timezone", timezone, |text| {
            text.parse::<Tz>().map_err(|_| "must be an IANA time zone like Europe/Berlin")
        });
        let interval = self
            .read("interval", interval, |text| text.parse::<Interval>().map_err(|error| error.to_string()));
        Some(Buckets { interval: interval?, timezone: timezone.unwrap_or(Tz::UTC) })
    }

    fn finish(self, range: Option<TimeRange>, limit: Option<RowLimit>) -> ApiResult<(TimeRange, RowLimit)> {
        match (range, limit) {
            (Some(range), Some(limit)) => self.problems.or(ErrorCode::InvalidParams, (range, limit)),
            _ => Err(ApiError::validation(ErrorCode::InvalidParams, self.problems)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(query: &str) -> Vec<String> {
        let error = params::<StatsParams>(Some(query)).and_then(StatsParams::question).unwrap_err();
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
        assert!(wrong(&format!("{range}&from=2026-05-01")).is_empty(), "a repeated name is a form error");
    }

    #[test]
    fn an_unknown_column_lists_the_known_ones() {
        let query = "from=2026-05-01&to=2026-05-02&group_by=source,ip_hash";
        let error = params::<StatsParams>(Some(query)).and_then(StatsParams::question).unwrap_err();
        assert_eq!((error.code, &error.details["unknown"]), (ErrorCode::InvalidGroupBy, &"ip_hash".into()));
        assert_eq!(error.details["allowed"][0], "event_name");
    }

    #[test]
    fn a_whole_question_is_read() {
        let query = "from=2026-05-01&to=2026-05-02T12:00:00%2B02:00&metric=avg&property=amount\
                     &group_by=source,%20properties.plan&interval=week&timezone=Europe/Berlin&country=DE&limit=7";
        let question = params::<StatsParams>(Some(query)).and_then(StatsParams::question).unwrap();
        assert_eq!(question.range.to().to_string(), "2026-05-02T10:00:00.000Z");
        assert_eq!(question.metric, Metric::Avg(PropertyName::new("amount").unwrap()));
        assert_eq!(
            question.group_by.iter().map(Dimension::name).collect::<Vec<_>>(),
            ["source", "properties.plan"]
        );
        assert_eq!(question.buckets.unwrap().timezone, Tz::Europe__Berlin);
        assert_eq!(question.filters, [Filter { column: Column::Country, value: "DE".into() }]);
        assert_eq!(question.limit.get(), 7);
    }
}
