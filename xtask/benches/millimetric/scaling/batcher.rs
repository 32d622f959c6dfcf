//! A model of one server's batcher: requests arrive at random, and one group after the other is stored. Pure; how
//! long a group takes was measured.

use std::collections::VecDeque;

use super::filled::GroupCost;
use crate::random::Random;
use crate::report::{median, percentile};

/// Most events of a group, as in `crates/events-clickhouse/src/write`.
const GROUP_EVENTS: u32 = 20_000;
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
///
/// A group takes all requests that wait when the previous group is stored. The time of gathering is part of the measured times.
pub(super) fn simulate(
    load: &Load,
    costs: &[GroupCost],
    seconds: f64,
    random: &mut Random,
) -> Option<Outcome> {
    let mean_gap = f64::from(load.events_per_request) / load.events_per_second;
    let most_requests = (GROUP_EVENTS / load.events_per_request) as usize;
    let mut waiting: VecDeque<f64> = VecDeque::new();
    let (mut now, mut next) = (0.0_f64, gap(mean_gap, random));
    let (mut groups, mut stored, mut processor_millis) = (0_u32, 0_u64, 0.0);
    let mut waits = Vec::new();
    while now < seconds {
        if waiting.is_empty() {
            now = now.max(next);
        }
        while next <= now {
            waiting.push_back(next);
            next += gap(mean_gap, random);
        }
        let taken = waiting.len().min(most_requests);
        let events = taken as f64 * f64::from(load.events_per_request);
        let cost = cost_of(events, costs);
        now += cost.0 / 1000.0;
        waits.extend(waiting.drain(..taken).map(|arrived| now - arrived));
        groups += 1;
        stored += events as u64;
        processor_millis += cost.1;
    }
    waits.sort_by(f64::total_cmp);
    (waiting.len() <= most_requests).then(|| Outcome {
        groups_per_second: f64::from(groups) / now,
        events_per_group: stored as f64 / f64::from(groups),
        median_wait: median(&waits),
        long_wait: percentile(&waits, 0.99),
        processor_millis: processor_millis / f64::from(groups),
    })
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
