//! The stored row as NDJSON, CSV and Parquet, out (here) and in (`rows/reading.rs`).
//!
//! Both ways know the same columns under the same names. Nothing is escaped against the formulas
//! of spreadsheets: what goes out must come back as it was.

mod reading;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use millimetric_core::event::{Event, EventScope};
use millimetric_core::record::{COLUMNS, texts};
use millimetric_events::StoreError;
use millimetric_events::parquet::ParquetWriter;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ops::export::EventEncoder;

pub use self::reading::{Place, Records, Row, parquet_records, text_records};

/// Columns that name the scope: written, and ignored when they come back.
const SCOPE_COLUMNS: [&str; 2] = ["project_id", "env"];

/// How rows are written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowFormat {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// RFC 4180, with a header; no value and an empty text are the same.
    Csv,
    /// The columns of a segment.
    Parquet,
}

impl RowFormat {
    /// Every format, as it is called.
    pub const WORDS: [&str; 3] = ["ndjson", "csv", "parquet"];
}

/// The text names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be ndjson, csv or parquet")]
pub struct UnknownFormat;

impl FromStr for RowFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(UnknownFormat),
        }
    }
}

impl RowFormat {
    /// What a file of it is called behind the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Bytes on their way to somebody else.
#[derive(Debug, Clone, Default)]
struct Outbox(Arc<Mutex<Vec<u8>>>);

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Turns events into the bytes of one file, a few at a time.
pub struct RowWriter {
    scope: [String; 2],
    outbox: Outbox,
    encoder: Encoder,
}

enum Encoder {
    Ndjson,
    Csv(Box<csv::Writer<Outbox>>),
    Parquet(Box<ParquetWriter<Outbox>>),
}

impl RowWriter {
    /// Begins a file of the scope's events.
    pub fn new(format: RowFormat, scope: EventScope) -> Result<Self, StoreError> {
        let outbox = Outbox::default();
        let encoder = match format {
            RowFormat::Ndjson => Encoder::Ndjson,
            RowFormat::Csv => {
                let terminator = csv::Terminator::CRLF;
                let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(outbox.clone());
                let header = SCOPE_COLUMNS.iter().chain(&COLUMNS);
                writer.write_record(header).map_err(|error| unwritten(&error))?;
                Encoder::Csv(Box::new(writer))
            }
            RowFormat::Parquet => Encoder::Parquet(Box::new(ParquetWriter::new(outbox.clone(), scope)?)),
        };
        let scope = [scope.project.to_string(), scope.env.as_str().to_owned()];
        Ok(Self { scope, outbox, encoder })
    }

    fn ready(&self) -> Vec<u8> {
        std::mem::take(&mut *self.outbox.0.lock())
    }
}

impl EventEncoder for RowWriter {
    fn write(&mut self, events: &[Event]) -> Result<Vec<u8>, StoreError> {
        match &mut self.encoder {
            Encoder::Ndjson => {
                for event in events {
                    let mut line = json_line(&self.scope, event);
                    line.push('\n');
                    self.outbox.0.lock().extend_from_slice(line.as_bytes());
                }
            }
            Encoder::Csv(writer) => {
                for event in events {
                    let texts = texts(event);
                    let texts = texts.iter().map(|text| text.as_deref().unwrap_or_default());
                    let row = self.scope.iter().map(String::as_str).chain(texts);
                    writer.write_record(row).map_err(|error| unwritten(&error))?;
                }
                writer.flush().map_err(|error| unwritten(&error))?;
            }
            Encoder::Parquet(writer) => writer.write(events)?,
        }
        Ok(self.ready())
    }

    fn finish(mut self) -> Result<Vec<u8>, StoreError> {
        match self.encoder {
            Encoder::Ndjson => {}
            Encoder::Csv(ref mut writer) => writer.flush().map_err(|error| unwritten(&error))?,
            Encoder::Parquet(writer) => writer.close()?,
        }
        Ok(std::mem::take(&mut *self.outbox.0.lock()))
    }
}

fn json_line(scope: &[String; 2], event: &Event) -> String {
    let of_scope = SCOPE_COLUMNS.iter().zip(scope.iter().map(|text| Value::from(text.as_str())));
    let of_event = COLUMNS.iter().zip(texts(event)).map(|(name, text)| (name, Value::from(text)));
    let row: Map<String, Value> = of_scope.chain(of_event).map(|(name, v)| ((*name).to_owned(), v)).collect();
    Value::Object(row).to_string()
}

fn unwritten(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("the export cannot be written: {error}"))
}
