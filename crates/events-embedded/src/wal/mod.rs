//! The write path: the queue of batches, the one thread that writes, and `events.db`.

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

/// The way to the writer's thread, which alone writes `events.db` and changes the state.
#[derive(Debug)]
pub(crate) struct Log {
    queue: Queue,
    /// Why nothing more is written, once a sync has failed.
    failure: RwLock<Option<String>>,
}

impl Log {
    /// Batches that wait take at most `queue_bytes` of memory.
    pub(crate) fn new(queue_bytes: usize) -> Self {
        Self { queue: Queue::new(queue_bytes), failure: RwLock::default() }
    }

    /// Hands a batch to the writer; its reply comes through `append.reply`.
    ///
    /// # Errors
    /// `Overloaded` if the queue is full, `Closing` if the store is closing.
    pub(crate) fn append(&self, append: Append) -> Result<(), StoreError> {
        self.queue.append(append)
    }

    /// Has the writer execute a command and waits. It blocks, so it is not for async tasks.
    pub(crate) fn execute(&self, command: Command) -> Result<Outcome, StoreError> {
        self.queue.command(command)?.blocking_recv().map_err(|_| StoreError::Closing)?
    }

    /// Has the writer execute a command.
    pub(crate) async fn execute_async(&self, command: Command) -> Result<Outcome, StoreError> {
        self.queue.command(command)?.await.map_err(|_| StoreError::Closing)?
    }

    /// # Errors
    /// `NotWritable` if a sync has failed.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        self.failure.read().as_ref().map_or(Ok(()), |why| Err(LocalError::NotWritable(why.clone()).into()))
    }

    /// Bytes of batches that wait.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Accepts nothing more; what waits is still written.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Refuses all writes from now on: after a failed sync nobody knows what is on the disk.
    fn fail(&self, why: &str) {
        tracing::error!(why, "the event store takes no more writes until it is started anew");
        self.failure.write().get_or_insert_with(|| why.to_owned());
    }
}
