//! `GET /v1/sessions`: the number of sessions and bounces.
//!
//! The definition alone; engines count.

use super::{Buckets, Filter, RowLimit};
use crate::time::{TimeRange, Timestamp};

/// Sessions as [`PagesQuery`](super::PagesQuery) defines them, over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsQuery {
    /// Selects page views by their `timestamp`.
    pub range: TimeRange,
    /// The first page view of a session must pass all of them.
    pub filters: Vec<Filter>,
    /// If set, one row for each bucket in which a session begins.
    pub buckets: Option<Buckets>,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

/// By bucket, ascending. Without buckets exactly one row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionsResponse {
    /// At most `limit` rows. A session is in the bucket of its entry.
    pub rows: Vec<SessionsRow>,
    /// Rows were cut at the limit.
    pub truncated: bool,
}

/// The sessions of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionsRow {
    /// The first instant of the bucket, if the query has buckets.
    pub bucket: Option<Timestamp>,
    /// Sessions that begin.
    pub sessions: u64,
    /// How many of them have one page view.
    pub bounces: u64,
}
