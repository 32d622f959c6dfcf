//! The sources of visits.

use super::{Filter, RowLimit};
use crate::time::TimeRange;

/// `GET /v1/sources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// An event must pass all of them.
    pub filters: Vec<Filter>,
    /// Whether rows are by source and medium, or by source alone.
    pub by_medium: bool,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

/// One row of a [`SourcesResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct SourcesRow {
    /// The source.
    pub source: String,
    /// The medium, if the rows are by medium too.
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
    /// At most `limit` of them.
    pub rows: Vec<SourcesRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Events of sources that are in no row because there are too many groups to count separately.
    pub other: u64,
    /// Distinct visitors are estimated, not counted.
    pub approximate: bool,
}
