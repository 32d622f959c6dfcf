//! `GET /v1/stats`: counts, distinct visitors, conversion rates and aggregates of numbers, by group and over
//! time. Sorts what `groups` has counted.

pub(crate) mod changes;
mod conversion;
mod currencies;
mod cyclic;

use std::cmp::Ordering;
use std::sync::Arc;

use millimetric_core::query::{
    Filter, Limit, Metric, Number, Phase, StatsBuckets, StatsQuery, StatsResponse, StatsRow,
};

use crate::columns::group_column::GroupColumn;
use crate::encoding::row::instant;
use crate::query::groups;
use crate::query::groups::series::{self, ChosenGroups, Texts};
use crate::query::groups::{Counted, Counting, NumbersOf};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Runs the query.
pub(crate) fn stats(
    view: &View,
    query: &StatsQuery,
    context: &QueryContext,
) -> Result<StatsResponse, StoreError> {
    let stats = Stats::new(view, query, context)?;
    let mut found = stats.find(query.buckets, None)?;
    let mut truncated = stats.cut(&mut found)? || found.counted.other() > 0;
    let mut rows = stats.rows(&found)?;
    if let (true, Some(StatsBuckets::Cyclic(buckets))) = (stats.by.is_empty(), query.buckets) {
        cyclic::fill(&mut rows, buckets, query);
        truncated |= rows.len() > query.limit.rows();
        rows.truncate(query.limit.rows());
    }
    Ok(StatsResponse {
        rows,
        truncated,
        other: found.counted.other(),
        approximate: found.counted.approximate,
        by_currency: stats.by_currency,
        skipped: query.metric.property().map(|_| found.counted.skipped),
    })
}

/// A query, with the columns that it is counted by.
struct Stats<'a> {
    view: &'a View,
    query: &'a StatsQuery,
    context: &'a QueryContext,
    /// What an event must pass to be selected.
    selected: Vec<Filter>,
    by: Vec<GroupColumn>,
    /// Whether the last of the columns is the currency, which the query does not name.
    by_currency: bool,
}

/// What was counted, the value of each group, and the groups in the order of the rows.
struct Found {
    counted: Counted,
    values: Vec<Option<Number>>,
    order: Vec<usize>,
}

impl<'a> Stats<'a> {
    fn new(view: &'a View, query: &'a StatsQuery, context: &'a QueryContext) -> Result<Self, StoreError> {
        let selected = query.events.and(&query.filters);
        let mut by: Vec<GroupColumn> = query.group_by.iter().map(GroupColumn::from).collect();
        let has_currency = by.iter().any(|column| matches!(column, GroupColumn::Currency(_)));
        let by_currency = match query.metric.property() {
            Some(property) if !has_currency => currencies::is_one_known(view, &selected, property, context)?,
            _ => false,
        };
        by.extend(by_currency.then_some(GroupColumn::Currency(None)));
        Ok(Self { view, query, context, selected, by, by_currency })
    }

    fn counting(&self, buckets: Option<StatsBuckets>, only: Option<Arc<ChosenGroups>>) -> Counting<'_> {
        let numbers = match &self.query.metric {
            Metric::Of(aggregate, property) => Some(NumbersOf {
                property: Arc::from(property.as_str()),
                aggregate: *aggregate,
                alone: self.by_currency,
            }),
            Metric::Count | Metric::Uniques | Metric::Conversions | Metric::ConversionRate => None,
        };
        Counting {
            filters: &self.selected,
            by: self.by.clone(),
            buckets,
            only,
            uniques: matches!(self.query.metric, Metric::Uniques | Metric::ConversionRate),
            numbers,
            ..Counting::default()
        }
    }

    /// Counts by these buckets; if `only` is set, groups other than these together.
    fn find(
        &self,
        buckets: Option<StatsBuckets>,
        only: Option<Arc<ChosenGroups>>,
    ) -> Result<Found, StoreError> {
        let counting = self.counting(buckets, only);
        let (counted, values) = if self.query.metric == Metric::ConversionRate {
            conversion::rates(self.view, &counting, &self.query.filters, self.context)?
        } else {
            let counted = groups::count(self.view, &counting, self.context)?;
            let value = |group| value(&self.query.metric, &counted, group);
            let values = (0..counted.events.len()).map(value).collect();
            (counted, values)
        };
        let mut order: Vec<usize> = counted.groups.apart().collect();
        let bucket = |group: usize| counted.groups.bucket(group);
        order.sort_unstable_by(|a, b| {
            bucket(*a)
                .cmp(&bucket(*b))
                .then_with(|| descending(values[*a], values[*b]))
                .then_with(|| counted.groups.compare(*a, *b, self.by.len()))
        });
        Ok(Found { counted, values, order })
    }

    /// Keeps the groups that the limit allows. Returns whether others are left out.
    fn cut(&self, found: &mut Found) -> Result<bool, StoreError> {
        if self.by.is_empty() && matches!(self.query.buckets, Some(StatsBuckets::Cyclic(_))) {
            // At most one for each hour or day, and others are added.
            return Ok(false);
        }
        if let Limit::Rows(limit) = self.query.limit {
            let truncated = found.order.len() > limit.get();
            found.order.truncate(limit.get());
            return Ok(truncated);
        }
        if !found.counted.limited && series::fit(&found.order, &found.counted.groups) {
            return Ok(false);
        }
        let first = self.first_groups()?;
        if found.counted.limited && !self.by.is_empty() {
            *found = series::chosen(&first, |only| {
                let found = self.find(self.query.buckets, Some(only))?;
                let limited = found.counted.limited;
                Ok((found, limited))
            })?;
        }
        series::keep(&mut found.order, &found.counted.groups, &first);
        Ok(true)
    }

    /// The groups that come first without buckets.
    fn first_groups(&self) -> Result<Vec<Texts>, StoreError> {
        if self.by.is_empty() {
            return Ok(vec![Texts::new()]);
        }
        let found = self.find(None, None)?;
        let texts = |group: &usize| found.texts(*group, self.by.len());
        Ok(found.order.iter().take(Limit::MOST_SERIES).map(texts).collect())
    }

    fn rows(&self, found: &Found) -> Result<Vec<StatsRow>, StoreError> {
        if self.by.is_empty() && self.query.buckets.is_none() {
            let value = found.values.first().copied().unwrap_or_else(|| self.query.metric.of_nothing());
            return Ok(vec![StatsRow { value, ..StatsRow::default() }]);
        }
        let sums = match (self.query.buckets, &self.query.metric) {
            (Some(StatsBuckets::Cyclic(buckets)), Metric::Uniques) => {
                let counting = self.counting(Some(buckets.single().into()), None);
                cyclic::visitor_sums(self.view, &counting, buckets, &found.counted, self.context)?
            }
            (Some(StatsBuckets::Cyclic(_)), metric) if metric.adds_up() => {
                found.values.iter().map(|value| value.map(float)).collect()
            }
            _ => Vec::new(),
        };
        let row = |group: &usize| {
            let bucket = found.counted.groups.bucket(*group);
            let (bucket, phase) = match self.query.buckets {
                None => (None, None),
                Some(StatsBuckets::Spans(_)) => (Some(instant(bucket)), None),
                Some(StatsBuckets::Cyclic(_)) => {
                    let sum = sums.get(*group).copied().flatten();
                    (None, Some(Phase { number: bucket as u8, sum }))
                }
            };
            let keys = found.texts(*group, self.by.len());
            StatsRow { bucket, phase, keys, value: found.values[*group] }
        };
        Ok(found.order.iter().map(row).collect())
    }
}

impl Found {
    fn texts(&self, group: usize, dimensions: usize) -> Texts {
        self.counted.groups.texts(group, dimensions).map(|text| text.map(str::to_owned)).collect()
    }
}

fn value(metric: &Metric, counted: &Counted, group: usize) -> Option<Number> {
    match metric {
        Metric::Count | Metric::Conversions => Some(Number::Integer(counted.events[group])),
        Metric::Uniques => Some(Number::Integer(counted.uniques[group])),
        Metric::Of(..) => counted.numbers[group].map(Number::Float),
        // Computed from two counts.
        Metric::ConversionRate => None,
    }
}

/// The value of no events.
fn float(number: Number) -> f64 {
    match number {
        Number::Integer(count) => count as f64,
        Number::Float(number) => number,
    }
}

/// Larger values first, `None` last.
fn descending(a: Option<Number>, b: Option<Number>) -> Ordering {
    match (a, b) {
        (Some(Number::Integer(a)), Some(Number::Integer(b))) => b.cmp(&a),
        (Some(Number::Float(a)), Some(Number::Float(b))) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
