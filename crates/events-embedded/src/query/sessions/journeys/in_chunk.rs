//! Follows the sessions whose rows are all in one chunk, in which rows are in order of time. Rows are read by
//! their number, and sessions are never gathered.

use std::ops::Range;

use millimetric_events::StoreError;

use super::scan::{Found, Scan};
use super::steps::{ChunkSteps, Path, Paths};
use crate::encoding::frame_of_reference::FrameOfReference;
use crate::query::run::Span;
use crate::query::select::{Selection, select};
use crate::query::sessions::view::ChunkView;

/// Sentinel: the session has no start.
const NO_TRAIL: u32 = u32::MAX;

/// Some sessions of a chunk.
pub(super) struct Piece<'a> {
    pub(super) scan: &'a Scan<'a>,
    /// The index of the chunk.
    pub(super) index: usize,
    /// The numbers of the sessions.
    pub(super) numbers: Range<usize>,
}

/// The path of a session from its start on.
#[derive(Debug, Clone, Copy)]
struct Trail {
    /// The number of the session.
    session: u32,
    /// The row of the start.
    start: u32,
    path: Path,
}

/// The trails of the sessions of a piece.
struct Trails {
    /// The index of each session's trail.
    indexes: Vec<u32>,
    trails: Vec<Trail>,
}

impl Piece<'_> {
    /// The paths of the sessions, and the texts of their steps; `None` if there are none. Sessions that this
    /// cannot follow are added to `found`.
    pub(super) fn paths(&self, found: &mut Found) -> Result<Option<(Paths, ChunkSteps)>, StoreError> {
        let Scan { view, query, conditions } = self.scan;
        let of_chunk = &view.sessions()?.chunks[self.index];
        let span = Span { chunk: &of_chunk.chunk, rows: self.rows(of_chunk) };
        let Some(selection) = select(view, &span, conditions)? else { return Ok(None) };
        let steps = ChunkSteps::of(view, &of_chunk.chunk, query)?;
        let mut trails = self.start(of_chunk, &selection, &steps, found)?;
        let count = trails.trails.len();
        let bytes =
            size_of_val(trails.indexes.as_slice()) + 2 * count * size_of::<Trail>() + Paths::bytes(count);
        found.memory.grow_to(bytes + 2 * size_of_val(found.elsewhere.as_slice()))?;
        self.follow(of_chunk, &mut trails, &span.rows, &steps);
        let mut paths = Paths::default();
        for trail in &trails.trails {
            paths.add(&trail.path, of_chunk.sessions.visitors[trail.session as usize]);
        }
        Ok((count > 0).then_some((paths, steps)))
    }

    /// The rows from the first to the last of the sessions.
    fn rows(&self, of_chunk: &ChunkView) -> Range<usize> {
        if !of_chunk.chunk.sorted() {
            return 0..of_chunk.chunk.rows();
        }
        // Sessions are numbered in order of their first row.
        let sessions = &of_chunk.sessions;
        let last = sessions.last.of(self.numbers.clone()).max().unwrap_or_default() as usize;
        sessions.first.at(self.numbers.start) as usize..last + 1
    }

    /// Finds the start of each session: forwards its first selected row, backwards its last.
    fn start(
        &self,
        of_chunk: &ChunkView,
        selection: &Selection,
        steps: &ChunkSteps,
        found: &mut Found,
    ) -> Result<Trails, StoreError> {
        let sessions = self.scan.view.sessions()?;
        let is_forwards = self.scan.is_forwards();
        let mut indexes = vec![NO_TRAIL; self.numbers.len()];
        let mut trails: Vec<Trail> = Vec::new();
        selection.rows.each(|row| {
            let session = of_chunk.sessions.numbers.at(row);
            if !self.numbers.contains(&(session as usize)) {
                return;
            }
            if !of_chunk.chunk.sorted() || of_chunk.is_replaced(session as usize) {
                let key = sessions.session(self.index, row as u32).map(|(key, _)| key);
                if key.is_some() && key != found.elsewhere.last().copied() {
                    found.elsewhere.extend(key);
                }
                return;
            }
            let index = &mut indexes[session as usize - self.numbers.start];
            let trail = || Trail { session, start: row as u32, path: Path::new(steps.start(row)) };
            if *index == NO_TRAIL {
                *index = trails.len() as u32;
                trails.push(trail());
            } else if !is_forwards {
                trails[*index as usize] = trail();
            }
        });
        Ok(Trails { indexes, trails })
    }

    /// Adds the steps to all trails: session by session if that reads fewer rows, else row by row.
    fn follow(&self, of_chunk: &ChunkView, trails: &mut Trails, rows: &Range<usize>, steps: &ChunkSteps) {
        let is_forwards = self.scan.is_forwards();
        let sessions = &of_chunk.sessions;
        let rows_of = |trail: &Trail| {
            let (session, start) = (trail.session as usize, trail.start as usize);
            if is_forwards {
                start + 1..sessions.last.at(session) as usize + 1
            } else {
                sessions.first.at(session) as usize..start
            }
        };
        let of_sessions: usize = trails.trails.iter().map(|trail| rows_of(trail).len()).sum();
        if of_sessions < rows.len() {
            for trail in &mut trails.trails {
                let rows = rows_of(trail);
                self.follow_one(trail, &sessions.numbers, rows, steps);
            }
        } else if is_forwards {
            self.follow_all(trails, &sessions.numbers, rows.clone(), steps);
        } else {
            self.follow_all(trails, &sessions.numbers, rows.clone().rev(), steps);
        }
    }

    fn follow_one(
        &self,
        trail: &mut Trail,
        numbers: &FrameOfReference,
        mut rows: Range<usize>,
        steps: &ChunkSteps,
    ) {
        let is_forwards = self.scan.is_forwards();
        let most = self.scan.query.steps.get();
        while let Some(row) = if is_forwards { rows.next() } else { rows.next_back() } {
            if numbers.at(row) == trail.session
                && let Some(step) = steps.step(row)
            {
                trail.path.add(step);
                if trail.path.is_full(most) {
                    return;
                }
            }
        }
    }

    fn follow_all(
        &self,
        trails: &mut Trails,
        numbers: &FrameOfReference,
        rows: impl Iterator<Item = usize>,
        steps: &ChunkSteps,
    ) {
        let is_forwards = self.scan.is_forwards();
        let most = self.scan.query.steps.get();
        let Trails { indexes, trails } = trails;
        let mut unfinished = trails.len();
        for row in rows {
            let session = (numbers.at(row) as usize).wrapping_sub(self.numbers.start);
            let Some(index) = indexes.get(session).filter(|index| **index != NO_TRAIL) else { continue };
            let Trail { start, path, .. } = &mut trails[*index as usize];
            let is_after = if is_forwards { row > *start as usize } else { row < *start as usize };
            if !is_after || path.is_full(most) {
                continue;
            }
            let Some(step) = steps.step(row) else { continue };
            path.add(step);
            if path.is_full(most) {
                unfinished -= 1;
                if unfinished == 0 {
                    return;
                }
            }
        }
    }
}
