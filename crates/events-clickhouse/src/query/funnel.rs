//! `GET /v1/funnel`: how many visitors complete each step. [`FunnelQuery`] defines attempts.

mod attempt;
mod by_scan;
mod by_sql;
mod held;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::iter;

use millimetric_core::query::{
    Filter, FunnelGroup, FunnelQuery, FunnelResponse, FunnelStep, FunnelSteps, StepSelector,
};
use millimetric_events::StoreError;

use self::attempt::{Attempt, StepEvent};
use super::count::groups::{Groups, Texts};
use super::count::numbers::median;
use super::scan::Reader;

/// The most steps.
const MAX_STEPS: usize = FunnelSteps::MOST;

/// Runs the query.
pub(super) async fn funnel(reader: &Reader<'_>, query: &FunnelQuery) -> Result<FunnelResponse, StoreError> {
    let mut groups: Groups<GroupCounts> = Groups::new(reader.max_bytes());
    let add = |mut events: Vec<StepEvent>, visitors: u64| {
        events.sort_by(StepEvent::order);
        let Some(attempt) = Attempt::best(&events, query) else { return Ok(()) };
        let texts = events[attempt.group].keys.iter();
        let keys: Vec<_> = texts.map(|text| text.as_deref().map(Cow::Borrowed)).collect();
        let times = visitors as usize * size_of_val(attempt.times.as_slice());
        groups.reserve(2 * times)?;
        groups.of(None, &keys, GroupCounts::default)?.add(&attempt, visitors);
        Ok(())
    };
    let steps: Vec<Vec<Filter>> = query.steps.as_slice().iter().map(StepSelector::conditions).collect();
    if by_sql::decides(query, &steps) {
        by_sql::each_visitor(reader, query, &steps, add).await?;
    } else {
        by_scan::each_visitor(reader, query, &steps, add).await?;
    }
    Ok(response(query, groups))
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
    fn add(&mut self, attempt: &Attempt, visitors: u64) {
        self.ended[attempt.times.len()] += visitors;
        for (step, times) in (1..).zip(&attempt.times) {
            self.times[step].extend(iter::repeat_n(*times, visitors as usize));
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
