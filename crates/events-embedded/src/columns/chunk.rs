//! A chunk: the rows of one memtable block or one segment, the unit that queries read.

use std::sync::Arc;

use crate::memtable::Block;
use crate::segment::Segment;

/// The rows of a memtable block or of a segment.
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

    /// Whether the rows are sorted by (timestamp, `event_id`).
    pub(crate) fn sorted(&self) -> bool {
        matches!(self, Self::Segment(_))
    }

    /// Whether its columns are cached.
    pub(crate) fn is_cached(&self) -> bool {
        self.chunk_id().is_some()
    }

    /// The address of its data, by which the chunks of one view are told apart.
    pub(crate) fn address(&self) -> usize {
        match self {
            Self::Memtable(block) => Arc::as_ptr(block).addr(),
            Self::Segment(segment) => Arc::as_ptr(segment).addr(),
        }
    }

    /// Its key in the column cache; `None` for a copied tail, which is not cached.
    pub(super) fn chunk_id(&self) -> Option<u64> {
        match self {
            Self::Memtable(block) => block.chunk_id,
            Self::Segment(segment) => Some(segment.chunk_id()),
        }
    }
}
