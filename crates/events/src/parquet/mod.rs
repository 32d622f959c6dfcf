//! Exports events as Parquet and imports them again.
//!
//! The writer keeps one row group of bounded size in memory. `reading.rs` reads untrusted files within the
//! limits that `pages.rs` and `guard.rs` check. `schema.rs` and `id_encoding.rs` are shared with segments.

mod guard;
pub mod id_encoding;
mod pages;
mod reading;
pub mod schema;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, TimestampMillisecondArray};
use millimetric_core::event::{Event, EventScope};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use self::schema::{properties, schema};
use crate::StoreError;
use millimetric_core::column::Column;

pub use self::reading::{BadFile, BadRow, read_parquet};

/// Most rows of a row group.
const GROUP_ROWS: usize = 65_536;
/// Most bytes of a row group.
const GROUP_BYTES: usize = 32 << 20;

/// Writes events as Parquet.
pub struct ParquetWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    project: String,
    env: &'static str,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file of a scope's events.
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

    /// Writes the footer and ends the file.
    pub fn close(self) -> Result<(), StoreError> {
        self.writer.close().map(|_| ()).map_err(|error| unwritten(&error))
    }

    fn columns(&self, events: &[Event]) -> Vec<ArrayRef> {
        let mut texts = [(); Column::COUNT].map(|()| StringBuilder::new());
        for event in events {
            for (builder, column) in texts.iter_mut().zip(Column::ALL) {
                builder.append_option(event.text(column));
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

fn unwritten(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("the export cannot be written: {error}"))
}
