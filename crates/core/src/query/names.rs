//! Which event names occur, and which properties their events have.

pub(super) mod numeric_texts;

use super::{Filter, RowLimit};
use crate::time::{TimeRange, Timestamp};

/// `GET /v1/events`: which event names occur, and with which properties. All but the times when a name was first
/// and last seen is of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

/// One event name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamesRow {
    /// The name.
    pub event_name: String,
    /// Events of that name.
    pub count: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// The earliest of all stored events of that name that pass the filters, in the range or not. Sessions, which
    /// filters may be about, are those of all stored events.
    pub first_seen: Timestamp,
    /// The latest of them.
    pub last_seen: Timestamp,
    /// Its top-level properties, by count descending, then name; at most
    /// [`NamesRow::MAX_PROPERTIES`].
    pub properties: Vec<PropertySeen>,
    /// How often events of that name have a property that is not among `properties`.
    pub other_properties: u64,
}

impl NamesRow {
    /// The maximum number of properties of one name.
    pub const MAX_PROPERTIES: usize = 100;
}

/// One top-level property of an event name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySeen {
    /// The property.
    pub name: String,
    /// Events that have it.
    pub count: u64,
}

/// By count descending, ties by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamesResponse {
    /// At most `limit` of them.
    pub rows: Vec<NamesRow>,
    /// Rows were cut at the limit, or some names are counted in `other`.
    pub truncated: bool,
    /// Events of names that are in no row because there are too many groups to count separately.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}
