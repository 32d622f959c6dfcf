//! Which groups are frequent, where there are more than one response may hold: a count-min sketch
//! (Cormode and Muthukrishnan, "An improved data stream summary", 2005) over all rows.
//!
//! The sketch never counts too low. So every group with at least `threshold` events is found, and is
//! then counted exactly in a second pass; the others are counted together. Memory is fixed, whatever
//! strangers send. Hashes are keyed for each query, so nobody can aim at a cell.

use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hashbrown::DefaultHashBuilder;

use crate::resources::query_context::{QueryContext, Reservation};
use millimetric_events::StoreError;

/// The sketch of the groups of a query, while it is filled and when it is asked.
#[derive(Debug)]
pub(crate) struct Frequent {
    rows: [Vec<AtomicU32>; 2],
    hasher: DefaultHashBuilder,
    threshold: u32,
    _memory: Reservation,
}

impl Frequent {
    /// Cells for the rows of a whole query, 8 MiB: of ten million groups with one event each, about ten
    /// share a cell.
    pub(crate) const OF_QUERY: usize = 1 << 20;
    /// Cells for one chunk, 1 MiB, which a processor keeps close.
    pub(crate) const OF_CHUNK: usize = 1 << 17;

    /// An empty sketch of two rows of so many cells.
    pub(crate) fn new(cells: usize, context: &QueryContext) -> Result<Self, StoreError> {
        let mut memory = context.memory();
        memory.grow_to(2 * cells * size_of::<AtomicU32>())?;
        let row = || std::iter::repeat_with(AtomicU32::default).take(cells).collect();
        let hasher = DefaultHashBuilder::default();
        Ok(Self { rows: [row(), row()], hasher, threshold: 0, _memory: memory })
    }

    /// The hash of a group: of its bucket and of the text of each dimension.
    pub(crate) fn hash<'a>(&self, bucket: i64, texts: impl Iterator<Item = Option<&'a str>>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        bucket.hash(&mut hasher);
        texts.for_each(|text| text.hash(&mut hasher));
        hasher.finish()
    }

    /// Counts events of a group.
    pub(crate) fn add(&self, hash: u64, events: u32) {
        for cell in self.cells(hash) {
            // More than fits in 32 bits stays at the most, which is frequent by any measure.
            let add = |count: u32| Some(count.saturating_add(events));
            let _ = cell.fetch_update(Relaxed, Relaxed, add);
        }
    }

    /// Chooses the lowest threshold at which about `groups` groups are frequent at the most.
    pub(crate) fn choose(&mut self, groups: usize) {
        let mut counts: Vec<u32> = self.rows[0].iter().map(|cell| cell.load(Relaxed)).collect();
        let index = groups.min(counts.len() - 1);
        let (_, highest_left_out, _) = counts.select_nth_unstable_by(index, |a, b| b.cmp(a));
        self.threshold = highest_left_out.saturating_add(1);
    }

    /// Makes fewer groups frequent; false when there is no higher threshold.
    pub(crate) fn raise(&mut self) -> bool {
        let before = self.threshold;
        self.threshold = before.saturating_mul(2);
        self.threshold > before
    }

    /// Whether a group has at least as many events as the threshold; true for a few others too.
    pub(crate) fn has(&self, hash: u64) -> bool {
        self.cells(hash).iter().all(|cell| cell.load(Relaxed) >= self.threshold)
    }

    /// A cell in each row.
    fn cells(&self, hash: u64) -> [&AtomicU32; 2] {
        let [first, second] = &self.rows;
        [&first[hash as usize % first.len()], &second[(hash >> 32) as usize % second.len()]]
    }
}

/// Runs `count` with the groups that are counted apart: all of them, and where those are too many, the
/// most frequent alone, which `sketch` finds. `count` returns its result and whether there were too many.
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
    // Some cells hold several groups.
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
