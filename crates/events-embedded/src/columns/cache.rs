//! The column cache: decoded and derived columns, limited in bytes. The eviction policy is S3-FIFO (Yang et
//! al., 2023), that of `quick_cache`.
//!
//! Concurrent queries that need the same part load it once. Everything here can be loaded again from a
//! segment or a memtable block.

use std::any::Any;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::columns::group_column::SummaryKey;
use crate::encoding::heap_size::HeapSize;
use crate::encoding::json_properties::Keys;
use millimetric_core::column::{Column, DerivedColumn, SessionColumn};
use millimetric_events::StoreError;

/// A decoded or derived part of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum CachedPart {
    /// The file's footer.
    Footer,
    /// Event times.
    Times,
    /// When the server received the events.
    Received,
    /// A text column.
    Text(Column),
    /// The visitor number of each row, from the visitor table of this generation.
    Visitors(u64),
    /// A hash of the visitor of each row.
    VisitorHashes,
    /// The rows by visitor, numbered by the visitor table of this generation.
    Timeline(u64),
    /// The sessions, as if there were no other events.
    Sessions,
    /// A column of the session of each row, as if there were no other events.
    Session(SessionColumn),
    /// The `HyperLogLog` token of the visitor of each row.
    VisitorTokens,
    /// The `HyperLogLog` sketch of all visitors of the chunk.
    VisitorSketch,
    /// The groups of a query.
    Summary(SummaryKey),
    /// The text of a top-level property.
    Property(Arc<str>),
    /// The number in a top-level property.
    Numbers(Arc<str>),
    /// A column that is read out of a stored URL.
    Derived(DerivedColumn),
    /// Which rows pass a filter, by its JSON.
    Passing(Arc<str>),
    /// The times of the first and the last event of each name.
    NameSpans,
    /// Which top-level properties the events of each name have.
    PropertyNames,
    /// Which top-level properties of the events of each name are numbers, or texts that look like numbers.
    NumericProperties,
    /// The top-level properties of each row, as these keys.
    Shapes(Keys),
    /// A text column of the rows of one page, which are numbered from 0.
    Page(Column, u32),
    /// The hashes of the event ids, sorted.
    EventIds,
    /// The filter of the event ids that are UUIDs of version 7.
    TimedIdFilter,
}

/// A value that the cache can keep.
pub(crate) trait Cacheable: HeapSize + Any + Send + Sync {}

impl<T: HeapSize + Any + Send + Sync> Cacheable for T {}

#[derive(Clone)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(u64, CachedPart), Entry> for ByBytes {
    fn weight(&self, key: &(u64, CachedPart), entry: &Entry) -> u64 {
        // The overhead of an entry counts too, so that many small entries are limited as well.
        let texts = match &key.1 {
            CachedPart::Property(text) | CachedPart::Numbers(text) | CachedPart::Passing(text) => text.len(),
            CachedPart::Summary(key) => key.bytes(),
            _ => 0,
        };
        entry.bytes + 128 + texts as u64
    }
}

/// The cache, by chunk number and part.
pub(crate) struct ColumnCache {
    entries: Cache<(u64, CachedPart), Entry, ByBytes>,
}

impl ColumnCache {
    pub(crate) fn new(bytes: u64) -> Self {
        // One shard: no value can be larger than a shard, and a column can be large.
        let options = OptionsBuilder::new()
            .shards(1)
            .weight_capacity(bytes)
            .estimated_items_capacity(4096)
            .build()
            .expect("the two required options are given");
        let entries =
            Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { entries }
    }

    /// Returns a part from the cache, or loads it; concurrent callers wait for one load.
    pub(crate) fn get<T: Cacheable>(
        &self,
        chunk: u64,
        part: CachedPart,
        load: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        let entry = self.entries.get_or_insert_with(&(chunk, part), || {
            let value = load()?;
            Ok::<_, StoreError>(Entry { bytes: value.heap_bytes() as u64, value: Arc::new(value) })
        })?;
        entry.value.downcast().map_err(|_| StoreError::Internal("a cached part has another type".to_owned()))
    }

    /// Returns the part if it is in the cache.
    pub(crate) fn peek<T: Cacheable>(&self, chunk: u64, part: CachedPart) -> Option<Arc<T>> {
        self.entries.get(&(chunk, part))?.value.downcast().ok()
    }

    /// Adds a part that was computed elsewhere.
    pub(crate) fn put<T: Cacheable>(&self, chunk: u64, part: CachedPart, value: T) {
        let entry = Entry { bytes: value.heap_bytes() as u64, value: Arc::new(value) };
        self.entries.insert((chunk, part), entry);
    }

    /// Removes all parts of a chunk that was deleted.
    pub(crate) fn remove(&self, chunk: u64) {
        self.entries.retain(|key, _| key.0 != chunk);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weight()
    }
}
