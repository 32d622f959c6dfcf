//! The options of the embedded store, and the errors of opening it. It reads no environment variable and no
//! configuration file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millimetric_core::time::Timestamp;

use millimetric_events::{LocalError, StoreError};

/// The limits and the clock of the embedded store.
#[derive(Clone)]
pub struct Options {
    /// Memory of batches that wait to be written, in bytes; further batches are refused as `Overloaded`.
    pub queue_bytes: usize,
    /// Size of the column cache in bytes.
    pub cache_bytes: u64,
    /// Memory that all running queries may use for groups, visitors and sessions, in bytes; one query may
    /// use half of it.
    pub query_bytes: usize,
    /// Longest duration of one query.
    pub query_timeout: Duration,
    /// Most groups of one response. If there are more, the most frequent ones are counted, and all others
    /// as one group.
    pub query_groups: usize,
    /// Events of a memtable at which it is flushed.
    pub flush_rows: usize,
    /// Bytes of a memtable at which it is flushed; this limits the memory of one segment's columns.
    pub flush_bytes: usize,
    /// Age of the oldest event of a memtable at which it is flushed.
    pub flush_age: Duration,
    /// Events of all memtables together at which the largest one is flushed early.
    pub memtable_rows: usize,
    /// Bytes of all memtables together at which the largest one is flushed early. At twice either limit,
    /// writes are refused until flushing has caught up.
    pub memtable_bytes: usize,
    /// Most events of a merged segment.
    pub merge_rows: usize,
    /// Most bytes of uncompressed columns of a merged segment.
    pub merge_bytes: u64,
    /// Most distinct visitors of one response that are counted exactly; more are estimated. The contract
    /// requires five million. The default is 5 % higher, because whether there are more is itself an
    /// estimate.
    pub exact_visitors: usize,
    /// The deduplication window: how long after `received_at` a repeated event id is detected.
    pub dedup_window: Duration,
    /// Returns the current time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_bytes: 64 << 20,
            cache_bytes: 256 << 20,
            query_bytes: 512 << 20,
            query_timeout: Duration::from_secs(30),
            query_groups: 65_536,
            flush_rows: 250_000,
            flush_bytes: 96 << 20,
            flush_age: Duration::from_mins(15),
            memtable_rows: 1_000_000,
            memtable_bytes: 256 << 20,
            merge_rows: 1_050_000,
            merge_bytes: 192 << 20,
            exact_visitors: 5_250_000,
            dedup_window: Duration::from_hours(8 * 24),
            clock: Arc::new(|| {
                let millis = chrono::Utc::now().timestamp_millis();
                Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX)
            }),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("queue_bytes", &self.queue_bytes)
            .field("cache_bytes", &self.cache_bytes)
            .field("flush_rows", &self.flush_rows)
            .field("memtable_rows", &self.memtable_rows)
            .finish_non_exhaustive()
    }
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory open.
    #[error("the data directory {} is in use by another process{}", .directory.display(), .owner.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The pid of the other process, if it is known.
        owner: Option<u32>,
    },
    /// The directory cannot be written.
    #[error("the data directory {} cannot be written: {cause}", .directory.display())]
    Unwritable {
        /// The directory.
        directory: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// A newer release wrote the file.
    #[error("{} has format {found}; this release reads format {known}: use a newer release", .file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The format in the file.
        found: i64,
        /// The newest format that this release reads.
        known: i64,
    },
    /// The database cannot be read.
    #[error("{} cannot be opened: {cause}", .file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// The error, and what to do about it if that is known.
        cause: String,
    },
}

impl OpenError {
    /// The error for a database that cannot be opened; for damage it adds to restore a backup.
    pub(crate) fn database(file: &Path, error: &StoreError) -> Self {
        let cause = match error {
            StoreError::Local(LocalError::Corrupt(_)) => format!("{error}: restore it from a backup"),
            other => other.to_string(),
        };
        Self::Database { file: file.to_path_buf(), cause }
    }
}
