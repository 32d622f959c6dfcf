//! Retention: deletes expired events from disk, within about an hour.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use millimetric_events::StoreError;

use super::flush::flush_scope;
use super::maintainer::Maintainer;
use super::rewrite::{Halt, Rewritten, on_a_background_thread, replace, swap};
use crate::segment::Segment;
use crate::state::scope::Scope;

/// Interval at which segments that are partly expired are rewritten; milliseconds.
const EXPIRY_PERIOD: i64 = 3_600_000;

impl Maintainer {
    /// Deletes events before each scope's retention watermark: segments that are expired as a whole at
    /// once, those that are partly expired once an hour. Then purges `events.db`, which may still contain
    /// bytes of the batches that were flushed.
    pub(super) fn expire(&mut self) -> Result<(), StoreError> {
        let mut expired = Ok(());
        for scope in self.work.state.scopes.all() {
            expired = expired.and(self.expire_in(&scope));
        }
        if self.work.expired_in_database.swap(false, Ordering::Relaxed) {
            let emptied = self.work.purge_deleted();
            self.work.expired_in_database.fetch_or(emptied.is_err(), Ordering::Relaxed);
            expired = expired.and(emptied);
        }
        expired
    }

    fn expire_in(&mut self, scope: &Scope) -> Result<(), StoreError> {
        let now = self.work.state.now();
        let (watermark, segments, memtable_earliest) = {
            let data = scope.data.read();
            (data.tombstones.retention_watermark, data.segments.clone(), data.memtable_earliest())
        };
        let (gone, old): (Vec<_>, Vec<_>) = segments
            .into_iter()
            .filter(|segment| segment.earliest < watermark)
            .partition(|segment| segment.latest < watermark);
        if !gone.is_empty() {
            self.work.counters.expiries.during(|| {
                let events = gone.iter().map(|segment| segment.rows as u64).sum();
                swap(&self.work, scope, None, gone, Rewritten::default()).map(|()| events)
            })?;
            self.work.expired_in_database.store(true, Ordering::Relaxed);
        }
        if watermark == i64::MAX && memtable_earliest.is_some() {
            flush_scope(&self.work, scope)?;
        }
        let last = self.cut_at.get(&scope.id).copied().unwrap_or(i64::MIN);
        if !old.is_empty() && now.saturating_sub(last) >= EXPIRY_PERIOD {
            self.cut_at.insert(scope.id, now);
            let cut = || old.into_iter().try_for_each(|segment| self.cut(scope, segment));
            on_a_background_thread(cut)?;
        }
        Ok(())
    }

    /// Rewrites a segment without its expired events.
    fn cut(&self, scope: &Scope, segment: Arc<Segment>) -> Result<(), StoreError> {
        self.work.counters.expiries.during(|| {
            let halt: Halt<'_> = &|| self.work.signal.is_closing();
            let before = segment.rows as u64;
            let events = before - replace(&self.work, scope, segment, halt)?.rows;
            self.work.expired_in_database.store(true, Ordering::Relaxed);
            Ok(events)
        })
    }
}
