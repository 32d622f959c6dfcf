//! The reference implementation of funnels and retention: compares every pair of a
//! visitor's events, following the definitions in `core::query`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use millimetric_core::event::Event;
use millimetric_core::query::{
    Cohort, FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep, GroupAt, NewVisitors, RetentionQuery,
    RetentionResponse, StepOrder, StepSelector,
};
use millimetric_core::time::{TimeRange, Timestamp};

use super::{Chosen, bucket, chosen, is_selected, key, passes};

type Keys = Vec<Option<String>>;

fn by_visitor(events: &[Event], range: TimeRange) -> BTreeMap<&str, Vec<Chosen<'_>>> {
    let mut visitors: BTreeMap<&str, Vec<Chosen<'_>>> = BTreeMap::new();
    for event in chosen(events, range, &[]) {
        visitors.entry(&event.event.anonymous_id).or_default().push(event);
    }
    visitors
}

/// An event that is a step.
struct StepEvent {
    at: i64,
    /// The indexes of the steps that it can be.
    steps: Vec<usize>,
    keys: Keys,
    passes: bool,
}

/// The result of one visitor: the group, and of each step after the first the time since the previous one and
/// since the start.
type Outcome = (Keys, Vec<(i64, i64)>);

pub(in crate::suite) fn funnel(events: &[Event], query: &FunnelQuery) -> FunnelResponse {
    let mut groups: BTreeMap<Keys, Vec<Vec<(i64, i64)>>> = BTreeMap::new();
    for events in by_visitor(events, query.range).into_values() {
        let step_events = step_events(&events, query);
        let starts =
            |event: &&StepEvent| event.passes && (query.order == StepOrder::Any || event.steps.contains(&0));
        let outcome = match query.order {
            StepOrder::Strict => strict(&step_events, query),
            StepOrder::Any => any(&step_events, query),
        };
        if let Some((keys, took)) = outcome {
            let keys = match query.group_at {
                GroupAt::First => {
                    step_events.iter().find(starts).expect("an attempt has a start").keys.clone()
                }
                GroupAt::Attempt => keys,
            };
            groups.entry(keys).or_default().push(took);
        }
    }
    if query.group_by.is_empty() {
        groups.entry(Vec::new()).or_default();
    }
    let mut groups: Vec<FunnelGroup> = groups
        .into_iter()
        .map(|(keys, visitors)| {
            let step = |step: usize| {
                let times = || visitors.iter().filter_map(|took| took.get(step.checked_sub(1)?));
                let reached = visitors.iter().filter(|took| took.len() >= step).count();
                FunnelStep {
                    visitors: reached as u64,
                    median_millis: median(times().map(|(took, _)| *took).collect()),
                    median_millis_from_start: median(times().map(|(_, since_start)| *since_start).collect()),
                }
            };
            FunnelGroup { keys, steps: (0..query.steps.as_slice().len()).map(step).collect() }
        })
        .collect();
    groups.sort_by_key(|group| Reverse(group.steps[0].visitors));
    let truncated = groups.len() > query.limit.get();
    groups.truncate(query.limit.get());
    FunnelResponse { groups, truncated, other: 0 }
}

fn median(mut millis: Vec<i64>) -> Option<f64> {
    millis.sort_unstable();
    let (middle, count) = (|index: usize| millis[index] as f64, millis.len());
    (count > 0).then(|| f64::midpoint(middle((count - 1) / 2), middle(count / 2)))
}

fn step_events(events: &[Chosen<'_>], query: &FunnelQuery) -> Vec<StepEvent> {
    let steps = query.steps.as_slice();
    let is_step = |event: &Chosen<'_>, step: &StepSelector| {
        is_selected(event, &step.events) && passes(event, &step.filters)
    };
    let act = |event: &Chosen<'_>| StepEvent {
        at: event.timestamp.millis(),
        steps: (0..steps.len()).filter(|step| is_step(event, &steps[*step])).collect(),
        keys: query.group_by.iter().map(|dimension| key(event, dimension)).collect(),
        passes: passes(event, &query.filters),
    };
    let mut step_events: Vec<StepEvent> = events.iter().map(act).collect();
    step_events.retain(|event| !event.steps.is_empty());
    let set = |event: &StepEvent| event.steps.iter().map(|step| 1 << step).sum::<u32>();
    let order = |event: &StepEvent| (event.at, event.steps[0], set(event), event.keys.clone(), !event.passes);
    step_events.sort_by_key(order);
    step_events
}

/// Computes for every event and step the latest start of an attempt in which the event is that step.
fn strict(step_events: &[StepEvent], query: &FunnelQuery) -> Option<Outcome> {
    let window = query.window.millis();
    let is_step = |act: &StepEvent, step: usize| act.steps.contains(&step);
    let mut starts: Vec<Vec<Option<usize>>> = vec![
        (0..step_events.len())
            .map(|index| (step_events[index].passes && is_step(&step_events[index], 0)).then_some(index))
            .collect(),
    ];
    let (mut keys, mut took) = (None, Vec::new());
    for step in 0..query.steps.as_slice().len() {
        if step > 0 {
            let before = &starts[step - 1];
            let latest = |index: usize| {
                let precedes = (0..index).filter_map(|earlier| before[earlier]);
                precedes.filter(|start| step_events[index].at - step_events[*start].at <= window).max()
            };
            let of_step = |index| if is_step(&step_events[index], step) { latest(index) } else { None };
            let of_step: Vec<_> = (0..step_events.len()).map(of_step).collect();
            starts.push(of_step);
        }
        let Some((index, start)) =
            (0..step_events.len()).find_map(|index| Some((index, starts[step][index]?)))
        else {
            break;
        };
        keys = Some(step_events[start].keys.clone());
        if step > 0 {
            let precedes = |earlier: &usize| {
                starts[step - 1][*earlier]
                    .is_some_and(|start| step_events[index].at - step_events[start].at <= window)
            };
            let before = (0..index).rev().find(precedes).expect("an earlier step exists");
            let at = step_events[index].at;
            took.push((at - step_events[before].at, at - step_events[start].at));
        }
    }
    Some((keys?, took))
}

fn any(step_events: &[StepEvent], query: &FunnelQuery) -> Option<Outcome> {
    let mut best: Option<Outcome> = None;
    for (index, start) in step_events.iter().enumerate().filter(|(_, act)| act.passes) {
        let mut taken = vec![None; query.steps.as_slice().len()];
        let mut times = Vec::new();
        let in_window = |act: &&StepEvent| act.at - start.at <= query.window.millis();
        for act in step_events[index..].iter().filter(in_window) {
            if assign(act, &mut taken, &mut Vec::new()) {
                times.push(act.at);
            }
        }
        let took: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0], pair[1] - start.at)).collect();
        if best.as_ref().is_none_or(|(_, most)| took.len() > most.len()) {
            best = Some((start.keys.clone(), took));
        }
    }
    best
}

/// Finds a step for the event, if need be by finding other steps for the events that have its steps (Kuhn's
/// algorithm).
fn assign<'a>(act: &'a StepEvent, taken: &mut [Option<&'a StepEvent>], tried: &mut Vec<usize>) -> bool {
    for step in act.steps.iter().copied() {
        if tried.contains(&step) {
            continue;
        }
        tried.push(step);
        let is_free = match taken[step] {
            None => true,
            Some(other) => assign(other, taken, tried),
        };
        if is_free {
            taken[step] = Some(act);
            return true;
        }
    }
    false
}

pub(in crate::suite) fn retention(events: &[Event], query: &RetentionQuery) -> RetentionResponse {
    let period = |event: &Event| bucket(query.periods, event.timestamp);
    let named =
        |event: &Event, name: &Option<String>| name.as_ref().is_none_or(|name| *name == event.event_name);
    let mut cohorts: BTreeMap<Timestamp, Vec<BTreeSet<Timestamp>>> = BTreeMap::new();
    let since = match query.new {
        NewVisitors::Ever => Timestamp::MIN,
        NewVisitors::Range => query.range.from(),
    };
    let range = TimeRange::new(since, query.range.to()).expect("it is not shorter");
    for events in by_visitor(events, range).into_values() {
        let begins = |event: &&Chosen<'_>| is_selected(event, &query.events) && passes(event, &query.filters);
        let Some(first) = events.iter().filter(begins).min_by_key(|event| event.timestamp) else { continue };
        if first.timestamp < query.range.from() {
            continue;
        }
        let in_range = events.iter().filter(|event| query.range.contains(event.timestamp));
        let returns = in_range.filter(|event| named(event, &query.return_event));
        cohorts.entry(period(first)).or_default().push(returns.map(|event| period(event)).collect());
    }
    let (mut starts, mut at) = (BTreeSet::new(), query.range.from());
    while at < query.range.to() {
        starts.insert(bucket(query.periods, at));
        at = at.plus_millis(1_800_000);
    }
    starts.insert(bucket(query.periods, query.range.to().plus_millis(-1)));
    let cohort = |(start, visitors): (Timestamp, Vec<BTreeSet<Timestamp>>)| Cohort {
        start,
        visitors: visitors.len() as u64,
        returned: starts
            .range(start..)
            .map(|period| visitors.iter().filter(|periods| periods.contains(period)).count() as u64)
            .collect(),
    };
    RetentionResponse { cohorts: cohorts.into_iter().map(cohort).collect() }
}
