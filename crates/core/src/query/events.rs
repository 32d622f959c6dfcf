//! Raw events: page by page, and all of them as a file.

use super::{Filter, RowLimit};
use crate::event::Event;
use crate::time::{TimeRange, Timestamp};

/// `GET /v1/query`: raw events, newest first (ties by `event_id` descending).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// The rows answered.
    pub limit: RowLimit,
    /// Continue behind this row.
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

/// Every event that the filters let through, for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
}

/// The place of a row in the order of [`EventsQuery`]. It names the row and not its number,
/// so rows that arrive in between neither repeat nor skip one.
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
    /// At most the limit asked for.
    pub rows: Vec<Event>,
    /// Where to continue, when there is more.
    pub next: Option<Cursor>,
}
