//! Computes again the sessions of a chunk that are not what they would be alone: events of other chunks belong
//! to them, the view begins or ends within them, or a tombstone hides some of their rows.
//!
//! A session is affected by another chunk only if events of the same visitor there are at most
//! [`MAX_PAUSE`] away, or if both have session ids that a client sent. Few visitors have events that near to the
//! border of two chunks, so their rows are gathered and assigned to sessions anew.

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use millimetric_core::session::{MAX_PAUSE, Session, SessionEvent, Sessionizer};
use millimetric_events::StoreError;

use crate::columns::Chunk;
use crate::columns::session_events::SessionEvents;
use crate::query::run;
use crate::query::sessions::order::sort_by_event;
use crate::query::sessions::view::{ChunkView, RowRef, SessionView};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Sessions between two checks of the query's limits.
const BLOCK: usize = 65_536;

/// A row of a session that is computed again.
#[derive(Debug, Clone, Copy)]
struct Gathered {
    visitor: u64,
    at: i64,
    row: RowRef,
}

/// Replaces the affected sessions of all chunks.
pub(super) fn join(
    view: &View,
    sessions: &mut SessionView,
    context: &QueryContext,
) -> Result<(), StoreError> {
    let affected = affected(view, &sessions.chunks, context)?;
    if affected.iter().all(|chunk| chunk.sessions.is_empty()) {
        return Ok(());
    }
    for (chunk, affected) in sessions.chunks.iter_mut().zip(&affected) {
        chunk.replace(&affected.sessions);
    }
    let indexes: Vec<usize> = (0..sessions.chunks.len()).collect();
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let chunks = &sessions.chunks;
    let of_cores = run::each_of(&indexes, rows, context, Vec::new, |gathered, index| {
        gather(view, *index, &chunks[*index], &affected[*index], gathered)
    })?;
    let mut gathered = of_cores.concat();
    sessions.reserve(gathered.len() * 3 * size_of::<Gathered>())?;
    sort_by_event(view, &sessions.chunks, &mut gathered, |event| (event.visitor, event.at, event.row))?;
    context.check()?;
    assign(view, sessions, &gathered)
}

/// The affected sessions of a chunk.
#[derive(Default)]
struct Affected {
    sessions: Vec<u32>,
    /// For each row, whether a tombstone hides it.
    hidden: Option<Vec<u32>>,
}

/// Finds the affected sessions of each chunk.
fn affected(view: &View, chunks: &[ChunkView], context: &QueryContext) -> Result<Vec<Affected>, StoreError> {
    let indexes: Vec<usize> = (0..chunks.len()).collect();
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let of_cores = run::each_of(&indexes, rows, context, Vec::new, |found, index| {
        found.push((*index, Candidates::of(view, chunks, *index, context)?));
        Ok(())
    })?;
    let mut candidates: Vec<(usize, Candidates)> = of_cores.into_iter().flatten().collect();
    candidates.sort_unstable_by_key(|(index, _)| *index);
    let shared = shared(chunks, &candidates);
    let whole: HashSet<u64> =
        candidates.iter().flat_map(|(_, of_chunk)| &of_chunk.whole_visitors).copied().collect();
    let affected = candidates.into_iter().map(|(index, candidates)| {
        let visitors = &chunks[index].sessions.visitors;
        let mut sessions = candidates.cut;
        sessions
            .extend(candidates.near.iter().filter(|session| shared.contains(&visitors[**session as usize])));
        if !whole.is_empty() {
            sessions
                .extend((0..).zip(visitors).filter(|(_, visitor)| whole.contains(*visitor)).map(|(s, _)| s));
        }
        sessions.sort_unstable();
        sessions.dedup();
        Affected { sessions, hidden: candidates.hidden }
    });
    Ok(affected.collect())
}

/// The visitors who have candidates in several chunks.
fn shared(chunks: &[ChunkView], candidates: &[(usize, Candidates)]) -> HashSet<u64> {
    let (mut seen, mut shared) = (HashMap::new(), HashSet::new());
    for (index, candidates) in candidates {
        for session in &candidates.near {
            let visitor = chunks[*index].sessions.visitors[*session as usize];
            if *seen.entry(visitor).or_insert(*index) != *index {
                shared.insert(visitor);
            }
        }
    }
    shared
}

/// The sessions of a chunk that may be affected.
struct Candidates {
    /// Sessions near to events of other chunks.
    near: Vec<u32>,
    /// Sessions that the view shows only a part of.
    cut: Vec<u32>,
    /// Visitors all of whose sessions may be affected.
    whole_visitors: Vec<u64>,
    hidden: Option<Vec<u32>>,
}

impl Candidates {
    fn of(
        view: &View,
        chunks: &[ChunkView],
        index: usize,
        context: &QueryContext,
    ) -> Result<Self, StoreError> {
        let ChunkView { chunk, sessions, .. } = &chunks[index];
        let times = view.columns.times(chunk)?;
        let sent = sessions.sent.as_ref();
        let others =
            || chunks.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        let ids_elsewhere = others().any(|other| other.sessions.sent.is_some());
        let near = near(others().flat_map(|other| &other.sessions.covered), view.read_from, view.to);
        let mut found = Self { near: Vec::new(), cut: Vec::new(), whole_visitors: Vec::new(), hidden: None };
        // Of a sorted chunk, rows are compared instead of times.
        let scale =
            |time: i64| if chunk.sorted() { times.first_from(0..chunk.rows(), time) as i64 } else { time };
        let (from, to) = (scale(view.read_from), scale(view.to));
        let near: Vec<(i64, i64)> =
            near.into_iter().map(|(start, end)| (scale(start), scale(end.saturating_add(1)))).collect();
        let mut next = 0;
        for number in 0..sessions.len() {
            if number % BLOCK == 0 {
                context.check()?;
            }
            let [first, last] = [&sessions.first, &sessions.last].map(|rows| {
                let row = rows.at(number);
                if chunk.sorted() { i64::from(row) } else { times.at(row as usize) }
            });
            if last < from || first >= to {
                continue;
            }
            let has_id = sent.is_some_and(|sent| sent.has(number));
            if first < from || last >= to {
                found.cut.push(number as u32);
                if has_id {
                    found.whole_visitors.push(sessions.visitors[number]);
                }
            }
            // First events ascend, so ranges that ended before this one's are not needed any more.
            while near.get(next).is_some_and(|(_, end)| *end <= first) {
                next += 1;
            }
            if near.get(next).is_some_and(|(start, _)| *start <= last) || (has_id && ids_elsewhere) {
                found.near.push(number as u32);
            }
        }
        if let Some(hidden) = view.tombstones.marks(&view.columns, chunk)? {
            let rows = hidden.iter().enumerate().filter(|(_, mark)| **mark != 0).map(|(row, _)| row);
            let visitor = |row: usize| sessions.visitors[sessions.numbers.at(row) as usize];
            found.whole_visitors.extend(rows.map(visitor));
            found.hidden = Some(hidden);
        }
        Ok(found)
    }
}

/// The times at most [`MAX_PAUSE`] away from these ranges, from `from` to `to`, as disjoint ranges in ascending
/// order: first and last time.
fn near<'a>(covered: impl Iterator<Item = &'a (i64, i64)>, from: i64, to: i64) -> Vec<(i64, i64)> {
    let visible = covered.filter(|(start, end)| *end >= from && *start < to);
    let mut ranges: Vec<(i64, i64)> = visible
        .map(|(start, end)| ((*start).max(from) - MAX_PAUSE, (*end).min(to).saturating_add(MAX_PAUSE)))
        .collect();
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let overlaps = next.0 <= before.1;
        if overlaps {
            before.1 = before.1.max(next.1);
        }
        overlaps
    });
    ranges
}

impl ChunkView {
    /// Marks sessions as replaced.
    fn replace(&mut self, sessions: &[u32]) {
        if sessions.is_empty() {
            return;
        }
        self.replaced = vec![0; self.sessions.len().div_ceil(64)];
        for session in sessions {
            self.replaced[*session as usize / 64] |= 1 << (session % 64);
        }
    }
}

/// Gathers the rows of the affected sessions of a chunk that the view shows.
fn gather(
    view: &View,
    index: usize,
    of_chunk: &ChunkView,
    affected: &Affected,
    gathered: &mut Vec<Gathered>,
) -> Result<(), StoreError> {
    if affected.sessions.is_empty() {
        return Ok(());
    }
    let ChunkView { chunk, sessions, .. } = of_chunk;
    let times = view.columns.times(chunk)?;
    let mut take = |row: usize, session: u32| {
        let at = times.at(row);
        let is_hidden = affected.hidden.as_ref().is_some_and(|hidden| hidden[row] != 0);
        if (view.read_from..view.to).contains(&at) && !is_hidden {
            let row = RowRef { chunk: index as u32, row: row as u32 };
            gathered.push(Gathered { visitor: sessions.visitors[session as usize], at, row });
        }
    };
    let rows = |session: u32| {
        let [first, last] = [&sessions.first, &sessions.last].map(|rows| rows.at(session as usize) as usize);
        first..last + 1
    };
    let spans: usize = affected.sessions.iter().map(|session| rows(*session).len()).sum();
    if chunk.sorted() && spans < chunk.rows() {
        for session in &affected.sessions {
            let of_session = rows(*session).filter(|row| sessions.numbers.at(*row) == *session);
            of_session.for_each(|row| take(row, *session));
        }
    } else {
        for row in 0..chunk.rows() {
            let session = sessions.numbers.at(row);
            if of_chunk.is_replaced(session as usize) {
                take(row, session);
            }
        }
    }
    Ok(())
}

/// Assigns the rows, in their order, to sessions.
fn assign(view: &View, sessions: &mut SessionView, gathered: &[Gathered]) -> Result<(), StoreError> {
    let mut events = Vec::with_capacity(sessions.chunks.len());
    for of_chunk in &sessions.chunks {
        let some = !of_chunk.replaced.is_empty();
        events.push(if some { Some(SessionEvents::of(&view.columns, &of_chunk.chunk)?) } else { None });
    }
    let path =
        |row: RowRef| events[row.chunk as usize].as_ref().and_then(|events| events.path(row.row as usize));
    let mut sessionizer = Sessionizer::<u64, u64, DefaultHashBuilder>::default();
    let mut joined: Vec<(u64, Session<RowRef>)> = Vec::new();
    for Gathered { visitor, at, row } in gathered {
        let of_chunk = &mut sessions.chunks[row.chunk as usize];
        let sent = of_chunk.sessions.sent_id(row.row as usize);
        let number = sessionizer.session(*visitor, *at, sent);
        of_chunk.rows.push((row.row, number));
        let Some(events) = &events[row.chunk as usize] else { continue };
        let event: SessionEvent<RowRef> = events.event(row.row as usize, *row);
        match joined.get_mut(number as usize) {
            Some((_, session)) => session.add(event, |a, b| path(a).cmp(&path(b))),
            None => joined.push((*visitor, Session::new(event))),
        }
    }
    sessions.joined = joined;
    for of_chunk in &mut sessions.chunks {
        of_chunk.rows.sort_unstable();
    }
    Ok(())
}
