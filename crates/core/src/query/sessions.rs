//! `GET /v1/sessions`: the number of sessions and bounces, and what they are like.
//!
//! The definition alone; engines count.

pub(super) mod journeys;

use super::{Buckets, Dimension, Filter, Limit};
use crate::column::{Column, SessionColumn};
use crate::time::{TimeRange, Timestamp};

/// Sessions (contract, 4.1) by group and over time.
///
/// Counts the sessions with at least one page view whose first event is in the range. Columns of events are
/// those of the session's entry: its first page view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsQuery {
    /// Selects sessions by the `timestamp` of their first event.
    pub range: TimeRange,
    /// The entry must pass all of them.
    pub filters: Vec<Filter>,
    /// At most [`StatsQuery::MAX_DIMENSIONS`](super::StatsQuery::MAX_DIMENSIONS), all of them
    /// [allowed](Self::allows).
    pub group_by: Vec<Dimension>,
    /// If set, rows for each bucket in which a session begins.
    pub buckets: Option<Buckets>,
    /// Whether the response shows the local time of each bucket: the client has named the time zone.
    pub labels: bool,
    /// How much is returned.
    pub limit: Limit,
}

impl SessionsQuery {
    /// What sessions can be grouped by: columns of the session, and of the visitor's country and device.
    pub fn allowed() -> impl Iterator<Item = Dimension> {
        let device = [Column::Country, Column::DeviceType, Column::Browser, Column::Os];
        let session = SessionColumn::ALL.into_iter().map(Dimension::Session);
        session.chain(device.into_iter().map(Dimension::Column))
    }

    /// Whether sessions can be grouped by this.
    pub fn allows(dimension: &Dimension) -> bool {
        Self::allowed().any(|allowed| allowed == *dimension)
    }
}

/// By bucket ascending, then sessions descending, ties by the groups. Without groups and buckets exactly one
/// row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionsResponse {
    /// As many as the limit allows.
    pub rows: Vec<SessionsRow>,
    /// Rows were cut at the limit, or some groups are counted in `other`.
    pub truncated: bool,
    /// Sessions that are in no row because there are too many groups to count separately. They are those of the
    /// least frequent groups; of whole series, those that do not come first.
    pub other: u64,
}

/// The sessions of one group and bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionsRow {
    /// The first instant of the bucket, if the query has buckets.
    pub bucket: Option<Timestamp>,
    /// The value of each dimension.
    pub keys: Vec<Option<String>>,
    /// Sessions that begin.
    pub sessions: u64,
    /// How many of them are bounces: one page view, and no other event than system events (`$…`).
    pub bounces: u64,
    /// Their page views.
    pub views: u64,
    /// The median time from a session's first to its last event, in milliseconds; of an even number of
    /// sessions, the mean of the middle two. `None` without sessions.
    pub median_millis: Option<f64>,
}
