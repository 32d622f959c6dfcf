//! The write path: the queue of batches, the writer's thread, and `events.db` with the write-ahead log.

pub(crate) mod batch_codec;
pub(crate) mod commands;
pub(crate) mod manifest;
pub(crate) mod queue;
pub(crate) mod recent_ids;
pub(crate) mod replay;
pub(crate) mod snapshot;
pub(crate) mod stored;
pub(crate) mod writer;

use millimetric_events::{LocalError, StoreError};
use parking_lot::RwLock;

use self::commands::{Command, Outcome};
use self::queue::{Append, Queue};

/// The handle of the writer's thread, which alone writes `events.db` and changes the state in memory.
#[derive(Debug)]
pub(crate) struct Log {
    queue: Queue,
    /// Why writes are refused, if a sync has failed.
    failure: RwLock<Option<String>>,
}

impl Log {
    /// `queue_bytes` limits the memory of waiting batches.
    pub(crate) fn new(queue_bytes: usize) -> Self {
        Self { queue: Queue::new(queue_bytes), failure: RwLock::default() }
    }

    /// Queues a batch for the writer, which replies through `append.reply`.
    ///
    /// # Errors
    /// `Overloaded` if the queue is full, `Closing` if the store is closing.
    pub(crate) fn append(&self, append: Append) -> Result<(), StoreError> {
        self.queue.append(append)
    }

    /// Has the writer execute a command and waits for the outcome. It blocks the thread.
    pub(crate) fn execute(&self, command: Command) -> Result<Outcome, StoreError> {
        self.queue.command(command)?.blocking_recv().map_err(|_| StoreError::Closing)?
    }

    /// Like [`Self::execute`], for async tasks.
    pub(crate) async fn execute_async(&self, command: Command) -> Result<Outcome, StoreError> {
        self.queue.command(command)?.await.map_err(|_| StoreError::Closing)?
    }

    /// # Errors
    /// `NotWritable` if a sync has failed.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        self.failure.read().as_ref().map_or(Ok(()), |why| Err(LocalError::NotWritable(why.clone()).into()))
    }

    /// Memory of the waiting batches in bytes.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Refuses new work. Queued work is still done.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Refuses all writes until a restart: after a failed sync the content of the disk is unknown, and a
    /// retried sync can report success without having written.
    fn fail(&self, why: &str) {
        tracing::error!(why, "the event store takes no more writes until it is started anew");
        self.failure.write().get_or_insert_with(|| why.to_owned());
    }
}
