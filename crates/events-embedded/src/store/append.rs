//! The steps that append and import share: hashing the event ids, and queueing the batch for the writer.

use millimetric_core::event::{Event, EventScope};
use tokio::sync::oneshot;

use crate::EmbeddedStore;
use crate::encoding::event_key::EventKey;
use crate::encoding::row;
use crate::wal::batch_codec;
use crate::wal::queue::{Append, Known};
use millimetric_events::{Appended, StoreError};

impl EmbeddedStore {
    /// Returns the key of each event.
    pub(crate) fn ids(&self, events: &[Event]) -> Vec<EventKey> {
        events.iter().map(|event| EventKey::of(&self.state.columns.hash, &event.event_id)).collect()
    }

    /// Queues a batch for the writer and waits until it is durable.
    pub(crate) async fn enqueue(
        &self,
        scope: EventScope,
        events: Vec<Event>,
        ids: Vec<EventKey>,
        known: Known,
    ) -> Result<Appended, StoreError> {
        let frame = batch_codec::encode(&events, |_| true)?;
        let bytes = frame.len() + events.iter().map(row::memory_of).sum::<usize>();
        let (reply, stored) = oneshot::channel();
        self.queue.append(Append { scope, events, ids, frame, known, bytes, reply })?;
        stored.await.map_err(|_| StoreError::Closing)?
    }
}
