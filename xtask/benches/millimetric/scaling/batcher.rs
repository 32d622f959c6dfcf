//! A model of one server's batcher: requests arrive at random, and groups of them are stored, several at once if many
//! wait. Pure; how long a group takes was measured. Groups that are stored at once do not slow each other down.

use std::collections::VecDeque;

use super::filled::GroupCost;
use crate::random::Random;
use crate::report::{median, percentile};

// As in `crates/events-clickhouse/src/write/groups.rs`; times in seconds.
const MAX_GROUPS: usize = 4;
const GROUP_EVENTS: u32 = 20_000;
const MANY_EVENTS: u32 = 2_000;
const GATHERED_FOR: f64 = 0.005;
const PATIENCE: f64 = 0.1;
/// Bits of a random fraction.
const FRACTION: u64 = 1 << 53;

/// What one server gets.
pub(super) struct Load {
    /// Events of all its requests.
    pub(super) events_per_second: f64,
    /// Events of each request.
    pub(super) events_per_request: u32,
}

/// How one server does.
pub(super) struct Outcome {
    /// Groups that it stores.
    pub(super) groups_per_second: f64,
    /// Events of a group on average.
    pub(super) events_per_group: f64,
    /// Seconds from the arrival of a request until it is stored, median.
    pub(super) median_wait: f64,
    /// Within this many seconds 99 of 100 requests are stored.
    pub(super) long_wait: f64,
    /// Processor time of a group in ClickHouse, in milliseconds, mean.
    pub(super) processor_millis: f64,
}

/// Simulates so many seconds; `None` if more events wait at the end than one group can take, since the server then
/// does not keep up.
pub(super) fn simulate(
    load: &Load,
    costs: &[GroupCost],
    seconds: f64,
    random: &mut Random,
) -> Option<Outcome> {
    let mean_gap = f64::from(load.events_per_request) / load.events_per_second;
    let mut model = Model { events_per_request: load.events_per_request, costs, ..Model::default() };
    let mut next = gap(mean_gap, random);
    while model.now < seconds {
        let ends = model.running.iter().map(|group| group.ends).fold(f64::INFINITY, f64::min);
        let due = model.due().max(model.now);
        if next <= ends && next <= due {
            model.arrive(next);
            next += gap(mean_gap, random);
        } else if ends <= due {
            model.end(ends);
        } else {
            model.start(due);
        }
    }
    model.outcome()
}

/// A group that is being stored.
struct Running {
    ends: f64,
    requests: usize,
}

/// One server. Times are in seconds.
#[derive(Default)]
struct Model<'a> {
    events_per_request: u32,
    costs: &'a [GroupCost],
    now: f64,
    /// When the requests that wait arrived.
    waiting: VecDeque<f64>,
    /// Since when requests wait, or no group is being stored.
    since: f64,
    /// How many requests wait if every client sends again that was answered last.
    expected: usize,
    running: Vec<Running>,
    groups: u32,
    stored: u64,
    processor_millis: f64,
    waits: Vec<f64>,
}

impl Model<'_> {
    fn events(&self) -> u32 {
        self.waiting.len() as u32 * self.events_per_request
    }

    /// When the requests that wait become a group.
    fn due(&self) -> f64 {
        if self.waiting.is_empty() || self.running.len() >= MAX_GROUPS {
            return f64::INFINITY;
        }
        let (is_enough, waits_for) = if self.running.is_empty() {
            let is_enough = self.waiting.len() >= self.expected || self.events() >= GROUP_EVENTS;
            (is_enough, GATHERED_FOR)
        } else {
            (self.events() >= MANY_EVENTS, PATIENCE)
        };
        if is_enough { self.since } else { self.since + waits_for }
    }

    fn arrive(&mut self, at: f64) {
        self.now = at;
        if self.waiting.is_empty() {
            self.since = at;
        }
        self.waiting.push_back(at);
    }

    fn end(&mut self, at: f64) {
        (self.now, self.since) = (at, at);
        let ended = self.running.extract_if(.., |group| group.ends <= at).last();
        self.expected = self.waiting.len() + ended.map_or(0, |group| group.requests);
    }

    fn start(&mut self, at: f64) {
        (self.now, self.since) = (at, at);
        let requests = self.waiting.len().min((GROUP_EVENTS / self.events_per_request) as usize);
        let events = requests as f64 * f64::from(self.events_per_request);
        let (millis, processor_millis) = cost_of(events, self.costs);
        let ends = at + millis / 1000.0;
        self.running.push(Running { ends, requests });
        self.waits.extend(self.waiting.drain(..requests).map(|arrived| ends - arrived));
        self.groups += 1;
        self.stored += events as u64;
        self.processor_millis += processor_millis;
    }

    fn outcome(mut self) -> Option<Outcome> {
        self.waits.sort_by(f64::total_cmp);
        (self.events() <= GROUP_EVENTS).then(|| Outcome {
            groups_per_second: f64::from(self.groups) / self.now,
            events_per_group: self.stored as f64 / f64::from(self.groups),
            median_wait: median(&self.waits),
            long_wait: percentile(&self.waits, 0.99),
            processor_millis: self.processor_millis / f64::from(self.groups),
        })
    }
}

/// Seconds until the next arrival of a Poisson process.
fn gap(mean: f64, random: &mut Random) -> f64 {
    let fraction = (random.below(FRACTION) + 1) as f64 / FRACTION as f64;
    -fraction.ln() * mean
}

/// Milliseconds, and milliseconds of processor time, of a group: on the line between the measured sizes around it.
fn cost_of(events: f64, costs: &[GroupCost]) -> (f64, f64) {
    let above = costs.iter().position(|cost| f64::from(cost.events) >= events).unwrap_or(costs.len() - 1);
    let (low, high) = (&costs[above.saturating_sub(1)], &costs[above]);
    let width = f64::from(high.events) - f64::from(low.events);
    let share = if width > 0.0 { (events - f64::from(low.events)) / width } else { 0.0 };
    let between = |low: f64, high: f64| low + (high - low) * share;
    (between(low.millis, high.millis), between(low.processor_millis, high.processor_millis))
}
