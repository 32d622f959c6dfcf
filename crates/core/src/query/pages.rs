//! `GET /v1/pages`: which pages are viewed, and where sessions begin and end.
//!
//! The definition alone; engines count.

use std::str::FromStr;

use super::{Filter, RowLimit};
use crate::time::TimeRange;

/// Page views by path, with the sessions (contract, 4.1) that enter, exit and bounce there.
///
/// A page view counts if it is in the range, and the entry of its session passes the filters: all that the
/// visitors from a source have seen, not only what they saw first. Sessions are those of
/// [`SessionsQuery`](super::SessionsQuery): their first event is in the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagesQuery {
    /// Selects page views by their `timestamp`, and sessions by that of their first event.
    pub range: TimeRange,
    /// The first page view of a session must pass all of them.
    pub filters: Vec<Filter>,
    /// What the rows are ordered by.
    pub sort: PagesSort,
    /// The maximum number of rows.
    pub limit: RowLimit,
}

/// What the rows of a [`PagesResponse`] are ordered by, descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PagesSort {
    /// `views`: the top pages.
    #[default]
    Views,
    /// `entries`: where sessions begin.
    Entries,
    /// `exits`: where sessions end.
    Exits,
}

/// The text is no order of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of views, entries, exits")]
pub struct UnknownPagesSort;

impl FromStr for PagesSort {
    type Err = UnknownPagesSort;

    fn from_str(text: &str) -> Result<Self, UnknownPagesSort> {
        match text {
            "views" => Ok(Self::Views),
            "entries" => Ok(Self::Entries),
            "exits" => Ok(Self::Exits),
            _ => Err(UnknownPagesSort),
        }
    }
}

/// By the number of [`PagesQuery::sort`], descending; ties by path, no path first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PagesResponse {
    /// At most `limit` of them.
    pub rows: Vec<PagesRow>,
    /// All sessions.
    pub sessions: u64,
    /// How many of them are bounces.
    pub bounces: u64,
    /// Rows were cut at the limit, or some paths are counted in `other`.
    pub truncated: bool,
    /// Page views of paths that are in no row because there are too many groups to count separately.
    pub other: u64,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PagesRow {
    /// The path; `None` for page views without one.
    pub path: Option<String>,
    /// Page views.
    pub views: u64,
    /// Distinct visitors; always counted, never estimated.
    pub uniques: u64,
    /// Sessions that begin here.
    pub entries: u64,
    /// Sessions that end here.
    pub exits: u64,
    /// Sessions that begin here and are bounces.
    pub bounces: u64,
}
