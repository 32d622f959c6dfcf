//! Runs queries outside the async runtime, and splits them over idle cores.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::columns::Chunk;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::{QueryLimit, StoreError};

/// Most rows of a span.
const SPAN_ROWS: usize = 262_144;
/// Number of rows below which a second thread costs more than it saves.
const ROWS_FOR_THREADS: usize = 100_000;

struct CancelOnDrop(QueryContext);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs the query on a query thread. Dropping the future cancels it.
pub(crate) async fn blocking<T: Send + 'static>(
    context: QueryContext,
    query: impl FnOnce(&QueryContext) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let guard = CancelOnDrop(context);
    let context = guard.0.clone();
    let response = guard.0.spawn(move || {
        // The client may have gone while this waited for a thread.
        context.check()?;
        let _busy = context.enter();
        query(&context)
    });
    // A query that waits for the disk cannot check its deadline.
    let response = match guard.0.deadline() {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), response)
            .await
            .map_err(|_| StoreError::QueryTooLarge(QueryLimit::Time))?,
        None => response.await,
    };
    response.map_err(|error| StoreError::Internal(format!("a query failed: {error}")))?
}

/// Runs work other than a query on a thread that may block.
pub(crate) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Internal(format!("work of the event store failed: {error}")))?
}

/// Some rows of one chunk.
#[derive(Debug, Clone)]
pub(crate) struct Span<'a> {
    pub(crate) chunk: &'a Chunk,
    pub(crate) rows: Range<usize>,
}

/// Calls `each` with every span of the view's rows, on as many cores as are worth it and idle. Returns what
/// each core collected.
pub(crate) fn each_span<A: Send>(
    view: &View,
    context: &QueryContext,
    start: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, &Span<'_>) -> Result<(), StoreError> + Sync,
) -> Result<Vec<A>, StoreError> {
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    each_of(&view.chunks.iter().flat_map(spans).collect::<Vec<_>>(), rows, context, start, each)
}

/// Calls `each` with every unit of work, on as many cores as are worth it and idle; `rows` is the size of
/// all units together. Returns what each core collected.
pub(crate) fn each_of<I: Sync, A: Send>(
    units: &[I],
    rows: usize,
    context: &QueryContext,
    start: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, &I) -> Result<(), StoreError> + Sync,
) -> Result<Vec<A>, StoreError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<A, StoreError> {
        let mut collected = start();
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            context.check()?;
            each(&mut collected, unit)?;
        }
        Ok(collected)
    };
    if rows < ROWS_FOR_THREADS || units.len() < 2 {
        return Ok(vec![work()?]);
    }
    let cores = cores();
    let helpers = context.helpers(cores.min(units.len()) - 1, cores);
    if helpers.count() == 0 {
        return Ok(vec![work()?]);
    }
    std::thread::scope(|threads| {
        let others: Vec<_> = (0..helpers.count()).map(|_| threads.spawn(work)).collect();
        let mut collected = vec![work()?];
        for other in others {
            let panicked = |_| StoreError::Internal("a query's thread panicked".to_owned());
            collected.push(other.join().map_err(panicked)??);
        }
        Ok(collected)
    })
}

/// The number of cores.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The spans of a chunk.
pub(crate) fn spans(chunk: &Chunk) -> impl Iterator<Item = Span<'_>> {
    let rows = chunk.rows();
    (0..rows).step_by(SPAN_ROWS).map(move |start| Span { chunk, rows: start..rows.min(start + SPAN_ROWS) })
}
