//! The commands that maintenance and the erasure calls send to the writer.
//!
//! The writer executes a command between two groups of batches: it commits to `events.db` first and
//! then updates the state in memory, so no batch sees one without the other.

mod execute;

use std::sync::Arc;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use rusqlite::Connection;

use crate::memtable::Block;
use crate::segment::Segment;
use crate::state::erasures::ErasureRecord;
use crate::state::reclassifications::{ReclassificationRecord, StagedRow};
use crate::wal::manifest::NewSegment;

/// A change to `events.db` and the state in memory.
#[derive(Debug)]
pub(crate) enum Command {
    /// Closes the scope's memtable, so that its rows can be flushed.
    BeginFlush(EventScope),
    /// Replaces flushed rows or old segments by the new segments that were written from them.
    Swap(Swap),
    /// Deletes flushed rows of the write-ahead log with `from` ≤ `seq` < `to`.
    DeleteFlushed { scope: EventScope, from: i64, to: i64 },
    /// Deletes all flushed rows of the write-ahead log.
    DeleteAllFlushed,
    /// Returns some free pages of `events.db` to the file system if there are more than `spare_pages`.
    Vacuum { spare_pages: i64 },
    /// Checkpoints SQLite's own write-ahead log (`events.db-wal`) and truncates it.
    TruncateWal,
    /// Drops the id filters of segments that are older than the deduplication window.
    DropKnownIds(Vec<Arc<Segment>>),
    /// Records an erasure; from then on its tombstone hides the person.
    Erase(ErasureRecord),
    /// Records the visitors that are linked to the user of an erasure.
    Link(ErasureId, Vec<u128>),
    /// Marks an erasure as finished at this time (milliseconds since 1970).
    Finish(ErasureId, i64),
    /// Records a re-classification.
    Reclassify(Box<ReclassificationRecord>),
    /// Records what a re-classification did with a segment.
    Stage(Box<StagedRow>),
    /// Hides events before this time (milliseconds since 1970); `i64::MAX` hides all.
    SetRetentionWatermark(EventScope, i64),
    /// Begins a read transaction on a second connection, between two transactions of the writer.
    BeginSnapshot(Connection),
}

/// The outcome of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// Whether [`Command::Vacuum`] returned pages; if so, there may be more.
    Vacuumed(bool),
    /// The rows to flush, of [`Command::BeginFlush`].
    FlushBegun(FlushInput),
    /// The connection of [`Command::BeginSnapshot`], and the segments that its transaction lists.
    SnapshotBegun(Connection, Vec<Arc<Segment>>),
}

/// The rows of a memtable that are being flushed.
#[derive(Debug, Default)]
pub(crate) struct FlushInput {
    pub(crate) blocks: Vec<Arc<Block>>,
    /// `seq` of their first row in the write-ahead log.
    pub(crate) first_seq: i64,
    /// `seq` of their last row.
    pub(crate) last_seq: i64,
}

/// New segments, and the rows or segments that they replace.
#[derive(Debug)]
pub(crate) struct Swap {
    pub(crate) scope: EventScope,
    /// The flushed rows, if this is a flush.
    pub(crate) flushed: Option<FlushInput>,
    pub(crate) removed: Vec<Arc<Segment>>,
    pub(crate) added: Vec<NewSegment>,
    /// The number of events removed for each erasure.
    pub(crate) erased: Vec<(ErasureId, u64)>,
    /// The re-classification that this finishes, which wrote the new segments.
    pub(crate) reclassified: Option<Box<ReclassificationRecord>>,
    /// What re-classifications will replace the new segments by.
    pub(crate) staged: Vec<StagedRow>,
}
