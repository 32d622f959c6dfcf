//! Deduplication: finds the event ids that segments of a scope already contain.
//!
//! A segment's filter excludes nearly all ids without reading its file; the remaining ones are looked up
//! among the ids in the file, so the result is exact. An append does not check segments whose events were
//! all received before the deduplication window. An import does check them if their time range contains
//! the event: an exported event has its original time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use millimetric_core::event::Event;
use millimetric_events::{LocalError, StoreError};

use super::Columns;
use super::cache::CachedPart;
use crate::encoding::event_key::EventKey;
use crate::encoding::keyed_hash::IdKind;
use crate::segment::Segment;
use crate::segment::id_filter::{IdFilter, KnownIds};
use millimetric_core::column::Column;

/// Returns the indexes of the ids that one of the segments contains, ascending. A segment that cannot be read
/// is skipped with a warning.
pub(crate) fn indexes_in_segments(
    columns: &Columns,
    segments: &[Arc<Segment>],
    ids: &[EventKey],
) -> Result<Vec<usize>, StoreError> {
    let mut indexes = Vec::new();
    for segment in segments {
        let Some(known) = segment.known_ids.read().clone() else { continue };
        match held(columns, segment, &known, ids) {
            Ok(held) => indexes.extend(held),
            // The ids of a damaged file are unknown. Storing a possible duplicate is better than dropping an
            // acknowledged event, and than refusing events that have nothing to do with the file.
            Err(StoreError::Local(LocalError::Corrupt(why))) if !segment.replaced.load(Ordering::Acquire) => {
                tracing::warn!(why, "deduplication skips a segment that cannot be read");
            }
            Err(error) => return Err(error),
        }
    }
    indexes.sort_unstable();
    indexes.dedup();
    Ok(indexes)
}

/// Returns the indexes of the ids that the segment contains, ascending.
pub(crate) fn held(
    columns: &Columns,
    segment: &Segment,
    known: &KnownIds,
    ids: &[EventKey],
) -> Result<Vec<usize>, StoreError> {
    let mut suspects = known.suspects(ids, || timed_filter(columns, segment).map(Some))?;
    if !suspects.is_empty() {
        let stored = event_ids(columns, segment)?;
        suspects.retain(|index| stored.binary_search(&ids[*index].hash).is_ok());
    }
    Ok(suspects)
}

/// Returns whether one of the segments may contain one of the ids, using only filters that are in memory.
pub(crate) fn any_suspect(columns: &Columns, segments: &[Arc<Segment>], ids: &[EventKey]) -> bool {
    segments.iter().any(|segment| {
        let known = segment.known_ids.read().clone();
        let cached = || Ok(columns.cache.peek(segment.chunk_id(), CachedPart::TimedIdFilter));
        known.is_some_and(|known| known.suspects(ids, cached).is_ok_and(|suspects| !suspects.is_empty()))
    })
}

fn timed_filter(columns: &Columns, segment: &Segment) -> Result<Arc<IdFilter>, StoreError> {
    columns.cache.get(segment.chunk_id(), CachedPart::TimedIdFilter, || {
        let key = |text: Option<&str>| {
            let id = EventKey::of(&columns.hash, text.unwrap_or_default());
            id.time.map(|_| id.filter_key())
        };
        let keys = columns.reader(segment)?.derive(Column::EventId, key)?;
        IdFilter::of(keys.into_iter().flatten().collect())
    })
}

/// The keyed hashes of all event ids of a segment, ascending.
pub(crate) fn event_ids(columns: &Columns, segment: &Segment) -> Result<Arc<Vec<u128>>, StoreError> {
    columns.cache.get(segment.chunk_id(), CachedPart::EventIds, || {
        let hash = |text: Option<&str>| columns.hash.of(IdKind::Event, text.unwrap_or_default());
        let mut ids: Vec<u128> = columns.reader(segment)?.derive(Column::EventId, hash)?;
        ids.sort_unstable();
        Ok(ids)
    })
}

/// Returns the indexes of the imported events that one of the segments contains, ascending.
///
/// # Errors
/// `Corrupt` if a segment cannot be read: an import, unlike an append, can be refused and repeated.
pub(crate) fn imported_indexes_in_segments(
    columns: &Columns,
    segments: &[Arc<Segment>],
    events: &[Event],
    ids: &[EventKey],
) -> Result<Vec<usize>, StoreError> {
    let mut indexes = Vec::new();
    for segment in segments {
        let known = segment.known_ids.read().clone();
        if let Some(known) = known {
            indexes.extend(held(columns, segment, &known, ids)?);
            continue;
        }
        let covered = |index: &usize| {
            let time = events[*index].timestamp.millis();
            segment.earliest <= time && time <= segment.latest
        };
        let suspects: Vec<usize> = (0..events.len()).filter(covered).collect();
        if !suspects.is_empty() {
            let stored = event_ids(columns, segment)?;
            indexes
                .extend(suspects.into_iter().filter(|index| stored.binary_search(&ids[*index].hash).is_ok()));
        }
    }
    indexes.sort_unstable();
    indexes.dedup();
    Ok(indexes)
}
