//! `GET /v1/stats`: counts, distinct visitors, conversion rates, sums and means, by group and over time. Sorts
//! what `groups` has counted.

pub(crate) mod changes;
mod conversion;

use std::cmp::Ordering;
use std::sync::Arc;

use millimetric_core::query::{Metric, Number, StatsQuery, StatsResponse, StatsRow};

use crate::columns::group_column::GroupColumn;
use crate::encoding::row::instant;
use crate::query::groups;
use crate::query::groups::{Counted, Counting};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Runs the query.
pub(crate) fn stats(
    view: &View,
    query: &StatsQuery,
    context: &QueryContext,
) -> Result<StatsResponse, StoreError> {
    let number = match &query.metric {
        Metric::Sum(name) | Metric::Avg(name) => Some(Arc::from(name.as_str())),
        Metric::Count | Metric::Uniques | Metric::Conversions | Metric::ConversionRate => None,
    };
    let selected = query.events.and(&query.filters);
    let counting = Counting {
        filters: &selected,
        by: query.group_by.iter().map(GroupColumn::from).collect(),
        buckets: query.buckets,
        uniques: matches!(query.metric, Metric::Uniques | Metric::ConversionRate),
        spans: false,
        number,
    };
    let (counted, values) = if query.metric == Metric::ConversionRate {
        conversion::rates(view, &counting, &query.filters, context)?
    } else {
        let counted = groups::count(view, &counting, context)?;
        let values = (0..counted.events.len()).map(|group| value(&query.metric, &counted, group)).collect();
        (counted, values)
    };
    if query.group_by.is_empty() && query.buckets.is_none() {
        let value = values.first().copied().unwrap_or_else(|| nothing(&query.metric));
        let row = StatsRow { bucket: None, keys: Vec::new(), value };
        return Ok(StatsResponse {
            rows: vec![row],
            approximate: counted.approximate,
            ..StatsResponse::default()
        });
    }
    let mut order: Vec<usize> = counted.groups.apart().collect();
    let bucket = |group: usize| counted.groups.bucket(group);
    order.sort_unstable_by(|a, b| {
        bucket(*a)
            .cmp(&bucket(*b))
            .then_with(|| descending(values[*a], values[*b]))
            .then_with(|| counted.groups.compare(*a, *b, query.group_by.len()))
    });
    let other = counted.other();
    let truncated = order.len() > query.limit.get() || other > 0;
    order.truncate(query.limit.get());
    let row = |group: usize| StatsRow {
        bucket: query.buckets.map(|_| instant(bucket(group))),
        keys: (0..query.group_by.len())
            .map(|dimension| counted.groups.text(group, dimension).map(str::to_owned))
            .collect(),
        value: values[group],
    };
    let rows = order.into_iter().map(row).collect();
    Ok(StatsResponse { rows, truncated, other, approximate: counted.approximate })
}

fn value(metric: &Metric, counted: &Counted, group: usize) -> Option<Number> {
    match metric {
        Metric::Count | Metric::Conversions => Some(Number::Integer(counted.events[group])),
        Metric::Uniques => Some(Number::Integer(counted.uniques[group])),
        Metric::Sum(_) => Some(Number::Float(counted.sums[group].total())),
        Metric::Avg(_) => counted.sums[group].mean().map(Number::Float),
        // Computed from two counts.
        Metric::ConversionRate => None,
    }
}

fn nothing(metric: &Metric) -> Option<Number> {
    match metric {
        Metric::Count | Metric::Uniques | Metric::Conversions => Some(Number::Integer(0)),
        Metric::Sum(_) | Metric::ConversionRate => Some(Number::Float(0.0)),
        Metric::Avg(_) => None,
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
