//! The sessions of a view, and `GET /v1/sessions`, which counts them by group and over time.

pub(crate) mod groups;
mod joined;
pub(crate) mod journeys;
pub(crate) mod order;
pub(crate) mod view;

use std::cmp::Reverse;
use std::sync::Arc;

use millimetric_core::query::{Buckets, SessionsQuery, SessionsResponse, SessionsRow};
use millimetric_events::StoreError;

pub(crate) use self::groups::{Passing, SessionGroups};
pub(crate) use self::view::{RowRef, SessionKey, SessionView};
use crate::columns::group_column::GroupColumn;
use crate::encoding::row::instant;
use crate::query::groups as counting;
use crate::query::groups::calendar::{self, Bucket};
use crate::query::groups::frequent;
use crate::query::groups::frequent::Frequent;
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
    let passing = Passing::of(view, &query.filters)?;
    let counted = |session: &Session| {
        let (entry, _) = session.ends?;
        let in_range = (view.from..view.to).contains(&session.first_at);
        (in_range && passing.passes(entry)).then_some(entry)
    };
    frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| count(view, query, &by, &counted, frequent, context),
        |frequent| sketch(view, query, &by, &counted, frequent, context),
    )
}

/// Counts the sessions for which `counted` returns their entry. Also returns whether there are too many groups.
fn count(
    view: &View,
    query: &SessionsQuery,
    by: &[GroupColumn],
    counted: &(impl Fn(&Session) -> Option<RowRef> + Sync),
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
) -> Result<(SessionsResponse, bool), StoreError> {
    let dictionary = counting::dictionary(view, frequent);
    let groups = SessionGroups::of(view, by, &dictionary)?;
    let start = || (Accumulator::default(), BucketOf::new(query.buckets), groups.start(), context.memory());
    let of_cores = each(view, context, start, |(accumulator, buckets, known, memory), session| {
        let Some(entry) = counted(session) else { return Ok(()) };
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
    let dictionary = dictionary.finish();
    let mut order: Vec<usize> = dictionary.apart().collect();
    order.sort_unstable_by(|a, b| {
        let key = |group: usize| (dictionary.bucket(group), Reverse(whole.groups[group].durations.len()));
        key(*a).cmp(&key(*b)).then_with(|| dictionary.compare(*a, *b, by.len()))
    });
    let other = dictionary.other.map_or(0, |group| whole.groups[group].durations.len() as u64);
    let truncated = order.len() > query.limit.get() || other > 0;
    order.truncate(query.limit.get());
    let mut rows: Vec<SessionsRow> = order
        .into_iter()
        .map(|group| SessionsRow {
            bucket: query.buckets.map(|_| instant(dictionary.bucket(group))),
            keys: (0..by.len()).map(|column| dictionary.text(group, column).map(str::to_owned)).collect(),
            ..whole.groups[group].row()
        })
        .collect();
    if rows.is_empty() && by.is_empty() && query.buckets.is_none() {
        rows.push(SessionsRow::default());
    }
    Ok((SessionsResponse { rows, truncated, other }, too_many))
}

/// Adds the groups of the counted sessions to a sketch.
fn sketch(
    view: &View,
    query: &SessionsQuery,
    by: &[GroupColumn],
    counted: &(impl Fn(&Session) -> Option<RowRef> + Sync),
    frequent: &Frequent,
    context: &QueryContext,
) -> Result<(), StoreError> {
    let columns = groups::columns(view, by)?;
    each(
        view,
        context,
        || BucketOf::new(query.buckets),
        |buckets, session| {
            let Some(entry) = counted(session) else { return Ok(()) };
            let texts = columns[entry.chunk as usize].iter().map(|column| column.value(entry.row as usize));
            frequent.add(frequent.hash(buckets.start(session.first_at), texts), 1);
            Ok(())
        },
    )?;
    Ok(())
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

/// Counts by group number.
#[derive(Debug, Default)]
struct Accumulator {
    groups: Vec<GroupCounts>,
    /// Number of durations in all groups.
    sessions: usize,
}

/// The sessions of one group.
#[derive(Debug, Clone, Default)]
struct GroupCounts {
    bounces: u64,
    views: u64,
    /// Milliseconds from the first to the last event of each session.
    durations: Vec<i64>,
}

impl Accumulator {
    fn add(&mut self, group: u32, session: &Session) {
        let counts = self.group(group as usize);
        counts.bounces += u64::from(session.bounce);
        counts.views += u64::from(session.views);
        counts.durations.push(session.last_at - session.first_at);
        self.sessions += 1;
    }

    fn group(&mut self, group: usize) -> &mut GroupCounts {
        if group >= self.groups.len() {
            self.groups.resize(group + 1, GroupCounts::default());
        }
        &mut self.groups[group]
    }

    fn bytes(&self) -> usize {
        // Vectors have up to twice the capacity that they use.
        2 * (self.groups.len() * size_of::<GroupCounts>() + self.sessions * size_of::<i64>())
    }

    fn merge(&mut self, other: Self) {
        self.sessions += other.sessions;
        for (group, mut theirs) in other.groups.into_iter().enumerate() {
            let mine = self.group(group);
            mine.bounces += theirs.bounces;
            mine.views += theirs.views;
            mine.durations.append(&mut theirs.durations);
        }
    }
}

impl GroupCounts {
    fn row(&self) -> SessionsRow {
        SessionsRow {
            sessions: self.durations.len() as u64,
            bounces: self.bounces,
            views: self.views,
            median_millis: median(self.durations.clone()),
            ..SessionsRow::default()
        }
    }
}

/// The median; the mean of the middle two if their number is even.
pub(crate) fn median(mut values: Vec<i64>) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    let is_even = values.len().is_multiple_of(2);
    let (_, lower, above) = values.select_nth_unstable(middle);
    let upper = if is_even { above.iter().min().copied() } else { None };
    Some(f64::midpoint(*lower as f64, upper.unwrap_or(*lower) as f64))
}
