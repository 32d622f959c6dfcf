//! Decodes columns and rows of a segment file. It caches nothing; `columns` caches what it returns.

use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, DictionaryArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use arrow::error::ArrowError;
use hashbrown::HashMap;
use millimetric_events::StoreError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use super::Segment;
use crate::encoding::heap_size::HeapSize;
use crate::encoding::row::{Row, absent};
use crate::encoding::text::{Codes, Interner, TextColumn};
use millimetric_core::column::Column;
use millimetric_events::parquet::id_encoding::{EVENT_UUID, unpack};
use millimetric_events::parquet::schema::{RECEIVED_AT, TIMESTAMP, with_dictionaries};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 65_536;
/// Rows decoded at a time if their texts may be long.
const LONG_ROWS: usize = 4096;
/// Rows decoded at a time if only a few are needed: half a data page of the file.
pub(crate) const PAGE_ROWS: u32 = 8192;
/// Rows decoded at a time with all columns.
const WHOLE_ROWS: usize = 1024;

/// The footer of a segment file, with the offsets of its columns.
pub(crate) struct Footer(Arc<ParquetMetaData>);

impl Footer {
    /// Reads the footer from the file.
    ///
    /// # Errors
    /// `Corrupt`, with the path, if the file is missing or is not a Parquet file.
    pub(crate) fn read(segment: &Segment) -> Result<Self, StoreError> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let file = File::open(&segment.path).map_err(|error| segment.broken(&error))?;
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| segment.broken(&error))?;
        Ok(Self(Arc::clone(metadata.metadata())))
    }
}

impl HeapSize for Footer {
    fn heap_bytes(&self) -> usize {
        self.0.memory_size()
    }
}

/// Reads one segment.
pub(crate) struct SegmentReader<'a> {
    segment: &'a Segment,
    footer: Arc<Footer>,
}

impl<'a> SegmentReader<'a> {
    pub(crate) fn new(segment: &'a Segment, footer: Arc<Footer>) -> Self {
        Self { segment, footer }
    }

    /// The event times in milliseconds since 1970, ascending.
    pub(crate) fn timestamps(&self) -> Result<Vec<i64>, StoreError> {
        self.times(TIMESTAMP)
    }

    /// When the server received each event, in milliseconds since 1970.
    pub(crate) fn received(&self) -> Result<Vec<i64>, StoreError> {
        self.times(RECEIVED_AT)
    }

    fn times(&self, column: &str) -> Result<Vec<i64>, StoreError> {
        let mut times = Vec::with_capacity(self.segment.rows);
        for batch in self.batches(&[column], None, BATCH_ROWS)? {
            let batch = self.readable(batch)?;
            times.extend_from_slice(batch.column(0).as_primitive::<TimestampMillisecondType>().values());
        }
        Ok(times)
    }

    /// A text column, decoded whole.
    pub(crate) fn text(&self, field: Column) -> Result<TextColumn, StoreError> {
        let mut interner = Interner::default();
        let codes = self.derive(field, |text| interner.code(text))?;
        let dictionary = interner.into_dictionary();
        Ok(TextColumn { codes: Codes::narrow(&codes, dictionary.len()), dictionary: Arc::new(dictionary) })
    }

    /// Returns `compute` of each row's text. In columns with a dictionary, `compute` runs once per entry
    /// and not once per row.
    pub(crate) fn derive<T: Clone>(
        &self,
        field: Column,
        mut compute: impl FnMut(Option<&str>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        if !self.has(field) {
            return Ok(vec![compute(absent(field)); self.segment.rows]);
        }
        let none = compute(None);
        let mut derived = Vec::with_capacity(self.segment.rows);
        let mut previous: Option<(arrow::array::ArrayRef, Vec<T>)> = None;
        let batch_rows = if field == Column::Properties { LONG_ROWS } else { BATCH_ROWS };
        for batch in self.batches(&[field.as_str()], None, batch_rows)? {
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

    /// Calls `each` with the distinct pairs of two columns in the rows that `wanted` accepts, and their number
    /// of rows, until it breaks. Pairs are distinct only among rows that are decoded together.
    pub(crate) fn each_pair(
        &self,
        fields: [Column; 2],
        wanted: impl Fn(usize) -> bool,
        mut each: impl FnMut(&str, &str, u32) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut first = 0;
        for batch in self.batches(&fields.map(Column::as_str), None, LONG_ROWS)? {
            let batch = self.readable(batch)?;
            let [a, b] = fields.map(|field| {
                let column = batch.column_by_name(field.as_str());
                column.and_then(Texts::of).ok_or_else(|| self.segment.broken(&"a text column is missing"))
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

    /// Calls `each` with the rows of a range in order, until it breaks. At most 1024 rows are decoded at a
    /// time.
    pub(crate) fn each_row(
        &self,
        rows: Range<usize>,
        mut each: impl FnMut(Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let names: Vec<&str> =
            [TIMESTAMP, RECEIVED_AT].into_iter().chain(Column::ALL.map(Column::as_str)).collect();
        let selection = RowSelection::from_consecutive_ranges(std::iter::once(rows), self.segment.rows);
        for batch in self.batches(&names, Some(selection), WHOLE_ROWS)? {
            let batch = self.readable(batch)?;
            for row in 0..batch.num_rows() {
                if each(row_at(&batch, row))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The texts of a column in one page of [`PAGE_ROWS`] rows; pages are numbered from 0.
    ///
    /// # Errors
    /// `Corrupt` if the file does not have the page.
    pub(crate) fn page(&self, field: Column, page: u32) -> Result<StringArray, StoreError> {
        let start = (page * PAGE_ROWS) as usize;
        let rows = start..self.segment.rows.min(start + PAGE_ROWS as usize);
        if !self.has(field) {
            return Ok(rows.map(|_| absent(field)).collect());
        }
        let selection = RowSelection::from_consecutive_ranges(std::iter::once(rows), self.segment.rows);
        let mut batches = self.batches(&[field.as_str()], Some(selection), PAGE_ROWS as usize)?;
        let batch = batches.next().ok_or_else(|| self.segment.broken(&"a page is missing"))?;
        Ok(self.readable(batch)?.column(0).as_string::<i32>().clone())
    }

    /// Whether the file has the column; files of older releases lack columns that were added later.
    fn has(&self, field: Column) -> bool {
        let columns = self.footer.0.file_metadata().schema_descr().columns();
        columns.iter().any(|column| column.name() == field.as_str())
    }

    fn batches(
        &self,
        columns: &[&str],
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>, StoreError> {
        let file = File::open(&self.segment.path).map_err(|error| self.segment.broken(&error))?;
        let metadata = |options| {
            ArrowReaderMetadata::try_new(Arc::clone(&self.footer.0), options)
                .map_err(|error| self.segment.broken(&error))
        };
        let mut file_metadata = metadata(ArrowReaderOptions::new())?;
        // For a few rows, building a dictionary costs more than it saves.
        if selection.is_none() {
            let schema = with_dictionaries(file_metadata.schema());
            file_metadata = metadata(ArrowReaderOptions::new().with_schema(schema))?;
        }
        let metadata = file_metadata;
        // Reading `event_id` needs `event_uuid` too; files of older releases do not have it.
        let packed = columns.contains(&Column::EventId.as_str()).then_some(EVENT_UUID);
        let columns = columns.iter().copied().chain(packed);
        let wanted = ProjectionMask::columns(metadata.parquet_schema(), columns);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(wanted)
            .with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let batches = builder.build().map_err(|error| self.segment.broken(&error))?;
        Ok(batches.map(|batch| batch.and_then(unpack)))
    }

    fn readable<T>(&self, result: Result<T, ArrowError>) -> Result<T, StoreError> {
        result.map_err(|error| self.segment.broken(&error))
    }
}

/// A decoded text column, with or without a dictionary.
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

    /// The key of the row's text. Rows with the same dictionary entry have the same key.
    fn key(&self, row: usize) -> usize {
        match self.keys {
            _ if self.nulls.is_some_and(|nulls| nulls.is_null(row)) => Self::NO_VALUE,
            Some(keys) => keys[row] as usize,
            None => row,
        }
    }

    /// The text of a key; empty for [`Self::NO_VALUE`].
    fn text(&self, key: usize) -> &'a str {
        if key == Self::NO_VALUE { "" } else { self.values.value(key) }
    }
}

/// A row of a batch whose columns are the two times and all text columns.
fn row_at(batch: &RecordBatch, row: usize) -> Row<'_> {
    let time = |column| batch.column(column).as_primitive::<TimestampMillisecondType>().value(row);
    let texts = Column::ALL.map(|field| {
        // New columns are added at the end, so files of older releases lack the last ones.
        let Some(texts) = batch.columns().get(field as usize + 2) else { return absent(field) };
        let texts = texts.as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row))
    });
    Row { timestamp: time(0), received_at: time(1), texts }
}
