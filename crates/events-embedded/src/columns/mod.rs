//! The columns of chunks, which queries read. Columns of a segment are decoded on demand and cached; those
//! of a memtable are in memory.

pub(crate) mod cache;
pub(crate) mod chunk;
pub(crate) mod dedup;
pub(crate) mod group_column;
pub(crate) mod hyperloglog;
mod pages;
pub(crate) mod property_shapes;
pub(crate) mod reclassified;
pub(crate) mod row_bits;
pub(crate) mod rows;
pub(crate) mod session_events;
pub(crate) mod sessions;
pub(crate) mod timeline;
pub(crate) mod visitor_table;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use self::chunk::Chunk;

use crate::columns::cache::{Cacheable, CachedPart, ColumnCache};
use crate::columns::hyperloglog::Sketch;
use crate::columns::property_shapes::{Shapes, ShapesBuilder};
use crate::columns::rows::Rows;
use crate::columns::timeline::TimelineColumn;
use crate::columns::visitor_table::VisitorTable;
use crate::encoding::json_properties;
use crate::encoding::json_properties::Keys;
use crate::encoding::keyed_hash::{IdKind, KeyedHash};
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::encoding::times::Times;
use crate::segment::Segment;
use crate::segment::reader::{Footer, SegmentReader};
use millimetric_core::classify;
use millimetric_core::column::{Column, DerivedColumn};
use millimetric_core::query::currency;
use millimetric_events::StoreError;
use millimetric_events::parquet::id_encoding::EventId;

/// Reads columns of chunks, through the cache.
pub(crate) struct Columns {
    pub(crate) cache: ColumnCache,
    pub(crate) hash: KeyedHash,
}

impl Columns {
    /// Returns a reader of a segment file; its footer is cached.
    pub(crate) fn reader<'a>(&self, segment: &'a Segment) -> Result<SegmentReader<'a>, StoreError> {
        let footer = self.cache.get(segment.chunk_id(), CachedPart::Footer, || Footer::read(segment))?;
        Ok(SegmentReader::new(segment, footer))
    }

    fn segment_times(&self, segment: &Segment) -> Result<Arc<Times>, StoreError> {
        let read = || Ok(Times::new(&self.reader(segment)?.timestamps()?));
        self.cache.get(segment.chunk_id(), CachedPart::Times, read)
    }

    pub(crate) fn times(&self, chunk: &Chunk) -> Result<Arc<Times>, StoreError> {
        match chunk {
            Chunk::Memtable(block) => Ok(Arc::clone(&block.timestamps)),
            Chunk::Segment(segment) => self.segment_times(segment),
        }
    }

    pub(crate) fn text(&self, chunk: &Chunk, field: Column) -> Result<Arc<TextColumn>, StoreError> {
        match chunk {
            Chunk::Memtable(block) => block
                .text(field)
                .cloned()
                .ok_or_else(|| StoreError::Internal(format!("{} was not copied", field.as_str()))),
            Chunk::Segment(segment) => self
                .cache
                .get(segment.chunk_id(), CachedPart::Text(field), || self.reader(segment)?.text(field)),
        }
    }

    /// The column without adding it to the cache, for maintenance, which reads everything once.
    pub(crate) fn text_once(&self, chunk: &Chunk, field: Column) -> Result<Arc<TextColumn>, StoreError> {
        match chunk {
            Chunk::Memtable(_) => self.text(chunk, field),
            Chunk::Segment(segment) => self.reader(segment)?.text(field).map(Arc::new),
        }
    }

    /// The event id of each row.
    pub(crate) fn event_ids(&self, chunk: &Chunk) -> Result<Vec<EventId>, StoreError> {
        // No row of this column lacks a value.
        self.computed(chunk, Column::EventId, |text| EventId::new(text.unwrap_or_default()))
    }

    /// The visitor number of each row, from `table`.
    pub(crate) fn visitors(&self, chunk: &Chunk, table: &VisitorTable) -> Result<Arc<Vec<u32>>, StoreError> {
        self.derived(chunk, CachedPart::Visitors(table.generation), || {
            self.computed(chunk, Column::AnonymousId, |text| {
                // No row of this column lacks a value.
                text.map_or(0, |text| table.number(self.hash.of(IdKind::Visitor, text) as u64))
            })
        })
    }

    /// The rows of the chunk by visitor.
    pub(crate) fn timeline(
        &self,
        chunk: &Chunk,
        table: &VisitorTable,
    ) -> Result<Arc<TimelineColumn>, StoreError> {
        self.derived(chunk, CachedPart::Timeline(table.generation), || {
            self.timeline_of(chunk, &Rows::Span(0..chunk.rows()), table)
        })
    }

    /// These rows of the chunk by visitor; not cached.
    pub(crate) fn timeline_of(
        &self,
        chunk: &Chunk,
        rows: &Rows,
        table: &VisitorTable,
    ) -> Result<TimelineColumn, StoreError> {
        let (numbers, times) = (self.visitors(chunk, table)?, self.times(chunk)?);
        let names = self.text(chunk, Column::EventName)?;
        Ok(TimelineColumn::new(rows, &numbers, &times, &names))
    }

    /// A 64-bit hash of the visitor of each row, for queries with too many visitors to number.
    pub(crate) fn visitor_hashes(&self, chunk: &Chunk) -> Result<Arc<Vec<u64>>, StoreError> {
        self.derived(chunk, CachedPart::VisitorHashes, || {
            self.hashes(chunk, Column::AnonymousId, IdKind::Visitor)
        })
    }

    /// A 64-bit hash of each row's text, in a column whose rows all have a value.
    fn hashes(&self, chunk: &Chunk, field: Column, kind: IdKind) -> Result<Vec<u64>, StoreError> {
        self.computed(chunk, field, |text| text.map_or(0, |text| self.hash.of(kind, text) as u64))
    }

    /// The `HyperLogLog` token of the visitor of each row.
    pub(crate) fn visitor_tokens(&self, chunk: &Chunk) -> Result<Arc<Vec<u32>>, StoreError> {
        self.derived(chunk, CachedPart::VisitorTokens, || {
            self.computed(chunk, Column::AnonymousId, |text| {
                text.map_or(0, |text| hyperloglog::token(self.hash.of(IdKind::Visitor, text) as u64))
            })
        })
    }

    /// The `HyperLogLog` sketch of all visitors of the chunk.
    pub(crate) fn visitor_sketch(&self, chunk: &Chunk) -> Result<Arc<Sketch>, StoreError> {
        self.derived(chunk, CachedPart::VisitorSketch, || {
            let visitors = self.text_once(chunk, Column::AnonymousId)?;
            let mut sketch = Sketch::default();
            for text in visitors.dictionary.texts() {
                sketch.add(hyperloglog::token(self.hash.of(IdKind::Visitor, text) as u64));
            }
            Ok(sketch)
        })
    }

    /// The text of a top-level property in each row (see [`json_properties::text_of`]).
    pub(crate) fn property(&self, chunk: &Chunk, name: &Arc<str>) -> Result<Arc<TextColumn>, StoreError> {
        self.derived(chunk, CachedPart::Property(Arc::clone(name)), || {
            let mut interner = Interner::default();
            let codes = self.computed(chunk, Column::Properties, |text| {
                interner.code(json_properties::text_of(text.unwrap_or_default(), name).as_deref())
            })?;
            Ok(column(&codes, interner))
        })
    }

    /// A column that is read out of a stored URL, once for each distinct URL of the chunk.
    pub(crate) fn read_out(
        &self,
        chunk: &Chunk,
        derived: DerivedColumn,
    ) -> Result<Arc<TextColumn>, StoreError> {
        self.derived(chunk, CachedPart::Derived(derived), || {
            let stored = derived.column();
            let urls = match self.cached(chunk, CachedPart::Text(stored)) {
                Some(urls) => urls,
                // URLs are long, and queries seldom need them otherwise.
                None => self.text_once(chunk, stored)?,
            };
            Ok(mapped(&urls, chunk.rows(), |url| url.and_then(|url| classify::derived(derived, url))))
        })
    }

    /// The currency of each row: that in the property `currency`, else `otherwise`.
    pub(crate) fn currency(
        &self,
        chunk: &Chunk,
        otherwise: Option<&str>,
    ) -> Result<Arc<TextColumn>, StoreError> {
        let stored = self.property(chunk, &Arc::from(currency::PROPERTY))?;
        let of_text = |text: Option<&str>| text.and_then(currency::code).or(otherwise);
        Ok(Arc::new(mapped(&stored, chunk.rows(), of_text)))
    }

    /// The number in a top-level property of each row, or a NaN (see [`json_properties::number_of`]).
    pub(crate) fn numbers(&self, chunk: &Chunk, name: &Arc<str>) -> Result<Arc<Vec<f64>>, StoreError> {
        self.derived(chunk, CachedPart::Numbers(Arc::clone(name)), || {
            self.computed(chunk, Column::Properties, |text| {
                json_properties::number_of(text.unwrap_or_default(), name)
            })
        })
    }

    /// The set of these keys of each row's properties.
    pub(crate) fn shapes(&self, chunk: &Chunk, keys: Keys) -> Result<Arc<Shapes>, StoreError> {
        self.derived(chunk, CachedPart::Shapes(keys), || {
            let mut builder = ShapesBuilder::new(keys);
            let codes =
                self.computed(chunk, Column::Properties, |text| builder.code(text.unwrap_or_default()))?;
            Ok(builder.shapes(&codes))
        })
    }

    /// Calls `each` with the pairs of event name and properties in the rows that `selected` accepts, and their
    /// number of rows, until it breaks. A pair may be reported several times. Of a segment, at most a few
    /// thousand rows are decoded at a time.
    pub(crate) fn each_properties(
        &self,
        chunk: &Chunk,
        selected: impl Fn(usize) -> bool,
        mut each: impl FnMut(&str, &str, u32) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        match chunk {
            Chunk::Segment(segment) => {
                self.reader(segment)?.each_pair([Column::EventName, Column::Properties], selected, each)
            }
            Chunk::Memtable(_) => {
                let [names, properties] =
                    [self.text(chunk, Column::EventName)?, self.text(chunk, Column::Properties)?];
                let mut pairs: HashMap<(u32, u32), u32> = HashMap::new();
                for row in (0..chunk.rows()).filter(|row| selected(*row)) {
                    *pairs.entry((names.codes.get(row), properties.codes.get(row))).or_default() += 1;
                }
                for ((name, text), rows) in pairs {
                    let [name, text] = [names.dictionary.get(name), properties.dictionary.get(text)];
                    if each(name.unwrap_or_default(), text.unwrap_or_default(), rows)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    /// A part of a chunk if it is in the cache.
    pub(crate) fn cached<T: Cacheable>(&self, chunk: &Chunk, part: CachedPart) -> Option<Arc<T>> {
        self.cache.peek(chunk.chunk_id()?, part)
    }

    /// Returns `compute` of each row's text in a column, which is not cached.
    fn computed<T: Clone>(
        &self,
        chunk: &Chunk,
        field: Column,
        mut compute: impl FnMut(Option<&str>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        match chunk {
            Chunk::Segment(segment) => self.reader(segment)?.derive(field, compute),
            Chunk::Memtable(_) => {
                let column = self.text(chunk, field)?;
                let entries: Vec<T> = std::iter::once(compute(None))
                    .chain(column.dictionary.texts().map(|text| compute(Some(text))))
                    .collect();
                Ok((0..chunk.rows()).map(|row| entries[column.codes.get(row) as usize].clone()).collect())
            }
        }
    }

    /// Returns a part of a chunk from the cache, or loads it; concurrent callers wait for one load. Parts of a
    /// copied tail are not cached.
    pub(crate) fn derived<T: Cacheable>(
        &self,
        chunk: &Chunk,
        part: CachedPart,
        load: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        match chunk.chunk_id() {
            Some(number) => self.cache.get(number, part, load),
            None => load().map(Arc::new),
        }
    }

    /// The codes of a column's dictionary by the keyed hash of their texts.
    pub(crate) fn codes_by_hash(&self, column: &TextColumn, kind: IdKind) -> HashMap<u128, u32> {
        column.dictionary.texts().zip(1..).map(|(text, code)| (self.hash.of(kind, text), code)).collect()
    }
}

/// A column with another text for each text of this one.
fn mapped<T: AsRef<str>>(
    from: &TextColumn,
    rows: usize,
    mut text: impl FnMut(Option<&str>) -> Option<T>,
) -> TextColumn {
    let mut interner = Interner::default();
    let texts = std::iter::once(None).chain(from.dictionary.texts().map(Some));
    let codes: Vec<u32> = texts.map(|known| interner.code(text(known).as_ref().map(AsRef::as_ref))).collect();
    let rows: Vec<u32> = (0..rows).map(|row| codes[from.codes.get(row) as usize]).collect();
    column(&rows, interner)
}

fn column(codes: &[u32], interner: Interner) -> TextColumn {
    let dictionary = interner.into_dictionary();
    TextColumn { codes: Codes::narrow(codes, dictionary.len()), dictionary: Arc::new(dictionary) }
}
