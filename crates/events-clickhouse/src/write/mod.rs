//! The way of events into the store: a queue that is bounded in bytes, and groups of the batches that wait. Of a
//! group, what is known is left out, the rest is inserted, and each caller is answered.

mod group;
mod groups;
pub(crate) mod load;
mod lookup;
pub(crate) mod row_binary;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millimetric_core::column::Column;
use millimetric_core::event::{Event, EventScope};
use millimetric_events::{Appended, StoreError};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::group::Writer;
use self::groups::Groups;
use self::state::WriteState;
use crate::client::{Client, QueryLimits};
use crate::keys::KeyedHash;

/// Memory of an event besides its texts, in bytes: itself, and the fixed part of its row.
const EVENT_BYTES: usize = size_of::<Event>() + 128;

/// A batch that waits to be stored.
struct Batch {
    scope: EventScope,
    events: Vec<Event>,
    /// Whether an event counts as known however long ago it was stored, if its timestamp is the same.
    is_import: bool,
    reply: oneshot::Sender<Result<Appended, StoreError>>,
    /// Held until the batch is answered.
    _reserved: Reserved,
}

impl Batch {
    fn answer(self, result: Result<Appended, StoreError>) {
        // The caller may be gone.
        let _ = self.reply.send(result);
    }
}

/// Bytes of the queue, which are free again when this is dropped.
struct Reserved {
    bytes: usize,
    queued: Arc<AtomicUsize>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The queue, and the task that empties it.
pub(crate) struct Batcher {
    /// `None` when the store is closed.
    sender: Mutex<Option<mpsc::UnboundedSender<Batch>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// Bytes of the batches that are not answered.
    queued: Arc<AtomicUsize>,
    max_bytes: usize,
    state: Arc<WriteState>,
}

impl Batcher {
    /// Starts the writer.
    pub(crate) fn start(client: Client, limits: QueryLimits, hash: KeyedHash, max_bytes: usize) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let state = Arc::new(WriteState::default());
        let groups = Groups::new(Writer { client, limits, hash, state: Arc::clone(&state) });
        let task = tokio::spawn(groups.store(receiver));
        let queued = Arc::new(AtomicUsize::new(0));
        Self { sender: Mutex::new(Some(sender)), task: Mutex::new(Some(task)), queued, max_bytes, state }
    }

    /// Stores a batch, and returns when it is durable. A batch that is queued is stored even if the future is
    /// dropped.
    pub(crate) async fn store(
        &self,
        scope: EventScope,
        events: Vec<Event>,
        is_import: bool,
    ) -> Result<Appended, StoreError> {
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let reserved = self.reserve(events.iter().map(bytes_of).sum())?;
        let (reply, stored) = oneshot::channel();
        let batch = Batch { scope, events, is_import, reply, _reserved: reserved };
        let sent = self.sender.lock().as_ref().is_some_and(|sender| sender.send(batch).is_ok());
        if !sent {
            return Err(StoreError::Closing);
        }
        stored.await.map_err(|_| StoreError::Closing)?
    }

    fn reserve(&self, bytes: usize) -> Result<Reserved, StoreError> {
        let reserve = |queued: usize| {
            let total = queued + bytes;
            // A batch that is larger than the queue is taken if it is alone.
            (total <= self.max_bytes || queued == 0).then_some(total)
        };
        let reserved = self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve);
        reserved.map_err(|_| StoreError::Overloaded)?;
        Ok(Reserved { bytes, queued: Arc::clone(&self.queued) })
    }

    /// Bytes of the batches that wait or are being stored.
    pub(crate) fn bytes(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// An error if events could not be stored a moment ago.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.state.check()
    }

    /// Whether the last attempt to store events failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.state.is_failing()
    }

    /// Refuses further batches, and returns when those that wait are stored or have failed.
    pub(crate) async fn close(&self) {
        drop(self.sender.lock().take());
        let task = self.task.lock().take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer of the event store panicked");
        }
    }
}

fn bytes_of(event: &Event) -> usize {
    let texts = Column::ALL.into_iter().filter_map(|column| event.text(column));
    // They are in the event and in its row.
    EVENT_BYTES + 2 * texts.map(str::len).sum::<usize>()
}
