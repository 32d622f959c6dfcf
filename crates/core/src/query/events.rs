//! Raw events: page by page, and all of them as a file.

pub(super) mod rule_changes;

use super::{EventSelector, Filter, RowLimit};
use crate::event::Event;
use crate::time::{TimeRange, Timestamp};

/// `GET /v1/query`: raw events, newest first (ties by `event_id` descending).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// Which events.
    pub events: EventSelector,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
    /// The maximum number of rows.
    pub limit: RowLimit,
    /// Continue after this row.
    pub after: Option<Cursor>,
}

/// The event with this id, if the range contains its timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The range of the event's `timestamp`.
    pub range: TimeRange,
    /// The event's id.
    pub event_id: String,
}

/// Every event that passes the filters, for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// Which events.
    pub events: EventSelector,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
}

/// The position of a row in the order of [`EventsQuery`]. It names the row, not an offset, so that
/// rows that arrive between two pages neither repeat nor skip one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The row's time.
    pub timestamp: Timestamp,
    /// The row's id.
    pub event_id: String,
}

/// A page of raw events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventsResponse {
    /// At most `limit` of them.
    pub rows: Vec<Event>,
    /// Where to continue, if there are more rows.
    pub next: Option<Cursor>,
}
