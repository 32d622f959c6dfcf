//! Events as one Parquet file on its way out or in, with the columns of a segment.
//!
//! Writing holds one row group of bounded size in memory; reading a few rows. Foreign files may
//! lack columns that have no value, and hold texts and times in other types of the same meaning.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, RecordBatch, StringBuilder, TimestampMillisecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::record::{COLUMNS, Record};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use super::field::Field;
use super::packed_ids::{EVENT_UUID, unpack};
use super::row::{Row, instant, ip_text};
use super::segment_file::{properties, schema};
use crate::StoreError;

/// A row group ends at so many rows …
const GROUP_ROWS: usize = 65_536;
/// … or bytes.
const GROUP_BYTES: usize = 32 << 20;
/// Rows read at a time.
const READ_ROWS: usize = 1024;

/// Writes events as Parquet.
pub struct ParquetWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    project: String,
    env: &'static str,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file of the scope's events.
    pub fn new(sink: W, scope: EventScope) -> Result<Self, StoreError> {
        let options =
            ArrowWriterOptions::new().with_properties(properties(GROUP_ROWS)).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(sink, schema(), options).map_err(|e| unwritten(&e))?;
        Ok(Self { writer, project: scope.project.to_string(), env: scope.env.as_str() })
    }

    /// Adds events.
    pub fn write(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let columns = self.columns(events);
        let batch = RecordBatch::try_new(schema(), columns).map_err(|error| unwritten(&error))?;
        self.writer.write(&batch).map_err(|error| unwritten(&error))?;
        if self.writer.in_progress_rows() >= GROUP_ROWS || self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush().map_err(|error| unwritten(&error))?;
        }
        Ok(())
    }

    /// Ends the file.
    pub fn close(self) -> Result<(), StoreError> {
        self.writer.close().map(|_| ()).map_err(|error| unwritten(&error))
    }

    fn columns(&self, events: &[Event]) -> Vec<ArrayRef> {
        let mut texts = [(); Field::COUNT].map(|()| StringBuilder::new());
        for event in events {
            let ip = ip_text(&event.ip_hash);
            let row = Row::of(event, &ip);
            for (builder, text) in texts.iter_mut().zip(row.texts) {
                builder.append_option(text);
            }
        }
        let constant = |text: &str| -> ArrayRef {
            Arc::new(arrow::array::StringArray::from_iter_values(events.iter().map(|_| text)))
        };
        let times = |time: fn(&Event) -> i64| -> ArrayRef {
            let times: Vec<i64> = events.iter().map(time).collect();
            Arc::new(TimestampMillisecondArray::from(times).with_timezone("UTC"))
        };
        let mut columns = vec![
            constant(&self.project),
            constant(self.env),
            times(|event| event.timestamp.millis()),
            times(|event| event.received_at.millis()),
        ];
        columns.extend(texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns
    }
}

/// Reads a Parquet file row by row, a few at a time; the error says what is wrong with the file.
pub fn read_parquet(file: File) -> Result<impl Iterator<Item = Result<Record, StoreError>>, StoreError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unread(&error))?;
    for field in builder.schema().fields() {
        let name = field.name().as_str();
        if !COLUMNS.contains(&name) && !matches!(name, "project_id" | "env" | EVENT_UUID) {
            return Err(unread(&format!("the column `{name}` is not known")));
        }
    }
    let batches = builder.with_batch_size(READ_ROWS).build().map_err(|error| unread(&error))?;
    Ok(batches.flat_map(|batch| {
        match batch.and_then(unpack).map_err(|error| unread(&error)).and_then(|b| records(&b)) {
            Ok(records) => records.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        }
    }))
}

fn records(batch: &RecordBatch) -> Result<Vec<Record>, StoreError> {
    let mut records = vec![Record::default(); batch.num_rows()];
    for (number, name) in COLUMNS.iter().enumerate() {
        let Some(column) = batch.column_by_name(name) else { continue };
        let wrong = |error| unread(&format!("the column `{name}`: {error}"));
        if number < 2 {
            let millis = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
            let times = cast(column, &millis).map_err(wrong)?;
            let times = times.as_primitive::<TimestampMillisecondType>();
            for (row, time) in times.iter().enumerate().filter_map(|(row, time)| Some((row, time?))) {
                records[row].set(number, instant(time).to_string());
            }
        } else {
            let texts = cast(column, &DataType::Utf8).map_err(wrong)?;
            let texts = texts.as_string::<i32>();
            for row in (0..texts.len()).filter(|row| texts.is_valid(*row)) {
                records[row].set(number, texts.value(row).to_owned());
            }
        }
    }
    Ok(records)
}

fn unwritten(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("the export cannot be written: {error}"))
}

fn unread(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("the Parquet file: {error}"))
}
