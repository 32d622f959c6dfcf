//! Background work: flush, merge, erase, expire, backup.
//!
//! Reads and writes segment files; what it writes becomes visible only through the writer's thread.

pub(crate) mod backup;
pub(crate) mod erase;
pub(crate) mod expire;
pub(crate) mod flush;
pub(crate) mod inspect;
pub(crate) mod maintainer;
pub(crate) mod merging;
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
use crate::wal::Log;
use crate::wal::commands::{Command, Outcome};

/// The longest that background threads sleep: clocks are looked at so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);

/// What the threads of the background work share.
pub(crate) struct Maintenance {
    pub(crate) state: Arc<State>,
    pub(crate) log: Arc<Log>,
    /// Wakes the thread that flushes.
    pub(crate) flush_signal: Arc<Signal>,
    /// Wakes the thread that does everything else.
    pub(crate) signal: Signal,
    pub(crate) counters: Counters,
    /// Held while a memtable is flushed, so that two threads never flush the same rows.
    flushing: Mutex<()>,
    /// Held while segments are replaced, so that two threads never replace the same.
    pub(crate) rewriting: Mutex<()>,
    /// Held while a backup reads the database, and while the write-ahead log is emptied.
    wal_in_use: Mutex<()>,
    /// Whether `events.db` may still hold bytes of events that expired.
    pub(crate) expired_in_database: AtomicBool,
    /// Whether the last flush failed because the disk was full.
    pub(crate) flush_disk_full: AtomicBool,
}

impl Maintenance {
    pub(crate) fn new(state: Arc<State>, log: Arc<Log>) -> Self {
        Self {
            state,
            log,
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

    /// Ends the threads at their next look.
    pub(crate) fn close(&self) {
        self.flush_signal.close();
        self.signal.close();
    }

    /// Whether a merge must give way: erasing has a deadline, and closing should be quick.
    fn must_stop_merging(&self) -> bool {
        self.signal.is_closing() || self.state.erasures.any_pending()
    }

    /// Takes what was deleted out of `events.db` for good: sealed rows that are left, free pages,
    /// and the write-ahead log, which holds pages as they were.
    pub(crate) fn purge_deleted(&self) -> Result<(), StoreError> {
        let _alone = self.wal_in_use.lock();
        self.log.execute(Command::DeleteAllFlushed)?;
        while let Outcome::Vacuumed(true) = self.log.execute(Command::Vacuum { spare_pages: 0 })? {}
        self.log.execute(Command::TruncateWal).map(|_| ())
    }
}
