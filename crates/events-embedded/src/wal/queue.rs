//! The first-in, first-out queue of the writer: batches, limited in bytes, and commands, which are not
//! limited. Consecutive batches are joined into groups for one transaction each (group commit).

use std::collections::VecDeque;

use millimetric_core::event::{Event, EventScope};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::oneshot;

use crate::encoding::event_key::EventKey;
use crate::wal::commands::{Command, Outcome};
use millimetric_events::{Appended, LocalError, StoreError};

/// Most events of a group that more than one batch shares.
const GROUP_EVENTS: usize = 16_384;

/// What is known of the duplicates of a batch when it is queued.
#[derive(Debug)]
pub(crate) enum Known {
    /// There are none, as the caller says: no id is looked up.
    AllNew,
    /// Indexes of events that a segment contains, ascending, checked against all segments up to this id.
    InSegments { duplicates: Vec<usize>, checked_through: i64 },
}

/// A batch that waits to be written.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) scope: EventScope,
    pub(crate) events: Vec<Event>,
    /// The key of each event.
    pub(crate) ids: Vec<EventKey>,
    /// All events, encoded as one frame of the write-ahead log.
    pub(crate) frame: Vec<u8>,
    /// What is known of duplicates.
    pub(crate) known: Known,
    /// Memory of the batch in bytes.
    pub(crate) bytes: usize,
    pub(crate) reply: oneshot::Sender<Result<Appended, StoreError>>,
}

/// One item of work for the writer.
#[derive(Debug)]
pub(crate) enum Work {
    Group(Group),
    Command(Command, oneshot::Sender<Result<Outcome, StoreError>>),
}

/// Batches that are written in one transaction.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) appends: Vec<Append>,
    events: usize,
}

impl Group {
    fn push(&mut self, append: Append) {
        self.events += append.events.len();
        self.appends.push(append);
    }
}

#[derive(Debug, Default)]
struct Waiting {
    work: VecDeque<Work>,
    bytes: usize,
    closed: bool,
}

/// The queue of the writer's thread, which alone writes `events.db` and changes the state in memory.
#[derive(Debug)]
pub(crate) struct WriterQueue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    max_bytes: usize,
    /// Why writes are refused, if a sync has failed.
    failure: RwLock<Option<String>>,
}

impl WriterQueue {
    /// `max_bytes` limits the memory of waiting batches.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), max_bytes, failure: RwLock::default() }
    }

    /// Queues a batch. The writer replies through `append.reply`.
    ///
    /// # Errors
    /// `Overloaded` if the queue is full, `Closing` if the store is closing.
    pub(crate) fn append(&self, append: Append) -> Result<(), StoreError> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(StoreError::Closing);
        }
        if waiting.bytes + append.bytes > self.max_bytes {
            return Err(StoreError::Overloaded);
        }
        waiting.bytes += append.bytes;
        match waiting.work.back_mut() {
            Some(Work::Group(group)) if group.events + append.events.len() <= GROUP_EVENTS => {
                group.push(append);
            }
            _ => {
                let mut group = Group::default();
                group.push(append);
                waiting.work.push_back(Work::Group(group));
            }
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// Has the writer execute a command and waits for the outcome. It blocks the thread.
    pub(crate) fn execute(&self, command: Command) -> Result<Outcome, StoreError> {
        self.command(command)?.blocking_recv().map_err(|_| StoreError::Closing)?
    }

    /// Like [`Self::execute`], for async tasks.
    pub(crate) async fn execute_async(&self, command: Command) -> Result<Outcome, StoreError> {
        self.command(command)?.await.map_err(|_| StoreError::Closing)?
    }

    /// Queues a command and returns the receiver of its outcome.
    fn command(
        &self,
        command: Command,
    ) -> Result<oneshot::Receiver<Result<Outcome, StoreError>>, StoreError> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(StoreError::Closing);
        }
        let (reply, response) = oneshot::channel();
        waiting.work.push_back(Work::Command(command, reply));
        self.arrived.notify_one();
        Ok(response)
    }

    /// # Errors
    /// `NotWritable` if a sync has failed.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        self.failure.read().as_ref().map_or(Ok(()), |why| Err(LocalError::NotWritable(why.clone()).into()))
    }

    /// Memory in bytes of the batches that wait or are being written.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting.lock().bytes
    }

    /// Refuses new work. Queued work is still done.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.arrived.notify_one();
    }
}

/// For the writer's thread.
impl WriterQueue {
    /// Waits for the next item; returns `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Work> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(work) = waiting.work.pop_front() {
                return Some(work);
            }
            if waiting.closed {
                return None;
            }
            self.arrived.wait(&mut waiting);
        }
    }

    /// Releases the memory of written batches.
    pub(super) fn release(&self, bytes: usize) {
        self.waiting.lock().bytes -= bytes;
    }

    /// Refuses all writes until a restart: after a failed sync the content of the disk is unknown, and a
    /// retried sync can report success without having written.
    pub(super) fn fail(&self, why: &str) {
        tracing::error!(why, "the event store takes no more writes until it is started anew");
        self.failure.write().get_or_insert_with(|| why.to_owned());
    }
}
