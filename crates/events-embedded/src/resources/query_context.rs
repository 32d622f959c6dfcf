//! The limits of a query: it ends if it is cancelled, at its deadline, or if it needs more memory than one
//! query may use. All queries of a store share [`QueryResources`].
//!
//! Memory that grows with the data is reserved here. Decoded columns are limited by the size of a segment
//! and by the column cache, and are not counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::resources::priority;
use millimetric_events::{QueryLimit, StoreError};

/// Niceness of the query threads: on a busy core they get about a third of the time beside one thread of
/// normal priority.
const QUERY_NICENESS: i32 = 3;

/// The limits and counters that all queries of a store share.
#[derive(Debug)]
pub(crate) struct QueryResources {
    /// Longest duration of one query; unlimited if absent.
    timeout: Option<Duration>,
    /// Bytes that all queries together may reserve, and one query alone.
    memory: usize,
    memory_of_one: usize,
    reserved: AtomicUsize,
    /// Number of threads that work on queries now, helpers included.
    threads: AtomicUsize,
    closing: AtomicBool,
    runs_on: Option<QueryThreads>,
}

impl QueryResources {
    /// `memory` is in bytes, for all queries together; one query may use half of it.
    pub(crate) fn new(memory: usize, timeout: Duration) -> std::io::Result<Self> {
        Ok(Self { runs_on: Some(QueryThreads::new()?), ..Self::without_threads(memory, timeout) })
    }

    fn without_threads(memory: usize, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            memory,
            memory_of_one: memory / 2,
            reserved: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            runs_on: None,
        }
    }

    /// Ends all queries, future ones included.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn unlimited() -> Self {
        let unlimited = Self::without_threads(usize::MAX, Duration::MAX);
        Self { timeout: None, memory_of_one: usize::MAX, ..unlimited }
    }

    /// Bytes reserved by running queries.
    pub(crate) fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Number of threads that work on queries now.
    pub(crate) fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }
}

/// The query threads. They have a lower priority than the threads that receive events, so that ingestion does
/// not wait for queries.
#[derive(Debug)]
struct QueryThreads(Option<Runtime>);

impl QueryThreads {
    fn new() -> std::io::Result<Self> {
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("events-query")
            .on_thread_start(|| priority::lower(QUERY_NICENESS))
            .build()?;
        Ok(Self(Some(threads)))
    }
}

impl Drop for QueryThreads {
    fn drop(&mut self) {
        // A query that is still running has been cancelled, and no caller waits for it.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The state of one query; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct QueryContext(Arc<State>);

#[derive(Debug)]
struct State {
    resources: Arc<QueryResources>,
    cancelled: AtomicBool,
    deadline: Option<Instant>,
    reserved: AtomicUsize,
}

impl Default for QueryContext {
    /// Without limits, for maintenance and tests.
    fn default() -> Self {
        Self::new(&Arc::new(QueryResources::unlimited()))
    }
}

impl QueryContext {
    /// The context of a query that starts now.
    pub(crate) fn new(resources: &Arc<QueryResources>) -> Self {
        let deadline = resources.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self(Arc::new(State {
            resources: Arc::clone(resources),
            cancelled: AtomicBool::new(false),
            deadline,
            reserved: AtomicUsize::new(0),
        }))
    }

    /// The deadline; `None` without a limit.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Ends the query at its next [`Self::check`].
    pub(crate) fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Returns an error if the query must end. Queries call it about every 64 thousand rows.
    ///
    /// # Errors
    /// `Cancelled`, `Overloaded` if the store is closing, `QueryTooLarge` after the deadline.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.0.cancelled.load(Ordering::Relaxed) {
            return Err(StoreError::Cancelled);
        }
        if self.0.resources.closing.load(Ordering::Relaxed) {
            return Err(StoreError::Overloaded);
        }
        if self.0.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(StoreError::QueryTooLarge(QueryLimit::Time));
        }
        Ok(())
    }

    /// Runs `query` on a query thread, or on the caller's runtime if there are none.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        query: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        match self.0.resources.runs_on.as_ref().and_then(|threads| threads.0.as_ref()) {
            Some(runtime) => runtime.spawn_blocking(query),
            None => tokio::task::spawn_blocking(query),
        }
    }

    /// Returns an empty reservation, which can grow.
    pub(crate) fn memory(&self) -> Reservation {
        Reservation { context: self.clone(), bytes: 0 }
    }

    /// Counts the calling thread as busy with a query until the guard is dropped.
    pub(crate) fn enter(&self) -> BusyThreads {
        self.0.resources.threads.fetch_add(1, Ordering::Relaxed);
        BusyThreads { resources: Arc::clone(&self.0.resources), count: 1 }
    }

    /// Reserves helper threads for this query: up to `wanted`, while there are idle cores. A single query
    /// runs on all cores; several concurrent ones run on fewer each.
    pub(crate) fn helpers(&self, wanted: usize, cores: usize) -> BusyThreads {
        let threads = &self.0.resources.threads;
        let mut count = 0;
        // A query that runs outside of `enter`, as in tests, counts as one thread.
        let grant = |busy: usize| {
            count = wanted.min(cores.saturating_sub(busy.max(1)));
            Some(busy + count)
        };
        let _ = threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grant);
        BusyThreads { resources: Arc::clone(&self.0.resources), count }
    }

    fn reserve(&self, bytes: usize) -> Result<(), StoreError> {
        let State { resources, reserved, .. } = &*self.0;
        if !add_within(reserved, bytes, resources.memory_of_one) {
            return Err(StoreError::QueryTooLarge(QueryLimit::Memory));
        }
        if !add_within(&resources.reserved, bytes, resources.memory) {
            reserved.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StoreError::Overloaded);
        }
        Ok(())
    }

    fn release(&self, bytes: usize) {
        self.0.reserved.fetch_sub(bytes, Ordering::Relaxed);
        self.0.resources.reserved.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Adds to a counter unless it would exceed the limit.
fn add_within(counter: &AtomicUsize, bytes: usize, limit: usize) -> bool {
    let add = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}

/// Memory that a query has reserved; dropping it releases the memory.
#[derive(Debug)]
pub(crate) struct Reservation {
    context: QueryContext,
    bytes: usize,
}

impl Reservation {
    /// Raises the reservation to `bytes` in total; it never shrinks.
    ///
    /// # Errors
    /// `QueryTooLarge` beyond the limit of one query, `Overloaded` if other queries have reserved the rest.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), StoreError> {
        if bytes > self.bytes {
            self.context.reserve(bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.context.release(self.bytes);
    }
}

/// Threads that are counted as busy until this is dropped.
#[derive(Debug)]
pub(crate) struct BusyThreads {
    resources: Arc<QueryResources>,
    count: usize,
}

impl BusyThreads {
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for BusyThreads {
    fn drop(&mut self) {
        self.resources.threads.fetch_sub(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_may_take_half_and_all_together_no_more_than_there_is() {
        let resources = Arc::new(QueryResources::without_threads(100, Duration::from_mins(1)));
        let contexts = [(); 3].map(|()| QueryContext::new(&resources));
        let mut held = contexts.each_ref().map(QueryContext::memory);
        held[0].grow_to(30).unwrap();
        held[0].grow_to(50).unwrap();
        assert!(matches!(held[0].grow_to(51), Err(StoreError::QueryTooLarge(QueryLimit::Memory))));
        held[1].grow_to(40).unwrap();
        assert!(matches!(held[2].grow_to(11), Err(StoreError::Overloaded)));
        held[2].grow_to(10).unwrap();
        assert_eq!(resources.reserved(), 100);
        drop(held);
        assert_eq!(resources.reserved(), 0);
        contexts[0].memory().grow_to(50).unwrap();
    }

    #[test]
    fn a_query_ends_when_its_time_is_up_or_its_client_has_gone() {
        let late = QueryContext::new(&Arc::new(QueryResources::without_threads(1, Duration::ZERO)));
        assert!(matches!(late.check(), Err(StoreError::QueryTooLarge(QueryLimit::Time))));
        let left = QueryContext::default();
        assert!(left.check().is_ok());
        left.clone().cancel();
        assert!(matches!(left.check(), Err(StoreError::Cancelled)));
        let resources = Arc::new(QueryResources::unlimited());
        let running = QueryContext::new(&resources);
        resources.close();
        assert!(matches!(running.check(), Err(StoreError::Overloaded)));
    }

    #[test]
    fn one_query_alone_has_all_cores_and_several_have_one_each() {
        let resources = Arc::new(QueryResources::unlimited());
        let first = QueryContext::new(&resources);
        let alone = first.enter();
        assert_eq!(first.helpers(7, 4).count(), 3);
        let second = QueryContext::new(&resources);
        let busy = second.enter();
        let helpers = second.helpers(7, 4);
        assert_eq!((helpers.count(), first.helpers(7, 4).count()), (2, 0));
        drop((busy, helpers, alone));
        assert_eq!(first.helpers(1, 4).count(), 1);
    }
}
