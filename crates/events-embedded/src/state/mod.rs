//! The state of the open store in memory, which the writer, queries and maintenance share.
//!
//! Only the writer's thread changes what queries see, and only after the change is durable.

pub(crate) mod erasures;
pub(crate) mod memtable_usage;
pub(crate) mod reclassifications;
pub(crate) mod scope;
pub(crate) mod segment_files;
pub(crate) mod tombstones;

use std::path::PathBuf;
use std::sync::Arc;

use self::erasures::Erasures;
use self::memtable_usage::MemtableUsage;
use self::reclassifications::Reclassifications;
use self::scope::Scopes;
use self::segment_files::SegmentFiles;
use crate::columns::Columns;
use crate::resources::options::Options;

/// Scopes with their memtables and segments, the column cache, the erasures and re-classifications.
pub(crate) struct State {
    /// The data directory.
    pub(crate) directory: PathBuf,
    pub(crate) options: Options,
    pub(crate) columns: Arc<Columns>,
    pub(crate) scopes: Scopes,
    pub(crate) memtables: MemtableUsage,
    pub(crate) segments: SegmentFiles,
    pub(crate) erasures: Erasures,
    pub(crate) reclassifications: Reclassifications,
}

impl State {
    pub(crate) fn new(directory: PathBuf, options: Options, columns: Columns) -> Self {
        Self {
            directory,
            options,
            columns: Arc::new(columns),
            scopes: Scopes::default(),
            memtables: MemtableUsage::default(),
            segments: SegmentFiles::default(),
            erasures: Erasures::default(),
            reclassifications: Reclassifications::default(),
        }
    }

    /// The folder of the segment files.
    pub(crate) fn segments_folder(&self) -> PathBuf {
        self.directory.join("segments")
    }

    /// The current time in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        (self.options.clock)().millis()
    }

    /// The start of the deduplication window: segments whose events were all received before it are not
    /// checked for duplicates. Milliseconds since 1970.
    pub(crate) fn oldest_deduplicated(&self) -> i64 {
        let window = i64::try_from(self.options.dedup_window.as_millis()).unwrap_or(i64::MAX);
        self.now().saturating_sub(window)
    }

    /// Whether the memtables together have reached the size at which the largest are flushed.
    pub(crate) fn memtables_are_full(&self) -> bool {
        let size = self.memtables.size();
        size.rows > self.options.memtable_rows || size.bytes > self.options.memtable_bytes
    }
}
