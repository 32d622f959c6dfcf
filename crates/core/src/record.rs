//! An event as columns of text: how it leaves in an export and comes back in an import.
//!
//! Names and order are those of the stored row, project and env left out: they are the scope's.
//! Reading one back checks every bound of the contract, and never repairs.

use std::borrow::Cow;

use crate::column::{Absent, Column, Event};
use crate::ingest::validate::{FieldError, MAX_AHEAD_MILLIS};
use crate::time::Timestamp;

/// How many columns a record has.
pub const COLUMN_COUNT: usize = TIMES.len() + Column::COUNT;

/// The columns that are times; the others are those of [`Column`].
const TIMES: [&str; 2] = ["timestamp", "received_at"];

/// The columns of a record.
pub const COLUMNS: [&str; COLUMN_COUNT] = {
    let mut names = [""; COLUMN_COUNT];
    (names[0], names[1]) = (TIMES[0], TIMES[1]);
    let mut index = 0;
    while index < Column::COUNT {
        names[TIMES.len() + index] = Column::ALL[index].as_str();
        index += 1;
    }
    names
};

/// The most bytes of one row in a text file (a line of NDJSON, a record of CSV): more than any stored
/// row takes, however it is escaped.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// The most bytes of one value: more than any stored value has, however it is escaped (8192 bytes of
/// properties as `\u00xx` are 48 KiB).
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// The event's texts, one for each of [`COLUMNS`].
pub fn texts(event: &Event) -> [Option<Cow<'_, str>>; COLUMN_COUNT] {
    let times = [event.timestamp, event.received_at].map(|time| Some(Cow::Owned(time.to_string())));
    let columns = Column::ALL.map(|column| event.text(column).map(Cow::Borrowed));
    std::array::from_fn(|index| match times.get(index) {
        Some(time) => time.clone(),
        None => columns[index - TIMES.len()].clone(),
    })
}

/// A row on its way in. What is not set, and an empty text, is no value: formats such as CSV
/// cannot distinguish the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record([Option<String>; COLUMN_COUNT]);

impl Record {
    /// Sets the column of that number in [`COLUMNS`]; a number beyond them changes nothing.
    pub fn set(&mut self, column: usize, text: String) {
        if let Some(place) = self.0.get_mut(column) {
            *place = Some(text).filter(|text| !text.is_empty());
        }
    }

    /// Bytes of text in it.
    pub fn bytes(&self) -> usize {
        self.0.iter().flatten().map(String::len).sum()
    }

    /// The event, or every column that breaks its rule. `now` is the server's clock; properties
    /// must be valid JSON already.
    pub fn into_event(self, now: Timestamp) -> Result<Event, Vec<FieldError>> {
        let mut row = Reader { texts: self.0, errors: Vec::new() };
        let (timestamp, received_at) = (row.time(0, None, now), row.time(1, Some(now), now));
        let texts = Column::ALL.map(|column| row.text(column));
        if !row.errors.is_empty() {
            return Err(row.errors);
        }
        Ok(Event::from_texts(timestamp, received_at, |column| texts[column as usize].as_deref()))
    }
}

/// Takes columns one by one and remembers what is wrong with each.
struct Reader {
    texts: [Option<String>; COLUMN_COUNT],
    errors: Vec<FieldError>,
}

impl Reader {
    fn wrong(&mut self, column: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError::new(column, message));
    }

    fn text(&mut self, column: Column) -> Option<String> {
        let info = column.info();
        let Some(text) = self.texts[TIMES.len() + column as usize].take() else {
            return match info.absent {
                Absent::Null => None,
                Absent::Text(text) => Some(text.to_owned()),
                Absent::Required => {
                    self.wrong(info.name, "is required");
                    None
                }
            };
        };
        info.read(text).map_err(|message| self.wrong(info.name, message)).ok()
    }

    fn time(&mut self, index: usize, absent: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let column = TIMES[index];
        let Some(text) = self.texts[index].take() else {
            if absent.is_none() {
                self.wrong(column, "is required");
            }
            return absent.unwrap_or(now);
        };
        match Timestamp::parse(&text) {
            Ok(time) if time.millis() - now.millis() > MAX_AHEAD_MILLIS => {
                self.wrong(column, "lies in the future: set the clock of this machine, or of the other");
                now
            }
            Ok(time) => time,
            Err(error) => {
                self.wrong(column, error.to_string());
                now
            }
        }
    }
}
