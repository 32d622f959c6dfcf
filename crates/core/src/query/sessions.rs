//! `GET /v1/sessions`: how many sessions began, and how many of them saw one page only.
//!
//! Says what is counted; never counts.

use super::{Buckets, Filter, RowLimit};
use crate::time::{TimeRange, Timestamp};

/// Sessions as [`PagesQuery`](super::PagesQuery) defines them, over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsQuery {
    /// Page views by their `timestamp`.
    pub range: TimeRange,
    /// All must hold of a session's entry.
    pub filters: Vec<Filter>,
    /// A row for each bucket in which a session begins.
    pub buckets: Option<Buckets>,
    /// The rows answered.
    pub limit: RowLimit,
}

/// By bucket ascending. Without buckets: exactly one row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionsResponse {
    /// At most the limit asked for. A session is in the bucket of its entry.
    pub rows: Vec<SessionsRow>,
    /// Rows were cut at the limit.
    pub truncated: bool,
}

/// The sessions of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionsRow {
    /// The first instant of the bucket, when buckets were asked for.
    pub bucket: Option<Timestamp>,
    /// Sessions that begin.
    pub sessions: u64,
    /// How many of them are of one page view.
    pub bounces: u64,
}
