//! Allocates segment ids, and tracks replaced segments that queries still read.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use millimetric_core::event::EventScope;
use parking_lot::Mutex;

use crate::segment::Segment;

/// The next segment id, and the replaced segments.
#[derive(Debug)]
pub(crate) struct SegmentFiles {
    next_id: AtomicI64,
    replaced: Mutex<Vec<(EventScope, Weak<Segment>)>>,
}

impl Default for SegmentFiles {
    fn default() -> Self {
        Self { next_id: AtomicI64::new(1), replaced: Mutex::default() }
    }
}

impl SegmentFiles {
    /// Returns the id of a new segment.
    pub(crate) fn next_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes all further ids higher than `id`.
    pub(crate) fn continue_after(&self, id: i64) {
        self.next_id.fetch_max(id + 1, Ordering::Relaxed);
    }

    /// Marks segments as replaced: each deletes its file when its last reader drops it.
    pub(crate) fn replace(&self, scope: EventScope, segments: &[Arc<Segment>]) {
        let mut replaced = self.replaced.lock();
        replaced.retain(|(_, segment)| segment.strong_count() > 0);
        for segment in segments {
            segment.replaced.store(true, Ordering::Release);
            replaced.push((scope, Arc::downgrade(segment)));
        }
    }

    /// Whether a query still reads a replaced segment of the scope.
    pub(crate) fn has_readers(&self, scope: EventScope) -> bool {
        self.replaced.lock().iter().any(|(of, segment)| *of == scope && segment.strong_count() > 0)
    }
}
