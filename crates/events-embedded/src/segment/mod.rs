//! A sealed segment: what the manifest knows of one Parquet file, and how its columns are read.
//!
//! A segment never changes. One that was replaced deletes its file when the last reader has let
//! go of it, so a running query never loses a file. Writing them is `segment_file.rs`.

pub(crate) mod file;
pub(crate) mod merge;

use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array as _, ArrayRef, AsArray as _, DictionaryArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use arrow::error::ArrowError;
use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use parking_lot::RwLock;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use crate::columns::cache::{ColumnCache, Part, Weighed};
use crate::columns::dedup::KnownIds;
use crate::encoding::field::Field;
use crate::encoding::id_encoding::{EVENT_UUID, unpack};
use crate::encoding::row::Row;
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::encoding::times::Times;
use crate::segment::file::{RECEIVED_AT, TIMESTAMP, with_dictionaries};
use millimetric_events::StoreError;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 65_536;
/// Rows decoded at a time where their texts may be long.
const LONG_ROWS: usize = 4096;
/// Rows that are decoded together when a few of them are wanted; half a page of the file.
const PAGE_ROWS: u32 = 8192;
/// The same of whole rows, whose texts may be long.
const WHOLE_ROWS: usize = 1024;

/// One Parquet file of one scope, sorted by (timestamp, `event_id`).
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its number in the manifest; later segments have higher ones.
    pub(crate) id: i64,
    pub(crate) scope: EventScope,
    pub(crate) path: PathBuf,
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    pub(crate) latest_received: i64,
    /// Tells which event ids are certainly not here; none once the dedup window has passed.
    pub(crate) known_ids: RwLock<Option<Arc<KnownIds>>>,
    pub(crate) replaced: AtomicBool,
    /// Bytes of its columns without compression, once they were asked for.
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

struct Footer(Arc<ParquetMetaData>);

impl Weighed for Footer {
    fn weight(&self) -> usize {
        self.0.memory_size()
    }
}

impl Segment {
    /// Its number for the cache.
    pub(crate) fn number(&self) -> u64 {
        self.id as u64
    }

    /// The event times, ascending.
    pub(crate) fn timestamps(&self, cache: &ColumnCache) -> Result<Vec<i64>, StoreError> {
        self.times(cache, TIMESTAMP)
    }

    /// The event times, kept.
    pub(crate) fn cached_times(&self, cache: &ColumnCache) -> Result<Arc<Times>, StoreError> {
        cache.get(self.number(), Part::Times, || Ok(Times::new(&self.timestamps(cache)?)))
    }

    /// When the server took them.
    pub(crate) fn received(&self, cache: &ColumnCache) -> Result<Vec<i64>, StoreError> {
        self.times(cache, RECEIVED_AT)
    }

    fn times(&self, cache: &ColumnCache, column: &str) -> Result<Vec<i64>, StoreError> {
        let mut times = Vec::with_capacity(self.rows);
        for batch in self.reader(cache, &[column], None, BATCH_ROWS)? {
            let batch = self.readable(batch)?;
            times.extend_from_slice(batch.column(0).as_primitive::<TimestampMillisecondType>().values());
        }
        Ok(times)
    }

    /// A text column, decoded whole.
    pub(crate) fn text(&self, cache: &ColumnCache, field: Field) -> Result<TextColumn, StoreError> {
        let mut interner = Interner::default();
        let codes = self.derive(cache, field, |text| interner.code(text))?;
        let dictionary = interner.into_dictionary();
        Ok(TextColumn { codes: Codes::narrow(&codes, dictionary.len()), dictionary: Arc::new(dictionary) })
    }

    /// Something computed from each text of a column, row by row; `compute` runs once per
    /// entry of a dictionary, not once per row.
    pub(crate) fn derive<T: Clone>(
        &self,
        cache: &ColumnCache,
        field: Field,
        mut compute: impl FnMut(Option<&str>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let none = compute(None);
        let mut derived = Vec::with_capacity(self.rows);
        let mut previous: Option<(arrow::array::ArrayRef, Vec<T>)> = None;
        let batch_rows = if field == Field::Properties { LONG_ROWS } else { BATCH_ROWS };
        for batch in self.reader(cache, &[field.name()], None, batch_rows)? {
            let batch = self.readable(batch)?;
            if let Some(texts) = batch.column(0).as_string_opt::<i32>() {
                derived.extend(texts.iter().map(&mut compute));
                continue;
            }
            let column: &DictionaryArray<Int32Type> = batch.column(0).as_dictionary();
            let known =
                previous.take().filter(|(values, _)| values.to_data().ptr_eq(&column.values().to_data()));
            let (values, entries) = known.unwrap_or_else(|| {
                let texts = column.values().as_string::<i32>();
                (Arc::clone(column.values()), texts.iter().map(&mut compute).collect())
            });
            if column.null_count() == 0 {
                derived.extend(column.keys().values().iter().map(|key| entries[*key as usize].clone()));
            } else {
                let value = |key| &entries[key as usize];
                derived.extend(column.keys().iter().map(|key| key.map_or(&none, value).clone()));
            }
            previous = Some((values, entries));
        }
        Ok(derived)
    }

    /// Calls `each` with two texts of every row that `wanted` likes, and with how many rows have them, until
    /// it breaks off: rows decoded together that have the same pair come together.
    pub(crate) fn each_pair(
        &self,
        cache: &ColumnCache,
        fields: [Field; 2],
        wanted: impl Fn(usize) -> bool,
        mut each: impl FnMut(&str, &str, u32) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut first = 0;
        for batch in self.reader(cache, &fields.map(Field::name), None, LONG_ROWS)? {
            let batch = self.readable(batch)?;
            let [a, b] = fields.map(|field| {
                let column = batch.column_by_name(field.name());
                column.and_then(Texts::of).ok_or_else(|| self.broken(&"a column of texts is missing"))
            });
            let (a, b) = (a?, b?);
            let mut pairs: HashMap<(usize, usize), u32> = HashMap::new();
            for row in (0..batch.num_rows()).filter(|row| wanted(first + row)) {
                *pairs.entry((a.key(row), b.key(row))).or_default() += 1;
            }
            first += batch.num_rows();
            for ((x, y), rows) in pairs {
                if each(a.text(x), b.text(y), rows)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The texts of a few rows only; `rows` ascending.
    pub(crate) fn some_texts(
        &self,
        cache: &ColumnCache,
        field: Field,
        rows: &[u32],
    ) -> Result<Vec<String>, StoreError> {
        let mut texts = Vec::with_capacity(rows.len());
        for of_page in rows.chunk_by(|a, b| a / PAGE_ROWS == b / PAGE_ROWS) {
            let page = self.page(cache, field, of_page[0] / PAGE_ROWS)?;
            let text = |row: &u32| text_at(&page, *row).unwrap_or_default().to_owned();
            texts.extend(of_page.iter().map(text));
        }
        Ok(texts)
    }

    /// Calls `each` with a few rows; `rows` ascending.
    pub(crate) fn some_rows(
        &self,
        cache: &ColumnCache,
        rows: &[u32],
        mut each: impl FnMut(Row<'_>),
    ) -> Result<(), StoreError> {
        let timestamps = self.cached_times(cache)?;
        let received = cache.get(self.number(), Part::Received, || self.received(cache))?;
        for of_page in rows.chunk_by(|a, b| a / PAGE_ROWS == b / PAGE_ROWS) {
            let mut pages = Vec::with_capacity(Field::COUNT);
            for field in Field::ALL {
                pages.push(self.page(cache, field, of_page[0] / PAGE_ROWS)?);
            }
            for row in of_page {
                let (timestamp, received_at) = (timestamps.at(*row as usize), received[*row as usize]);
                let texts = Field::ALL.map(|field| text_at(&pages[field as usize], *row));
                each(Row { timestamp, received_at, texts });
            }
        }
        Ok(())
    }

    /// Calls `each` with the rows of a range in order, until it breaks off; never more than a few
    /// of them are decoded.
    pub(crate) fn each_row(
        &self,
        cache: &ColumnCache,
        rows: Range<usize>,
        mut each: impl FnMut(Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let names: Vec<&str> =
            [TIMESTAMP, RECEIVED_AT].into_iter().chain(Field::ALL.map(Field::name)).collect();
        let selection = RowSelection::from_consecutive_ranges(std::iter::once(rows), self.rows);
        for batch in self.reader(cache, &names, Some(selection), WHOLE_ROWS)? {
            let batch = self.readable(batch)?;
            for row in 0..batch.num_rows() {
                if each(row_at(&batch, row))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A text column of the rows of one page. They are kept, since whoever looks at a few rows
    /// soon looks at their neighbours.
    fn page(&self, cache: &ColumnCache, field: Field, page: u32) -> Result<Arc<StringArray>, StoreError> {
        cache.get(self.number(), Part::Page(field, page), || {
            let start = (page * PAGE_ROWS) as usize;
            let rows = start..self.rows.min(start + PAGE_ROWS as usize);
            let selection = RowSelection::from_consecutive_ranges(std::iter::once(rows), self.rows);
            let mut batches = self.reader(cache, &[field.name()], Some(selection), PAGE_ROWS as usize)?;
            let batch = batches.next().ok_or_else(|| self.broken(&"a page is missing"))?;
            Ok(self.readable(batch)?.column(0).as_string::<i32>().clone())
        })
    }

    /// Bytes of its columns without compression.
    pub(crate) fn uncompressed_bytes(&self) -> Result<u64, StoreError> {
        if let Some(bytes) = self.uncompressed.get() {
            return Ok(*bytes);
        }
        let file = File::open(&self.path).map_err(|error| self.broken(&error))?;
        // Read once in the life of a segment, so it is not worth a place in the cache.
        let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        let footer = footer.map_err(|error| self.broken(&error))?;
        let groups = footer.metadata().row_groups().iter();
        let bytes = groups.map(|group| group.total_byte_size().max(0) as u64).sum();
        Ok(*self.uncompressed.get_or_init(|| bytes))
    }

    fn reader(
        &self,
        cache: &ColumnCache,
        columns: &[&str],
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>, StoreError> {
        let file = File::open(&self.path).map_err(|error| self.broken(&error))?;
        let footer = cache.get(self.number(), Part::Footer, || {
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
            let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| self.broken(&error))?;
            Ok(Footer(Arc::clone(metadata.metadata())))
        })?;
        let metadata = |options| {
            ArrowReaderMetadata::try_new(Arc::clone(&footer.0), options).map_err(|error| self.broken(&error))
        };
        let mut file_metadata = metadata(ArrowReaderOptions::new())?;
        // A dictionary is not worth building for a handful of rows.
        if selection.is_none() {
            let schema = with_dictionaries(file_metadata.schema());
            file_metadata = metadata(ArrowReaderOptions::new().with_schema(schema))?;
        }
        let metadata = file_metadata;
        // A file without the column has none of its values either.
        let packed = columns.contains(&Field::EventId.name()).then_some(EVENT_UUID);
        let columns = columns.iter().copied().chain(packed);
        let wanted = ProjectionMask::columns(metadata.parquet_schema(), columns);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(wanted)
            .with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let batches = builder.build().map_err(|error| self.broken(&error))?;
        Ok(batches.map(|batch| batch.and_then(unpack)))
    }

    fn readable<T>(&self, result: Result<T, ArrowError>) -> Result<T, StoreError> {
        result.map_err(|error| self.broken(&error))
    }

    fn broken(&self, cause: &dyn std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!("{}: {cause}", self.path.display()))
    }
}

/// A decoded column of texts, with or without a dictionary.
struct Texts<'a> {
    keys: Option<&'a [i32]>,
    nulls: Option<&'a NullBuffer>,
    values: &'a StringArray,
}

impl<'a> Texts<'a> {
    /// The key of a row without a value.
    const NO_VALUE: usize = usize::MAX;

    fn of(column: &'a ArrayRef) -> Option<Self> {
        if let Some(values) = column.as_string_opt::<i32>() {
            return Some(Self { keys: None, nulls: values.nulls(), values });
        }
        let column = column.as_dictionary_opt::<Int32Type>()?;
        let values = column.values().as_string_opt::<i32>()?;
        Some(Self { keys: Some(column.keys().values()), nulls: column.nulls(), values })
    }

    /// A key of the row's text: equal for equal entries of the dictionary.
    fn key(&self, row: usize) -> usize {
        match self.keys {
            _ if self.nulls.is_some_and(|nulls| nulls.is_null(row)) => Self::NO_VALUE,
            Some(keys) => keys[row] as usize,
            None => row,
        }
    }

    /// The text of a key; empty without a value.
    fn text(&self, key: usize) -> &'a str {
        if key == Self::NO_VALUE { "" } else { self.values.value(key) }
    }
}

/// A row of a batch of two times and every field.
fn row_at(batch: &RecordBatch, row: usize) -> Row<'_> {
    let time = |column| batch.column(column).as_primitive::<TimestampMillisecondType>().value(row);
    let texts = Field::ALL.map(|field| {
        let texts = batch.column(field as usize + 2).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row))
    });
    Row { timestamp: time(0), received_at: time(1), texts }
}

/// The text of a row in its page.
fn text_at(page: &StringArray, row: u32) -> Option<&str> {
    let place = (row % PAGE_ROWS) as usize;
    page.is_valid(place).then(|| page.value(place))
}
