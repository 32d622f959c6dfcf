//! What one query may use: it ends when its client has gone, when its time is up, or when it would
//! need more memory than its share. All queries of a store draw on the same [`QueryResources`].
//!
//! Memory is counted where it grows with the data or with what strangers send; decoded columns are
//! bounded by the size of a segment and by the column cache, and are not counted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::resources::priority;
use millimetric_events::{QueryLimit, StoreError};

/// How much threads for queries give way: of a busy core they get about a third beside one thread of
/// normal priority.
const QUERY_NICENESS: i32 = 3;

/// What the running queries of a store share.
#[derive(Debug)]
pub(crate) struct QueryResources {
    /// Longest time of one query, from its start.
    timeout: Option<Duration>,
    /// Bytes that all queries may reserve together, and one alone.
    memory: usize,
    memory_of_one: usize,
    reserved: AtomicUsize,
    /// Threads that work on queries now, helpers included.
    threads: AtomicUsize,
    closing: AtomicBool,
    runs_on: Option<QueryThreads>,
}

impl QueryResources {
    /// One query may take half of the memory.
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

    /// Ends all queries, and those that come.
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

    /// Threads that work on queries now.
    pub(crate) fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }
}

/// Threads for queries. They give way to those that take events: a query takes a little longer then, and a
/// sender does not wait behind queries.
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
        // A query that is still running has been cancelled, and nobody waits for it.
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
    /// Without limits: for work in the background, and for tests.
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

    /// When its time is up; `None` without a limit.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Ends the query at its next [`Self::check`].
    pub(crate) fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// An error once the query must end; kernels ask every 64 thousand rows or so.
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

    /// Runs something on a thread for queries, or on one of the caller's runtime where there are none.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        query: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        match self.0.resources.runs_on.as_ref().and_then(|threads| threads.0.as_ref()) {
            Some(runtime) => runtime.spawn_blocking(query),
            None => tokio::task::spawn_blocking(query),
        }
    }

    /// A reservation of no bytes, which can grow.
    pub(crate) fn memory(&self) -> Reservation {
        Reservation { context: self.clone(), bytes: 0 }
    }

    /// Counts the calling thread as busy with a query until the guard is dropped.
    pub(crate) fn enter(&self) -> BusyThreads {
        self.0.resources.threads.fetch_add(1, Ordering::Relaxed);
        BusyThreads { resources: Arc::clone(&self.0.resources), count: 1 }
    }

    /// How many further threads may help this query: as many as wanted while cores are free, so that
    /// one query alone runs on all cores and several run on one each.
    pub(crate) fn helpers(&self, wanted: usize, cores: usize) -> BusyThreads {
        let threads = &self.0.resources.threads;
        let mut count = 0;
        // Kernels that run outside of `enter` (tests) count as one.
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

/// Memory of a query, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    context: QueryContext,
    bytes: usize,
}

impl Reservation {
    /// Reserves up to so many bytes in all. What is reserved already stays.
    ///
    /// # Errors
    /// `QueryTooLarge` beyond the share of one query, `Overloaded` where other queries hold the rest.
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

/// Threads counted as busy, until dropped.
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
