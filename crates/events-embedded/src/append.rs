//! What appending and importing share, and how an import knows events that were stored long ago.
//!
//! An export gives an event back with its own time, so a duplicate can only lie in a segment
//! whose times cover it: its id is looked up there, whatever became of the segment's filter.

use std::sync::Arc;

use millimetric_core::event::{Event, EventScope};
use tokio::sync::oneshot;

use crate::EmbeddedStore;
use crate::columns::Columns;
use crate::columns::dedup;
use crate::columns::dedup::Identity;
use crate::encoding::row;
use crate::segment::Segment;
use crate::wal::batch_codec;
use crate::wal::queue::Append;
use millimetric_events::{Appended, StoreError};

/// The places of those events that one of the segments holds. A file that cannot be read is an
/// error here: nobody waits for an import, and it can be done again.
pub(crate) fn sealed_places(
    columns: &Columns,
    segments: &[Arc<Segment>],
    events: &[Event],
    ids: &[Identity],
) -> Result<Vec<usize>, StoreError> {
    let mut places = Vec::new();
    for segment in segments {
        let known = segment.known_ids.read().clone();
        if let Some(known) = known {
            places.extend(dedup::held(columns, segment, &known, ids)?);
            continue;
        }
        let covered = |place: &usize| {
            let time = events[*place].timestamp.millis();
            segment.earliest <= time && time <= segment.latest
        };
        let suspects: Vec<usize> = (0..events.len()).filter(covered).collect();
        if !suspects.is_empty() {
            let stored = dedup::event_ids(columns, segment)?;
            places
                .extend(suspects.into_iter().filter(|place| stored.binary_search(&ids[*place].hash).is_ok()));
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

impl EmbeddedStore {
    /// The identity of each event.
    pub(crate) fn ids(&self, events: &[Event]) -> Vec<Identity> {
        events.iter().map(|event| Identity::of(&self.shared.columns.hash, &event.event_id)).collect()
    }

    /// Hands a batch to the writer and waits until it is durable; `known` are the places that a
    /// segment up to `asked_through` holds.
    pub(crate) async fn enqueue(
        &self,
        scope: EventScope,
        events: Vec<Event>,
        ids: Vec<Identity>,
        known: Vec<usize>,
        asked_through: i64,
    ) -> Result<Appended, StoreError> {
        let frame = batch_codec::encode(&events, |_| true)?;
        let bytes = frame.len() + events.iter().map(row::memory_of).sum::<usize>();
        let (reply, stored) = oneshot::channel();
        self.shared.queue.append(Append { scope, events, ids, frame, known, asked_through, bytes, reply })?;
        stored.await.map_err(|_| StoreError::NotWritable("the writer has ended".to_owned()))?
    }
}
