//! Checks parameters one by one and collects what is wrong: times, limits, filters, groups.

use chrono_tz::Tz;
use millimetric_core::query::{
    Buckets, Dimension, EventSelector, Filter, FilterList, Interval, Metric, PropertyName, RowLimit,
    StatsQuery,
};
use millimetric_core::time::{TimeRange, Timestamp};

use super::timezone::EXPECTED_ZONE;
use super::{FilterParams, GOAL, ListParam, NumberParam, filter};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::goals::AskedGoals;
use crate::wire::goals::unknown_goal;

/// Longest filter value, in characters.
const MAX_FILTER: usize = 2048;

/// The text with its last blank as `+`: in a query string, a `+` that is not escaped is read as a blank.
fn with_plus(text: &str) -> String {
    text.rsplit_once(' ').map(|(time, offset)| format!("{time}+{offset}")).unwrap_or_default()
}

/// Checks parameters one by one, and collects the problems.
#[derive(Default)]
pub(in crate::wire) struct Check {
    pub(in crate::wire) problems: Problems,
}

impl Check {
    pub(in crate::wire) fn read<T, M: Into<String>>(
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
                .or_else(|_| Timestamp::parse(&with_plus(text)))
                .map_err(|_| "must be a date like 2026-05-16 or a time like 2026-05-16T19:00:00Z")
        })
    }

    pub(in crate::wire) fn range(&mut self, from: Option<String>, to: Option<String>) -> Option<TimeRange> {
        let (from, to) = (self.time("from", from), self.time("to", to));
        let range = TimeRange::new(from?, to?);
        if range.is_none() {
            self.problems.field("from", "must lie before `to` (`to` is exclusive)");
        }
        range
    }

    /// The range; `otherwise` if neither end was sent.
    pub(in crate::wire) fn range_or(
        &mut self,
        from: Option<String>,
        to: Option<String>,
        otherwise: TimeRange,
    ) -> Option<TimeRange> {
        if from.is_none() && to.is_none() { Some(otherwise) } else { self.range(from, to) }
    }

    /// A text of at most `most` characters.
    pub(in crate::wire) fn text(&mut self, name: &str, value: Option<String>, most: usize) -> Option<String> {
        self.read(name, value, |text| match text.chars().count() {
            count if count > most => Err(format!("must be at most {most} characters long")),
            _ => Ok(text.to_owned()),
        })
    }

    pub(in crate::wire) fn limit(
        &mut self,
        value: Option<NumberParam>,
        default: u64,
        max: u64,
    ) -> Option<RowLimit> {
        let Some(value) = value else { return RowLimit::new(default) };
        let rows = value.whole().filter(|rows| *rows <= max).and_then(RowLimit::new);
        if rows.is_none() {
            self.problems.field("limit", format!("must be a whole number from 1 to {max}"));
        }
        rows
    }

    /// Which events, by `event` or by `goal`.
    pub(in crate::wire) fn events(
        &mut self,
        event: Option<String>,
        goal: Option<&str>,
        asked: &AskedGoals,
    ) -> EventSelector {
        if event.is_some() && goal.is_some() {
            self.problems.field(GOAL, "goes without `event`: send one of the two");
        }
        let named = self.text("event", event, MAX_FILTER);
        let Some(slug) = goal else { return named.into() };
        let Some(goal) = asked.get(slug) else {
            self.problems.field(GOAL, unknown_goal(slug, &asked.known));
            return EventSelector::Any;
        };
        goal.selector()
    }

    pub(in crate::wire) fn filters(&mut self, filters: FilterParams) -> Vec<Filter> {
        let mut checked = Vec::new();
        for (column, value) in filters.columns {
            if value.chars().count() > MAX_FILTER {
                let why = format!("must be at most {MAX_FILTER} characters long");
                self.problems.field(column.filter_parameter().unwrap_or_default(), why);
            } else {
                checked.push(filter(column, &value));
            }
        }
        match filters.list.as_ref().map(FilterList::from_json) {
            None => {}
            Some(Ok(list)) => checked.extend(list.into_vec()),
            Some(Err(error)) => self.problems.field(error.at, error.problem),
        }
        checked
    }

    /// What is counted. Conversions are those of a goal, which must be named.
    pub(in crate::wire) fn metric(
        &mut self,
        metric: Option<String>,
        property: Option<String>,
        goal: Option<&str>,
        asked: &AskedGoals,
    ) -> Metric {
        let property = self.read("property", property, |text| {
            PropertyName::new(text).ok_or("must be the name of a property, 1 to 128 bytes long")
        });
        let is_of_numbers = matches!(metric.as_deref(), Some("sum" | "avg"));
        let property =
            property.or_else(|| asked.value().filter(|_| is_of_numbers).map(|value| value.property.clone()));
        let metric = metric.as_deref().unwrap_or("count");
        if matches!(metric, "conversions" | "conversion_rate") && goal.is_none() {
            let why = format!("is required for metric={metric}: the slug of a goal, such as signup");
            self.problems.field(GOAL, why);
        }
        match (metric, property) {
            ("count", None) => return Metric::Count,
            ("uniques", None) => return Metric::Uniques,
            ("conversions", None) => return Metric::Conversions,
            ("conversion_rate", None) => return Metric::ConversionRate,
            ("sum", Some(property)) => return Metric::Sum(property),
            ("avg", Some(property)) => return Metric::Avg(property),
            ("count" | "uniques" | "conversions" | "conversion_rate", Some(_)) => {
                self.problems.field("property", "goes with metric=sum or metric=avg");
            }
            ("sum" | "avg", None) => {
                let why = "is required: the numeric property to work on, or a goal with a value";
                self.problems.field("property", why);
            }
            _ => {
                let metrics = "must be count, uniques, conversions, conversion_rate, sum or avg";
                self.problems.field("metric", metrics);
            }
        }
        Metric::Count
    }

    /// Groups the sum or mean of the value of a goal by currency: amounts in different currencies are never
    /// added up.
    pub(in crate::wire) fn money(
        &mut self,
        metric: &Metric,
        asked: &AskedGoals,
        group_by: &mut Vec<Dimension>,
    ) {
        let (Metric::Sum(property) | Metric::Avg(property)) = metric else { return };
        let Some(value) = asked.value().filter(|value| value.property == *property) else { return };
        if group_by.len() == StatsQuery::MAX_DIMENSIONS {
            let most = StatsQuery::MAX_DIMENSIONS - 1;
            let why =
                format!("takes at most {most} columns here, since the value of a goal is split by currency");
            self.problems.field("group_by", why);
        }
        group_by.push(Dimension::Currency(value.currency));
    }

    /// The only parameter with a code of its own (contract, section 2).
    pub(in crate::wire) fn group_by(
        &mut self,
        value: Option<ListParam>,
        allowed: Vec<String>,
    ) -> ApiResult<Vec<Dimension>> {
        let mut dimensions = Vec::new();
        let names = value.iter().flat_map(ListParam::texts).map(str::trim);
        // One more than the maximum is enough to refuse the list.
        for name in names.filter(|name| !name.is_empty()).take(StatsQuery::MAX_DIMENSIONS + 1) {
            let is_allowed = |dimension: &Dimension| match dimension {
                Dimension::Property(_) => allowed.iter().any(|name| name == "properties.<name>"),
                dimension => allowed.contains(&dimension.name()),
            };
            let dimension = name.parse().ok().filter(is_allowed).ok_or_else(|| {
                let unknown: String = name.chars().take(80).collect();
                ApiError::new(ErrorCode::InvalidGroupBy)
                    .detail("unknown", unknown)
                    .detail("allowed", allowed.clone())
            })?;
            if dimensions.contains(&dimension) {
                self.problems.field("group_by", format!("names {} twice", dimension.name()));
            }
            dimensions.push(dimension);
        }
        if dimensions.len() > StatsQuery::MAX_DIMENSIONS {
            self.problems.field("group_by", format!("takes at most {} columns", StatsQuery::MAX_DIMENSIONS));
        }
        Ok(dimensions)
    }

    pub(in crate::wire) fn buckets(
        &mut self,
        interval: Option<String>,
        timezone: Option<String>,
    ) -> Option<Buckets> {
        let timezone = self.timezone(timezone);
        let interval = self
            .read("interval", interval, |text| text.parse::<Interval>().map_err(|error| error.to_string()));
        Some(Buckets { interval: interval?, timezone: timezone? })
    }

    /// Default UTC.
    pub(in crate::wire) fn timezone(&mut self, timezone: Option<String>) -> Option<Tz> {
        self.read("timezone", timezone.or(Some("UTC".to_owned())), |text| {
            text.parse::<Tz>().map_err(|_| EXPECTED_ZONE)
        })
    }

    pub(in crate::wire) fn finish(
        self,
        range: Option<TimeRange>,
        limit: Option<RowLimit>,
    ) -> ApiResult<(TimeRange, RowLimit)> {
        match (range, limit) {
            (Some(range), Some(limit)) => self.problems.or(ErrorCode::InvalidParams, (range, limit)),
            _ => Err(ApiError::validation(ErrorCode::InvalidParams, self.problems)),
        }
    }
}
