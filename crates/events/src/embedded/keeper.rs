//! The keeper: the thread that does the slow work beside the writer's: sealing, erasing,
//! expiring, clearing up.
//!
//! It reads and writes Parquet files; what it made becomes visible only through the writer. All
//! of it can be interrupted at any point and is taken up again at the next start.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millimetric_core::event::EventScope;

use super::change::{Change, Changed, Frozen, Swap};
use super::columns::Chunk;
use super::scope::Scope;
use super::seal::{self, Rewritten};
use super::shared::Shared;
use crate::StoreError;

/// The longest that the keeper sleeps: clocks are looked at so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);
/// How long it lets a failed disk rest.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// A segment that expiry cuts through is rewritten this often; milliseconds.
const EXPIRY_PERIOD: i64 = 3_600_000;
/// Events of the hot log that are deleted in one transaction, about.
const PURGE_EVENTS: i64 = 16_384;

/// The state of the keeper's thread.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    /// When segments that expiry cuts through were rewritten last.
    pub(super) cut_at: hashbrown::HashMap<EventScope, i64>,
}

impl Keeper {
    /// Works until the store closes.
    pub(super) fn run(mut self) {
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
        for work in [Self::seal_what_is_due, Self::erase_who_waits, Self::expire, Self::drop_old_filters] {
            if let Err(error) = work(self)
                && !self.shared.keeper.is_closing()
            {
                tracing::error!(%error, "background work of the event store failed; it is tried again");
                well = false;
            }
        }
        well
    }

    fn seal_what_is_due(&mut self) -> Result<(), StoreError> {
        let options = &self.shared.options;
        let now = self.shared.now();
        let age = i64::try_from(options.seal_age.as_millis()).unwrap_or(i64::MAX);
        for scope in self.shared.scopes.all() {
            let (rows, oldest) = {
                let live = scope.live.read();
                (live.hot_rows(), live.oldest)
            };
            let is_old = oldest.is_some_and(|oldest| now.saturating_sub(oldest) >= age);
            if rows > 0 && (rows >= options.seal_rows || is_old) {
                seal_scope(&self.shared, &scope)?;
            }
        }
        while self.above_the_bound() {
            let largest =
                self.shared.scopes.all().into_iter().max_by_key(|scope| scope.live.read().hot_rows());
            match largest.filter(|scope| scope.live.read().hot_rows() > 0) {
                Some(scope) => seal_scope(&self.shared, &scope)?,
                None => break,
            }
        }
        Ok(())
    }

    fn above_the_bound(&self) -> bool {
        let options = &self.shared.options;
        self.shared.hot_rows.load(Ordering::Relaxed) > options.hot_rows
            || self.shared.hot_bytes.load(Ordering::Relaxed) > options.hot_bytes
    }

    /// Removes what is older than each scope's floor: whole segments at once, those that the
    /// floor cuts through once an hour.
    fn expire(&mut self) -> Result<(), StoreError> {
        let now = self.shared.now();
        for scope in self.shared.scopes.all() {
            let (floor, segments, hot_earliest) = {
                let live = scope.live.read();
                (live.hiding.floor, live.segments.clone(), live.hot_earliest())
            };
            let (gone, old): (Vec<_>, Vec<_>) = segments
                .into_iter()
                .filter(|segment| segment.earliest < floor)
                .partition(|segment| segment.latest < floor);
            if !gone.is_empty() {
                let nothing = Rewritten { segments: Vec::new(), erased: Vec::new() };
                swap(&self.shared, &scope, None, gone, nothing)?;
            }
            if floor == i64::MAX && hot_earliest.is_some() {
                seal_scope(&self.shared, &scope)?;
            }
            let last = self.cut_at.get(&scope.id).copied().unwrap_or(i64::MIN);
            if !old.is_empty() && now.saturating_sub(last) >= EXPIRY_PERIOD {
                self.cut_at.insert(scope.id, now);
                for segment in old {
                    let rewritten = rewrite(&self.shared, &scope, &[Chunk::Sealed(Arc::clone(&segment))])?;
                    swap(&self.shared, &scope, None, vec![segment], rewritten)?;
                }
            }
        }
        Ok(())
    }

    fn drop_old_filters(&mut self) -> Result<(), StoreError> {
        let window = i64::try_from(self.shared.options.dedup_window.as_millis()).unwrap_or(i64::MAX);
        let oldest = self.shared.now().saturating_sub(window);
        let mut old = Vec::new();
        for scope in self.shared.scopes.all() {
            let live = scope.live.read();
            let passed = live
                .segments
                .iter()
                .filter(|segment| segment.latest_received < oldest && segment.filter.read().is_some());
            old.extend(passed.cloned());
        }
        if old.is_empty() { Ok(()) } else { self.shared.change(Change::DropFilters(old)).map(|_| ()) }
    }
}

/// Seals all hot rows of a scope.
pub(super) fn seal_scope(shared: &Shared, scope: &Scope) -> Result<(), StoreError> {
    let _alone = shared.sealing.lock();
    let sealed = seal_frozen(shared, scope);
    shared.seal_disk_full.store(matches!(sealed, Err(StoreError::StorageFull)), Ordering::Relaxed);
    sealed
}

fn seal_frozen(shared: &Shared, scope: &Scope) -> Result<(), StoreError> {
    let Changed::Frozen(frozen) = shared.change(Change::Freeze(scope.id))? else { return Ok(()) };
    if frozen.blocks.is_empty() {
        return Ok(());
    }
    let inputs: Vec<Chunk> = frozen.blocks.iter().cloned().map(Chunk::Hot).collect();
    let rewritten = rewrite(shared, scope, &inputs)?;
    let (first, last) = (frozen.first_seq, frozen.last_seq);
    let events: usize = frozen.blocks.iter().map(|block| block.rows()).sum();
    swap(shared, scope, Some(frozen), Vec::new(), rewritten)?;
    shared.seals.fetch_add(1, Ordering::Relaxed);
    purge(shared, scope.id, first, last, events as i64)
}

/// Rewrites chunks of a scope without what is hidden now.
pub(super) fn rewrite(shared: &Shared, scope: &Scope, inputs: &[Chunk]) -> Result<Rewritten, StoreError> {
    let hiding = scope.live.read().hiding.complete();
    seal::rewrite(shared, scope.id, inputs, &hiding)
}

/// Puts new segments in the place of what they were made from.
pub(super) fn swap(
    shared: &Shared,
    scope: &Scope,
    frozen: Option<Frozen>,
    removed: Vec<Arc<super::segment::Segment>>,
    rewritten: Rewritten,
) -> Result<(), StoreError> {
    let Rewritten { segments: added, erased } = rewritten;
    shared.change(Change::Swap(Swap { scope: scope.id, frozen, removed, added, erased })).map(|_| ())
}

/// Deletes sealed rows of the hot log, a few at a time so that no batch waits long.
fn purge(shared: &Shared, scope: EventScope, first: i64, last: i64, events: i64) -> Result<(), StoreError> {
    let rows = (last - first + 1).max(1);
    let step = (PURGE_EVENTS * rows / events.max(1)).clamp(16, 4096);
    let mut from = first;
    while from <= last {
        let to = (from + step).min(last + 1);
        shared.change(Change::Purge { scope, from, to })?;
        from = to;
    }
    Ok(())
}
