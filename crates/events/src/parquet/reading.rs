//! Reads an untrusted Parquet file as rows, a few at a time. Optional columns may be missing, and texts and
//! times may have other types with the same meaning.
//!
//! Texts are views of their pages, so a long value that a dictionary repeats is in memory once. No value
//! longer than a stored value may be is copied.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use millimetric_core::record::{COLUMNS, MAX_VALUE_BYTES, Record};
use millimetric_core::time::Timestamp;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::ParquetMetaData;
use uuid::Uuid;

use super::guard::Group;
use super::id_encoding::{EVENT_UUID, EventId};
use super::pages;

/// Most bytes of the footer of a file, which is read as a whole.
const MAX_FOOTER: u64 = 64 << 20;
/// A Parquet file ends with the length of the footer and these letters.
const MAGIC: &[u8] = b"PAR1";
/// Index of the first text column; the columns before are times.
const FIRST_TEXT: usize = 2;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFile(pub String);

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {why}")]
pub struct BadRow {
    /// Its number in the file, from 1.
    pub row: u64,
    /// Why it cannot be read.
    pub why: String,
}

impl BadRow {
    pub(crate) fn new(row: u64, why: impl Into<String>) -> Self {
        Self { row, why: why.into() }
    }
}

/// Reads a Parquet file row by row, in bounded memory.
///
/// # Errors
/// [`BadFile`] if it is not a Parquet file or has unknown or nested columns. Damage in the middle of the file
/// is a [`BadRow`], after which the iterator may end.
pub fn read_parquet(file: File) -> Result<impl Iterator<Item = Result<Record, BadRow>>, BadFile> {
    check_footer(&file)?;
    let found =
        ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|error| bad_file(&error))?;
    check_columns(&found)?;
    let metadata = Arc::clone(found.metadata());
    let schema = metadata.file_metadata().schema_descr();
    let views = with_views(found.schema());
    let levels = parquet_to_arrow_field_levels(schema, ProjectionMask::all(), Some(views.fields()));
    let levels = levels.map_err(|error| bad_file(&error))?;
    let rows = Rows { file: Arc::new(file), metadata, levels, group: 0, row: 1, batches: None };
    Ok(rows.flatten())
}

/// The footer is before the last eight bytes, which contain its length.
fn check_footer(mut file: &File) -> Result<(), BadFile> {
    let mut end = [0; 8];
    let read = file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut end));
    read.map_err(|_| bad_file(&"it is too short to be one"))?;
    let (length, magic) = end.split_at(4);
    if magic != MAGIC {
        return Err(bad_file(&"it does not end like one"));
    }
    let length = length.iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte));
    if length > MAX_FOOTER {
        return Err(bad_file(&format!("its table of contents has {length} bytes; {MAX_FOOTER} is the most")));
    }
    Ok(())
}

fn check_columns(metadata: &ArrowReaderMetadata) -> Result<(), BadFile> {
    for field in metadata.schema().fields() {
        let name = field.name().as_str();
        if !COLUMNS.contains(&name) && !matches!(name, "project_id" | "env" | EVENT_UUID) {
            return Err(bad_file(&format!("the column `{name}` is not known")));
        }
    }
    let nested = |column: &&Arc<parquet::schema::types::ColumnDescriptor>| {
        column.max_rep_level() > 0 || column.path().parts().len() > 1
    };
    match metadata.parquet_schema().columns().iter().find(nested) {
        Some(column) => {
            Err(bad_file(&format!("the column `{}` holds lists or structs", column.path().string())))
        }
        None => Ok(()),
    }
}

/// The columns of the file, with texts as views.
fn with_views(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let plain = match field.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            plain => plain,
        };
        let read = match plain {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(read)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The rows of a file, batch by batch.
struct Rows {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    levels: FieldLevels,
    /// Index of the next row group.
    group: usize,
    /// Number of the next row, from 1.
    row: u64,
    batches: Option<ParquetRecordBatchReader>,
}

impl Iterator for Rows {
    type Item = Vec<Result<Record, BadRow>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(batch) = self.batches.as_mut().and_then(next_batch) else {
                match self.begin_group() {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(bad) => return Some(self.end_with(bad)),
                }
            };
            let first = self.row;
            return Some(
                match batch.map_err(|error| damaged(first, &error)).and_then(|it| records(&it, first)) {
                    Ok(records) => {
                        self.row += records.len() as u64;
                        records
                    }
                    Err(bad) => self.end_with(bad),
                },
            );
        }
    }
}

impl Rows {
    /// Checks the limits of the next row group and opens it; returns false after the last one.
    fn begin_group(&mut self) -> Result<bool, BadRow> {
        let Some(group) = self.metadata.row_groups().get(self.group) else { return Ok(false) };
        let rows = pages::check(&self.file, group, self.row)?;
        let row = self.row;
        let (file, metadata) = (Arc::clone(&self.file), Arc::clone(&self.metadata));
        let group = Group { file, metadata, number: self.group };
        let batches = ParquetRecordBatchReader::try_new_with_row_groups(&self.levels, &group, rows, None);
        self.batches = Some(batches.map_err(|error| damaged(row, &error))?);
        self.group += 1;
        Ok(true)
    }

    /// Ends the iteration with an error: what follows damage cannot be interpreted.
    fn end_with(&mut self, bad: BadRow) -> Vec<Result<Record, BadRow>> {
        self.group = usize::MAX;
        self.batches = None;
        vec![Err(bad)]
    }
}

/// Returns the next batch. Some decoders of the library panic on invalid bytes; a panic is reported as
/// damage, and the reader is not used again.
fn next_batch(batches: &mut ParquetRecordBatchReader) -> Option<Result<RecordBatch, ArrowError>> {
    catch_unwind(AssertUnwindSafe(|| batches.next()))
        .unwrap_or_else(|_| Some(Err(ArrowError::ParquetError("its values are damaged".to_owned()))))
}

fn damaged(row: u64, error: &dyn std::fmt::Display) -> BadRow {
    BadRow::new(row, format!("the Parquet file: {error}"))
}

/// Returns the rows of a batch, whose first row has the number `first`.
fn records(batch: &RecordBatch, first: u64) -> Result<Vec<Result<Record, BadRow>>, BadRow> {
    let mut records = vec![Ok(Record::default()); batch.num_rows()];
    let mut fill = |number: usize, texts: &dyn Fn(usize) -> Result<Option<String>, String>| {
        for (row, record) in records.iter_mut().enumerate() {
            let Ok(filled) = record else { continue };
            match texts(row) {
                Ok(text) => text.into_iter().for_each(|text| filled.set(number, text)),
                Err(why) => *record = Err(BadRow::new(first + row as u64, why)),
            }
        }
    };
    for (number, name) in COLUMNS.iter().enumerate() {
        let Some(column) = batch.column_by_name(name) else { continue };
        let wrong = |why: String| format!("`{name}` {why}");
        let column = readable(column, number).map_err(|why| BadRow::new(first, wrong(why)))?;
        fill(number, &|row| if column.is_valid(row) { value(&column, row).map_err(wrong) } else { Ok(None) });
    }
    if let Some(uuids) = batch.column_by_name(EVENT_UUID) {
        let ids = COLUMNS.iter().position(|name| *name == "event_id").unwrap_or_default();
        let wrong = || BadRow::new(first, format!("`{EVENT_UUID}` must be a UUID"));
        let uuids =
            uuids.as_fixed_size_binary_opt().filter(|it| it.value_length() == 16).ok_or_else(wrong)?;
        fill(ids, &|row| {
            let uuid = uuids.is_valid(row).then(|| Uuid::from_slice(uuids.value(row)).ok()).flatten();
            Ok(uuid.map(|uuid| EventId::Packed(uuid).with_text(str::to_owned)))
        });
    }
    Ok(records)
}

/// Converts a column to a type that [`value`] reads: text, or for times also a timestamp.
fn readable(column: &ArrayRef, number: usize) -> Result<ArrayRef, String> {
    match column.data_type() {
        DataType::Utf8View | DataType::BinaryView => Ok(Arc::clone(column)),
        DataType::Timestamp(..) if number < FIRST_TEXT => Ok(Arc::clone(column)),
        _ => {
            let expected = if number < FIRST_TEXT {
                DataType::Timestamp(TimeUnit::Millisecond, None)
            } else {
                DataType::Utf8View
            };
            cast(column, &expected).map_err(|error| format!("has another type: {error}"))
        }
    }
}

/// Returns a value as text; `None` if it is null.
fn value(column: &ArrayRef, row: usize) -> Result<Option<String>, String> {
    let millis = match column.data_type() {
        DataType::Utf8View => return text(column.as_string_view().value(row)).map(Some),
        DataType::BinaryView => {
            let bytes = column.as_binary_view().value(row);
            let utf8 = std::str::from_utf8(bytes).map_err(|_| "is no text in UTF-8".to_owned())?;
            return text(utf8).map(Some);
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            column.as_primitive::<TimestampSecondType>().value(row).checked_mul(1000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(column.as_primitive::<TimestampMicrosecondType>().value(row).div_euclid(1000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(column.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000_000))
        }
        other => return Err(format!("has the type {other}")),
    };
    let time = millis.and_then(Timestamp::from_millis);
    let time = time.ok_or("must lie between the years 0001 and 9999, like 2026-05-16T19:00:00Z")?;
    Ok(Some(time.to_string()))
}

fn text(value: &str) -> Result<String, String> {
    let length = value.len();
    if length > MAX_VALUE_BYTES {
        return Err(format!("has {length} bytes; a stored value has at most {MAX_VALUE_BYTES}"));
    }
    Ok(value.to_owned())
}

fn bad_file(error: &dyn std::fmt::Display) -> BadFile {
    BadFile(format!("the Parquet file: {error}"))
}
