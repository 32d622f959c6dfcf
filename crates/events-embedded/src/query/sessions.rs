//! The sessions of a view, and `GET /v1/sessions`, which counts them by group and over time.

mod accumulator;
pub(crate) mod groups;
mod joined;
pub(crate) mod journeys;
pub(crate) mod order;
pub(crate) mod view;

use std::cmp::Reverse;
use std::sync::Arc;

use millimetric_core::query::{Buckets, Limit, SessionsQuery, SessionsResponse, SessionsRow};
use millimetric_events::StoreError;

use self::accumulator::{Accumulator, GroupCounts};
pub(crate) use self::groups::{Passing, SessionGroups};
pub(crate) use self::view::{RowRef, SessionKey, SessionView};
use crate::columns::group_column::GroupColumn;
use crate::encoding::row::instant;
use crate::query::groups as counting;
use crate::query::groups::calendar::{self, Bucket};
use crate::query::groups::frequent;
use crate::query::groups::frequent::Frequent;
use crate::query::groups::group_dictionary::Finished;
pub(crate) use crate::query::groups::percentile::median;
use crate::query::groups::series::{self, ChosenGroups, Texts};
use crate::query::run;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Sessions of a unit of work.
const UNIT: usize = 65_536;
/// Sessions after which memory is reserved again.
const RESERVED_AT_ONCE: usize = 1024;

/// A session of a view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    /// The keyed hash of the visitor.
    pub(crate) visitor: u64,
    /// The time of its first event, in milliseconds since 1970.
    pub(crate) first_at: i64,
    /// The time of its last event.
    pub(crate) last_at: i64,
    pub(crate) first: RowRef,
    /// Its first and last page view.
    pub(crate) ends: Option<(RowRef, RowRef)>,
    /// Number of page views.
    pub(crate) views: u32,
    pub(crate) bounce: bool,
}

/// Some sessions: those of a chunk that are not replaced, or joined ones.
enum Unit {
    OfChunk(usize, std::ops::Range<usize>),
    Joined(std::ops::Range<usize>),
}

/// Calls `each` with every session of the view, on as many cores as are worth it and idle. Returns what each
/// core collected.
pub(crate) fn each<A: Send>(
    view: &View,
    context: &QueryContext,
    start: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, &Session) -> Result<(), StoreError> + Sync,
) -> Result<Vec<A>, StoreError> {
    let sessions = view.sessions()?;
    let pieces = |count: usize| (0..count).step_by(UNIT).map(move |start| start..count.min(start + UNIT));
    let of_chunks = sessions.chunks.iter().enumerate().flat_map(|(index, chunk)| {
        pieces(chunk.sessions.len()).map(move |numbers| Unit::OfChunk(index, numbers))
    });
    let units: Vec<Unit> = of_chunks.chain(pieces(sessions.joined.len()).map(Unit::Joined)).collect();
    let rows = view.chunks.iter().map(crate::columns::Chunk::rows).sum();
    run::each_of(&units, rows, context, start, |collected, unit| match unit {
        Unit::OfChunk(index, numbers) => {
            let of_chunk = &sessions.chunks[*index];
            let times = view.columns.times(&of_chunk.chunk)?;
            let at = |row| RowRef { chunk: *index as u32, row };
            for number in numbers.clone().filter(|number| !of_chunk.is_replaced(*number)) {
                let session = of_chunk.sessions.session(number, &times);
                let session = Session {
                    key: SessionKey::OfChunk(*index as u32, number as u32),
                    visitor: session.visitor,
                    first_at: session.first_at,
                    last_at: session.last_at,
                    first: at(session.first),
                    ends: session.ends.map(|(entry, exit)| (at(entry), at(exit))),
                    views: session.views,
                    bounce: session.bounce,
                };
                each(collected, &session)?;
            }
            Ok(())
        }
        Unit::Joined(range) => range.clone().try_for_each(|index| {
            let (visitor, session) = &sessions.joined[index];
            let session = Session {
                key: SessionKey::Joined(index as u32),
                visitor: *visitor,
                first_at: session.first_at,
                last_at: session.last_at,
                first: session.first,
                ends: session.views.map(|views| (views.entry, views.exit)),
                views: session.views.map_or(0, |views| views.count),
                bounce: session.is_bounce(),
            };
            each(collected, &session)
        }),
    })
}

/// Runs the query.
pub(crate) fn sessions(
    view: &View,
    query: &SessionsQuery,
    context: &QueryContext,
) -> Result<SessionsResponse, StoreError> {
    let by: Vec<GroupColumn> = query.group_by.iter().map(GroupColumn::from).collect();
    let sessions = Counting { view, by, passing: Passing::of(view, &query.filters)?, context };
    let mut found = sessions.find(query.buckets, None)?;
    let cut = sessions.cut(&mut found, query)?;
    let truncated = cut || found.other() > 0;
    let mut rows: Vec<SessionsRow> = found
        .order
        .iter()
        .map(|group| SessionsRow {
            bucket: query.buckets.map(|_| instant(found.groups.bucket(*group))),
            keys: found.texts(*group, sessions.by.len()),
            ..found.counts[*group].row()
        })
        .collect();
    if rows.is_empty() && sessions.by.is_empty() && query.buckets.is_none() {
        rows.push(SessionsRow::default());
    }
    Ok(SessionsResponse { rows, truncated, other: found.other() })
}

/// Which sessions are counted, and by which columns.
struct Counting<'a> {
    view: &'a View,
    by: Vec<GroupColumn>,
    passing: Passing,
    context: &'a QueryContext,
}

/// What was counted, and the groups in the order of the rows.
struct Found {
    groups: Finished,
    counts: Vec<GroupCounts>,
    order: Vec<usize>,
    /// Whether there are too many groups, so that only the most frequent ones are counted separately.
    limited: bool,
}

impl Counting<'_> {
    /// The entry of a session that is counted.
    fn entry(&self, session: &Session) -> Option<RowRef> {
        let (entry, _) = session.ends?;
        let in_range = (self.view.from..self.view.to).contains(&session.first_at);
        (in_range && self.passing.passes(entry)).then_some(entry)
    }

    /// Counts by these buckets; if `only` is set, groups other than these together.
    fn find(&self, buckets: Option<Buckets>, only: Option<&Arc<ChosenGroups>>) -> Result<Found, StoreError> {
        frequent::with_frequent(
            self.view.limits.groups,
            self.context,
            |frequent| self.count(buckets, only, frequent),
            |frequent| self.sketch(buckets, frequent),
        )
    }

    /// Counts the sessions. Also returns whether there are too many groups.
    fn count(
        &self,
        buckets: Option<Buckets>,
        only: Option<&Arc<ChosenGroups>>,
        frequent: Option<Arc<Frequent>>,
    ) -> Result<(Found, bool), StoreError> {
        let limited = frequent.is_some();
        let dictionary = counting::dictionary(self.view, frequent).only(only.cloned());
        let groups = SessionGroups::of(self.view, &self.by, &dictionary)?;
        let start =
            || (Accumulator::default(), BucketOf::new(buckets), groups.start(), self.context.memory());
        let of_cores = each(self.view, self.context, start, |collected, session| {
            let (accumulator, buckets, known, memory) = collected;
            let Some(entry) = self.entry(session) else { return Ok(()) };
            let group = groups.group(buckets.start(session.first_at), entry, known);
            accumulator.add(group, session);
            if accumulator.sessions.is_multiple_of(RESERVED_AT_ONCE) {
                memory.grow_to(accumulator.bytes())?;
            }
            Ok(())
        })?;
        let mut whole = Accumulator::default();
        let mut reserved = Vec::new();
        for (accumulator, _, _, memory) in of_cores {
            whole.merge(accumulator);
            reserved.push(memory);
        }
        let too_many = dictionary.too_many();
        let groups = dictionary.finish();
        let counts = whole.groups;
        let mut order: Vec<usize> = groups.apart().collect();
        order.sort_unstable_by(|a, b| {
            let key = |group: usize| (groups.bucket(group), Reverse(counts[group].sessions()));
            key(*a).cmp(&key(*b)).then_with(|| groups.compare(*a, *b, self.by.len()))
        });
        Ok((Found { groups, counts, order, limited }, too_many))
    }

    /// Adds the groups of the counted sessions to a sketch.
    fn sketch(&self, buckets: Option<Buckets>, frequent: &Frequent) -> Result<(), StoreError> {
        let columns = groups::columns(self.view, &self.by)?;
        let start = || BucketOf::new(buckets);
        each(self.view, self.context, start, |buckets, session| {
            let Some(entry) = self.entry(session) else { return Ok(()) };
            let texts = columns[entry.chunk as usize].iter().map(|column| column.value(entry.row as usize));
            frequent.add(frequent.hash(buckets.start(session.first_at), texts), 1);
            Ok(())
        })?;
        Ok(())
    }

    /// Keeps the groups that the limit allows. Returns whether others are left out.
    fn cut(&self, found: &mut Found, query: &SessionsQuery) -> Result<bool, StoreError> {
        if let Limit::Rows(limit) = query.limit {
            let truncated = found.order.len() > limit.get();
            found.order.truncate(limit.get());
            return Ok(truncated);
        }
        if !found.limited && series::fit(&found.order, &found.groups) {
            return Ok(false);
        }
        let first = self.first_groups()?;
        if found.limited && !self.by.is_empty() {
            *found = series::chosen(&first, |only| {
                let found = self.find(query.buckets, Some(&only))?;
                let limited = found.limited;
                Ok((found, limited))
            })?;
        }
        series::keep(&mut found.order, &found.groups, &first);
        Ok(true)
    }

    /// The groups that come first without buckets.
    fn first_groups(&self) -> Result<Vec<Texts>, StoreError> {
        if self.by.is_empty() {
            return Ok(vec![Texts::new()]);
        }
        let found = self.find(None, None)?;
        let texts = |group: &usize| found.texts(*group, self.by.len());
        Ok(found.order.iter().take(Limit::MOST_SERIES).map(texts).collect())
    }
}

impl Found {
    /// Sessions that are not counted separately.
    fn other(&self) -> u64 {
        self.groups.other.map_or(0, |group| self.counts[group].sessions() as u64)
    }

    fn texts(&self, group: usize, dimensions: usize) -> Texts {
        self.groups.texts(group, dimensions).map(|text| text.map(str::to_owned)).collect()
    }
}

/// Finds the bucket of a time; remembers the last one.
struct BucketOf {
    buckets: Option<Buckets>,
    last: Option<Bucket>,
}

impl BucketOf {
    const fn new(buckets: Option<Buckets>) -> Self {
        Self { buckets, last: None }
    }

    /// The start of the bucket; 0 without buckets.
    fn start(&mut self, at: i64) -> i64 {
        let Some(buckets) = self.buckets else { return 0 };
        match self.last {
            Some(bucket) if (bucket.start..bucket.to).contains(&at) => bucket.start,
            _ => {
                let bucket = calendar::bucket_at(buckets, at);
                self.last = Some(bucket);
                bucket.start
            }
        }
    }
}
