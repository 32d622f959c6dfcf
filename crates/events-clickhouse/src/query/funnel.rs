//! `GET /v1/funnel`: how many visitors complete each step. [`FunnelQuery`] defines attempts.

mod attempt;
mod held;

use std::borrow::Cow;
use std::cmp::Reverse;

use millimetric_core::query::{
    Column, Filter, FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep, FunnelSteps, StepOrder,
    StepSelector,
};
use millimetric_events::StoreError;

use self::attempt::{Attempt, StepEvent};
use super::count::groups::{Groups, Texts};
use super::count::numbers::median;
use super::scan::needs::Needs;
use super::scan::visitor::Visitor;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan};

/// The most steps.
const MAX_STEPS: usize = FunnelSteps::MOST;

/// Runs the query.
pub(super) async fn funnel(reader: &Reader<'_>, query: &FunnelQuery) -> Result<FunnelResponse, StoreError> {
    let steps: Vec<Vec<Filter>> = query.steps.as_slice().iter().map(StepSelector::conditions).collect();
    let needs =
        Needs::of([Column::AnonymousId]).with_filters(&query.filters).with_dimensions(&query.group_by);
    let needs = steps.iter().fold(needs, |needs, step| needs.with_filters(step));
    let starting = starting(query, &steps);
    let scan = Scan { needs, range: query.range, filters: &starting, unit: Unit::Visitors };
    let mut visitors = reader.visitors(&scan);
    let mut groups: Groups<GroupCounts> = Groups::new(reader.max_bytes());
    while let Some(visitor) = visitors.next().await? {
        let events = step_events(&visitor, query, &steps);
        if let Some(attempt) = Attempt::best(&events, query) {
            let texts = events[attempt.group].keys.iter();
            let keys: Vec<_> = texts.map(|text| text.as_deref().map(Cow::Borrowed)).collect();
            groups.of(None, &keys, GroupCounts::default)?.add(&attempt);
            groups.reserve(2 * size_of_val(attempt.times.as_slice()))?;
        }
    }
    Ok(response(query, groups))
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

/// The events of a visitor that are steps, in the order of [`FunnelQuery`].
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
    let mut events: Vec<StepEvent> = visitor.events_in(query.range).filter_map(step_event).collect();
    events.sort_by(StepEvent::order);
    events
}

/// The visitors of one group.
#[derive(Default)]
struct GroupCounts {
    /// Visitors by the last step that they completed.
    ended: [u64; MAX_STEPS],
    /// For each step, the times of [`Attempt::times`].
    times: [Vec<(i64, i64)>; MAX_STEPS],
}

impl GroupCounts {
    fn add(&mut self, attempt: &Attempt) {
        self.ended[attempt.times.len()] += 1;
        for (step, times) in (1..).zip(&attempt.times) {
            self.times[step].push(*times);
        }
    }

    fn steps(self, count: usize) -> Vec<FunnelStep> {
        let Self { ended, times } = self;
        let step = |(step, times): (usize, Vec<(i64, i64)>)| {
            let (took, since_start) = times.into_iter().unzip();
            FunnelStep {
                visitors: ended[step..].iter().sum(),
                median_millis: median(took),
                median_millis_from_start: median(since_start),
            }
        };
        times.into_iter().take(count).enumerate().map(step).collect()
    }
}

fn response(query: &FunnelQuery, groups: Groups<GroupCounts>) -> FunnelResponse {
    let count = query.steps.as_slice().len();
    let group = |keys: Texts, counts: GroupCounts| FunnelGroup { keys, steps: counts.steps(count) };
    let mut groups: Vec<FunnelGroup> =
        groups.sorted().into_iter().map(|(of, counts)| group(of.texts, counts)).collect();
    if groups.is_empty() && query.group_by.is_empty() {
        groups.push(group(Vec::new(), GroupCounts::default()));
    }
    // They are in order of their keys.
    groups.sort_by_key(|group| Reverse(group.steps[0].visitors));
    let truncated = groups.len() > query.limit.get();
    groups.truncate(query.limit.get());
    FunnelResponse { groups, truncated, other: 0 }
}
