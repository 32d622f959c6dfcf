//! What can be set when the embedded store is opened, and why opening can fail.
//! Reads no environment and no file: the caller decides.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millimetric_core::time::Timestamp;

use millimetric_events::{LocalError, StoreError};

/// Bounds and the clock of the embedded store.
#[derive(Clone)]
pub struct Options {
    /// Batches that wait to be written, in bytes of memory; more is refused as overloaded.
    pub queue_bytes: usize,
    /// Decoded columns kept for queries, in bytes.
    pub cache_bytes: u64,
    /// Memory that running queries may take together for groups, visitors and sessions, in bytes; one
    /// query may take half of it.
    pub query_bytes: usize,
    /// Longest time of one query.
    pub query_timeout: Duration,
    /// Groups of one response that are counted apart. Of more, the most frequent are, and the others
    /// together.
    pub query_groups: usize,
    /// A scope's hot events are sealed when there are so many.
    pub seal_rows: usize,
    /// … or when they take so many bytes of memory, which bounds what one segment's columns take.
    pub seal_bytes: usize,
    /// … or when the oldest of them has been there so long.
    pub seal_age: Duration,
    /// Hot events of all scopes together before the largest scope is sealed early.
    pub hot_rows: usize,
    /// The same in bytes; at twice either bound writes are refused until sealing has caught up.
    pub hot_bytes: usize,
    /// Segments of a month are merged up to so many events.
    pub merge_rows: usize,
    /// … and up to so many bytes of uncompressed columns.
    pub merge_bytes: u64,
    /// Up to so many distinct visitors are counted exactly in one answer, more are estimated. The
    /// contract wants five million exact; the rest is for the error of the estimate that tells
    /// whether there are more.
    pub exact_visitors: usize,
    /// How long, by `received_at`, a second event of the same id is known as a duplicate.
    pub dedup_window: Duration,
    /// Tells the time.
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
            seal_rows: 250_000,
            seal_bytes: 96 << 20,
            seal_age: Duration::from_mins(15),
            hot_rows: 1_000_000,
            hot_bytes: 256 << 20,
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
            .field("seal_rows", &self.seal_rows)
            .field("hot_rows", &self.hot_rows)
            .finish_non_exhaustive()
    }
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data directory {} is in use by another process{}", .directory.display(), .owner.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The other process, when it said so.
        owner: Option<u32>,
    },
    /// The directory cannot be written.
    #[error("the data directory {} cannot be written: {cause}", .directory.display())]
    Unwritable {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A newer release wrote it.
    #[error("{} has format {found}; this release reads format {known}: use a newer release", .file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format that is known.
        known: i64,
    },
    /// The database cannot be read.
    #[error("{} cannot be opened: {cause}", .file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What the database said.
        cause: String,
    },
}

impl OpenError {
    /// A database that cannot be opened, and what to do about it.
    pub(crate) fn database(file: &Path, error: &StoreError) -> Self {
        let cause = match error {
            StoreError::Local(LocalError::Corrupt(_)) => format!("{error}: restore it from a backup"),
            other => other.to_string(),
        };
        Self::Database { file: file.to_path_buf(), cause }
    }
}
