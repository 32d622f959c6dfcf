//! A set of sessions, as one bit for each session of each chunk.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A set of sessions, by chunk and number.
#[derive(Debug, Default)]
pub(crate) struct Marks(Vec<Vec<AtomicU64>>);

impl Marks {
    /// Prepares for this number of sessions in each chunk.
    pub(super) fn grow(&mut self, sessions: impl ExactSizeIterator<Item = usize>) {
        self.0.resize_with(sessions.len(), Vec::new);
        for (marks, count) in self.0.iter_mut().zip(sessions) {
            marks.resize_with(count.div_ceil(64), AtomicU64::default);
        }
    }

    /// Adds a session.
    pub(super) fn set(&self, chunk: usize, number: u32) {
        self.0[chunk][number as usize / 64].fetch_or(1 << (number % 64), Relaxed);
    }

    /// Whether the set contains a session.
    pub(crate) fn has(&self, chunk: usize, number: u32) -> bool {
        self.0[chunk][number as usize / 64].load(Relaxed) >> (number % 64) & 1 == 1
    }
}
