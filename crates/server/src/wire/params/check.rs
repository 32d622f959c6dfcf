//! Checks parameters one by one and collects what is wrong: times, limits, filters, groups.

use chrono_tz::Tz;
use millimetric_core::query::{
    Aggregate, Buckets, Cycle, CyclicBuckets, Dimension, EventSelector, Filter, FilterList, Interval, Limit,
    Metric, PropertyName, RowLimit, StatsBuckets, StatsQuery,
};
use millimetric_core::time::{TimeRange, Timestamp};

use super::timezone::no_zone;
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

/// Words as a sentence lists them: `a, b or c`.
fn one_of(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}

/// The problem of a range whose ends are in the wrong order.
pub const ENDS_EXCHANGED: &str = "must lie before `to` (`to` is exclusive)";

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
            self.problems.field("from", ENDS_EXCHANGED);
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

    /// The limit of a report with `interval`: without one, whole series are returned.
    pub(in crate::wire) fn series_limit(
        &mut self,
        value: Option<NumberParam>,
        default: u64,
        interval: Option<&str>,
    ) -> Option<Limit> {
        if value.is_none() && interval.is_some() {
            return Some(Limit::Series);
        }
        self.limit(value, default, 1000).map(Limit::Rows)
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
        let name = metric.as_deref().unwrap_or("count");
        if let Some(aggregate) = Aggregate::named(name) {
            let property = property.or_else(|| asked.value().map(|value| value.property.clone()));
            if property.is_none() {
                let why = "is required: the numeric property to work on, or a goal with a value";
                self.problems.field("property", why);
            }
            return property.map_or(Metric::Count, |property| Metric::Of(aggregate, property));
        }
        let Some(metric) = Metric::COUNTS.into_iter().find(|metric| metric.as_str() == name) else {
            self.problems.field("metric", format!("must be {}", one_of(Metric::names())));
            return Metric::Count;
        };
        if matches!(metric, Metric::Conversions | Metric::ConversionRate) && goal.is_none() {
            let why = format!("is required for metric={name}: the slug of a goal, such as signup");
            self.problems.field(GOAL, why);
        }
        if property.is_some() {
            let aggregates = one_of(Aggregate::ALL.into_iter().map(Aggregate::as_str));
            self.problems.field("property", format!("goes with metric={aggregates}"));
        }
        metric
    }

    /// Groups an aggregate of the value of a goal by currency: amounts in different currencies are never put
    /// together.
    pub(in crate::wire) fn money(
        &mut self,
        metric: &Metric,
        asked: &AskedGoals,
        group_by: &mut Vec<Dimension>,
    ) {
        let Some(value) = asked.value().filter(|value| Some(&value.property) == metric.property()) else {
            return;
        };
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
        self.spans(interval, timezone, "")
    }

    /// `others` are words that the parameter takes too.
    fn spans(&mut self, interval: Option<String>, timezone: Option<String>, others: &str) -> Option<Buckets> {
        let timezone = self.timezone(timezone);
        let interval = self.read("interval", interval, |text| {
            text.parse::<Interval>().map_err(|error| format!("{error}{others}"))
        });
        Some(Buckets { interval: interval?, timezone: timezone? })
    }

    /// Spans of time, or hours of the day and days of the week.
    pub(in crate::wire) fn stats_buckets(
        &mut self,
        interval: Option<String>,
        timezone: Option<String>,
    ) -> Option<StatsBuckets> {
        if let Some(Ok(cycle)) = interval.as_deref().map(str::parse::<Cycle>) {
            let timezone = self.timezone(timezone)?;
            return Some(StatsBuckets::Cyclic(CyclicBuckets { cycle, timezone }));
        }
        let others = Cycle::ALL.map(|cycle| format!(", {}", cycle.as_str())).concat();
        self.spans(interval, timezone, &others).map(StatsBuckets::Spans)
    }

    /// Default UTC.
    pub(in crate::wire) fn timezone(&mut self, timezone: Option<String>) -> Option<Tz> {
        self.read("timezone", timezone.or(Some("UTC".to_owned())), |text| {
            text.parse::<Tz>().map_err(|_| no_zone(text))
        })
    }

    pub(in crate::wire) fn finish<L>(
        self,
        range: Option<TimeRange>,
        limit: Option<L>,
    ) -> ApiResult<(TimeRange, L)> {
        match (range, limit) {
            (Some(range), Some(limit)) => self.problems.or(ErrorCode::InvalidParams, (range, limit)),
            _ => Err(ApiError::validation(ErrorCode::InvalidParams, self.problems)),
        }
    }
}
