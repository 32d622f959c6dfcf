//! Conversion rates: the distinct visitors of each group who reach a goal, divided by all of its visitors.
//!
//! Both are counted over one view with one choice of groups, so that a group is either counted separately in
//! both or in neither.

use hashbrown::HashMap;
use millimetric_core::query::{Filter, Number};

use crate::query::groups;
use crate::query::groups::frequent::with_frequent;
use crate::query::groups::group_dictionary::Finished;
use crate::query::groups::{Counted, Counting};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// The groups of all visitors, with the rate of each group. `reached` counts the visitors who reach the goal;
/// `all` are the filters of all visitors.
pub(super) fn rates(
    view: &View,
    reached: &Counting<'_>,
    all: &[Filter],
    context: &QueryContext,
) -> Result<(Counted, Vec<Option<Number>>), StoreError> {
    let everyone = Counting { filters: all, ..reached.clone() };
    let count = |frequent: Option<_>| {
        let (everyone, too_many) = groups::count_with(view, &everyone, frequent.clone(), context)?;
        // Without a choice of frequent groups, everything is counted again.
        if too_many && frequent.is_none() {
            return Ok(((everyone, Counted::default()), too_many));
        }
        let (reached, _) = groups::count_with(view, reached, frequent, context)?;
        Ok(((everyone, reached), too_many))
    };
    let sketch = |frequent: &_| groups::sketch(view, &everyone, frequent, context);
    let (mut counted, reached_by) = with_frequent(view.limits.groups, context, count, sketch)?;
    counted.approximate |= reached_by.approximate;
    let dimensions = reached.by.len();
    let by_key: HashMap<_, _> =
        reached_by.groups.apart().map(|group| (key(&reached_by.groups, group, dimensions), group)).collect();
    let rate = |group: usize| {
        let reached = by_key.get(&key(&counted.groups, group, dimensions));
        let reached = reached.map_or(0, |group| reached_by.uniques[*group]);
        let rate = reached as f64 / counted.uniques[group] as f64;
        // Of estimates, the smaller set can be the larger number.
        Some(Number::Float(if rate.is_finite() { rate.min(1.0) } else { 0.0 }))
    };
    let rates = (0..counted.groups.len()).map(rate).collect();
    Ok((counted, rates))
}

/// The bucket and the texts of a group, which identify it.
fn key(groups: &Finished, group: usize, dimensions: usize) -> (i64, Vec<Option<&str>>) {
    (groups.bucket(group), (0..dimensions).map(|dimension| groups.text(group, dimension)).collect())
}
