//! The registry of open connections: bounds their number in all and per client address, and
//! selects which one is evicted for a new one.
//!
//! Only counts and selects; an evicted connection closes itself ([`super::connection`]). The one
//! evicted is the one on whose client the server has waited longest, so clients that send requests
//! lose nothing, and many clients can share one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::shares::{Share, Shares};

/// The most connections at once.
const CONNECTIONS: usize = 8192;
/// File handles kept for the store: a quarter of those there are, and at least this many.
const KEPT_HANDLES: usize = 256;
/// When all slots are taken, one in so many connections is evicted at once: to look for each one alone
/// would take longer than to accept it.
const EVICTED_PART: usize = 64;
/// Connections of one address, and of all together, that wait for a slot; others are refused.
const WAITING: (usize, usize) = (16, 1024);
/// A request that begins within so many nanoseconds of the last response was there already: no client
/// reads a response and sends the next request in that time.
const PIPELINED_WITHIN: u64 = 20_000;
/// The time of the opening itself, in nanoseconds since then: 0 means something else.
const OPENED: u64 = 1;
/// Interval between two attempts to evict a connection while all slots are taken.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Every connection that is open.
pub(super) struct Connections {
    open: Mutex<Open>,
    next: AtomicU64,
    most: usize,
    of_address: Shares<IpAddr>,
    waiting: Shares<IpAddr>,
    closed: Notify,
}

/// The open connections by address, so that a client at its bound makes nobody search all of them.
#[derive(Default)]
struct Open {
    of_address: HashMap<Option<IpAddr>, HashMap<u64, Arc<ConnectionState>>>,
    count: usize,
    /// Those of them that are evicted and have not closed yet.
    closing: usize,
    /// When none could be evicted: until then nobody searches again.
    none_until: Option<Instant>,
}

/// State of one connection, shared between its task and the registry: since when the server has
/// been waiting for its client.
#[derive(Debug)]
pub(super) struct ConnectionState {
    /// The address whose share it counts against.
    address: Option<IpAddr>,
    opened: Instant,
    /// Nanoseconds from opening to the end of the last response; [`OPENED`] before the first request, 0
    /// while a request is in flight.
    idle_since: AtomicU64,
    /// The same to when the client stopped reading; 0 while it reads.
    unread_since: AtomicU64,
    is_evicted: AtomicBool,
    timed_out: AtomicBool,
    eviction: Notify,
}

/// One of the connection slots, held until this is dropped.
pub(super) struct Slot {
    connections: Arc<Connections>,
    id: u64,
    pub(super) state: Arc<ConnectionState>,
    share: Option<Share<IpAddr>>,
}

impl Connections {
    /// Raises the limit of file handles. There are as many slots as handles allow, at most
    /// [`CONNECTIONS`]; one address gets at most `of_address` of them.
    pub(super) fn new(of_address: usize) -> Arc<Self> {
        Self::with_slots(slots(raise_handle_limit()), of_address)
    }

    fn with_slots(most: usize, of_address: usize) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            next: AtomicU64::new(0),
            most,
            of_address: Shares::new(of_address, usize::MAX),
            waiting: Shares::new(WAITING.0, WAITING.1),
            closed: Notify::new(),
        })
    }

    /// Waits for a slot. While the address has its whole share, or all slots are taken, connections
    /// are evicted. Returns none if the address has its whole share and none of its connections can
    /// be evicted. `None` as `address` exempts from the share, as for a trusted proxy.
    pub(super) async fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Slot> {
        let share = match address {
            Some(address) => Some(self.share(address).await?),
            None => None,
        };
        loop {
            if let Some((id, state)) = self.insert(address) {
                return Some(Slot { connections: Arc::clone(self), id, state, share });
            }
            self.make_room();
            self.one_closed().await;
        }
    }

    /// Takes a slot if one is free, and the address does not have its whole share.
    pub(super) fn try_take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Slot> {
        let mut share = address.map(|address| self.of_address.of(address));
        if let Some(share) = &mut share {
            share.grow(1).ok()?;
        }
        let (id, state) = self.insert(address)?;
        Some(Slot { connections: Arc::clone(self), id, state, share })
    }

    /// A slot in the queue for slots; none if the address, or all together, have too many.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Share<IpAddr>> {
        let mut waits = self.waiting.of(address);
        waits.grow(1).ok().map(|()| waits)
    }

    fn insert(&self, address: Option<IpAddr>) -> Option<(u64, Arc<ConnectionState>)> {
        let mut open = self.open.lock();
        if open.count >= self.most {
            return None;
        }
        let state = Arc::new(ConnectionState::new(address));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        open.of_address.entry(address).or_default().insert(id, Arc::clone(&state));
        open.count += 1;
        Some((id, state))
    }

    async fn share(&self, address: IpAddr) -> Option<Share<IpAddr>> {
        let mut share = self.of_address.of(address);
        if share.grow(1).is_ok() {
            return Some(share);
        }
        if !self.open.lock().evict_of(Some(address)) {
            return None;
        }
        // An evicted connection closes at once unless a request has just arrived on it.
        let until = Instant::now() + RETRY_AFTER;
        loop {
            let closed = self.closed.notified();
            if share.grow(1).is_ok() {
                return Some(share);
            }
            tokio::time::timeout_at(until, closed).await.ok()?;
        }
    }

    /// All slots are taken: evicts several connections at once, unless as many are closing already.
    pub(super) fn make_room(&self) {
        let count = (self.most / EVICTED_PART).max(1);
        let mut open = self.open.lock();
        let now = Instant::now();
        if open.closing >= count || open.none_until.is_some_and(|until| now < until) {
            return;
        }
        open.none_until = (!open.evict(count)).then(|| now + RETRY_AFTER);
    }

    /// Waits until a connection closes, at most [`RETRY_AFTER`].
    pub(super) async fn one_closed(&self) {
        let _ = tokio::time::timeout(RETRY_AFTER, self.closed.notified()).await;
    }

    /// Waits until all are closed.
    pub(super) async fn all_closed(&self) {
        loop {
            let closed = self.closed.notified();
            if self.open.lock().count == 0 {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // A waiter that is notified must find both free.
        drop(self.share.take());
        self.connections.open.lock().remove(self.id, &self.state);
        self.connections.closed.notify_one();
    }
}

impl Open {
    /// Evicts up to `count` connections: those on whose clients the server has waited longest. Returns
    /// false if there is none to evict.
    fn evict(&mut self, count: usize) -> bool {
        let evicted = longest_waiting(self.of_address.values().flat_map(HashMap::values), count);
        self.closing += evicted;
        evicted > 0
    }

    /// The same for one connection of one address.
    fn evict_of(&mut self, address: Option<IpAddr>) -> bool {
        let evicted = longest_waiting(self.of_address.get(&address).into_iter().flat_map(HashMap::values), 1);
        self.closing += evicted;
        evicted > 0
    }

    fn remove(&mut self, id: u64, state: &ConnectionState) {
        let Some(of_address) = self.of_address.get_mut(&state.address) else { return };
        if of_address.remove(&id).is_none() {
            return;
        }
        if of_address.is_empty() {
            self.of_address.remove(&state.address);
        }
        self.count -= 1;
        self.closing -= usize::from(state.is_evicted.load(Ordering::Relaxed));
    }
}

/// Evicts up to `count` of these, the longest waited for first. Returns how many.
fn longest_waiting<'a>(of: impl Iterator<Item = &'a Arc<ConnectionState>>, count: usize) -> usize {
    let mut candidates: Vec<_> = of
        .filter(|state| !state.is_evicted.load(Ordering::Relaxed))
        .filter_map(|state| state.waits_since().map(|since| (since, state)))
        .collect();
    if candidates.len() > count {
        candidates.select_nth_unstable_by_key(count - 1, |(since, _)| *since);
        candidates.truncate(count);
    }
    for (_, state) in &candidates {
        state.evict();
    }
    candidates.len()
}

impl ConnectionState {
    /// State of a connection that has just been opened.
    pub(super) fn new(address: Option<IpAddr>) -> Self {
        Self {
            address,
            opened: Instant::now(),
            idle_since: AtomicU64::new(OPENED),
            unread_since: AtomicU64::new(0),
            is_evicted: AtomicBool::new(false),
            timed_out: AtomicBool::new(false),
            eviction: Notify::new(),
        }
    }

    /// A request is in flight.
    pub(super) fn mark_busy(&self) {
        self.idle_since.store(0, Ordering::Relaxed);
    }

    /// The response to the last request is complete.
    pub(super) fn mark_idle(&self) {
        self.idle_since.store(self.nanos().max(OPENED + 1), Ordering::Relaxed);
    }

    /// Whether a request that begins now was sent before the response to the last one could be read.
    pub(super) fn is_pipelined(&self) -> bool {
        let responded = self.idle_since.load(Ordering::Relaxed);
        responded > OPENED && self.nanos().saturating_sub(responded) < PIPELINED_WITHIN
    }

    /// The client reads.
    pub(super) fn mark_read(&self) {
        self.unread_since.store(0, Ordering::Relaxed);
    }

    /// The client does not read.
    pub(super) fn mark_unread(&self) {
        let now = self.nanos().max(OPENED);
        let _ = self.unread_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The client did not read for too long.
    pub(super) fn mark_timed_out(&self) {
        self.timed_out.store(true, Ordering::Relaxed);
    }

    /// Whether the client did not read for too long.
    pub(super) fn has_timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// Requests that the connection closes.
    pub(super) fn evict(&self) {
        self.is_evicted.store(true, Ordering::Relaxed);
        self.eviction.notify_one();
    }

    /// Resolves once this connection is evicted.
    pub(super) async fn evicted(&self) {
        self.eviction.notified().await;
    }

    /// Since when the server has been waiting for the client; `None` while it works on a request.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        let marks = [&self.idle_since, &self.unread_since].map(|mark| mark.load(Ordering::Relaxed));
        let first = marks.into_iter().filter(|&mark| mark > 0).min()?;
        Some(self.opened + Duration::from_nanos(first))
    }

    /// How long the connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    fn nanos(&self) -> u64 {
        self.age().as_nanos() as u64
    }
}

/// Raises the soft limit of file handles to the hard one. Returns the limit in force.
fn raise_handle_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
    getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Number of connection slots for a limit of file handles.
fn slots(handles: usize) -> usize {
    handles.saturating_sub(KEPT_HANDLES.max(handles / 4)).clamp(1, CONNECTIONS)
}

#[cfg(test)]
mod tests;
