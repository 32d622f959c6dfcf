//! Sessions as [`PagesQuery`](millimetric_core::query::PagesQuery) defines them (the page views of one
//! visitor with one `session_id`), and `GET /v1/sessions`, which counts them over time.

pub(crate) mod marks;
pub(crate) mod sessionizer;
pub(crate) mod shared;

use hashbrown::HashMap;
use millimetric_core::query::{Buckets, SessionsQuery, SessionsResponse, SessionsRow};

pub(crate) use self::marks::Marks;
pub(crate) use self::sessionizer::Sessions;
use crate::encoding::row::instant;
use crate::query::groups;
use crate::query::groups::calendar;
use crate::query::groups::calendar::Bucket;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Runs the query.
pub(crate) fn sessions(
    view: &View,
    query: &SessionsQuery,
    context: &QueryContext,
) -> Result<SessionsResponse, StoreError> {
    let start = || SessionAccumulator::new(query.buckets);
    // The paths are not part of the response, so it does not matter if there are too many.
    let dictionary = groups::dictionary(view, None);
    let sessions = Sessions { view, filters: &query.filters, dictionary: &dictionary, context };
    let (accumulators, _) = sessions.each(start, SessionAccumulator::add)?;
    let mut whole = start();
    for accumulator in accumulators {
        whole.merge(accumulator);
    }
    let mut rows = whole.rows;
    rows.sort_unstable_by_key(|row| row.bucket);
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(SessionsResponse { rows, truncated })
}

/// A counted session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// The time of its entry in milliseconds since 1970.
    pub(crate) at: i64,
    /// The group number of the entry's path.
    pub(crate) entry: u32,
    /// The group number of the exit's path.
    pub(crate) exit: u32,
    /// Whether it has a single page view.
    pub(crate) bounce: bool,
}

/// Counts sessions by bucket.
struct SessionAccumulator {
    buckets: Option<Buckets>,
    rows: Vec<SessionsRow>,
    /// The index of each bucket's row.
    indexes: HashMap<i64, usize>,
    /// The bucket of the previous session and the index of its row. Sessions come roughly in order of time.
    last: Option<(Bucket, usize)>,
}

impl SessionAccumulator {
    fn new(buckets: Option<Buckets>) -> Self {
        let rows = if buckets.is_none() { vec![SessionsRow::default()] } else { Vec::new() };
        Self { buckets, rows, indexes: HashMap::new(), last: None }
    }

    fn add(&mut self, session: &Session) {
        let index = self.buckets.map_or(0, |buckets| self.index_at(buckets, session.at));
        self.rows[index].sessions += 1;
        self.rows[index].bounces += u64::from(session.bounce);
    }

    fn index_at(&mut self, buckets: Buckets, at: i64) -> usize {
        match self.last {
            Some((bucket, index)) if bucket.from <= at && at < bucket.to => index,
            _ => {
                let bucket = calendar::bucket_at(buckets, at);
                let index = self.index(bucket.start);
                self.last = Some((bucket, index));
                index
            }
        }
    }

    fn index(&mut self, start: i64) -> usize {
        *self.indexes.entry(start).or_insert_with(|| {
            self.rows.push(SessionsRow { bucket: Some(instant(start)), ..SessionsRow::default() });
            self.rows.len() - 1
        })
    }

    fn merge(&mut self, other: Self) {
        for theirs in other.rows {
            let index = theirs.bucket.map_or(0, |bucket| self.index(bucket.millis()));
            self.rows[index].sessions += theirs.sessions;
            self.rows[index].bounces += theirs.bounces;
        }
    }
}
