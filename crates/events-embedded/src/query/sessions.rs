//! Sessions: the page views of one visitor that carry one `session_id`, as
//! [`PagesQuery`](millimetric_core::query::PagesQuery) defines them; and `GET /v1/sessions`, which
//! counts them over time.

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

/// Answers the query from the view's rows.
pub(crate) fn sessions(
    view: &View,
    query: &SessionsQuery,
    context: &QueryContext,
) -> Result<SessionsResponse, StoreError> {
    let start = || Tally::new(query.buckets);
    // Nobody reads the paths: where they are too many, they are one.
    let labels = groups::labels(view, None);
    let sessions = Sessions { view, filters: &query.filters, labels: &labels, context };
    let (tallies, _) = sessions.each(start, Tally::add)?;
    let mut whole = start();
    for tally in tallies {
        whole.merge(tally);
    }
    let mut rows = whole.rows;
    rows.sort_unstable_by_key(|row| row.bucket);
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(SessionsResponse { rows, truncated })
}

/// A session that counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// When its entry was.
    pub(crate) at: i64,
    /// The label of the entry's path.
    pub(crate) entry: u32,
    /// The label of the exit's path.
    pub(crate) exit: u32,
    /// Whether it is one page view.
    pub(crate) bounce: bool,
}

/// What was counted, by bucket.
struct Tally {
    buckets: Option<Buckets>,
    rows: Vec<SessionsRow>,
    /// The place of each bucket's row.
    places: HashMap<i64, usize>,
    /// The bucket of the session before, and its place: sessions come roughly in order of time.
    last: Option<(Bucket, usize)>,
}

impl Tally {
    fn new(buckets: Option<Buckets>) -> Self {
        let rows = if buckets.is_none() { vec![SessionsRow::default()] } else { Vec::new() };
        Self { buckets, rows, places: HashMap::new(), last: None }
    }

    fn add(&mut self, session: &Session) {
        let place = self.buckets.map_or(0, |buckets| self.place_at(buckets, session.at));
        self.rows[place].sessions += 1;
        self.rows[place].bounces += u64::from(session.bounce);
    }

    fn place_at(&mut self, buckets: Buckets, at: i64) -> usize {
        match self.last {
            Some((bucket, place)) if bucket.from <= at && at < bucket.to => place,
            _ => {
                let bucket = calendar::bucket_at(buckets, at);
                let place = self.place(bucket.start);
                self.last = Some((bucket, place));
                place
            }
        }
    }

    fn place(&mut self, start: i64) -> usize {
        *self.places.entry(start).or_insert_with(|| {
            self.rows.push(SessionsRow { bucket: Some(instant(start)), ..SessionsRow::default() });
            self.rows.len() - 1
        })
    }

    fn merge(&mut self, other: Self) {
        for theirs in other.rows {
            let place = theirs.bucket.map_or(0, |bucket| self.place(bucket.millis()));
            self.rows[place].sessions += theirs.sessions;
            self.rows[place].bounces += theirs.bounces;
        }
    }
}
