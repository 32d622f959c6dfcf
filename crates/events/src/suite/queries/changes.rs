//! Random queries for changes between two ranges.

use millimetric_core::query::{ChangeMetric, ChangesQuery, Dimension, PropertyName};
use proptest::prelude::*;

use super::filters::filters;
use super::{columns, limits, ranges, selectors, some_ranges};

pub(super) fn changes() -> impl Strategy<Value = ChangesQuery> {
    let sum =
        |currency| ChangeMetric::Sum { property: PropertyName::new("price").expect("a name"), currency };
    let metric = proptest::sample::select(vec![
        ChangeMetric::Count,
        ChangeMetric::Uniques,
        ChangeMetric::Conversions,
        sum(None),
        sum(Some("CHF")),
    ]);
    let columns = proptest::sample::subsequence(columns(), 1..=ChangesQuery::MAX_COLUMNS).prop_shuffle();
    let chosen: BoxedStrategy<Option<Vec<Dimension>>> = proptest::option::of(columns).boxed();
    // Most events are in few places in time: of two random ranges one is often empty.
    let two = prop_oneof![(some_ranges(), some_ranges()), (ranges(), ranges())];
    (two, selectors(), filters(), metric, chosen, limits()).prop_map(
        |((range, compared_with), events, filters, metric, columns, limit)| {
            let columns = columns.unwrap_or_else(|| ChangesQuery::default_columns(&events));
            let limit = limit.min(super::super::sample::limit(ChangesQuery::MAX_ROWS));
            ChangesQuery { range, compared_with, events, filters, metric, columns, limit }
        },
    )
}
