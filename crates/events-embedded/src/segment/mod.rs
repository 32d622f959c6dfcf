//! A segment: one immutable Parquet file of one scope, sorted by (timestamp, `event_id`).
//!
//! [`reader`] decodes its columns, [`file`] writes new ones, [`id_filter`] excludes event ids
//! without reading it, [`merge`] chooses which to merge. A replaced segment deletes its file when
//! the last query that reads it has ended.

pub(crate) mod file;
pub(crate) mod id_filter;
pub(crate) mod merge;
pub(crate) mod reader;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use millimetric_core::event::EventScope;
use millimetric_events::{LocalError, StoreError};
use parking_lot::RwLock;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use self::id_filter::KnownIds;

/// One Parquet file of one scope, sorted by (timestamp, `event_id`).
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its id in the manifest; later segments have higher ids.
    pub(crate) id: i64,
    pub(crate) scope: EventScope,
    pub(crate) path: PathBuf,
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
    /// Event times in milliseconds since 1970, as are the two below.
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    pub(crate) latest_received: i64,
    /// The filter of its event ids; `None` once the deduplication window has passed.
    pub(crate) known_ids: RwLock<Option<Arc<KnownIds>>>,
    /// Whether the file is deleted when the segment is dropped.
    pub(crate) replaced: AtomicBool,
    /// Bytes of its columns without compression; set by the first call of [`Self::uncompressed_bytes`].
    pub(crate) uncompressed: OnceLock<u64>,
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.replaced.load(Ordering::Acquire)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a replaced segment could not be deleted");
        }
    }
}

impl Segment {
    /// Its key in the column cache.
    pub(crate) fn chunk_id(&self) -> u64 {
        self.id as u64
    }

    /// Bytes of its columns without compression, from the footer of the file.
    pub(crate) fn uncompressed_bytes(&self) -> Result<u64, StoreError> {
        if let Some(bytes) = self.uncompressed.get() {
            return Ok(*bytes);
        }
        let file = File::open(&self.path).map_err(|error| self.broken(&error))?;
        // Read once in the life of a segment, so the footer is not cached.
        let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        let footer = footer.map_err(|error| self.broken(&error))?;
        let groups = footer.metadata().row_groups().iter();
        let bytes = groups.map(|group| group.total_byte_size().max(0) as u64).sum();
        Ok(*self.uncompressed.get_or_init(|| bytes))
    }

    /// The error for a file that cannot be read, with its path.
    fn broken(&self, cause: &dyn std::fmt::Display) -> StoreError {
        StoreError::Local(LocalError::Corrupt(format!("{}: {cause}", self.path.display())))
    }
}
