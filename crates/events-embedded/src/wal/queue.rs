//! The first-in, first-out queue of the writer: batches, limited in bytes, and commands, which are not
//! limited. Consecutive batches are joined into groups for one transaction each (group commit).

use std::collections::VecDeque;

use millimetric_core::event::{Event, EventScope};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::encoding::event_key::EventKey;
use crate::wal::commands::{Command, Outcome};
use millimetric_events::{Appended, StoreError};

/// Most events of a group that more than one batch shares.
const GROUP_EVENTS: usize = 16_384;

/// A batch that waits to be written.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) scope: EventScope,
    pub(crate) events: Vec<Event>,
    /// The key of each event.
    pub(crate) ids: Vec<EventKey>,
    /// All events, encoded as one frame of the write-ahead log.
    pub(crate) frame: Vec<u8>,
    /// Indexes of events that a segment contains, ascending …
    pub(crate) duplicates: Vec<usize>,
    /// … checked against all segments up to this id.
    pub(crate) checked_through: i64,
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

/// The queue of the writer's thread.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    max_bytes: usize,
}

impl Queue {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), max_bytes }
    }

    /// Adds a batch, unless the queue is full or closed.
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

    /// Adds a command and returns the receiver of its outcome.
    pub(crate) fn command(
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

    /// Waits for the next item; returns `None` once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Work> {
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
    pub(crate) fn release(&self, bytes: usize) {
        self.waiting.lock().bytes -= bytes;
    }

    /// Refuses new work. Queued work is still taken.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.arrived.notify_one();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.waiting.lock().bytes
    }
}
