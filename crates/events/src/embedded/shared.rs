//! What the threads of the store and its callers share.
//!
//! The writer changes scopes and erasures; everybody else reads them, or asks the writer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashMap;
use millimetric_core::ids::ErasureId;
use parking_lot::{Condvar, Mutex, RwLock};

use super::change::{Change, Changed};
use super::columns::Columns;
use super::options::Options;
use super::queue::{Queue, closing};
use super::scope::{HotSize, Scopes};
use super::stored::StoredErasure;
use crate::StoreError;

/// Numbers of frozen blocks start here, above those of all segments.
const FIRST_BLOCK: u64 = 1 << 63;

/// The store without its threads.
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) options: Options,
    pub(super) columns: Columns,
    pub(super) scopes: Scopes,
    pub(super) queue: Queue,
    pub(super) erasures: RwLock<HashMap<ErasureId, ErasureState>>,
    /// Why nothing more can be written, once that is so.
    pub(super) failure: RwLock<Option<String>>,
    pub(super) next_segment: AtomicI64,
    pub(super) hot_rows: AtomicUsize,
    pub(super) hot_bytes: AtomicUsize,
    pub(super) seals: AtomicU64,
    /// Held while hot rows are sealed, so that two never seal the same.
    pub(super) sealing: Mutex<()>,
    /// Whether the last seal failed since the disk was full.
    pub(super) seal_disk_full: AtomicBool,
    pub(super) keeper: KeeperSignal,
    next_block: AtomicU64,
}

/// An erasure beside how it stands in this process.
#[derive(Debug, Clone)]
pub(super) struct ErasureState {
    pub(super) stored: StoredErasure,
    pub(super) running: bool,
    pub(super) failed: bool,
}

impl Shared {
    pub(super) fn new(directory: PathBuf, options: Options, columns: Columns) -> Self {
        Self {
            directory,
            queue: Queue::new(options.queue_bytes),
            options,
            columns,
            scopes: Scopes::default(),
            erasures: RwLock::default(),
            failure: RwLock::default(),
            next_segment: AtomicI64::new(1),
            hot_rows: AtomicUsize::new(0),
            hot_bytes: AtomicUsize::new(0),
            seals: AtomicU64::new(0),
            sealing: Mutex::new(()),
            seal_disk_full: AtomicBool::new(false),
            keeper: KeeperSignal::default(),
            next_block: AtomicU64::new(FIRST_BLOCK),
        }
    }

    pub(super) fn segments_folder(&self) -> PathBuf {
        self.directory.join("segments")
    }

    pub(super) fn now(&self) -> i64 {
        (self.options.clock)().millis()
    }

    pub(super) fn next_block(&self) -> u64 {
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks the writer for a change and waits; for threads, not for tasks.
    pub(super) fn change(&self, change: Change) -> Result<Changed, StoreError> {
        self.queue.change(change)?.blocking_recv().map_err(|_| closing())?
    }

    /// Asks the writer for a change.
    pub(super) async fn change_async(&self, change: Change) -> Result<Changed, StoreError> {
        self.queue.change(change)?.await.map_err(|_| closing())?
    }

    /// Refuses writes that would outrun sealing, or that a failed disk cannot hold.
    pub(super) fn writable(&self) -> Result<(), StoreError> {
        if let Some(why) = self.failure.read().as_ref() {
            return Err(StoreError::NotWritable(why.clone()));
        }
        let beyond = |hot: &AtomicUsize, bound: usize| hot.load(Ordering::Relaxed) >= bound.saturating_mul(2);
        if beyond(&self.hot_rows, self.options.hot_rows) || beyond(&self.hot_bytes, self.options.hot_bytes) {
            let full = self.seal_disk_full.load(Ordering::Relaxed);
            return Err(if full { StoreError::StorageFull } else { StoreError::Overloaded });
        }
        Ok(())
    }

    /// Follows a scope's hot rows and bytes from what they were to what they are.
    pub(super) fn count_hot(&self, before: HotSize, after: HotSize) {
        // The counters wrap around for a moment when a scope shrinks, and come out right.
        self.hot_rows.fetch_add(after.rows.wrapping_sub(before.rows), Ordering::Relaxed);
        self.hot_bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
    }
}

/// Wakes the thread that does the background work.
#[derive(Debug, Default)]
pub(super) struct KeeperSignal {
    state: Mutex<KeeperState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct KeeperState {
    woken: bool,
    closing: bool,
}

impl KeeperSignal {
    pub(super) fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Waits that long, whoever calls, unless the store closes.
    pub(super) fn rest(&self, pause: std::time::Duration) {
        self.changed.wait_while_for(&mut self.state.lock(), |state| !state.closing, pause);
    }

    /// Waits until woken, but not longer than that.
    pub(super) fn wait(&self, longest: std::time::Duration) {
        let mut state = self.state.lock();
        if !state.woken && !state.closing {
            self.changed.wait_for(&mut state, longest);
        }
        state.woken = false;
    }
}
