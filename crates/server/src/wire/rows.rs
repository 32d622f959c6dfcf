//! The stored row as NDJSON, CSV and Parquet, out and in.
//!
//! Both ways know the same columns under the same names. Nothing is escaped against the formulas
//! of spreadsheets: what goes out must come back as it was.

use std::io::{BufRead, BufReader, Read, Write};
use std::str::FromStr;
use std::sync::Arc;

use millimetric_core::event::{Event, EventScope};
use millimetric_core::record::{COLUMNS, Record, texts};
use millimetric_events::StoreError;
use millimetric_events::embedded::{ParquetWriter, read_parquet};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Columns that name the scope: written, and ignored when they come back.
const SCOPE_COLUMNS: [&str; 2] = ["project_id", "env"];
/// The most bytes of one line of NDJSON.
const MAX_LINE: u64 = 1 << 20;

/// How rows are written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowFormat {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// RFC 4180, with a header; no value and an empty text look alike.
    Csv,
    /// The columns of a segment.
    Parquet,
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

    /// Adds events; gives the bytes that are ready, maybe none.
    pub fn write(&mut self, events: &[Event]) -> Result<Vec<u8>, StoreError> {
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

    /// Ends the file; gives its last bytes.
    pub fn finish(mut self) -> Result<Vec<u8>, StoreError> {
        match self.encoder {
            Encoder::Ndjson => {}
            Encoder::Csv(ref mut writer) => writer.flush().map_err(|error| unwritten(&error))?,
            Encoder::Parquet(writer) => writer.close()?,
        }
        Ok(std::mem::take(&mut *self.outbox.0.lock()))
    }

    fn ready(&self) -> Vec<u8> {
        std::mem::take(&mut *self.outbox.0.lock())
    }
}

fn json_line(scope: &[String; 2], event: &Event) -> String {
    let of_scope = SCOPE_COLUMNS.iter().zip(scope.iter().map(|text| Value::from(text.as_str())));
    let of_event = COLUMNS.iter().zip(texts(event)).map(|(name, text)| (name, Value::from(text)));
    let row: Map<String, Value> = of_scope.chain(of_event).map(|(name, v)| ((*name).to_owned(), v)).collect();
    Value::Object(row).to_string()
}

/// Rows of a file, one by one; an error says what is wrong, without its row's number.
pub type Records = Box<dyn Iterator<Item = Result<Record, String>> + Send>;

/// Reads NDJSON or CSV as it comes; Parquet needs [`parquet_records`].
pub fn text_records(format: RowFormat, source: impl Read + Send + 'static) -> Result<Records, String> {
    if format == RowFormat::Csv {
        return csv_records(source);
    }
    let mut lines = BufReader::new(source);
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            let mut line = Vec::new();
            match (&mut lines).take(MAX_LINE + 1).read_until(b'\n', &mut line) {
                Err(error) => return Some(Err(error.to_string())),
                Ok(0) => return None,
                Ok(length) if length as u64 > MAX_LINE => {
                    return Some(Err(format!("is longer than {MAX_LINE} bytes")));
                }
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => return Some(json_record(&line)),
            }
        }
    })))
}

/// Reads Parquet, which begins at its end: a stream must be put into a file first.
pub fn parquet_records(file: std::fs::File) -> Result<Records, String> {
    let records = read_parquet(file).map_err(words)?;
    Ok(Box::new(records.map(|record| record.map_err(words))))
}

/// What is wrong with a file that is not the store's own.
fn words(error: StoreError) -> String {
    match error {
        StoreError::Corrupt(why) => why,
        other => other.to_string(),
    }
}

fn json_record(line: &[u8]) -> Result<Record, String> {
    let row: Map<String, Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let mut record = Record::default();
    for (name, value) in row {
        match (column(&name)?, value) {
            (None, _) | (_, Value::Null) => {}
            (Some(number), Value::String(text)) => record.set(number, text),
            (Some(number), object @ Value::Object(_)) if name == "properties" => {
                record.set(number, object.to_string());
            }
            _ => return Err(format!("`{name}` must be a text or null")),
        }
    }
    Ok(record)
}

fn csv_records(source: impl Read + Send + 'static) -> Result<Records, String> {
    let mut reader = csv::Reader::from_reader(source);
    let header = reader.headers().map_err(|error| error.to_string())?;
    let numbers: Vec<Option<usize>> = header.iter().map(column).collect::<Result<_, _>>()?;
    Ok(Box::new(reader.into_records().map(move |row| {
        let row = row.map_err(|error| error.to_string())?;
        let mut record = Record::default();
        for (number, text) in numbers.iter().zip(&row) {
            if let Some(number) = number {
                record.set(*number, text.to_owned());
            }
        }
        Ok(record)
    })))
}

/// The number of a column; none for those of the scope.
fn column(name: &str) -> Result<Option<usize>, String> {
    if SCOPE_COLUMNS.contains(&name) {
        return Ok(None);
    }
    let number = COLUMNS.iter().position(|known| *known == name);
    number.map(Some).ok_or_else(|| format!("the column `{name}` is not known"))
}

fn unwritten(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Internal(format!("the export cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use millimetric_core::ids::ProjectId;
    use millimetric_core::key::Env;
    use millimetric_core::time::Timestamp;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use uuid::Uuid;

    use super::*;

    /// Texts with everything that separates, quotes or escapes in any of the formats.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\""),
            Just(","),
            Just("\r"),
            Just("\n"),
            Just("\\"),
            Just("\t"),
            Just(" "),
            Just("\u{feff}"),
            Just("\u{202e}"),
            Just("\u{2028}"),
            Just("="),
            Just("ü"),
            Just("\u{1f600}"),
            Just("null"),
            Just("'"),
        ];
        proptest::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
    }

    fn event() -> impl Strategy<Value = Event> {
        let optional = || proptest::option::of(text());
        (text(), text(), optional(), optional(), 0..8100_usize, any::<i32>()).prop_map(
            |(name, id, user, campaign, long, seconds)| {
                let mut record = Record::default();
                let properties = serde_json::json!({ "a": "\"".repeat(long / 2), "b": name }).to_string();
                let properties = if properties.len() > 8192 { "{}".to_owned() } else { properties };
                let time = Timestamp::from_millis(i64::from(seconds) * 999).unwrap_or(Timestamp::MIN);
                let texts = [
                    ("timestamp", Some(time.to_string())),
                    ("received_at", Some(time.to_string())),
                    ("event_name", Some(name)),
                    ("event_id", Some(id.clone())),
                    ("anonymous_id", Some(id.clone())),
                    ("session_id", Some(id)),
                    ("user_id", user),
                    ("campaign", campaign),
                    ("source", Some("direct".to_owned())),
                    ("medium", Some("direct".to_owned())),
                    ("properties", Some(properties)),
                ];
                for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
                    record.set(COLUMNS.iter().position(|column| *column == name).unwrap(), text);
                }
                record.into_event(Timestamp::MAX).unwrap()
            },
        )
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        let scope = EventScope { project: ProjectId::new(Uuid::from_u128(1)), env: Env::Live };
        let config = Config { cases: 64, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let checked = runner.run(&proptest::collection::vec(event(), 0..6), |events| {
            for format in [RowFormat::Ndjson, RowFormat::Csv] {
                let mut writer = RowWriter::new(format, scope).unwrap();
                let mut bytes = Vec::new();
                for events in events.chunks(2) {
                    bytes.extend(writer.write(events).unwrap());
                }
                bytes.extend(writer.finish().unwrap());
                let read: Vec<Event> = text_records(format, Cursor::new(bytes))
                    .unwrap()
                    .map(|record| record.unwrap().into_event(Timestamp::MAX).unwrap())
                    .collect();
                prop_assert_eq!(&read, &events);
            }
            Ok(())
        });
        checked.unwrap();
    }

    #[test]
    fn a_line_has_a_bound_and_empty_ones_are_passed_over() {
        let long = format!("\n  \n{{}}\n{}", "x".repeat(MAX_LINE as usize + 1));
        let mut records = text_records(RowFormat::Ndjson, Cursor::new(long)).unwrap();
        assert_eq!(records.next(), Some(Ok(Record::default())));
        assert!(records.next().unwrap().unwrap_err().contains("longer than"));
    }

    #[test]
    fn an_unknown_column_is_named() {
        let error = text_records(RowFormat::Csv, Cursor::new("env,colour\nlive,red\n")).err();
        assert_eq!(error.as_deref(), Some("the column `colour` is not known"));
    }
}
