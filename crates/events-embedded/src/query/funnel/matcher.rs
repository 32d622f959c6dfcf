//! Matches the events of one visitor against the steps of a funnel, and finds the attempt that counts.

use std::sync::Arc;

use millimetric_core::query::{FunnelQuery, GroupAt, StepOrder, StepSelector};

use crate::encoding::text::Dictionary;
use crate::query::distinct::Bitmaps;
use crate::query::funnel::MAX_STEPS;
use crate::query::funnel::accumulator::FunnelAccumulator;
use crate::query::funnel::held::{Held, StepSets};
use crate::query::timeline::{ByName, Event, TimelineEvent};

/// The kind of an event, which says what steps it can be, its group, and whether an attempt may start with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepMask(u32);

impl StepMask {
    pub(crate) fn new(kind: u8, starts: bool, group: u32) -> Self {
        Self(group << 9 | u32::from(kind) << 1 | u32::from(starts))
    }

    /// The index of its kind. Events of the same millisecond are ordered by it.
    pub(crate) fn kind(self) -> usize {
        (self.0 >> 1 & 0xFF) as usize
    }

    pub(crate) fn starts(self) -> bool {
        self.0 & 1 != 0
    }

    pub(crate) fn group(self) -> usize {
        (self.0 >> 9) as usize
    }

    /// The mask of one of at most eight kinds, without its group, as a mark: not 0, and ordered by kind.
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
    /// If every step is the events of one name: the distinct names, in the order of their first step. Then the
    /// kind of an event is the index of its name; otherwise it is one of all sets of steps.
    pub(crate) names: Option<Vec<Arc<str>>>,
    sets: StepSets,
    /// For each kind, its steps, the last one first.
    steps_of: Vec<Vec<usize>>,
    window: i64,
    order: StepOrder,
    group_at: GroupAt,
}

/// The attempt of a visitor that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The group that the visitor counts in.
    pub(crate) group: u32,
    /// Number of completed steps, at least one.
    pub(crate) reached: usize,
    /// Milliseconds since the previous step, for each completed step but the first.
    pub(crate) took: [i64; MAX_STEPS],
    /// Milliseconds since the start of the attempt, for each completed step.
    pub(crate) since_start: [i64; MAX_STEPS],
}

impl Attempt {
    const fn nothing(group: u32) -> Self {
        Self { group, reached: 0, took: [0; MAX_STEPS], since_start: [0; MAX_STEPS] }
    }
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
        for (name, text) in (0..).zip(self.names.iter().flatten()) {
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
        let steps = query.steps.as_slice();
        let (names, sets) = match steps.iter().map(StepSelector::only_name).collect::<Option<Vec<_>>>() {
            Some(names) => {
                let (names, sets) = distinct(&names);
                (Some(names), sets)
            }
            None => (None, StepSets::all(steps.len())),
        };
        let steps_in = |set: &u8| (0..steps.len()).rev().filter(|step| set >> step & 1 == 1).collect();
        let steps_of = sets.of_kind.iter().map(steps_in).collect();
        let (window, order, group_at) = (query.window.millis(), query.order, query.group_at);
        Self { names, sets, steps_of, window, order, group_at }
    }

    /// The number of the kind of each set of steps, from 1; 0 for the empty set.
    pub(crate) fn numbers(&self) -> Vec<u8> {
        let mut numbers = vec![0; 1 << self.sets.steps];
        for (number, set) in (1..).zip(&self.sets.of_kind) {
            numbers[usize::from(*set)] = number;
        }
        numbers
    }

    /// Whether an attempt may start with an event of this kind, numbered from 1.
    pub(crate) fn may_start(&self, number: u8) -> bool {
        let Some(kind) = usize::from(number).checked_sub(1) else { return false };
        self.order == StepOrder::Any || self.steps_of[kind].last() == Some(&0)
    }

    /// Returns a bitmap of the visitors with events of two steps, in any order, of steps that are names. `seen`
    /// has a bitmap for each number of a name.
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
                for name in 0..self.sets.of_kind.len() {
                    for ((one, two), seen) in one.iter_mut().zip(&mut two).zip(of_name(name)) {
                        *two |= *one & seen;
                        *one |= seen;
                    }
                }
                two
            }
        }
    }

    /// The attempt that gets furthest, of the events of one visitor in their order.
    pub(crate) fn best_attempt(&self, events: &[impl Step]) -> Option<Attempt> {
        let attempt = match self.order {
            StepOrder::Strict => self.in_order(events),
            StepOrder::Any => self.in_any_order(events),
        }?;
        let first = match self.group_at {
            GroupAt::First => events.iter().map(Step::step_mask).find(|mask| mask.starts()),
            GroupAt::Attempt => None,
        };
        Some(Attempt { group: first.map_or(attempt.group, |mask| mask.group() as u32), ..attempt })
    }

    /// One pass over the events. For each step it keeps the attempt that started last: it can complete every
    /// step that an attempt with an earlier start can still complete.
    fn in_order(&self, events: &[impl Step]) -> Option<Attempt> {
        let mut chains: [Option<Chain>; MAX_STEPS] = [None; MAX_STEPS];
        let mut best = Attempt::nothing(0);
        for event in events {
            let (at, mask) = (event.at(), event.step_mask());
            // The last step first, so that one event is not two steps of an attempt.
            for step in self.steps_of[mask.kind()].iter().copied() {
                let chain = match step.checked_sub(1).map(|before| chains[before]) {
                    None if mask.starts() => Chain { start: at, at, group: mask.group() as u32 },
                    Some(Some(chain)) if at - chain.start <= self.window => Chain { at, ..chain },
                    _ => continue,
                };
                if step == best.reached {
                    let before = step.checked_sub(1).and_then(|before| chains[before]);
                    best.took[step] = at - before.map_or(at, |before| before.at);
                    best.since_start[step] = at - chain.start;
                    (best.reached, best.group) = (step + 1, chain.group);
                }
                chains[step] = Some(chain);
            }
        }
        (best.reached > 0).then_some(best)
    }

    /// A sliding window of the funnel's duration that counts the steps among its events.
    fn in_any_order(&self, events: &[impl Step]) -> Option<Attempt> {
        let (mut held, mut end) = (Held::nothing(&self.sets), 0);
        let (mut reached, mut first) = (0, 0);
        for (start, event) in events.iter().enumerate() {
            while let Some(next) = events.get(end).filter(|next| next.at() - event.at() <= self.window) {
                held.add(next.step_mask().kind());
                end += 1;
            }
            if event.step_mask().starts() && held.steps() > reached {
                (reached, first) = (held.steps(), start);
            }
            held.remove(event.step_mask().kind());
        }
        (reached > 0).then(|| self.attempt_from(&events[first..], reached))
    }

    /// The attempt in any order that starts with the first of these events.
    fn attempt_from(&self, events: &[impl Step], max_steps: usize) -> Attempt {
        let group = events[0].step_mask().group() as u32;
        let mut attempt = Attempt::nothing(group);
        let (mut held, start) = (Held::nothing(&self.sets), events[0].at());
        let mut before = start;
        for event in events {
            if attempt.reached == max_steps {
                break;
            }
            held.add(event.step_mask().kind());
            if held.steps() > attempt.reached {
                attempt.took[attempt.reached] = event.at() - before;
                attempt.since_start[attempt.reached] = event.at() - start;
                (attempt.reached, before) = (attempt.reached + 1, event.at());
            }
        }
        attempt
    }
}

/// The distinct names, and for each the set of its steps.
fn distinct(steps: &[&str]) -> (Vec<Arc<str>>, StepSets) {
    let (mut names, mut of_kind) = (Vec::<Arc<str>>::new(), Vec::new());
    for (step, name) in steps.iter().enumerate() {
        let index = names.iter().position(|known| **known == **name).unwrap_or_else(|| {
            names.push(Arc::from(*name));
            of_kind.push(0);
            names.len() - 1
        });
        of_kind[index] |= 1 << step;
    }
    (names, StepSets { steps: steps.len(), of_kind, overlap: false })
}
