//! Finds the frequent groups if there are more groups than one response may contain: a count-min sketch over
//! all rows (Cormode and Muthukrishnan, "An improved data stream summary", 2005).
//!
//! The sketch never counts too low, so it finds every group with at least `threshold` events. Those are then
//! counted exactly in a second pass, and all others together. Memory is constant. Hashes have a random key
//! for each query, so that nobody can craft collisions.

use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hashbrown::DefaultHashBuilder;

use crate::resources::query_context::{QueryContext, Reservation};
use millimetric_events::StoreError;

/// The count-min sketch of a query's groups.
#[derive(Debug)]
pub(crate) struct Frequent {
    rows: [Vec<AtomicU32>; 2],
    hasher: DefaultHashBuilder,
    threshold: u32,
    _memory: Reservation,
}

impl Frequent {
    /// Number of cells for a whole query, 8 MiB in total: with ten million groups of one event each, about
    /// ten share a cell.
    pub(crate) const OF_QUERY: usize = 1 << 20;
    /// Number of cells for one chunk, 1 MiB in total.
    pub(crate) const OF_CHUNK: usize = 1 << 17;

    /// Returns an empty sketch of two rows with this number of cells each.
    pub(crate) fn new(cells: usize, context: &QueryContext) -> Result<Self, StoreError> {
        let mut memory = context.memory();
        memory.grow_to(2 * cells * size_of::<AtomicU32>())?;
        let row = || std::iter::repeat_with(AtomicU32::default).take(cells).collect();
        let hasher = DefaultHashBuilder::default();
        Ok(Self { rows: [row(), row()], hasher, threshold: 0, _memory: memory })
    }

    /// The hash of a group: of its bucket and the text of each dimension.
    pub(crate) fn hash<'a>(&self, bucket: i64, texts: impl Iterator<Item = Option<&'a str>>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        bucket.hash(&mut hasher);
        texts.for_each(|text| text.hash(&mut hasher));
        hasher.finish()
    }

    /// Adds to the count of a group.
    pub(crate) fn add(&self, hash: u64, events: u32) {
        for cell in self.cells(hash) {
            // Counts saturate; that many events are frequent in any case.
            let add = |count: u32| Some(count.saturating_add(events));
            let _ = cell.fetch_update(Relaxed, Relaxed, add);
        }
    }

    /// Sets the lowest threshold at which at most about `groups` groups are frequent.
    pub(crate) fn choose(&mut self, groups: usize) {
        let mut counts: Vec<u32> = self.rows[0].iter().map(|cell| cell.load(Relaxed)).collect();
        let index = groups.min(counts.len() - 1);
        let (_, highest_left_out, _) = counts.select_nth_unstable_by(index, |a, b| b.cmp(a));
        self.threshold = highest_left_out.saturating_add(1);
    }

    /// Raises the threshold; returns false if it cannot be raised.
    pub(crate) fn raise(&mut self) -> bool {
        let before = self.threshold;
        self.threshold = before.saturating_mul(2);
        self.threshold > before
    }

    /// Whether a group has at least `threshold` events. Also true for a few groups that have fewer.
    pub(crate) fn has(&self, hash: u64) -> bool {
        self.cells(hash).iter().all(|cell| cell.load(Relaxed) >= self.threshold)
    }

    /// The cell of a hash in each row.
    fn cells(&self, hash: u64) -> [&AtomicU32; 2] {
        let [first, second] = &self.rows;
        [&first[hash as usize % first.len()], &second[(hash >> 32) as usize % second.len()]]
    }
}

/// Runs `count` without a limit to frequent groups. If there are too many groups, fills a sketch with
/// `sketch`, and runs `count` for the frequent groups only. `count` returns its result and whether there
/// were too many groups.
pub(crate) fn with_frequent<T>(
    groups: usize,
    context: &QueryContext,
    mut count: impl FnMut(Option<Arc<Frequent>>) -> Result<(T, bool), StoreError>,
    sketch: impl FnOnce(&Frequent) -> Result<(), StoreError>,
) -> Result<T, StoreError> {
    let (counted, too_many) = count(None)?;
    if !too_many {
        return Ok(counted);
    }
    drop(counted);
    let mut frequent = Frequent::new(Frequent::OF_QUERY, context)?;
    sketch(&frequent)?;
    // Half of the limit, because some cells are shared by several groups.
    frequent.choose(groups / 2);
    loop {
        let shared = Arc::new(frequent);
        let (counted, too_many) = count(Some(Arc::clone(&shared)))?;
        let Some(mut tried) = Arc::into_inner(shared).filter(|_| too_many) else { return Ok(counted) };
        if !tried.raise() {
            return Ok(counted);
        }
        frequent = tried;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_with_many_events_is_frequent_however_many_have_few() {
        let mut frequent = Frequent::new(Frequent::OF_QUERY, &QueryContext::default()).unwrap();
        let hash = |frequent: &Frequent, name: &str| frequent.hash(0, std::iter::once(Some(name)));
        let known: Vec<String> = (0..100).map(|number| format!("/page/{number}")).collect();
        for name in &known {
            frequent.add(hash(&frequent, name), 50);
        }
        for number in 0..3_000_000 {
            frequent.add(hash(&frequent, &format!("/{number}")), 1);
        }
        frequent.choose(1000);
        assert!(known.iter().all(|name| frequent.has(hash(&frequent, name))));
        let others = (0..100_000).filter(|number| frequent.has(hash(&frequent, &format!("/{number}"))));
        assert!(others.count() < 100);
        assert!(frequent.raise());
    }

    #[test]
    fn groups_that_are_few_are_counted_once() {
        let mut rounds = 0;
        let count = |frequent: Option<_>| {
            rounds += 1;
            Ok((frequent.is_some(), false))
        };
        let no_sketch = |_: &Frequent| Err(StoreError::Overloaded);
        let counted = with_frequent(10, &QueryContext::default(), count, no_sketch);
        assert_eq!((counted.ok(), rounds), (Some(false), 1));
    }

    #[test]
    fn the_threshold_rises_until_the_groups_fit() {
        let mut thresholds = Vec::new();
        let fill = |frequent: &Frequent| {
            (0..100_u64).for_each(|hash| frequent.add(hash << 32 | hash, 7));
            Ok(())
        };
        let count = |frequent: Option<Arc<Frequent>>| {
            let threshold = frequent.map(|frequent| frequent.threshold);
            thresholds.push(threshold);
            Ok((threshold, threshold.is_none_or(|threshold| threshold < 8)))
        };
        let counted = with_frequent(300, &QueryContext::default(), count, fill);
        assert_eq!(counted.ok(), Some(Some(8)));
        assert_eq!(thresholds, [None, Some(1), Some(2), Some(4), Some(8)]);
    }
}
