//! The sessions of a chunk, as if there were no other events: which rows belong to each, where it begins and
//! ends, and which row says where it came from. `query::sessions` joins those that several chunks share.

use hashbrown::DefaultHashBuilder;
use millimetric_core::column::{Column, SessionColumn, TakenFrom};
use millimetric_core::session::{MAX_PAUSE, Session, Sessionizer, is_derived_id};
use millimetric_events::StoreError;

use crate::columns::session_events::SessionEvents;
use crate::columns::{Chunk, Columns};
use crate::encoding::frame_of_reference::{FrameOfReference, NO_NUMBER};
use crate::encoding::heap_size::HeapSize;
use crate::encoding::keyed_hash::IdKind;
use crate::encoding::row::instant;
use crate::encoding::text::{Codes, Interner, TextColumn};
use crate::encoding::times::Times;

/// Most ranges of time by which [`ChunkSessions::covered`] describes a chunk.
const MAX_COVERED: usize = 256;

/// The sessions of a chunk, numbered in order of their first event.
#[derive(Debug)]
pub(crate) struct ChunkSessions {
    /// The session of each row.
    pub(crate) numbers: FrameOfReference,
    /// The visitor of each session, as a 64-bit keyed hash. Among a hundred million visitors, the probability
    /// of a collision is below 1 in 1000.
    pub(crate) visitors: Vec<u64>,
    /// The rows of each session's first and last event.
    pub(crate) first: FrameOfReference,
    pub(crate) last: FrameOfReference,
    /// The rows of its first and last page view, if it has some.
    entry: FrameOfReference,
    exit: FrameOfReference,
    /// The row whose classification is that of the session, unless it is direct.
    source: FrameOfReference,
    /// Number of page views.
    views: FrameOfReference,
    /// Whether each session is a bounce.
    bounces: Vec<bool>,
    /// The session ids that clients sent; `None` if they sent none.
    pub(crate) sent: Option<SentIds>,
    /// Ranges of time, ascending, that contain all events of the chunk: first and last time.
    pub(crate) covered: Vec<(i64, i64)>,
}

/// Session ids that clients sent.
#[derive(Debug)]
pub(crate) struct SentIds {
    /// Whether each row has one.
    rows: Vec<bool>,
    /// The keyed hash of the id of each session; 0 if none of its rows has one.
    sessions: Vec<u64>,
}

impl SentIds {
    /// Whether the session has an id that a client sent.
    pub(crate) fn has(&self, session: usize) -> bool {
        self.sessions[session] != 0
    }
}

impl ChunkSessions {
    /// Number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.visitors.len()
    }

    /// The session of this number.
    pub(crate) fn session(&self, number: usize, times: &Times) -> ChunkSession {
        let row = |row: u32| (row != NO_NUMBER).then_some(row);
        let [first, last] = [&self.first, &self.last].map(|rows| rows.at(number));
        ChunkSession {
            visitor: self.visitors[number],
            first,
            first_at: times.at(first as usize),
            last_at: times.at(last as usize),
            ends: row(self.entry.at(number)).zip(row(self.exit.at(number))),
            views: self.views.at(number),
            bounce: self.bounces[number],
        }
    }

    /// The row of a session's first page view.
    pub(crate) fn entry(&self, number: usize) -> Option<u32> {
        let row = self.entry.at(number);
        (row != NO_NUMBER).then_some(row)
    }

    /// The keyed hash of the session id that a client sent with a row.
    pub(crate) fn sent_id(&self, row: usize) -> Option<u64> {
        let sent = self.sent.as_ref().filter(|sent| sent.rows[row])?;
        Some(sent.sessions[self.numbers.at(row) as usize])
    }
}

/// A session within one chunk; it refers to rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkSession {
    pub(crate) visitor: u64,
    pub(crate) first: u32,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    /// Entry and exit.
    pub(crate) ends: Option<(u32, u32)>,
    /// Number of page views.
    pub(crate) views: u32,
    pub(crate) bounce: bool,
}

impl HeapSize for ChunkSessions {
    fn heap_bytes(&self) -> usize {
        let rows =
            [&self.numbers, &self.first, &self.last, &self.entry, &self.exit, &self.source, &self.views];
        let sent = self.sent.as_ref().map_or(0, |sent| sent.rows.heap_bytes() + sent.sessions.heap_bytes());
        rows.iter().map(|rows| rows.heap_bytes()).sum::<usize>()
            + self.visitors.heap_bytes()
            + self.bounces.heap_bytes()
            + self.covered.heap_bytes()
            + sent
    }
}

/// The keyed hashes that sessions are found by.
#[derive(Debug)]
struct Ids {
    /// The visitor of each row.
    visitors: Vec<u64>,
    /// The session id that a client sent with each row; 0 if none. `None` if there are none at all.
    sent: Option<Vec<u64>>,
}

impl Columns {
    /// The sessions of the chunk.
    pub(crate) fn chunk_sessions(&self, chunk: &Chunk) -> Result<ChunkSessions, StoreError> {
        let (events, ids) = (SessionEvents::of(self, chunk)?, self.session_ids(chunk)?);
        let mut sessionizer = Sessionizer::<u64, u64, DefaultHashBuilder>::default();
        let mut numbers = vec![0; chunk.rows()];
        let mut sessions: Vec<Session<u32>> = Vec::new();
        let mut covered: Vec<(i64, i64)> = Vec::new();
        let mut add = |row: u32| {
            let event = events.event(row as usize, row);
            let sent = ids.sent.as_ref().map(|sent| sent[row as usize]).filter(|id| *id != 0);
            let number = sessionizer.session(ids.visitors[row as usize], event.at, sent);
            numbers[row as usize] = number;
            match sessions.get_mut(number as usize) {
                Some(session) => session.add(event, |a, b| events.compare_paths(a, b)),
                None => sessions.push(Session::new(event)),
            }
            let is_full = covered.len() == MAX_COVERED;
            match covered.last_mut() {
                Some((_, end)) if is_full || event.at - *end <= MAX_PAUSE => *end = event.at,
                _ => covered.push((event.at, event.at)),
            }
        };
        match self.row_order(chunk)? {
            None => (0..chunk.rows() as u32).for_each(&mut add),
            Some(order) => order.into_iter().for_each(&mut add),
        }
        let sent = ids.sent.map(|sent| {
            let mut of_sessions = vec![0; sessions.len()];
            for (number, id) in numbers.iter().zip(&sent).filter(|(_, id)| **id != 0) {
                of_sessions[*number as usize] = *id;
            }
            SentIds { rows: sent.iter().map(|id| *id != 0).collect(), sessions: of_sessions }
        });
        let rows = |row: &dyn Fn(&Session<u32>) -> Option<u32>| {
            FrameOfReference::new(sessions.iter().map(|session| row(session).unwrap_or(NO_NUMBER)).collect())
        };
        Ok(ChunkSessions {
            visitors: sessions.iter().map(|session| ids.visitors[session.first as usize]).collect(),
            first: rows(&|session| Some(session.first)),
            last: rows(&|session| Some(session.last)),
            entry: rows(&|session| session.views.map(|views| views.entry)),
            exit: rows(&|session| session.views.map(|views| views.exit)),
            source: rows(&|session| session.source),
            views: rows(&|session| Some(session.views.map_or(0, |views| views.count))),
            bounces: sessions.iter().map(Session::is_bounce).collect(),
            numbers: FrameOfReference::new(numbers),
            sent,
            covered,
        })
    }

    /// The rows of an unsorted chunk in order of time, then `event_id`; `None` if they are in this order.
    fn row_order(&self, chunk: &Chunk) -> Result<Option<Vec<u32>>, StoreError> {
        if chunk.sorted() {
            return Ok(None);
        }
        let (times, ids) = (self.times(chunk)?, self.text(chunk, Column::EventId)?);
        let key = |row: u32| (times.at(row as usize), ids.value(row as usize));
        let mut order: Vec<u32> = (0..chunk.rows() as u32).collect();
        order.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
        Ok(Some(order))
    }

    fn session_ids(&self, chunk: &Chunk) -> Result<Ids, StoreError> {
        let visitors = self.text_once(chunk, Column::AnonymousId)?;
        let sessions = self.text_once(chunk, Column::SessionId)?;
        let times = self.times(chunk)?;
        let visitor_of = |text: &str| self.hash.of(IdKind::Visitor, text) as u64;
        let hashes: Vec<u64> =
            std::iter::once(0).chain(visitors.dictionary.texts().map(visitor_of)).collect();
        let mut sent: Option<Vec<u64>> = None;
        for row in 0..chunk.rows() {
            let (id, visitor) =
                (sessions.value(row).unwrap_or_default(), visitors.value(row).unwrap_or_default());
            if !is_derived_id(id, visitor, instant(times.at(row))) {
                // 0 means that there is none.
                let hash = (self.hash.of(IdKind::Session, id) as u64).max(1);
                sent.get_or_insert_with(|| vec![0; chunk.rows()])[row] = hash;
            }
        }
        let visitor = |row| hashes[visitors.codes.get(row) as usize];
        Ok(Ids { visitors: (0..chunk.rows()).map(visitor).collect(), sent })
    }

    /// The value of a session column in each row of the chunk, given its sessions.
    pub(crate) fn session_text(
        &self,
        chunk: &Chunk,
        sessions: &ChunkSessions,
        column: SessionColumn,
    ) -> Result<TextColumn, StoreError> {
        let texts = self.text(chunk, column.column())?;
        let text = |row: u32| if row == NO_NUMBER { None } else { texts.value(row as usize) };
        let mut interner = Interner::default();
        let of_sessions: Vec<u32> = (0..sessions.len())
            .map(|number| {
                let value = match column.taken_from() {
                    TakenFrom::Entry => text(sessions.entry.at(number)),
                    TakenFrom::Exit => text(sessions.exit.at(number)),
                    TakenFrom::Source(direct) => match sessions.source.at(number) {
                        NO_NUMBER => direct.or_else(|| text(sessions.first.at(number))),
                        row => text(row),
                    },
                };
                interner.code(value)
            })
            .collect();
        let codes: Vec<u32> =
            sessions.numbers.of(0..chunk.rows()).map(|number| of_sessions[number as usize]).collect();
        let dictionary = interner.into_dictionary();
        Ok(TextColumn { codes: Codes::narrow(&codes, dictionary.len()), dictionary: dictionary.into() })
    }
}
