//! Aggregates attempts by group: visitors by the last step that they completed, and the times between steps.

use std::cmp::Reverse;

use millimetric_core::query::{FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep};

use crate::query::funnel::MAX_STEPS;
use crate::query::funnel::matcher::Attempt;
use crate::query::groups::group_dictionary::Finished;

/// Sums by group number.
#[derive(Debug, Default)]
pub(crate) struct FunnelAccumulator(Vec<GroupAccumulator>);

#[derive(Debug, Clone, Default)]
struct GroupAccumulator {
    /// Number of visitors by the last step that they completed.
    ended: [u64; MAX_STEPS],
    /// For each step, the milliseconds since the previous step, for every visitor who completed it.
    took: [Vec<i64>; MAX_STEPS],
    /// For each step after the second, those since the start of the attempt.
    since_start: [Vec<i64>; MAX_STEPS],
}

impl FunnelAccumulator {
    pub(crate) fn add(&mut self, attempt: &Attempt) {
        let group = attempt.group as usize;
        if group >= self.0.len() {
            self.0.resize(group + 1, GroupAccumulator::default());
        }
        let accumulator = &mut self.0[group];
        accumulator.ended[attempt.reached - 1] += 1;
        for step in 1..attempt.reached {
            accumulator.took[step].push(attempt.took[step]);
            if step > 1 {
                accumulator.since_start[step].push(attempt.since_start[step]);
            }
        }
    }

    /// Adds visitors who were not followed, to reach `started` visitors in total.
    pub(crate) fn start(&mut self, started: u64) {
        self.0.resize(self.0.len().max(1), GroupAccumulator::default());
        let followed: u64 = self.0[0].ended.iter().sum();
        self.0[0].ended[0] += started - followed;
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let times = |group: &GroupAccumulator| {
            let lists = group.took.iter().chain(&group.since_start);
            lists.map(Vec::len).sum::<usize>() * size_of::<i64>()
        };
        self.0.iter().map(|group| size_of::<GroupAccumulator>() + times(group)).sum()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.resize(self.0.len().max(other.0.len()), GroupAccumulator::default());
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.ended.iter_mut().zip(theirs.ended).for_each(|(mine, theirs)| *mine += theirs);
            let theirs = theirs.took.into_iter().chain(theirs.since_start);
            let mine = mine.took.iter_mut().chain(&mut mine.since_start);
            mine.zip(theirs).for_each(|(mine, mut theirs)| mine.append(&mut theirs));
        }
    }

    pub(crate) fn response(self, query: &FunnelQuery, dictionary: &Finished) -> FunnelResponse {
        let (steps, dimensions) = (query.steps.as_slice().len(), query.group_by.len());
        let mut groups: Vec<(usize, Vec<FunnelStep>)> =
            self.0.into_iter().map(|accumulator| accumulator.steps(steps)).enumerate().collect();
        groups.retain(|(_, steps)| steps[0].visitors > 0);
        let is_other = |(group, _): &(usize, Vec<FunnelStep>)| dictionary.other == Some(*group);
        let other = groups.iter().find(|group| is_other(group)).map_or(0, |(_, steps)| steps[0].visitors);
        groups.retain(|group| !is_other(group));
        if groups.is_empty() && dimensions == 0 {
            let nobody = FunnelGroup { keys: Vec::new(), steps: vec![FunnelStep::default(); steps] };
            return FunnelResponse { groups: vec![nobody], ..FunnelResponse::default() };
        }
        groups.sort_unstable_by(|a, b| {
            let started = |of: &(usize, Vec<FunnelStep>)| Reverse(of.1[0].visitors);
            started(a).cmp(&started(b)).then_with(|| dictionary.compare(a.0, b.0, dimensions))
        });
        let truncated = groups.len() > query.limit.get() || other > 0;
        groups.truncate(query.limit.get());
        let keys = |group| {
            (0..dimensions).map(|dimension| dictionary.text(group, dimension).map(str::to_owned)).collect()
        };
        let groups =
            groups.into_iter().map(|(group, steps)| FunnelGroup { keys: keys(group), steps }).collect();
        FunnelResponse { groups, truncated, other }
    }
}

impl GroupAccumulator {
    fn steps(mut self, steps: usize) -> Vec<FunnelStep> {
        let step = |step: usize| {
            let median_millis = median(&mut self.took[step]);
            // Until the second step, both times are the same.
            let from_start = if step > 1 { median(&mut self.since_start[step]) } else { median_millis };
            FunnelStep {
                visitors: self.ended[step..].iter().sum(),
                median_millis,
                median_millis_from_start: from_start,
            }
        };
        (0..steps).map(step).collect()
    }
}

/// The median; the mean of the two middle numbers if their number is even.
fn median(numbers: &mut [i64]) -> Option<f64> {
    let (middle, even) = (numbers.len() / 2, numbers.len().is_multiple_of(2));
    if numbers.is_empty() {
        return None;
    }
    let (below, upper, _) = numbers.select_nth_unstable(middle);
    let upper = *upper;
    let lower = below.iter().max().copied().filter(|_| even).unwrap_or(upper);
    Some(f64::midpoint(lower as f64, upper as f64))
}
