//! The keeper: the thread that does the slow work on segments: erasing, expiring, merging,
//! clearing up. One thing at a time, so that no two pieces of work replace the same segment.
//!
//! It reads and writes Parquet files; what it made becomes visible only through the writer. All
//! of it can be interrupted at any point and is taken up again at the next start.

pub(crate) mod backup;
pub(crate) mod erase;
pub(crate) mod flush;
pub(crate) mod inspect;
pub(crate) mod restore;
pub(crate) mod rewrite;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use chrono::Datelike as _;
use millimetric_core::event::EventScope;

use crate::columns::Chunk;
use crate::encoding::row::instant;
use crate::maintenance::flush::{AFTER_FAILURE, seal_scope};
use crate::maintenance::rewrite::{Halt, Rewritten};
use crate::resources::priority;
use crate::segment::Segment;
use crate::segment::merge;
use crate::segment::merge::Piece;
use crate::state::scope::Scope;
use crate::state::shared::{ErasureState, Shared};
use crate::wal::commands::{Change, Changed, Frozen, Swap};
use millimetric_events::StoreError;

/// The longest that background threads sleep: clocks are looked at so often.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_secs(20);
/// Free pages that `events.db` keeps for the next events: four mebibytes.
const SPARE_PAGES: i64 = 1024;
/// How much the thread that rewrites segments gives way.
const REWRITER_NICENESS: i32 = 10;
/// A segment that expiry cuts through is rewritten this often; milliseconds.
const EXPIRY_PERIOD: i64 = 3_600_000;

/// The state of the keeper's thread.
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    /// When segments that expiry cuts through were rewritten last.
    cut_at: hashbrown::HashMap<EventScope, i64>,
    /// Segments that could not be merged, for one of them is broken; not tried again.
    unmergeable: HashSet<i64>,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, cut_at: hashbrown::HashMap::new(), unmergeable: HashSet::new() }
    }

    /// Works until the store closes.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.shared.change(Change::PurgeAll) {
            tracing::warn!(%error, "sealed rows of the hot log could not be deleted yet");
        }
        while !self.shared.keeper.is_closing() {
            if self.round() {
                self.shared.keeper.wait(LONGEST_SLEEP.min(self.shared.options.seal_age));
            } else {
                self.shared.keeper.rest(AFTER_FAILURE);
            }
        }
    }

    /// Everything that is due now; one kind of work that fails does not keep the others from
    /// being done. Tells whether all went well.
    fn round(&mut self) -> bool {
        let mut well = true;
        let all = [Self::erase_who_waits, Self::expire, Self::drop_old_ids, Self::merge, Self::shrink];
        for work in all {
            let shared = Arc::clone(&self.shared);
            let alone = shared.rewriting.lock();
            let done = work(self);
            drop(alone);
            if let Err(error) = done
                && !self.shared.keeper.is_closing()
            {
                tracing::error!(%error, "background work of the event store failed; it is tried again");
                well = false;
            }
        }
        well
    }

    /// Removes what is older than each scope's floor: whole segments at once, those that the
    /// floor cuts through once an hour. The log of changes goes too, for it still holds the
    /// batches from which the segments were sealed.
    fn expire(&mut self) -> Result<(), StoreError> {
        let mut expired = Ok(());
        for scope in self.shared.scopes.all() {
            expired = expired.and(self.expire_in(&scope));
        }
        if self.shared.expired_in_log.swap(false, Ordering::Relaxed) {
            let emptied = self.empty_log();
            self.shared.expired_in_log.fetch_or(emptied.is_err(), Ordering::Relaxed);
            expired = expired.and(emptied);
        }
        expired
    }

    fn expire_in(&mut self, scope: &Scope) -> Result<(), StoreError> {
        let now = self.shared.now();
        let (floor, segments, hot_earliest) = {
            let live = scope.live.read();
            (live.hiding.floor, live.segments.clone(), live.hot_earliest())
        };
        let (gone, old): (Vec<_>, Vec<_>) = segments
            .into_iter()
            .filter(|segment| segment.earliest < floor)
            .partition(|segment| segment.latest < floor);
        if !gone.is_empty() {
            self.shared.tallies.expiries.during(|| {
                let events = gone.iter().map(|segment| segment.rows as u64).sum();
                swap(&self.shared, scope, None, gone, Rewritten::default()).map(|()| events)
            })?;
            self.shared.expired_in_log.store(true, Ordering::Relaxed);
        }
        if floor == i64::MAX && hot_earliest.is_some() {
            seal_scope(&self.shared, scope)?;
        }
        let last = self.cut_at.get(&scope.id).copied().unwrap_or(i64::MIN);
        if !old.is_empty() && now.saturating_sub(last) >= EXPIRY_PERIOD {
            self.cut_at.insert(scope.id, now);
            let cut = || old.into_iter().try_for_each(|segment| self.cut(scope, segment));
            on_a_background_thread(cut)?;
        }
        Ok(())
    }

    /// Takes what was deleted out of `events.db` for good: sealed rows that are left, free pages,
    /// and the write-ahead log, which holds pages as they were.
    pub(crate) fn empty_log(&self) -> Result<(), StoreError> {
        let _alone = self.shared.reading_log.lock();
        self.shared.change(Change::PurgeAll)?;
        while let Changed::Shrunk(true) = self.shared.change(Change::Shrink { spare: 0 })? {}
        self.shared.change(Change::EmptyLog).map(|_| ())
    }

    /// Rewrites a segment without what has expired in it.
    fn cut(&self, scope: &Scope, segment: Arc<Segment>) -> Result<(), StoreError> {
        self.shared.tallies.expiries.during(|| {
            let halt: Halt<'_> = &|| self.shared.keeper.is_closing();
            let rewritten = rewrite(&self.shared, scope, &[Chunk::Sealed(Arc::clone(&segment))], halt)?;
            let events = segment.rows as u64 - rewritten.rows();
            swap(&self.shared, scope, None, vec![segment], rewritten)?;
            self.shared.expired_in_log.store(true, Ordering::Relaxed);
            Ok(events)
        })
    }

    fn drop_old_ids(&mut self) -> Result<(), StoreError> {
        let oldest = self.shared.oldest_deduplicated();
        let mut old = Vec::new();
        for scope in self.shared.scopes.all() {
            let live = scope.live.read();
            let passed = live
                .segments
                .iter()
                .filter(|segment| segment.latest_received < oldest && segment.known_ids.read().is_some());
            old.extend(passed.cloned());
        }
        if old.is_empty() { Ok(()) } else { self.shared.change(Change::DropKnownIds(old)).map(|_| ()) }
    }

    /// Merges small neighbours until there are none, or somebody waits to be erased.
    pub(crate) fn merge(&mut self) -> Result<(), StoreError> {
        for scope in self.shared.scopes.all() {
            while let Some(segments) = self.mergeable(&scope) {
                if self.shared.must_stop_merging() {
                    return Ok(());
                }
                match on_a_background_thread(|| merge_into_one(&self.shared, &scope, &segments)) {
                    Err(StoreError::Corrupt(why)) => {
                        tracing::error!(why, "segments stay as they are, since one cannot be read");
                        self.unmergeable.extend(segments.iter().map(|segment| segment.id));
                    }
                    // It is tried again after what it has given way to.
                    Err(_) if self.shared.must_stop_merging() => return Ok(()),
                    merged => merged?,
                }
            }
        }
        Ok(())
    }

    /// Gives the room of sealed events in `events.db` back, a little at a time, once nobody writes.
    fn shrink(&mut self) -> Result<(), StoreError> {
        let few = self.shared.options.seal_rows / 4;
        let is_quiet = || {
            let is_sealed = self.shared.hot_rows.load(Ordering::Relaxed) < few;
            is_sealed && self.shared.queue.bytes() == 0 && self.shared.failure.read().is_none()
        };
        while is_quiet() && !self.shared.keeper.is_closing() {
            let Changed::Shrunk(true) = self.shared.change(Change::Shrink { spare: SPARE_PAGES })? else {
                break;
            };
        }
        Ok(())
    }

    fn mergeable(&self, scope: &Scope) -> Option<Vec<Arc<Segment>>> {
        let mut segments = scope.live.read().segments.clone();
        segments.retain(|segment| !self.unmergeable.contains(&segment.id));
        let pieces: Vec<Piece> = segments.iter().map(|segment| piece(segment)).collect();
        let options = &self.shared.options;
        let places = merge::choose(&pieces, options.merge_rows, options.merge_bytes)?;
        Some(places.into_iter().map(|place| Arc::clone(&segments[place])).collect())
    }
}

fn piece(segment: &Segment) -> Piece {
    let earliest = instant(segment.earliest).to_utc();
    Piece {
        month: (earliest.year(), earliest.month()),
        earliest: segment.earliest,
        rows: segment.rows,
        // One that cannot be read is found out when it is merged.
        bytes: segment.uncompressed_bytes().unwrap_or_default(),
    }
}

fn merge_into_one(shared: &Shared, scope: &Scope, segments: &[Arc<Segment>]) -> Result<(), StoreError> {
    shared.tallies.merges.during(|| {
        let inputs: Vec<Chunk> = segments.iter().cloned().map(Chunk::Sealed).collect();
        let rewritten = rewrite(shared, scope, &inputs, &|| shared.must_stop_merging())?;
        let events = rewritten.rows();
        swap(shared, scope, None, segments.to_vec(), rewritten).map(|()| events)
    })
}

/// Runs work that can wait on a thread that takes only the time nobody else wants: a priority
/// once lowered cannot be raised again by an ordinary user.
pub(crate) fn on_a_background_thread<T: Send>(
    work: impl FnOnce() -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    thread::scope(|threads| {
        let lowered = || {
            priority::lower(REWRITER_NICENESS);
            work()
        };
        let thread = thread::Builder::new().name("events-rewriter".to_owned()).spawn_scoped(threads, lowered);
        let thread =
            thread.map_err(|error| StoreError::Internal(format!("no thread to rewrite: {error}")))?;
        thread.join().map_err(|_| StoreError::Internal("rewriting panicked".to_owned()))?
    })
}

impl Shared {
    /// Whether a merge must give way: erasing has a deadline, and closing should be quick.
    fn must_stop_merging(&self) -> bool {
        let waits = |erasure: &ErasureState| erasure.stored.finished_at.is_none() && !erasure.failed;
        self.keeper.is_closing() || self.erasures.read().values().any(waits)
    }

    /// Events received before this are no longer looked for as duplicates; milliseconds.
    pub(crate) fn oldest_deduplicated(&self) -> i64 {
        let window = i64::try_from(self.options.dedup_window.as_millis()).unwrap_or(i64::MAX);
        self.now().saturating_sub(window)
    }
}

/// Rewrites chunks of a scope without what is hidden now.
pub(crate) fn rewrite(
    shared: &Shared,
    scope: &Scope,
    inputs: &[Chunk],
    halt: Halt<'_>,
) -> Result<Rewritten, StoreError> {
    let hiding = scope.live.read().hiding.complete();
    rewrite::rewrite(shared, scope.id, inputs, &hiding, halt)
}

/// Puts new segments in the place of what they were made from.
pub(crate) fn swap(
    shared: &Shared,
    scope: &Scope,
    frozen: Option<Frozen>,
    removed: Vec<Arc<Segment>>,
    rewritten: Rewritten,
) -> Result<(), StoreError> {
    let Rewritten { segments: added, erased } = rewritten;
    shared.change(Change::Swap(Swap { scope: scope.id, frozen, removed, added, erased })).map(|_| ())
}
