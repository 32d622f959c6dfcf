//! Matches the events of one visitor against the steps of a funnel, and finds the attempt that counts.

use std::sync::Arc;

use millimetric_core::query::{FunnelQuery, StepOrder};

use crate::encoding::text::Dictionary;
use crate::query::distinct::Bitmaps;
use crate::query::funnel::MAX_STEPS;
use crate::query::funnel::accumulator::FunnelAccumulator;
use crate::query::timeline::{ByName, Event, TimelineEvent};

/// The step name of an event, its group, and whether an attempt may start with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepMask(u32);

impl StepMask {
    pub(crate) fn new(name: u8, starts: bool, group: u32) -> Self {
        Self(group << 4 | u32::from(name) << 1 | u32::from(starts))
    }

    /// The index of its name among the distinct names of the steps.
    pub(crate) fn name(self) -> usize {
        (self.0 >> 1 & 7) as usize
    }

    pub(crate) fn starts(self) -> bool {
        self.0 & 1 != 0
    }

    pub(crate) fn group(self) -> usize {
        (self.0 >> 4) as usize
    }

    /// The mask without its group, as a mark: not 0, and ordered by name.
    fn mark(self) -> u8 {
        self.0 as u8 | 16
    }

    fn of_mark(mark: u8) -> Self {
        Self(u32::from(mark & 15))
    }
}

/// An event that can be a step.
pub(crate) trait Step {
    /// Milliseconds since 1970.
    fn at(&self) -> i64;
    fn step_mask(&self) -> StepMask;
}

impl Step for TimelineEvent<StepMask> {
    fn at(&self) -> i64 {
        self.at
    }

    fn step_mask(&self) -> StepMask {
        self.what
    }
}

impl Step for Event {
    fn at(&self) -> i64 {
        Event::at(*self)
    }

    fn step_mask(&self) -> StepMask {
        StepMask::of_mark(self.mark())
    }
}

/// The steps, prepared for matching.
#[derive(Debug)]
pub(crate) struct FunnelMatcher {
    /// The distinct names, in the order of their first step.
    pub(crate) names: Vec<Arc<str>>,
    /// For each name, the steps with this name, the last one first.
    steps_of: Vec<Vec<usize>>,
    window: i64,
    order: StepOrder,
}

/// The attempt of a visitor that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) group: u32,
    /// Number of completed steps, at least one.
    pub(crate) reached: usize,
    /// Milliseconds since the previous step, for each completed step but the first.
    pub(crate) took: [i64; MAX_STEPS],
}

/// The attempt with the latest start that has completed a step.
#[derive(Debug, Clone, Copy)]
struct Chain {
    start: i64,
    at: i64,
    group: u32,
}

/// A funnel without groups and filters.
impl ByName for FunnelMatcher {
    type Found = FunnelAccumulator;

    fn start(&self) -> FunnelAccumulator {
        FunnelAccumulator::default()
    }

    fn marks(&self, names: &Dictionary) -> Vec<u8> {
        let mut marks = vec![0; names.len()];
        for (name, text) in (0..).zip(&self.names) {
            let mask = StepMask::new(name, self.may_start(name + 1), 0);
            names.find(text).into_iter().for_each(|code| marks[code as usize] = mask.mark());
        }
        marks
    }

    fn add(&self, events: &[Event], found: &mut FunnelAccumulator) {
        if let Some(attempt) = self.best_attempt(events) {
            found.add(&attempt);
        }
    }
}

impl FunnelMatcher {
    pub(crate) fn of(query: &FunnelQuery) -> Self {
        let (mut names, mut steps_of) = (Vec::<Arc<str>>::new(), Vec::<Vec<usize>>::new());
        for (step, name) in query.steps.names().iter().enumerate() {
            let index = names.iter().position(|known| **known == **name).unwrap_or_else(|| {
                names.push(Arc::from(name.as_str()));
                steps_of.push(Vec::new());
                names.len() - 1
            });
            steps_of[index].insert(0, step);
        }
        Self { names, steps_of, window: query.window.millis(), order: query.order }
    }

    /// Whether an attempt may start with an event of this name, numbered from 1.
    pub(crate) fn may_start(&self, number: u8) -> bool {
        number == 1 || (self.order == StepOrder::Any && number > 1)
    }

    /// Returns a bitmap of the visitors with events of two steps, in any order. `seen` has a bitmap for each
    /// number of a name.
    pub(crate) fn who_has_another(&self, seen: &Bitmaps) -> Vec<u64> {
        let of_name = |name: usize| seen.of_group(name + 1);
        let everybody = || vec![u64::MAX; of_name(0).len()];
        match self.order {
            StepOrder::Strict if self.steps_of[0].contains(&1) => everybody(),
            // The second step has the second name.
            StepOrder::Strict => of_name(1).to_vec(),
            StepOrder::Any if self.steps_of.iter().any(|steps| steps.len() > 1) => everybody(),
            StepOrder::Any => {
                let (mut one, mut two) = (vec![0; of_name(0).len()], vec![0; of_name(0).len()]);
                for name in 0..self.names.len() {
                    for ((one, two), seen) in one.iter_mut().zip(&mut two).zip(of_name(name)) {
                        *two |= *one & seen;
                        *one |= seen;
                    }
                }
                two
            }
        }
    }

    pub(crate) fn best_attempt(&self, events: &[impl Step]) -> Option<Attempt> {
        match self.order {
            StepOrder::Strict => self.in_order(events),
            StepOrder::Any => self.in_any_order(events),
        }
    }

    /// One pass over the events. For each step it keeps the attempt that started last: it can complete every
    /// step that an attempt with an earlier start can still complete.
    fn in_order(&self, events: &[impl Step]) -> Option<Attempt> {
        let mut chains: [Option<Chain>; MAX_STEPS] = [None; MAX_STEPS];
        let mut best = Attempt { group: 0, reached: 0, took: [0; MAX_STEPS] };
        for event in events {
            let (at, mask) = (event.at(), event.step_mask());
            // The last step first, so that one event is not two steps of an attempt.
            for step in self.steps_of[mask.name()].iter().copied() {
                let chain = match step.checked_sub(1).map(|before| chains[before]) {
                    None if mask.starts() => Chain { start: at, at, group: mask.group() as u32 },
                    Some(Some(chain)) if at - chain.start <= self.window => Chain { at, ..chain },
                    _ => continue,
                };
                if step == best.reached {
                    let before = step.checked_sub(1).and_then(|before| chains[before]);
                    best.took[step] = at - before.map_or(at, |before| before.at);
                    (best.reached, best.group) = (step + 1, chain.group);
                }
                chains[step] = Some(chain);
            }
        }
        (best.reached > 0).then_some(best)
    }

    /// A sliding window of the funnel's duration that counts the steps among its events.
    fn in_any_order(&self, events: &[impl Step]) -> Option<Attempt> {
        let (mut counts, mut held, mut end) = ([0; MAX_STEPS], 0, 0);
        let (mut reached, mut first) = (0, 0);
        for (start, event) in events.iter().enumerate() {
            while let Some(next) = events.get(end).filter(|next| next.at() - event.at() <= self.window) {
                let name = next.step_mask().name();
                counts[name] += 1;
                held += usize::from(counts[name] <= self.steps_of[name].len());
                end += 1;
            }
            if event.step_mask().starts() && held > reached {
                (reached, first) = (held, start);
            }
            let name = event.step_mask().name();
            held -= usize::from(counts[name] <= self.steps_of[name].len());
            counts[name] -= 1;
        }
        (reached > 0).then(|| self.attempt_from(&events[first..], reached))
    }

    /// The attempt in any order that starts with the first of these events.
    fn attempt_from(&self, events: &[impl Step], max_steps: usize) -> Attempt {
        let group = events[0].step_mask().group() as u32;
        let mut attempt = Attempt { group, reached: 0, took: [0; MAX_STEPS] };
        let (mut counts, mut before) = ([0; MAX_STEPS], events[0].at());
        for event in events {
            let (at, name) = (event.at(), event.step_mask().name());
            counts[name] += 1;
            if counts[name] <= self.steps_of[name].len() && attempt.reached < max_steps {
                attempt.took[attempt.reached] = at - before;
                (attempt.reached, before) = (attempt.reached + 1, at);
            }
        }
        attempt
    }
}
