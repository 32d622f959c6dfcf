//! The total size of all memtables, and the ids of their blocks.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Chunk ids of blocks start here, above those of all segments.
const FIRST_BLOCK: u64 = 1 << 63;

/// The size of one memtable, or of several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MemtableSize {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// The total size of all memtables, and the next chunk id of a block.
#[derive(Debug)]
pub(crate) struct MemtableUsage {
    rows: AtomicUsize,
    bytes: AtomicUsize,
    next_block: AtomicU64,
}

impl Default for MemtableUsage {
    fn default() -> Self {
        Self {
            rows: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            next_block: AtomicU64::new(FIRST_BLOCK),
        }
    }
}

impl MemtableUsage {
    /// The total size of all memtables.
    pub(crate) fn size(&self) -> MemtableSize {
        MemtableSize { rows: self.rows.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Records that the size of one memtable has changed.
    pub(crate) fn resize(&self, before: MemtableSize, after: MemtableSize) {
        // If a memtable shrinks, the difference wraps around, and so does the addition.
        self.rows.fetch_add(after.rows.wrapping_sub(before.rows), Ordering::Relaxed);
        self.bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
    }

    /// Returns the chunk id of a new block.
    pub(crate) fn next_block(&self) -> u64 {
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }
}
