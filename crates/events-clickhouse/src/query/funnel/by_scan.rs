//! The events of visitors that are steps, by conditions and groups that need more than SQL.

use std::borrow::Cow;

use millimetric_core::query::{Column, Filter, FunnelQuery, StepOrder};
use millimetric_events::StoreError;

use super::attempt::StepEvent;
use crate::query::scan::needs::Needs;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan};

/// Calls `each` with the events of each visitor that are steps, in no order, and 1.
pub(super) async fn each_visitor(
    reader: &Reader<'_>,
    query: &FunnelQuery,
    steps: &[Vec<Filter>],
    mut each: impl FnMut(Vec<StepEvent>, u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let needs =
        Needs::of([Column::AnonymousId]).with_filters(&query.filters).with_dimensions(&query.group_by);
    let needs = steps.iter().fold(needs, |needs, step| needs.with_filters(step));
    let starting = starting(query, steps);
    let scan = Scan { needs, range: query.range, filters: &starting, unit: Unit::Visitors };
    let mut visitors = reader.visitors(&scan);
    while let Some(visitor) = visitors.next().await? {
        each(step_events(&visitor, query, steps), 1)?;
    }
    Ok(())
}

/// What an event must pass that starts an attempt.
fn starting(query: &FunnelQuery, steps: &[Vec<Filter>]) -> Vec<Filter> {
    let all = |step: &Vec<Filter>| Filter::And(step.clone());
    let mut starting = match query.order {
        StepOrder::Strict => steps.first().cloned().unwrap_or_default(),
        StepOrder::Any => vec![Filter::Or(steps.iter().map(all).collect())],
    };
    starting.extend_from_slice(&query.filters);
    starting
}

fn step_events(visitor: &Visitor, query: &FunnelQuery, steps: &[Vec<Filter>]) -> Vec<StepEvent> {
    let step_event = |event: usize| {
        let bit = |(step, filters): (usize, &Vec<Filter>)| u8::from(visitor.passes(event, filters)) << step;
        let set: u8 = steps.iter().enumerate().map(bit).sum();
        (set != 0).then(|| StepEvent {
            at: visitor.events[event].at,
            set,
            keys: visitor
                .texts(event, &query.group_by)
                .into_iter()
                .map(|text| text.map(Cow::into_owned))
                .collect(),
            passes: visitor.passes(event, &query.filters),
        })
    };
    visitor.events_in(query.range).filter_map(step_event).collect()
}
