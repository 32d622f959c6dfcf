//! One event as the engine handles it: two times and a borrowed text for each column. It converts from and
//! to [`Event`].

use millimetric_core::event::Event;
use millimetric_core::time::Timestamp;

use millimetric_core::column::{Absent, Column};

/// An event, its texts borrowed and in the order of [`Column::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row<'a> {
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
    /// Milliseconds since the epoch.
    pub(crate) received_at: i64,
    pub(crate) texts: [Option<&'a str>; Column::COUNT],
}

impl<'a> Row<'a> {
    /// The event's row.
    pub(crate) fn of(event: &'a Event) -> Self {
        Self {
            timestamp: event.timestamp.millis(),
            received_at: event.received_at.millis(),
            texts: Column::ALL.map(|column| event.text(column)),
        }
    }

    pub(crate) fn text(&self, column: Column) -> Option<&'a str> {
        self.texts[column as usize]
    }

    /// The row as an event.
    pub(crate) fn to_event(self) -> Event {
        let (timestamp, received_at) = (instant(self.timestamp), instant(self.received_at));
        Event::from_texts(timestamp, received_at, |column| self.text(column))
    }
}

/// The text in a column of an event that was stored before the column existed.
pub(crate) fn absent(column: Column) -> Option<&'static str> {
    match column.info().absent {
        Absent::Null => None,
        Absent::Text(text) => Some(text),
        Absent::Required => Some(""),
    }
}

/// An event as it is read back from the write-ahead log: its texts are not yet known to be UTF-8.
#[derive(Debug)]
pub(crate) struct PackedRow<'a> {
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
    /// Milliseconds since the epoch.
    pub(crate) received_at: i64,
    /// In the order of [`Column::ALL`].
    pub(crate) texts: [Option<&'a [u8]>; Column::COUNT],
}

/// Approximate memory of an event in bytes.
pub(crate) fn memory_of(event: &Event) -> usize {
    let texts = Column::ALL.into_iter().filter_map(|column| event.text(column));
    size_of::<Event>() + texts.map(str::len).sum::<usize>()
}

/// Converts stored milliseconds; values outside the range of [`Timestamp`] become its minimum or maximum.
pub(crate) fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
