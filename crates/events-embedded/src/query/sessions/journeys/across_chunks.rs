//! Follows the sessions whose rows are in several chunks, or in one whose rows are in no order of time. Their
//! rows are gathered and sorted first.

use hashbrown::HashMap;
use millimetric_events::StoreError;

use super::scan::Scan;
use super::steps::{ChunkSteps, Path, Paths, StepTexts as _};
use crate::encoding::text::{Dictionary, Interner};
use crate::query::select::row_filter::RowFilter;
use crate::query::sessions::order::sort_by_event;
use crate::query::sessions::view::ChunkView;
use crate::query::sessions::{RowRef, SessionKey};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// A row of a session.
#[derive(Debug, Clone, Copy)]
struct Gathered {
    /// The index of the session's key.
    session: u32,
    at: i64,
    row: RowRef,
}

/// The paths of these sessions, and the texts of their steps.
pub(super) fn paths(
    scan: &Scan<'_>,
    mut sessions: Vec<SessionKey>,
    context: &QueryContext,
) -> Result<(Paths, Dictionary), StoreError> {
    let Scan { view, .. } = scan;
    sessions.sort_unstable();
    sessions.dedup();
    let mut memory = context.memory();
    let of_sessions = Paths::bytes(sessions.len()) + 4 * size_of_val(sessions.as_slice());
    memory.grow_to(of_sessions)?;
    let indexes: HashMap<SessionKey, u32> = sessions.iter().copied().zip(0..).collect();
    let chunks = &view.sessions()?.chunks;
    let mut gathered = Vec::new();
    for (index, of_chunk) in chunks.iter().enumerate().filter(|_| !sessions.is_empty()) {
        context.check()?;
        gather(view, index, of_chunk, &indexes, &mut gathered)?;
        memory.grow_to(of_sessions + 2 * size_of_val(gathered.as_slice()))?;
    }
    sort_by_event(view, chunks, &mut gathered, |event| (event.session.into(), event.at, event.row))?;
    context.check()?;
    let mut followed = Followed::of(scan, &gathered)?;
    let mut paths = Paths::default();
    let memory_of_rows = of_sessions + 2 * size_of_val(gathered.as_slice());
    for events in gathered.chunk_by_mut(|a, b| a.session == b.session) {
        if !scan.is_forwards() {
            events.reverse();
        }
        if let Some(path) = followed.path(events) {
            paths.add(&path, visitor(view, sessions[events[0].session as usize])?);
        }
        memory.grow_to(memory_of_rows + 3 * followed.texts.dictionary().bytes())?;
    }
    Ok((paths, followed.texts.into_dictionary()))
}

fn visitor(view: &View, session: SessionKey) -> Result<u64, StoreError> {
    let sessions = view.sessions()?;
    Ok(match session {
        SessionKey::Joined(index) => sessions.joined[index as usize].0,
        SessionKey::OfChunk(chunk, number) => {
            sessions.chunks[chunk as usize].sessions.visitors[number as usize]
        }
    })
}

/// Gathers the rows of a chunk that belong to the sessions.
fn gather(
    view: &View,
    index: usize,
    of_chunk: &ChunkView,
    indexes: &HashMap<SessionKey, u32>,
    gathered: &mut Vec<Gathered>,
) -> Result<(), StoreError> {
    let times = view.columns.times(&of_chunk.chunk)?;
    let mut take = |row: u32, key: SessionKey| {
        if let Some(session) = indexes.get(&key) {
            let at = times.at(row as usize);
            gathered.push(Gathered { session: *session, at, row: RowRef { chunk: index as u32, row } });
        }
    };
    of_chunk.rows.iter().for_each(|(row, joined)| take(*row, SessionKey::Joined(*joined)));
    if !of_chunk.chunk.sorted() {
        let numbers = of_chunk.sessions.numbers.of(0..of_chunk.chunk.rows());
        // The view shows all rows of a session with a start that is not replaced.
        for (row, number) in (0..).zip(numbers).filter(|(_, number)| !of_chunk.is_replaced(*number as usize))
        {
            take(row, SessionKey::OfChunk(index as u32, number));
        }
    }
    Ok(())
}

/// Follows sessions over the rows of several chunks.
struct Followed<'a> {
    scan: &'a Scan<'a>,
    /// The steps of each chunk with gathered rows, and which of its rows can be a start.
    chunks: Vec<Option<(ChunkSteps, RowFilter)>>,
    texts: Interner,
}

impl<'a> Followed<'a> {
    fn of(scan: &'a Scan<'a>, gathered: &[Gathered]) -> Result<Self, StoreError> {
        let chunks = &scan.view.sessions()?.chunks;
        let mut is_read = vec![false; chunks.len()];
        for event in gathered {
            is_read[event.row.chunk as usize] = true;
        }
        let read = |(of_chunk, is_read): (&ChunkView, bool)| {
            let read = || -> Result<_, StoreError> {
                let steps = ChunkSteps::of(scan.view, &of_chunk.chunk, scan.query)?;
                Ok((steps, RowFilter::of(scan.view, &of_chunk.chunk, &scan.conditions)?))
            };
            is_read.then(read).transpose()
        };
        let chunks = chunks.iter().zip(is_read).map(read).collect::<Result<_, _>>()?;
        Ok(Self { scan, chunks, texts: Interner::default() })
    }

    /// The path of a session, by its rows in the order in which they are followed.
    fn path(&mut self, events: &[Gathered]) -> Option<Path> {
        let Self { scan, chunks, texts } = self;
        let most = scan.query.steps.get();
        let mut path: Option<Path> = None;
        for Gathered { at, row, .. } in events {
            let (steps, filter) = chunks[row.chunk as usize].as_ref()?;
            let row = row.row as usize;
            let mut code = |step: u32| texts.code(Some(&*steps.text(step)));
            match &mut path {
                None => {
                    let is_start = (scan.view.from..scan.view.to).contains(at) && filter.passes(row);
                    path = is_start.then(|| Path::new(code(steps.start(row))));
                }
                Some(path) if path.is_full(most) => break,
                Some(path) => steps.step(row).into_iter().for_each(|step| path.add(code(step))),
            }
        }
        path
    }
}
