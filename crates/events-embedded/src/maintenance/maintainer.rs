//! The maintenance thread: erases, expires, merges and gives free space back, one after the other.
//!
//! It reads and writes Parquet files; what it writes becomes visible only through the writer. All of
//! it can be interrupted at any point and is resumed at the next start.

use std::collections::HashSet;
use std::sync::Arc;

use millimetric_core::event::EventScope;
use millimetric_events::StoreError;

use super::flush::AFTER_FAILURE;
use super::{LONGEST_SLEEP, Maintenance};
use crate::wal::commands::{Command, Outcome};

/// Free pages that `events.db` keeps for the next events: four mebibytes.
const SPARE_PAGES: i64 = 1024;

/// The state of the maintenance thread.
pub(crate) struct Maintainer {
    pub(crate) work: Arc<Maintenance>,
    /// When segments that expiry cuts through were rewritten last.
    pub(super) cut_at: hashbrown::HashMap<EventScope, i64>,
    /// Segments that could not be merged, for one of them is broken; not tried again.
    pub(super) unmergeable: HashSet<i64>,
}

impl Maintainer {
    pub(crate) fn new(work: Arc<Maintenance>) -> Self {
        Self { work, cut_at: hashbrown::HashMap::new(), unmergeable: HashSet::new() }
    }

    /// Works until the store closes.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.work.log.execute(Command::DeleteAllFlushed) {
            tracing::warn!(%error, "sealed rows of the hot log could not be deleted yet");
        }
        while !self.work.signal.is_closing() {
            if self.round() {
                self.work.signal.wait(LONGEST_SLEEP.min(self.work.state.options.seal_age));
            } else {
                self.work.signal.rest(AFTER_FAILURE);
            }
        }
    }

    /// Everything that is due now; one kind of work that fails does not keep the others from
    /// being done. Tells whether all went well.
    fn round(&mut self) -> bool {
        let mut well = true;
        let all = [Self::erase_pending, Self::expire, Self::drop_old_ids, Self::merge, Self::shrink];
        for task in all {
            let work = Arc::clone(&self.work);
            let alone = work.rewriting.lock();
            let done = task(self);
            drop(alone);
            if let Err(error) = done
                && !self.work.signal.is_closing()
            {
                tracing::error!(%error, "background work of the event store failed; it is tried again");
                well = false;
            }
        }
        well
    }

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
        if old.is_empty() { Ok(()) } else { self.work.log.execute(Command::DropKnownIds(old)).map(|_| ()) }
    }

    /// Gives the room of sealed events in `events.db` back, a little at a time, once nobody writes.
    fn shrink(&mut self) -> Result<(), StoreError> {
        let few = self.work.state.options.seal_rows / 4;
        let is_quiet = || {
            let is_flushed = self.work.state.memtables.size().rows < few;
            is_flushed && self.work.log.queued_bytes() == 0 && self.work.log.check_writable().is_ok()
        };
        while is_quiet() && !self.work.signal.is_closing() {
            let Outcome::Vacuumed(true) =
                self.work.log.execute(Command::Vacuum { spare_pages: SPARE_PAGES })?
            else {
                break;
            };
        }
        Ok(())
    }
}
