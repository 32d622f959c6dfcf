//! Where visits came from.

use super::{Filter, RowLimit};
use crate::time::TimeRange;

/// `GET /v1/sources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesQuery {
    /// Rows by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Whether rows are split by medium too.
    pub by_medium: bool,
    /// The rows answered.
    pub limit: RowLimit,
}

/// One row of a [`SourcesResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct SourcesRow {
    /// The source.
    pub source: String,
    /// The medium, when rows are split by it.
    pub medium: Option<String>,
    /// Events.
    pub events: u64,
    /// Distinct visitors.
    pub uniques: u64,
    /// Share of the row's events whose medium is `paid`, 0 to 1.
    pub paid_share: f64,
}

/// By events descending, ties by source, then medium.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourcesResponse {
    /// At most the limit asked for.
    pub rows: Vec<SourcesRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of sources that are in no row since there are too many to count each apart.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}
