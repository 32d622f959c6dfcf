//! The changes that the background work and the privacy calls ask of the writer.
//!
//! Each is one transaction and one step in memory, made by the writer between two groups of
//! batches, so that no event can slip through between the two.

mod execute;

use std::sync::Arc;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use rusqlite::Connection;

use crate::memtable::Block;
use crate::segment::Segment;
use crate::state::erasures::ErasureRecord;
use crate::wal::manifest::NewSegment;

/// What to change.
#[derive(Debug)]
pub(crate) enum Command {
    /// Sets the scope's hot rows apart, to be sealed.
    BeginFlush(EventScope),
    /// Puts new segments in the place of what they were made from.
    Swap(Swap),
    /// Deletes sealed rows of the hot log, those numbered `from` to before `to`.
    DeleteFlushed {
        /// Whose rows.
        scope: EventScope,
        from: i64,
        to: i64,
    },
    /// Deletes all sealed rows of the hot log.
    DeleteAllFlushed,
    /// Gives some free pages back to the system, when there are more than are to be spared.
    Vacuum { spare_pages: i64 },
    /// Empties the write-ahead log.
    TruncateWal,
    /// Drops what is known of the ids of segments that the window has passed.
    DropKnownIds(Vec<Arc<Segment>>),
    /// Hides a person.
    Erase(ErasureRecord),
    /// Adds the visitors that were linked to the person of an erasure.
    Link(ErasureId, Vec<u128>),
    /// Ends an erasure at that time; milliseconds.
    Finish(ErasureId, i64),
    /// Hides what is older; milliseconds.
    SetRetentionWatermark(EventScope, i64),
    /// Fixes what a second connection reads, between two transactions.
    BeginSnapshot(Connection),
}

/// The answer to a change.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// Whether [`Command::Vacuum`] gave something back: there may be more to give.
    Vacuumed(bool),
    /// Set apart by [`Command::BeginFlush`].
    FlushBegun(FlushInput),
    /// Fixed by [`Command::BeginSnapshot`], with the segments of that moment.
    SnapshotBegun(Connection, Vec<Arc<Segment>>),
}

/// Hot rows that are to be sealed.
#[derive(Debug, Default)]
pub(crate) struct FlushInput {
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Their first row in the hot log.
    pub(crate) first_seq: i64,
    /// Their last.
    pub(crate) last_seq: i64,
}

/// Segments in the place of what they were made from.
#[derive(Debug)]
pub(crate) struct Swap {
    pub(crate) scope: EventScope,
    /// The hot rows that were sealed, if any.
    pub(crate) flushed: Option<FlushInput>,
    pub(crate) removed: Vec<Arc<Segment>>,
    pub(crate) added: Vec<NewSegment>,
    /// Events left out for each erasure.
    pub(crate) erased: Vec<(ErasureId, u64)>,
}
