//! Finds the attempt of one visitor that counts.

use std::cmp::Ordering;

use millimetric_core::query::{FunnelQuery, GroupAt, StepOrder};

use super::MAX_STEPS;
use super::held::Held;
use crate::query::count::groups::Texts;

/// An event that is a step.
pub(super) struct StepEvent {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    /// The steps that it can be, each as a bit; at least one.
    pub(super) set: u8,
    pub(super) keys: Texts,
    /// Whether it passes the filters of the query.
    pub(super) passes: bool,
}

impl StepEvent {
    /// The order of [`FunnelQuery`].
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let rank = |event: &Self| (event.at, event.set.trailing_zeros(), event.set);
        let by_rank = rank(self).cmp(&rank(other));
        by_rank.then_with(|| self.keys.cmp(&other.keys)).then_with(|| other.passes.cmp(&self.passes))
    }

    fn can_be(&self, step: usize) -> bool {
        self.set >> step & 1 == 1
    }

    fn starts(&self, order: StepOrder) -> bool {
        self.passes && (order == StepOrder::Any || self.can_be(0))
    }
}

/// The attempt of a visitor that counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The event whose group the visitor is counted in.
    pub(super) group: usize,
    /// Of each completed step after the first, the milliseconds since the step before, and since the start.
    pub(super) times: Vec<(i64, i64)>,
}

/// The attempt with the latest start that has completed a step.
#[derive(Debug, Clone, Copy)]
struct Chain {
    start: usize,
    at: i64,
}

impl Attempt {
    /// The attempt that gets furthest, of the events of a visitor in their order.
    pub(super) fn best(events: &[StepEvent], query: &FunnelQuery) -> Option<Self> {
        let window = query.window.millis();
        let attempt = match query.order {
            StepOrder::Strict => Self::in_order(events, query.steps.as_slice().len(), window),
            StepOrder::Any => Self::in_any_order(events, query.steps.as_slice().len(), window),
        }?;
        let first = match query.group_at {
            GroupAt::First => events.iter().position(|event| event.starts(query.order)),
            GroupAt::Attempt => None,
        };
        Some(Self { group: first.unwrap_or(attempt.group), ..attempt })
    }

    /// One pass over the events. For each step it keeps the attempt that started last: it can complete every step
    /// that an attempt with an earlier start can still complete.
    fn in_order(events: &[StepEvent], steps: usize, window: i64) -> Option<Self> {
        let mut chains: [Option<Chain>; MAX_STEPS] = [None; MAX_STEPS];
        let mut best: Option<Self> = None;
        for (index, event) in events.iter().enumerate() {
            // The last step first, so that one event is not two steps of an attempt.
            for step in (0..steps).rev().filter(|step| event.can_be(*step)) {
                let before = step.checked_sub(1).map(|before| chains[before]);
                let chain = match before {
                    None if event.passes => Chain { start: index, at: event.at },
                    Some(Some(chain)) if event.at - events[chain.start].at <= window => {
                        Chain { at: event.at, ..chain }
                    }
                    _ => continue,
                };
                match (&mut best, before.flatten()) {
                    (None, _) => best = Some(Self { group: index, times: Vec::new() }),
                    (Some(best), Some(before)) if step == best.times.len() + 1 => {
                        best.times.push((event.at - before.at, event.at - events[chain.start].at));
                        best.group = chain.start;
                    }
                    _ => {}
                }
                chains[step] = Some(chain);
            }
        }
        best
    }

    /// A sliding window of the funnel's duration that counts the steps that its events can be.
    fn in_any_order(events: &[StepEvent], steps: usize, window: i64) -> Option<Self> {
        let (mut held, mut end) = (Held::new(steps), 0);
        let (mut reached, mut first) = (0, 0);
        for (start, event) in events.iter().enumerate() {
            while let Some(next) = events.get(end).filter(|next| next.at - event.at <= window) {
                held.add(next.set);
                end += 1;
            }
            if event.passes && held.steps() > reached {
                (reached, first) = (held.steps(), start);
            }
            held.remove(event.set);
        }
        (reached > 0).then(|| Self::starting_with(events, first, reached, steps))
    }

    /// The attempt in any order that starts with an event and reaches so many steps.
    fn starting_with(events: &[StepEvent], first: usize, reached: u32, steps: usize) -> Self {
        let (mut held, mut times) = (Held::new(steps), Vec::new());
        let start = events[first].at;
        let (mut before, mut found) = (start, 0);
        for event in &events[first..] {
            if found == reached {
                break;
            }
            held.add(event.set);
            if held.steps() > found {
                if found > 0 {
                    times.push((event.at - before, event.at - start));
                }
                (found, before) = (found + 1, event.at);
            }
        }
        Self { group: first, times }
    }
}
