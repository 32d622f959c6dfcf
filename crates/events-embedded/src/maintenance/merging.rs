//! Merges small segments into larger ones, so that queries open few files. `segment/merge.rs` chooses them.

use std::sync::Arc;

use chrono::Datelike as _;
use millimetric_events::{LocalError, StoreError};

use super::Maintenance;
use super::maintainer::Maintainer;
use super::rewrite::{on_a_background_thread, rewrite_visible, swap};
use crate::columns::Chunk;
use crate::encoding::row::instant;
use crate::segment::Segment;
use crate::segment::merge::{self, MergeCandidate};
use crate::state::scope::Scope;

impl Maintainer {
    /// Merges small segments until there are none left, an erasure is pending, or the store closes. Scopes
    /// that are being re-classified are left alone.
    pub(crate) fn merge(&mut self) -> Result<(), StoreError> {
        for scope in self.work.state.scopes.all() {
            if self.work.state.reclassifications.is_pending(scope.id) {
                continue;
            }
            while let Some(segments) = self.mergeable(&scope) {
                if self.work.must_stop_merging() {
                    return Ok(());
                }
                match on_a_background_thread(|| merge_into_one(&self.work, &scope, &segments)) {
                    Err(StoreError::Local(LocalError::Corrupt(why))) => {
                        tracing::error!(why, "segments are not merged, because one of them cannot be read");
                        self.unmergeable.extend(segments.iter().map(|segment| segment.id));
                    }
                    // The next round retries it.
                    Err(_) if self.work.must_stop_merging() => return Ok(()),
                    merged => merged?,
                }
            }
        }
        Ok(())
    }

    fn mergeable(&self, scope: &Scope) -> Option<Vec<Arc<Segment>>> {
        let mut segments = scope.data.read().segments.clone();
        segments.retain(|segment| !self.unmergeable.contains(&segment.id));
        let candidates: Vec<MergeCandidate> = segments.iter().map(|segment| candidate(segment)).collect();
        let options = &self.work.state.options;
        let indexes = merge::choose(&candidates, options.merge_rows, options.merge_bytes)?;
        Some(indexes.into_iter().map(|index| Arc::clone(&segments[index])).collect())
    }
}

fn candidate(segment: &Segment) -> MergeCandidate {
    let earliest = instant(segment.earliest).to_utc();
    MergeCandidate {
        month: (earliest.year(), earliest.month()),
        earliest: segment.earliest,
        rows: segment.rows,
        // An unreadable segment fails when it is merged.
        bytes: segment.uncompressed_bytes().unwrap_or_default(),
    }
}

fn merge_into_one(work: &Maintenance, scope: &Scope, segments: &[Arc<Segment>]) -> Result<(), StoreError> {
    work.counters.merges.during(|| {
        let inputs: Vec<Chunk> = segments.iter().cloned().map(Chunk::Segment).collect();
        let rewritten = rewrite_visible(work, scope, &inputs, &|| work.must_stop_merging())?;
        let events = rewritten.rows();
        swap(work, scope, None, segments.to_vec(), rewritten).map(|()| events)
    })
}
