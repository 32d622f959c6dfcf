//! Exports: a file of a scope's events, made while it is taken, in bounded memory.
//!
//! One thread reads and writes down; it waits for the client that takes the pieces, for a while, and
//! stops when they have gone. What a project no longer keeps is cut off before (`ops::read`).

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use millimetric_core::event::{Event, EventScope};
use millimetric_core::query::ExportQuery;
use millimetric_events::{EventStore, StoreError};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

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
        tokio::spawn(async move {
            let _slot = slot;
            let last = match run(&*events, scope, query, encoder, &sender).await {
                Ok(last) => last,
                Err(error) => vec![Piece::Failed(error)],
            };
            for piece in last {
                // A client that has gone misses nothing.
                let _ = sender.send_timeout(piece, PATIENCE).await;
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

/// Sends all pieces but the last ones, which it gives.
async fn run(
    events: &dyn EventStore,
    scope: EventScope,
    query: ExportQuery,
    encoder: impl EventEncoder,
    sender: &Sender<Piece>,
) -> Result<Vec<Piece>, StoreError> {
    let writing = Arc::new(Mutex::new((Some(encoder), None)));
    let (taken, sender, runtime) = (Arc::clone(&writing), sender.clone(), Handle::current());
    let write = move |batch: Vec<Event>| {
        let mut taken = taken.lock();
        let (Some(encoder), failure) = &mut *taken else { return ControlFlow::Break(()) };
        match encoder.write(&batch) {
            Ok(bytes) if bytes.is_empty() => ControlFlow::Continue(()),
            Ok(bytes) => {
                let sent = runtime.block_on(sender.send_timeout(Piece::Bytes(bytes), PATIENCE));
                if sent.is_err() {
                    *failure = Some(StoreError::Cancelled);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                *failure = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    events.export(scope, query, Box::new(write)).await?;
    let (encoder, failure) = std::mem::take(&mut *writing.lock());
    match (encoder, failure) {
        (_, Some(error)) => Err(error),
        (Some(encoder), None) => Ok(vec![Piece::Bytes(encoder.finish()?), Piece::End]),
        (None, None) => Err(StoreError::Internal("an export ended twice".to_owned())),
    }
}
