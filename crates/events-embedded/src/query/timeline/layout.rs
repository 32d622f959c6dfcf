//! Groups the events of one round by visitor with a counting sort, and hands out each visitor's events in
//! order of time.

use std::cmp::Ordering;

use millimetric_events::StoreError;

use super::TimelineEvent;
use crate::query::run;
use crate::resources::query_context::{QueryContext, Reservation};

/// The events of one round: for each core that gathered, a list of partitions.
#[derive(Debug)]
pub(crate) struct Gathered<T> {
    pub(super) partition_bits: u32,
    pub(super) lists: Vec<Vec<Blocks<T>>>,
    pub(super) _memory: Vec<Reservation>,
}

/// A list that grows in blocks, so that it is not copied and the allocator can reuse the blocks.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    full: Vec<Vec<TimelineEvent<T>>>,
    last: Vec<TimelineEvent<T>>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Blocks<T> {
    const ROWS: usize = 2048;

    pub(super) fn push(&mut self, event: TimelineEvent<T>) {
        if self.last.len() == self.last.capacity() {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(Self::ROWS));
            self.full.push(full);
        }
        self.last.push(event);
    }

    fn each(&self) -> impl Iterator<Item = &[TimelineEvent<T>]> + Clone {
        self.full.iter().chain([&self.last]).map(Vec::as_slice)
    }

    fn len(&self) -> usize {
        self.each().map(<[_]>::len).sum()
    }
}

/// Sorts the events of one visitor by time, and those of the same millisecond by `order`.
fn by_time<T>(events: &mut [TimelineEvent<T>], order: impl Fn(&T, &T) -> Ordering) {
    let compare =
        |a: &TimelineEvent<T>, b: &TimelineEvent<T>| a.at.cmp(&b.at).then_with(|| order(&a.what, &b.what));
    if !events.is_sorted_by(|a, b| compare(a, b).is_le()) {
        events.sort_unstable_by(compare);
    }
}

impl<T: Copy + Send + Sync> Gathered<T> {
    /// Calls `each` with the events of one visitor after the other, sorted by time and then by `order`.
    /// Returns what each core collected.
    pub(crate) fn follow<A: Send>(
        &self,
        context: &QueryContext,
        order: impl Fn(&T, &T) -> Ordering + Sync,
        start: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, &mut [TimelineEvent<T>]) + Sync,
    ) -> Result<Vec<A>, StoreError> {
        let rows: usize = self.lists.iter().flatten().map(Blocks::len).sum();
        let partitions: Vec<usize> = (0..1 << self.partition_bits).collect();
        let start = || (start(), Layout::default());
        let collected = run::each_of(&partitions, rows, context, start, |(collected, layout), partition| {
            layout.lay_out(
                self.partition_bits,
                self.lists.iter().flat_map(|partitions| partitions[*partition].each()),
            );
            layout.each_visitor(|events| {
                by_time(events, &order);
                each(collected, events);
            });
            Ok(())
        })?;
        Ok(collected.into_iter().map(|(collected, _)| collected).collect())
    }
}

/// The events of one partition, grouped by visitor.
pub(super) struct Layout<T> {
    pub(super) events: Vec<TimelineEvent<T>>,
    /// The end index of each visitor's events.
    ends: Vec<u32>,
}

impl<T> Default for Layout<T> {
    fn default() -> Self {
        Self { events: Vec::new(), ends: Vec::new() }
    }
}

impl<T: Copy> Layout<T> {
    /// A counting sort by visitor, which keeps the order of each visitor's events.
    pub(super) fn lay_out<'a>(
        &mut self,
        partition_bits: u32,
        lists: impl Iterator<Item = &'a [TimelineEvent<T>]> + Clone,
    ) where
        T: 'a,
    {
        let index = |event: &TimelineEvent<T>| (event.visitor >> partition_bits) as usize;
        self.events.clear();
        self.ends.clear();
        for event in lists.clone().flatten() {
            if index(event) >= self.ends.len() {
                self.ends.resize(index(event) + 1, 0);
            }
            self.ends[index(event)] += 1;
        }
        let mut rows = 0;
        for end in &mut self.ends {
            (*end, rows) = (rows, rows + *end);
        }
        let Some(any) = lists.clone().flatten().next() else { return };
        self.events.resize(rows as usize, *any);
        for event in lists.flatten() {
            let end = &mut self.ends[index(event)];
            self.events[*end as usize] = *event;
            *end += 1;
        }
    }

    pub(super) fn each_visitor(&mut self, mut each: impl FnMut(&mut [TimelineEvent<T>])) {
        let mut start = 0;
        for end in self.ends.iter().map(|end| *end as usize) {
            if end > start {
                each(&mut self.events[start..end]);
            }
            start = end;
        }
    }
}
