//! The sessions of a view: those of each chunk, except where events of other chunks, the limits of the view or
//! tombstones change them. Those are computed again, from the rows that the view shows (`joined`).

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::column::{SessionColumn, TakenFrom};
use millimetric_core::session::Session;
use millimetric_events::StoreError;
use parking_lot::Mutex;

use crate::columns::cache::CachedPart;
use crate::columns::sessions::ChunkSessions;
use crate::columns::{Chunk, Columns};
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::query::run;
use crate::query::sessions::joined;
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};

/// A row of a chunk of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowRef {
    /// The index of the chunk in [`SessionView::chunks`].
    pub(crate) chunk: u32,
    pub(crate) row: u32,
}

/// Identifies a session of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SessionKey {
    /// A session of a chunk, by their numbers.
    OfChunk(u32, u32),
    /// A session that was computed again, by its index.
    Joined(u32),
}

/// The sessions of a view.
pub(crate) struct SessionView {
    pub(crate) chunks: Vec<ChunkView>,
    /// Sessions that were computed again, with the keyed hash of their visitor.
    pub(crate) joined: Vec<(u64, Session<RowRef>)>,
    /// The index of each chunk.
    by_chunk: HashMap<usize, usize>,
    /// Values of session columns by row, for chunks in which `joined` replaces some.
    texts: Mutex<HashMap<(usize, SessionColumn), Arc<TextColumn>>>,
    memory: Reservation,
}

/// The sessions of one chunk.
pub(crate) struct ChunkView {
    pub(crate) chunk: Chunk,
    pub(crate) sessions: Arc<ChunkSessions>,
    /// The sessions that `joined` replaces, as a bitmap; empty if there are none.
    pub(super) replaced: Vec<u64>,
    /// The rows of the replaced sessions that the view shows, ascending, and the session of each in `joined`.
    pub(super) rows: Vec<(u32, u32)>,
}

impl ChunkView {
    /// Whether a session of the chunk is replaced.
    pub(crate) fn is_replaced(&self, session: usize) -> bool {
        self.replaced.get(session / 64).is_some_and(|word| word >> (session % 64) & 1 == 1)
    }

    /// The index in `joined` of a row's session, if it is one of those.
    pub(crate) fn joined(&self, row: u32) -> Option<u32> {
        let index = self.rows.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(self.rows[index].1)
    }
}

impl SessionView {
    /// Computes the sessions of the view.
    pub(crate) fn of(view: &View, context: &QueryContext) -> Result<Self, StoreError> {
        let indexes: Vec<usize> = (0..view.chunks.len()).collect();
        let rows = view.chunks.iter().map(Chunk::rows).sum();
        let columns = &view.columns;
        let of_cores = run::each_of(&indexes, rows, context, Vec::new, |loaded, index| {
            let chunk = &view.chunks[*index];
            let sessions = columns.derived(chunk, CachedPart::Sessions, || columns.chunk_sessions(chunk))?;
            loaded.push((*index, sessions));
            Ok(())
        })?;
        let mut loaded: Vec<(usize, Arc<ChunkSessions>)> = of_cores.into_iter().flatten().collect();
        loaded.sort_unstable_by_key(|(index, _)| *index);
        let chunks = view.chunks.iter().zip(loaded).map(|(chunk, (_, sessions))| ChunkView {
            chunk: chunk.clone(),
            sessions,
            replaced: Vec::new(),
            rows: Vec::new(),
        });
        let mut sessions = Self {
            chunks: chunks.collect(),
            joined: Vec::new(),
            by_chunk: view.chunks.iter().map(Chunk::address).zip(0..).collect(),
            texts: Mutex::default(),
            memory: context.memory(),
        };
        joined::join(view, &mut sessions, context)?;
        Ok(sessions)
    }

    pub(super) fn reserve(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.memory.grow_to(bytes)
    }

    /// The index of a chunk of the view.
    pub(crate) fn index(&self, chunk: &Chunk) -> Result<usize, StoreError> {
        let foreign = || StoreError::Internal("a chunk of another query".to_owned());
        self.by_chunk.get(&chunk.address()).copied().ok_or_else(foreign)
    }

    /// Whether all sessions of the chunk are as if there were no other events, so that what was derived from
    /// them can be cached.
    pub(crate) fn is_unchanged(&self, chunk: &Chunk) -> bool {
        self.index(chunk).is_ok_and(|index| self.chunks[index].replaced.is_empty())
    }

    /// The session of a row, and its visitor; `None` if the view does not show the row.
    pub(crate) fn session(&self, chunk: usize, row: u32) -> Option<(SessionKey, u64)> {
        let of_chunk = &self.chunks[chunk];
        let number = of_chunk.sessions.numbers.at(row as usize);
        let visitor = of_chunk.sessions.visitors[number as usize];
        if of_chunk.is_replaced(number as usize) {
            return Some((SessionKey::Joined(of_chunk.joined(row)?), visitor));
        }
        Some((SessionKey::OfChunk(chunk as u32, number), visitor))
    }

    /// The entry of a row's session.
    pub(crate) fn entry(&self, chunk: usize, row: u32) -> Option<RowRef> {
        match self.session(chunk, row)?.0 {
            SessionKey::Joined(index) => Some(self.joined[index as usize].1.views?.entry),
            SessionKey::OfChunk(_, number) => {
                let entry = self.chunks[chunk].sessions.entry(number as usize)?;
                Some(RowRef { chunk: chunk as u32, row: entry })
            }
        }
    }

    /// The value of a session column in each row of the chunk that the view shows.
    pub(crate) fn text(
        &self,
        columns: &Columns,
        chunk: &Chunk,
        column: SessionColumn,
    ) -> Result<Arc<TextColumn>, StoreError> {
        let index = self.index(chunk)?;
        let of_chunk = &self.chunks[index];
        if of_chunk.replaced.is_empty() && chunk.is_cached() {
            return columns.derived(chunk, CachedPart::Session(column), || {
                columns.session_text(chunk, &of_chunk.sessions, column)
            });
        }
        // Computing it twice at the same time would be a waste.
        let mut texts = self.texts.lock();
        if let Some(text) = texts.get(&(index, column)) {
            return Ok(Arc::clone(text));
        }
        let unchanged = columns.derived(chunk, CachedPart::Session(column), || {
            columns.session_text(chunk, &of_chunk.sessions, column)
        })?;
        let text = Arc::new(self.replace(columns, of_chunk, column, &unchanged)?);
        texts.insert((index, column), Arc::clone(&text));
        Ok(text)
    }

    /// A copy of a column with the values of joined sessions.
    fn replace(
        &self,
        columns: &Columns,
        chunk: &ChunkView,
        column: SessionColumn,
        unchanged: &TextColumn,
    ) -> Result<TextColumn, StoreError> {
        let mut interner = Interner::default();
        // Known texts keep their codes.
        for text in unchanged.dictionary.texts() {
            interner.code(Some(text));
        }
        let mut codes: Vec<u32> = (0..chunk.chunk.rows()).map(|row| unchanged.codes.get(row)).collect();
        let mut of_sessions: HashMap<u32, u32> = HashMap::new();
        for (row, session) in &chunk.rows {
            let code = if let Some(code) = of_sessions.get(session) {
                *code
            } else {
                let value = self.value(columns, &self.joined[*session as usize].1, column)?;
                let code = interner.code(value.as_deref());
                of_sessions.insert(*session, code);
                code
            };
            codes[*row as usize] = code;
        }
        let dictionary = interner.into_dictionary();
        Ok(TextColumn { codes: Codes::narrow(&codes, dictionary.len()), dictionary: dictionary.into() })
    }

    /// The value of a session column in a joined session.
    fn value(
        &self,
        columns: &Columns,
        session: &Session<RowRef>,
        column: SessionColumn,
    ) -> Result<Option<String>, StoreError> {
        let text = |row: RowRef| -> Result<Option<String>, StoreError> {
            let texts = columns.text(&self.chunks[row.chunk as usize].chunk, column.column())?;
            Ok(texts.value(row.row as usize).map(str::to_owned))
        };
        let views = session.views;
        match column.taken_from() {
            TakenFrom::Entry => views.map_or(Ok(None), |views| text(views.entry)),
            TakenFrom::Exit => views.map_or(Ok(None), |views| text(views.exit)),
            TakenFrom::Source(direct) => match (session.source, direct) {
                (Some(row), _) => text(row),
                (None, Some(direct)) => Ok(Some(direct.to_owned())),
                (None, None) => text(session.first),
            },
        }
    }
}
