//! Running a kernel: off the runtime's threads, split over the cores, stopped when its caller
//! has gone.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::StoreError;
use crate::embedded::columns::Chunk;
use crate::embedded::view::View;

/// Rows of one piece of work, at most.
const SPAN_ROWS: usize = 262_144;
/// Below so many rows a second thread costs more than it gives.
const ROWS_FOR_THREADS: usize = 100_000;

/// Tells a kernel that nobody waits any more.
#[derive(Debug, Clone, Default)]
pub(in crate::embedded) struct QueryContext(Arc<AtomicBool>);

impl QueryContext {
    /// An error once the question is to be given up; kernels ask every 64 thousand rows or so.
    pub(in crate::embedded) fn check(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(StoreError::Internal("the question was given up".to_owned()));
        }
        Ok(())
    }
}

struct CancelOnDrop(QueryContext);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the kernel on a thread that may block; dropping the future stops it.
pub(in crate::embedded) async fn blocking<T: Send + 'static>(
    kernel: impl FnOnce(&QueryContext) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let guard = CancelOnDrop(QueryContext::default());
    let context = guard.0.clone();
    let answer = tokio::task::spawn_blocking(move || kernel(&context)).await;
    answer.map_err(|error| StoreError::Internal(format!("a question failed: {error}")))?
}

/// Some rows of one chunk.
#[derive(Debug, Clone)]
pub(in crate::embedded) struct Span<'a> {
    pub(super) chunk: &'a Chunk,
    pub(super) rows: Range<usize>,
}

/// Does all of the view's rows, a span at a time, on as many cores as it is worth; gives what
/// each core collected.
pub(super) fn each_span<A: Send>(
    view: &View,
    context: &QueryContext,
    start: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, &Span<'_>) -> Result<(), StoreError> + Sync,
) -> Result<Vec<A>, StoreError> {
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    each_of(&view.chunks.iter().flat_map(spans).collect::<Vec<_>>(), rows, context, start, each)
}

/// Does all pieces of a work on so many rows, one at a time, on as many cores as it is worth;
/// gives what each core collected.
pub(super) fn each_of<I: Sync, A: Send>(
    pieces: &[I],
    rows: usize,
    context: &QueryContext,
    start: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, &I) -> Result<(), StoreError> + Sync,
) -> Result<Vec<A>, StoreError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut collected = start();
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            context.check()?;
            each(&mut collected, piece)?;
        }
        Ok(collected)
    };
    let cores = cores();
    if rows < ROWS_FOR_THREADS || pieces.len() < 2 || cores < 2 {
        return Ok(vec![work()?]);
    }
    std::thread::scope(|threads| {
        let others: Vec<_> = (1..cores.min(pieces.len())).map(|_| threads.spawn(work)).collect();
        let mut collected = vec![work()?];
        for other in others {
            let panicked = |_| StoreError::Internal("a kernel's thread panicked".to_owned());
            collected.push(other.join().map_err(panicked)??);
        }
        Ok(collected)
    })
}

/// How many cores there are.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The spans of a chunk.
pub(super) fn spans(chunk: &Chunk) -> impl Iterator<Item = Span<'_>> {
    let rows = chunk.rows();
    (0..rows).step_by(SPAN_ROWS).map(move |start| Span { chunk, rows: start..rows.min(start + SPAN_ROWS) })
}
