//! The maintenance thread: erases, expires, drops old id filters, re-classifies, merges, and returns free space, one
//! task after the other.
//!
//! The writer swaps in the segments that it writes. Every task can be interrupted at any point and is
//! resumed at the next start.

use std::collections::HashSet;
use std::sync::Arc;

use millimetric_core::event::EventScope;
use millimetric_events::StoreError;

use super::flush::AFTER_FAILURE;
use super::{LONGEST_SLEEP, Maintenance};
use crate::wal::commands::{Command, Outcome};

/// Free pages that `events.db` keeps for new events: 4 MiB.
const SPARE_PAGES: i64 = 1024;

/// The state of the maintenance thread.
pub(crate) struct Maintainer {
    pub(crate) work: Arc<Maintenance>,
    /// When the partly expired segments of a scope were last rewritten; milliseconds since 1970.
    pub(super) cut_at: hashbrown::HashMap<EventScope, i64>,
    /// Ids of segments that were to be merged with a damaged one; they are not tried again.
    pub(super) unmergeable: HashSet<i64>,
}

impl Maintainer {
    pub(crate) fn new(work: Arc<Maintenance>) -> Self {
        Self { work, cut_at: hashbrown::HashMap::new(), unmergeable: HashSet::new() }
    }

    /// Runs until the store closes.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.work.queue.execute(Command::DeleteAllFlushed) {
            tracing::warn!(%error, "flushed rows of the write-ahead log could not be deleted yet");
        }
        while !self.work.signal.is_closing() {
            if self.round() {
                self.work.signal.wait(LONGEST_SLEEP.min(self.work.state.options.flush_age));
            } else {
                self.work.signal.rest(AFTER_FAILURE);
            }
        }
    }

    /// Runs every task once, also if others fail, and returns whether all succeeded.
    fn round(&mut self) -> bool {
        let mut succeeded = true;
        let tasks = [
            Self::erase_pending,
            Self::expire,
            Self::drop_old_ids,
            Self::reclassify_pending,
            Self::merge,
            Self::shrink,
        ];
        for task in tasks {
            let work = Arc::clone(&self.work);
            let guard = work.rewriting.lock();
            let done = task(self);
            drop(guard);
            if let Err(error) = done
                && !self.work.signal.is_closing()
            {
                tracing::error!(%error, "background work of the event store failed; it will be retried");
                succeeded = false;
            }
        }
        succeeded
    }

    /// Drops the id filters of segments whose events were all received before the deduplication window.
    fn drop_old_ids(&mut self) -> Result<(), StoreError> {
        let oldest = self.work.state.oldest_deduplicated();
        let mut old = Vec::new();
        for scope in self.work.state.scopes.all() {
            let data = scope.data.read();
            let passed = data
                .segments
                .iter()
                .filter(|segment| segment.latest_received < oldest && segment.known_ids.read().is_some());
            old.extend(passed.cloned());
        }
        if old.is_empty() { Ok(()) } else { self.work.queue.execute(Command::DropKnownIds(old)).map(|_| ()) }
    }

    /// Returns the free space of `events.db` to the file system, in small steps while no batches arrive.
    fn shrink(&mut self) -> Result<(), StoreError> {
        let few = self.work.state.options.flush_rows / 4;
        let is_quiet = || {
            let is_flushed = self.work.state.memtables.size().rows < few;
            is_flushed && self.work.queue.bytes() == 0 && self.work.queue.check_writable().is_ok()
        };
        while is_quiet() && !self.work.signal.is_closing() {
            let Outcome::Vacuumed(true) =
                self.work.queue.execute(Command::Vacuum { spare_pages: SPARE_PAGES })?
            else {
                break;
            };
        }
        Ok(())
    }
}
