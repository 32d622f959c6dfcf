//! The way of events into the store: a queue that is bounded in bytes, and one writer that takes all that waits as
//! a group, leaves out what is known, inserts the rest, and answers each caller.

mod group;
mod lookup;
pub(crate) mod row_binary;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millimetric_core::column::Column;
use millimetric_core::event::{Event, EventScope};
use millimetric_events::{Appended, StoreError};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::client::{Client, QueryLimits};
use crate::keys::KeyedHash;

/// Most events of a group. A larger batch is a group of its own.
const GROUP_EVENTS: usize = 20_000;
/// How long the writer waits for more batches after the first: clients that were answered together send together
/// again, and an insert costs the same for few events and for many.
const GATHERED_FOR: Duration = Duration::from_millis(5);
/// Memory of an event besides its texts, in bytes.
const EVENT_BYTES: usize = size_of::<Event>() + 64;

/// A batch that waits to be stored.
struct Batch {
    scope: EventScope,
    events: Vec<Event>,
    /// Whether an event counts as known however long ago it was stored, if its timestamp is the same.
    is_import: bool,
    bytes: usize,
    reply: oneshot::Sender<Result<Appended, StoreError>>,
}

/// The queue, and the task that empties it.
pub(crate) struct Batcher {
    /// `None` when the store is closed.
    sender: Mutex<Option<mpsc::UnboundedSender<Batch>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl Batcher {
    /// Starts the writer.
    pub(crate) fn start(client: Client, limits: QueryLimits, hash: KeyedHash, max_bytes: usize) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let bytes = Arc::new(AtomicUsize::new(0));
        let writer = group::Writer { client, limits, hash };
        let task = tokio::spawn(write(writer, receiver, Arc::clone(&bytes)));
        Self { sender: Mutex::new(Some(sender)), task: Mutex::new(Some(task)), bytes, max_bytes }
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
        let bytes = events.iter().map(bytes_of).sum();
        let (reply, stored) = oneshot::channel();
        self.queue(Batch { scope, events, is_import, bytes, reply })?;
        stored.await.map_err(|_| StoreError::Closing)?
    }

    fn queue(&self, batch: Batch) -> Result<(), StoreError> {
        let bytes = batch.bytes;
        let reserve = |queued: usize| {
            let total = queued + bytes;
            // A batch that is larger than the queue is taken if it is alone.
            (total <= self.max_bytes || queued == 0).then_some(total)
        };
        let reserved = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve);
        reserved.map_err(|_| StoreError::Overloaded)?;
        let sent = match &*self.sender.lock() {
            Some(sender) => sender.send(batch).is_ok(),
            None => false,
        };
        if !sent {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StoreError::Closing);
        }
        Ok(())
    }

    /// Bytes of the batches that wait or are being stored.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
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
    EVENT_BYTES + texts.map(str::len).sum::<usize>()
}

async fn write(
    writer: group::Writer,
    mut receiver: mpsc::UnboundedReceiver<Batch>,
    queued: Arc<AtomicUsize>,
) {
    while let Some(first) = receiver.recv().await {
        tokio::time::sleep(GATHERED_FOR).await;
        let mut events = first.events.len();
        let mut batches = vec![first];
        while events < GROUP_EVENTS
            && let Ok(batch) = receiver.try_recv()
        {
            events += batch.events.len();
            batches.push(batch);
        }
        let bytes = batches.iter().map(|batch| batch.bytes).sum();
        writer.store(batches).await;
        queued.fetch_sub(bytes, Ordering::Relaxed);
    }
}
