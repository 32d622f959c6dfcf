//! A sealed segment: what the manifest knows of one Parquet file, and how its columns are read.
//!
//! A segment never changes. One that was replaced deletes its file when the last reader has let
//! go of it, so a running question never loses a file. Writing them is `segment_file.rs`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array as _, AsArray as _, DictionaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use millimetric_core::event::EventScope;
use parking_lot::RwLock;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use super::cache::{ColumnCache, Part, Weighed};
use super::dedup::IdFilter;
use super::field::Field;
use super::row::Row;
use super::segment_file::{RECEIVED_AT, TIMESTAMP, schema_to_read};
use super::text::{Codes, Interner, TextColumn};
use crate::StoreError;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 65_536;

/// One Parquet file of one scope, sorted by (timestamp, `event_id`).
#[derive(Debug)]
pub(super) struct Segment {
    /// Its number in the manifest; later segments have higher ones.
    pub(super) id: i64,
    pub(super) scope: EventScope,
    pub(super) path: PathBuf,
    pub(super) rows: usize,
    pub(super) bytes: u64,
    pub(super) earliest: i64,
    pub(super) latest: i64,
    pub(super) latest_received: i64,
    /// Tells which event ids are certainly not here; none once the dedup window has passed.
    pub(super) filter: RwLock<Option<Arc<IdFilter>>>,
    pub(super) replaced: AtomicBool,
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
    pub(super) fn number(&self) -> u64 {
        self.id as u64
    }

    /// The event times, ascending.
    pub(super) fn timestamps(&self, cache: &ColumnCache) -> Result<Vec<i64>, StoreError> {
        self.times(cache, TIMESTAMP)
    }

    /// When the server took them.
    pub(super) fn received(&self, cache: &ColumnCache) -> Result<Vec<i64>, StoreError> {
        self.times(cache, RECEIVED_AT)
    }

    fn times(&self, cache: &ColumnCache, column: &str) -> Result<Vec<i64>, StoreError> {
        let mut times = Vec::with_capacity(self.rows);
        for batch in self.reader(cache, &[column], None)? {
            let batch = self.readable(batch)?;
            times.extend_from_slice(batch.column(0).as_primitive::<TimestampMillisecondType>().values());
        }
        Ok(times)
    }

    /// A text column, decoded whole.
    pub(super) fn text(&self, cache: &ColumnCache, field: Field) -> Result<TextColumn, StoreError> {
        let mut interner = Interner::default();
        let codes = self.derive(cache, field, |text| interner.code(text))?;
        let dictionary = interner.into_dictionary();
        Ok(TextColumn { codes: Codes::narrow(&codes, dictionary.len()), dictionary: Arc::new(dictionary) })
    }

    /// Something computed from each text of a column, row by row; `compute` runs once per
    /// entry of a dictionary, not once per row.
    pub(super) fn derive<T: Copy>(
        &self,
        cache: &ColumnCache,
        field: Field,
        mut compute: impl FnMut(Option<&str>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let none = compute(None);
        let mut derived = Vec::with_capacity(self.rows);
        let mut previous: Option<(arrow::array::ArrayRef, Vec<T>)> = None;
        for batch in self.reader(cache, &[field.name()], None)? {
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
                derived.extend(column.keys().values().iter().map(|key| entries[*key as usize]));
            } else {
                derived.extend(column.keys().iter().map(|key| key.map_or(none, |key| entries[key as usize])));
            }
            previous = Some((values, entries));
        }
        Ok(derived)
    }

    /// The texts of a few rows only; `rows` ascending. Pages without a wanted row are skipped.
    pub(super) fn some_texts(
        &self,
        cache: &ColumnCache,
        field: Field,
        rows: &[u32],
    ) -> Result<Vec<String>, StoreError> {
        let mut texts = Vec::with_capacity(rows.len());
        self.some(cache, &[field.name()], rows, |batch| {
            for row in 0..batch.num_rows() {
                texts.push(text_at(batch, 0, row).unwrap_or_default().to_owned());
            }
        })?;
        Ok(texts)
    }

    /// Calls `each` with a few rows; `rows` ascending.
    pub(super) fn some_rows(
        &self,
        cache: &ColumnCache,
        rows: &[u32],
        mut each: impl FnMut(Row<'_>),
    ) -> Result<(), StoreError> {
        let names: Vec<&str> =
            [TIMESTAMP, RECEIVED_AT].into_iter().chain(Field::ALL.map(Field::name)).collect();
        self.some(cache, &names, rows, |batch| {
            let timestamps = batch.column(0).as_primitive::<TimestampMillisecondType>();
            let received = batch.column(1).as_primitive::<TimestampMillisecondType>();
            for row in 0..batch.num_rows() {
                let texts = Field::ALL.map(|field| text_at(batch, field as usize + 2, row));
                each(Row { timestamp: timestamps.value(row), received_at: received.value(row), texts });
            }
        })
    }

    fn some(
        &self,
        cache: &ColumnCache,
        columns: &[&str],
        rows: &[u32],
        mut each: impl FnMut(&RecordBatch),
    ) -> Result<(), StoreError> {
        let ranges = rows.iter().map(|row| *row as usize..*row as usize + 1);
        let selection = RowSelection::from_consecutive_ranges(ranges, self.rows);
        for batch in self.reader(cache, columns, Some(selection))? {
            each(&self.readable(batch)?);
        }
        Ok(())
    }

    fn reader(
        &self,
        cache: &ColumnCache,
        columns: &[&str],
        selection: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, StoreError> {
        let file = File::open(&self.path).map_err(|error| self.broken(&error))?;
        let footer = cache.get(self.number(), Part::Footer, || {
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
            let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| self.broken(&error))?;
            Ok(Footer(Arc::clone(metadata.metadata())))
        })?;
        // A dictionary is not worth building for a handful of rows.
        let options = match selection {
            None => ArrowReaderOptions::new().with_schema(schema_to_read()),
            Some(_) => ArrowReaderOptions::new(),
        };
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&footer.0), options)
            .map_err(|error| self.broken(&error))?;
        let wanted = ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(wanted)
            .with_batch_size(BATCH_ROWS);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        builder.build().map_err(|error| self.broken(&error))
    }

    fn readable<T>(&self, result: Result<T, arrow::error::ArrowError>) -> Result<T, StoreError> {
        result.map_err(|error| self.broken(&error))
    }

    fn broken(&self, cause: &dyn std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!("{}: {cause}", self.path.display()))
    }
}

fn text_at(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    let texts = batch.column(column).as_string::<i32>();
    texts.is_valid(row).then(|| texts.value(row))
}
