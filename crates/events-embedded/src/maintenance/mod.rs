//! Maintenance: flush, merge, erase, expire, re-classify, backup, restore, inspection.
//!
//! In an open store it reads and writes segment files; the writer's thread swaps them in.

pub(crate) mod adopt;
pub(crate) mod backup;
pub(crate) mod erase;
pub(crate) mod expire;
pub(crate) mod flush;
pub(crate) mod inspect;
pub(crate) mod maintainer;
pub(crate) mod merging;
pub(crate) mod reclassify;
pub(crate) mod restore;
pub(crate) mod rewrite;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use millimetric_events::StoreError;
use parking_lot::Mutex;

use crate::resources::counters::Counters;
use crate::resources::signal::Signal;
use crate::state::State;
use crate::wal::commands::{Command, Outcome};
use crate::wal::queue::WriterQueue;

/// Longest sleep of a maintenance thread: work that is due by the clock is found within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);

/// The state that the maintenance threads share.
pub(crate) struct Maintenance {
    pub(crate) state: Arc<State>,
    pub(crate) queue: Arc<WriterQueue>,
    /// Wakes the flush thread.
    pub(crate) flush_signal: Arc<Signal>,
    /// Wakes the maintenance thread, which does everything else.
    pub(crate) signal: Signal,
    pub(crate) counters: Counters,
    /// Held while a memtable is flushed, so that no two threads flush the same rows.
    flushing: Mutex<()>,
    /// Held while segments are replaced, so that no two threads replace the same ones.
    pub(crate) rewriting: Mutex<()>,
    /// Held while a backup reads `events.db`, and while SQLite's write-ahead log is truncated.
    wal_in_use: Mutex<()>,
    /// Whether `events.db` may still contain bytes of expired events.
    pub(crate) expired_in_database: AtomicBool,
    /// Whether the last flush failed because the disk was full.
    pub(crate) flush_disk_full: AtomicBool,
}

impl Maintenance {
    pub(crate) fn new(state: Arc<State>, queue: Arc<WriterQueue>) -> Self {
        Self {
            state,
            queue,
            flush_signal: Arc::default(),
            signal: Signal::default(),
            counters: Counters::default(),
            flushing: Mutex::new(()),
            rewriting: Mutex::new(()),
            wal_in_use: Mutex::new(()),
            expired_in_database: AtomicBool::new(false),
            flush_disk_full: AtomicBool::new(false),
        }
    }

    /// Makes the threads end at their next check.
    pub(crate) fn close(&self) {
        self.flush_signal.close();
        self.signal.close();
    }

    /// Whether a merge must stop: erasures have a deadline, and closing must be quick.
    fn must_stop_merging(&self) -> bool {
        self.signal.is_closing() || self.state.erasures.any_pending()
    }

    /// Removes all bytes of deleted events from `events.db`: deletes flushed rows, returns all free pages,
    /// and truncates SQLite's write-ahead log, which contains old versions of pages.
    pub(crate) fn purge_deleted(&self) -> Result<(), StoreError> {
        let _guard = self.wal_in_use.lock();
        self.queue.execute(Command::DeleteAllFlushed)?;
        while let Outcome::Vacuumed(true) = self.queue.execute(Command::Vacuum { spare_pages: 0 })? {}
        self.queue.execute(Command::TruncateWal).map(|_| ())
    }
}
