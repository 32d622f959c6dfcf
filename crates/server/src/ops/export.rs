//! Exports: a file of a scope's events, made while it is taken, in bounded memory.
//!
//! One thread reads and writes down; it waits for the client that takes the parts, for a while, and
//! stops when they have gone.

use std::time::Duration;

use futures_util::StreamExt as _;
use millimetric_core::event::Event;
use millimetric_events::{EventStream, StoreError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

/// Parts that are written ahead of the client.
const AHEAD: usize = 2;
/// How long a part of about a mebibyte waits to be taken before the export is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Encodes events into the bytes of one file, a few at a time.
pub trait EventEncoder: Send + 'static {
    /// Adds events; returns the bytes that are ready, possibly none.
    fn write(&mut self, events: &[Event]) -> Result<Vec<u8>, StoreError>;

    /// Ends the file; returns its last bytes.
    fn finish(self) -> Result<Vec<u8>, StoreError>;
}

/// A file that is being written.
#[derive(Debug)]
pub struct Export {
    parts: Receiver<Part>,
    is_over: bool,
}

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    End,
    Failed(StoreError),
}

impl Export {
    /// Begins; `slot` is held until the end.
    pub fn start(events: EventStream, encoder: impl EventEncoder, slot: impl Send + 'static) -> Self {
        let (sender, parts) = channel(AHEAD);
        let runtime = Handle::current();
        spawn_blocking(move || {
            let _slot = slot;
            let last = run(events, encoder, &sender, &runtime);
            for part in last.unwrap_or_else(|error| vec![Part::Failed(error)]) {
                // Fails if the client has disconnected.
                let _ = runtime.block_on(sender.send_timeout(part, PATIENCE));
            }
        });
        Self { parts, is_over: false }
    }

    /// The next bytes; `None` only when the file is complete.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, StoreError>> {
        if self.is_over {
            return None;
        }
        let part = self.parts.recv().await;
        self.is_over = !matches!(part, Some(Part::Bytes(_)));
        match part {
            Some(Part::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Part::End) => None,
            Some(Part::Failed(error)) => Some(Err(error)),
            None => Some(Err(StoreError::Cancelled)),
        }
    }
}

/// Sends all parts but the last ones, which it returns. Encoding blocks a thread.
fn run(
    mut events: EventStream,
    mut encoder: impl EventEncoder,
    sender: &Sender<Part>,
    runtime: &Handle,
) -> Result<Vec<Part>, StoreError> {
    while let Some(batch) = runtime.block_on(events.next()) {
        let bytes = encoder.write(&batch?)?;
        if !bytes.is_empty() {
            let sent = runtime.block_on(sender.send_timeout(Part::Bytes(bytes), PATIENCE));
            sent.map_err(|_| StoreError::Cancelled)?;
        }
    }
    Ok(vec![Part::Bytes(encoder.finish()?), Part::End])
}
