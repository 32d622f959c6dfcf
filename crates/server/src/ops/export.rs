//! Exports: a file of a scope's events, made while it is taken, in bounded memory.
//!
//! One thread reads and writes down; it waits for the client that takes the pieces, for a while, and
//! stops when they have gone. What a project no longer keeps is cut off before (`ops::read`).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::query::ExportQuery;
use millimetric_events::{EventStore, EventStream, StoreError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

/// Pieces made ahead of the client that takes them.
const AHEAD: usize = 2;
/// How long a piece of about a mebibyte waits to be taken before the export is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Encodes events into the bytes of one file, a few at a time.
pub trait EventEncoder: Send + 'static {
    /// Adds events; returns the bytes that are ready, possibly none.
    fn write(&mut self, events: &[Event]) -> Result<Vec<u8>, StoreError>;

    /// Ends the file; returns its last bytes.
    fn finish(self) -> Result<Vec<u8>, StoreError>;
}

/// A file that is being made.
#[derive(Debug)]
pub struct Export {
    pieces: Receiver<Piece>,
    is_over: bool,
}

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    End,
    Failed(StoreError),
}

impl Export {
    /// Begins; `slot` is held until the end.
    pub fn start(
        events: Arc<dyn EventStore>,
        scope: EventScope,
        query: ExportQuery,
        encoder: impl EventEncoder,
        slot: impl Send + 'static,
    ) -> Self {
        let (sender, pieces) = channel(AHEAD);
        let (events, runtime) = (events.export(scope, query), Handle::current());
        spawn_blocking(move || {
            let _slot = slot;
            let last = run(events, encoder, &sender, &runtime);
            for piece in last.unwrap_or_else(|error| vec![Piece::Failed(error)]) {
                // A client that has gone misses nothing.
                let _ = runtime.block_on(sender.send_timeout(piece, PATIENCE));
            }
        });
        Self { pieces, is_over: false }
    }

    /// The next bytes; `None` only when the file is complete.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, StoreError>> {
        if self.is_over {
            return None;
        }
        let piece = self.pieces.recv().await;
        self.is_over = !matches!(piece, Some(Piece::Bytes(_)));
        match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => None,
            Some(Piece::Failed(error)) => Some(Err(error)),
            None => Some(Err(StoreError::Cancelled)),
        }
    }
}

/// Sends all pieces but the last ones, which it returns. Encoding blocks a thread.
fn run(
    mut events: EventStream,
    mut encoder: impl EventEncoder,
    sender: &Sender<Piece>,
    runtime: &Handle,
) -> Result<Vec<Piece>, StoreError> {
    while let Some(batch) = runtime.block_on(events.next()) {
        let bytes = encoder.write(&batch?)?;
        if !bytes.is_empty() {
            let sent = runtime.block_on(sender.send_timeout(Piece::Bytes(bytes), PATIENCE));
            sent.map_err(|_| StoreError::Cancelled)?;
        }
    }
    Ok(vec![Piece::Bytes(encoder.finish()?), Piece::End])
}
