//! What the threads of the store and its callers share.
//!
//! The writer changes scopes and erasures; everybody else reads them, or asks the writer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use parking_lot::{Mutex, RwLock};

use crate::columns::Columns;
use crate::resources::counters::Tallies;
use crate::resources::options::Options;
use crate::resources::query_context::QueryResources;
use crate::resources::signal::Signal;
use crate::segment::Segment;
use crate::state::scope::{HotSize, Scopes};
use crate::wal::commands::{Change, Changed};
use crate::wal::queue::{Queue, closing};
use crate::wal::stored::StoredErasure;
use millimetric_events::StoreError;

/// Numbers of frozen blocks start here, above those of all segments.
const FIRST_BLOCK: u64 = 1 << 63;

/// The store without its threads.
pub(crate) struct Shared {
    pub(crate) directory: PathBuf,
    pub(crate) options: Options,
    pub(crate) columns: Columns,
    pub(crate) scopes: Scopes,
    pub(crate) queue: Queue,
    /// What running queries share.
    pub(crate) queries: Arc<QueryResources>,
    pub(crate) erasures: RwLock<HashMap<ErasureId, ErasureState>>,
    /// Scopes in which somebody to be forgotten cannot be told from others, and why.
    pub(crate) unreadable: RwLock<HashMap<EventScope, String>>,
    /// Why nothing more can be written, once that is so.
    pub(crate) failure: RwLock<Option<String>>,
    pub(crate) next_segment: AtomicI64,
    /// Segments that others stand for now, as long as somebody reads their files.
    pub(crate) replaced: Mutex<Vec<(EventScope, Weak<Segment>)>>,
    pub(crate) hot_rows: AtomicUsize,
    pub(crate) hot_bytes: AtomicUsize,
    /// What the background work has done.
    pub(crate) tallies: Tallies,
    /// Held while hot rows are sealed, so that two never seal the same.
    pub(crate) sealing: Mutex<()>,
    /// Held while segments are replaced by others, so that two never replace the same.
    pub(crate) rewriting: Mutex<()>,
    /// Held while a backup reads the database, and while the write-ahead log is emptied.
    pub(crate) reading_log: Mutex<()>,
    /// Whether `events.db` may still hold bytes of events that expired.
    pub(crate) expired_in_log: AtomicBool,
    /// Whether the last seal failed since the disk was full.
    pub(crate) seal_disk_full: AtomicBool,
    /// Wakes the thread that seals.
    pub(crate) sealer: Signal,
    /// Wakes the thread that does all other work in the background.
    pub(crate) keeper: Signal,
    next_block: AtomicU64,
}

/// An erasure beside how it stands in this process.
#[derive(Debug, Clone)]
pub(crate) struct ErasureState {
    pub(crate) stored: StoredErasure,
    pub(crate) running: bool,
    pub(crate) failed: bool,
}

impl Shared {
    pub(crate) fn new(
        directory: PathBuf,
        options: Options,
        columns: Columns,
        queries: QueryResources,
    ) -> Self {
        Self {
            directory,
            queue: Queue::new(options.queue_bytes),
            queries: Arc::new(queries),
            options,
            columns,
            scopes: Scopes::default(),
            erasures: RwLock::default(),
            unreadable: RwLock::default(),
            failure: RwLock::default(),
            next_segment: AtomicI64::new(1),
            replaced: Mutex::default(),
            hot_rows: AtomicUsize::new(0),
            hot_bytes: AtomicUsize::new(0),
            tallies: Tallies::default(),
            sealing: Mutex::new(()),
            rewriting: Mutex::new(()),
            reading_log: Mutex::new(()),
            expired_in_log: AtomicBool::new(false),
            seal_disk_full: AtomicBool::new(false),
            sealer: Signal::default(),
            keeper: Signal::default(),
            next_block: AtomicU64::new(FIRST_BLOCK),
        }
    }

    pub(crate) fn segments_folder(&self) -> PathBuf {
        self.directory.join("segments")
    }

    pub(crate) fn now(&self) -> i64 {
        (self.options.clock)().millis()
    }

    pub(crate) fn next_block(&self) -> u64 {
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks the writer for a change and waits; for threads, not for tasks.
    pub(crate) fn change(&self, change: Change) -> Result<Changed, StoreError> {
        self.queue.change(change)?.blocking_recv().map_err(|_| closing())?
    }

    /// Asks the writer for a change.
    pub(crate) async fn change_async(&self, change: Change) -> Result<Changed, StoreError> {
        self.queue.change(change)?.await.map_err(|_| closing())?
    }

    /// Refuses queries to a scope in which it is not known who is to be left out.
    pub(crate) fn readable(&self, scope: EventScope) -> Result<(), StoreError> {
        self.unreadable.read().get(&scope).map_or(Ok(()), |why| Err(StoreError::Corrupt(why.clone())))
    }

    /// Refuses writes that would outrun sealing, or that a failed disk cannot hold.
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
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
    pub(crate) fn count_hot(&self, before: HotSize, after: HotSize) {
        // The counters wrap around for a moment when a scope shrinks, and come out right.
        self.hot_rows.fetch_add(after.rows.wrapping_sub(before.rows), Ordering::Relaxed);
        self.hot_bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
    }
}
