//! What appending and importing share, and how an import knows events that were stored long ago.
//!
//! An export gives an event back with its own time, so a duplicate can only lie in a segment
//! whose times cover it: its id is looked up there, whatever became of the segment's filter.

use millimetric_core::event::{Event, EventScope};
use tokio::sync::oneshot;

use crate::EmbeddedStore;
use crate::encoding::event_key::EventKey;
use crate::encoding::row;
use crate::wal::batch_codec;
use crate::wal::queue::Append;
use millimetric_events::{Appended, StoreError};

impl EmbeddedStore {
    /// The identity of each event.
    pub(crate) fn ids(&self, events: &[Event]) -> Vec<EventKey> {
        events.iter().map(|event| EventKey::of(&self.state.columns.hash, &event.event_id)).collect()
    }

    /// Hands a batch to the writer and waits until it is durable; `known` are the places that a
    /// segment up to `checked_through` holds.
    pub(crate) async fn enqueue(
        &self,
        scope: EventScope,
        events: Vec<Event>,
        ids: Vec<EventKey>,
        duplicates: Vec<usize>,
        checked_through: i64,
    ) -> Result<Appended, StoreError> {
        let frame = batch_codec::encode(&events, |_| true)?;
        let bytes = frame.len() + events.iter().map(row::memory_of).sum::<usize>();
        let (reply, stored) = oneshot::channel();
        self.log.append(Append { scope, events, ids, frame, duplicates, checked_through, bytes, reply })?;
        stored.await.map_err(|_| StoreError::Closing)?
    }
}
