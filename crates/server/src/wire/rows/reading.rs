//! Rows of a file on their way in, one by one, each within bounds: of a line or record that is longer
//! than a stored row can be no more is read than that.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use csv::StringRecord;
use millimetric_core::record::{COLUMNS, MAX_ROW_BYTES, Record};
use millimetric_events::parquet::read_parquet;
use serde_json::{Map, Value};

use super::{RowFormat, SCOPE_COLUMNS};

/// What some programs put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Where a row is, as an error names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a text; a record that has more than one line begins there.
    Line(u64),
    /// In a file without lines.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Row(number) => write!(f, "row {number}"),
        }
    }
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it is.
    pub place: Place,
    /// What it holds.
    pub record: Record,
}

/// Rows of a file, one by one; an error says where and what is wrong, and is the last.
pub type Records = Box<dyn Iterator<Item = Result<Row, String>> + Send>;

/// Reads NDJSON or CSV as it comes; Parquet needs [`parquet_records`].
pub fn text_records(format: RowFormat, source: impl Read + Send + 'static) -> Result<Records, String> {
    let source = without_mark(source).map_err(|error| error.to_string())?;
    match format {
        RowFormat::Csv => csv_records(source),
        RowFormat::Ndjson | RowFormat::Parquet => Ok(json_records(source)),
    }
}

/// Reads Parquet, which begins at its end: a stream must be put into a file first.
pub fn parquet_records(file: std::fs::File) -> Result<Records, String> {
    let records = read_parquet(file).map_err(|error| error.to_string())?;
    Ok(Box::new((1..).zip(records).map(|(number, record)| match record {
        Ok(record) => Ok(Row { place: Place::Row(number), record }),
        Err(bad) => Err(bad.to_string()),
    })))
}

/// The source from behind its byte order mark.
fn without_mark<R: Read>(mut source: R) -> io::Result<Chain<Cursor<Vec<u8>>, R>> {
    let mut begin = Vec::with_capacity(BYTE_ORDER_MARK.len());
    source.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut begin)?;
    if begin == BYTE_ORDER_MARK {
        begin.clear();
    }
    Ok(Cursor::new(begin).chain(source))
}

fn too_long() -> String {
    format!("is longer than {MAX_ROW_BYTES} bytes, the limit of a row")
}

fn at(place: Place) -> impl Fn(String) -> String {
    move |why| format!("{place}: {why}")
}

fn json_records(source: impl Read + Send + 'static) -> Records {
    let mut lines = BufReader::new(source);
    let mut numbers = 1..;
    let next = move || loop {
        let place = Place::Line(numbers.next()?);
        let mut line = Vec::new();
        match lines.by_ref().take(MAX_ROW_BYTES as u64 + 1).read_until(b'\n', &mut line) {
            Err(error) => return Some(Err(at(place)(error.to_string()))),
            Ok(0) => return None,
            Ok(length) if length > MAX_ROW_BYTES => return Some(Err(at(place)(too_long()))),
            Ok(_) if line.trim_ascii().is_empty() => {}
            Ok(_) => {
                let row = json_record(&line).map(|record| Row { place, record });
                return Some(row.map_err(at(place)));
            }
        }
    };
    Box::new(until_error(std::iter::from_fn(next)))
}

/// The rows up to the first error, which is the last.
fn until_error<T>(rows: impl Iterator<Item = Result<T, String>>) -> impl Iterator<Item = Result<T, String>> {
    let mut failed = false;
    rows.take_while(move |row| !std::mem::replace(&mut failed, row.is_err()))
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

/// A source that gives no more than a row may have before [`Watch::begin_row`] is called again: the
/// CSV reader gathers a record whole, however long it is.
struct Bounded<R> {
    source: R,
    watch: Arc<Watch>,
    last: u8,
}

/// What was given of a source.
#[derive(Default)]
struct Watch {
    /// The bytes since the row began.
    row: AtomicUsize,
    /// Whether its first line ended, and with `\r\n`.
    line_has_ended: AtomicBool,
    with_return: AtomicBool,
}

impl Watch {
    fn begin_row(&self) {
        self.row.store(0, Ordering::Relaxed);
    }

    /// Where a record begins, by the reader's own count: it takes `\r` for the end of a record, and
    /// counts the line at the `\n` behind it, which is then of the next one.
    fn place(&self, row: &StringRecord) -> Place {
        let late = u64::from(self.with_return.load(Ordering::Relaxed));
        Place::Line(row.position().map_or(0, csv::Position::line) + late)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.watch.row.load(Ordering::Relaxed) > MAX_ROW_BYTES {
            return Err(io::Error::other(too_long()));
        }
        let length = self.source.read(bytes)?;
        self.watch.row.fetch_add(length, Ordering::Relaxed);
        let given = &bytes[..length];
        if !self.watch.line_has_ended.load(Ordering::Relaxed)
            && let Some(end) = given.iter().position(|byte| *byte == b'\n')
        {
            let before = end.checked_sub(1).map_or(self.last, |before| given[before]);
            self.watch.with_return.store(before == b'\r', Ordering::Relaxed);
            self.watch.line_has_ended.store(true, Ordering::Relaxed);
        }
        self.last = given.last().copied().unwrap_or(self.last);
        Ok(length)
    }
}

fn csv_records(source: impl Read + Send + 'static) -> Result<Records, String> {
    let watch = Arc::new(Watch::default());
    let mut reader = csv::Reader::from_reader(Bounded { source, watch: Arc::clone(&watch), last: 0 });
    let header = reader.headers().map_err(|error| at(Place::Line(1))(csv_error(error)))?;
    let numbers: Vec<Option<usize>> = header.iter().map(column).collect::<Result<_, _>>()?;
    let mut row = StringRecord::new();
    let next = move || {
        watch.begin_row();
        let read = reader.read_record(&mut row);
        let place = watch.place(&row);
        match read {
            Ok(false) => None,
            Ok(true) if row.as_slice().len() > MAX_ROW_BYTES => Some(Err(at(place)(too_long()))),
            Ok(true) => Some(Ok(Row { place, record: csv_record(&numbers, &row) })),
            Err(error) => Some(Err(at(place)(csv_error(error)))),
        }
    };
    Ok(Box::new(until_error(std::iter::from_fn(next))))
}

fn csv_record(numbers: &[Option<usize>], row: &StringRecord) -> Record {
    let mut record = Record::default();
    for (number, text) in numbers.iter().zip(row) {
        if let Some(number) = number {
            record.set(*number, text.to_owned());
        }
    }
    record
}

fn csv_error(error: csv::Error) -> String {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields; the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => format!("is not valid UTF-8: {err}"),
        other => format!("{other:?}"),
    }
}

/// The number of a column; none for those of the scope.
fn column(name: &str) -> Result<Option<usize>, String> {
    if SCOPE_COLUMNS.contains(&name) {
        return Ok(None);
    }
    let number = COLUMNS.iter().position(|known| *known == name);
    number.map(Some).ok_or_else(|| format!("unknown column `{name}`"))
}
