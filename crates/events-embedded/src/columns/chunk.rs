//! A chunk: rows that are read together, of a memtable block or of a segment.

use std::sync::Arc;

use crate::memtable::Block;
use crate::segment::Segment;

/// Rows that are read together.
#[derive(Debug, Clone)]
pub(crate) enum Chunk {
    Memtable(Arc<Block>),
    Segment(Arc<Segment>),
}

impl Chunk {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Memtable(block) => block.rows(),
            Self::Segment(segment) => segment.rows,
        }
    }

    pub(crate) fn earliest(&self) -> i64 {
        match self {
            Self::Memtable(block) => block.earliest,
            Self::Segment(segment) => segment.earliest,
        }
    }

    pub(crate) fn latest(&self) -> i64 {
        match self {
            Self::Memtable(block) => block.latest,
            Self::Segment(segment) => segment.latest,
        }
    }

    /// Whether the rows stand in order of (timestamp, `event_id`).
    pub(crate) fn sorted(&self) -> bool {
        matches!(self, Self::Segment(_))
    }

    /// Whether what is read of it once is there for the next time.
    pub(crate) fn is_cached(&self) -> bool {
        self.chunk_id().is_some()
    }

    /// Its number for the cache; none for what is read only once.
    pub(super) fn chunk_id(&self) -> Option<u64> {
        match self {
            Self::Memtable(block) => block.chunk_id,
            Self::Segment(segment) => Some(segment.chunk_id()),
        }
    }
}
