//! How large all memtables together are.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Numbers of blocks start here, above those of all segments.
const FIRST_BLOCK: u64 = 1 << 63;

/// The size of one memtable, or of several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MemtableSize {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// The size of all memtables, and the numbers of their blocks.
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
    /// The size of all memtables.
    pub(crate) fn size(&self) -> MemtableSize {
        MemtableSize { rows: self.rows.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Records that one memtable has changed its size.
    pub(crate) fn resize(&self, before: MemtableSize, after: MemtableSize) {
        // The counters wrap around for a moment when a memtable shrinks, and come out right.
        self.rows.fetch_add(after.rows.wrapping_sub(before.rows), Ordering::Relaxed);
        self.bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
    }

    /// A number for a new block.
    pub(crate) fn next_block(&self) -> u64 {
        self.next_block.fetch_add(1, Ordering::Relaxed)
    }
}
