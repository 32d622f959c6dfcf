//! Properties that hold texts which look like numbers: sums and means leave those out.

use super::super::RowLimit;
use crate::time::TimeRange;

/// Which properties of which events hold texts that look like numbers
/// ([`is_numeric_text`](crate::quality::is_numeric_text)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumericTextsQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

/// A top-level property of the events of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumericTextsRow {
    /// The name of the events.
    pub event_name: String,
    /// The property.
    pub property: String,
    /// Events in which it is a text that looks like a number: at least 1.
    pub texts: u64,
    /// Events in which it is a number.
    pub numbers: u64,
}

/// By `texts` descending, ties by name and property.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumericTextsResponse {
    /// At most `limit` of them.
    pub rows: Vec<NumericTextsRow>,
    /// Rows were cut at the limit, or there are so many properties that only the most frequent were counted.
    pub truncated: bool,
}
