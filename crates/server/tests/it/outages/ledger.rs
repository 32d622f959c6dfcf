//! What clients sent and saw: events by number, times of acknowledged writes, errors while a fault lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::http::Reply;

/// Most descriptions of broken promises that are kept.
const MAX_BROKEN: usize = 20;

/// The record of a campaign.
#[derive(Default)]
pub(super) struct Ledger {
    state: Mutex<State>,
    /// Held by each sender while it has an event that is not acknowledged.
    sending: RwLock<()>,
}

#[derive(Default)]
struct State {
    /// Events `0..sent` were sent.
    sent: u64,
    acknowledged: u64,
    /// Responses that were no success.
    errors: u64,
    /// The fault that lasts, or lasted.
    seen: Seen,
    broken: Vec<String>,
}

/// What was seen since a fault began.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// When it began.
    pub(super) began: Option<Instant>,
    /// When requests were acknowledged.
    pub(super) acknowledged: Vec<Instant>,
    /// Responses that were no success, to senders and the reader.
    pub(super) errors: BTreeMap<String, u64>,
    /// What `/readyz` said other than 200.
    pub(super) not_ready: BTreeSet<String>,
    /// How long after the fault began it did so first.
    pub(super) not_ready_after: Option<Duration>,
}

impl Ledger {
    /// Numbers of events that are sent now.
    pub(super) fn take(&self, count: u64) -> Range<u64> {
        let mut state = self.state.lock();
        let from = state.sent;
        state.sent += count;
        from..from + count
    }

    /// Records that these events were acknowledged.
    pub(super) fn acknowledge(&self, count: u64) {
        let mut state = self.state.lock();
        state.acknowledged += count;
        state.seen.acknowledged.push(Instant::now());
    }

    /// Records a response that was no success. One that makes clients give up breaks a promise.
    pub(super) fn failed(&self, request: &str, reply: &Reply) {
        if (400..500).contains(&reply.status) && reply.status != 429 {
            self.break_promise(format!("{request} got {}: {}", reply.words, reply.body));
        }
        let mut state = self.state.lock();
        state.errors += 1;
        *state.seen.errors.entry(reply.words.clone()).or_default() += 1;
    }

    /// Records what `/readyz` said.
    pub(super) fn ready(&self, reply: &Reply) {
        let mut state = self.state.lock();
        if reply.status != 200 {
            state.seen.not_ready.insert(reply.words.clone());
            if state.seen.not_ready_after.is_none() {
                state.seen.not_ready_after = state.seen.began.map(|began| began.elapsed());
            }
        }
    }

    /// Begins to record what is seen of a fault.
    pub(super) fn begin(&self) {
        self.state.lock().seen = Seen { began: Some(Instant::now()), ..Seen::default() };
    }

    /// What was seen since then.
    pub(super) fn seen(&self) -> Seen {
        self.state.lock().seen.clone()
    }

    pub(super) fn break_promise(&self, words: String) {
        let mut state = self.state.lock();
        if state.broken.len() < MAX_BROKEN {
            state.broken.push(words);
        }
    }

    pub(super) fn broken(&self) -> Vec<String> {
        self.state.lock().broken.clone()
    }

    pub(super) fn sent(&self) -> u64 {
        self.state.lock().sent
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.state.lock().acknowledged
    }

    pub(super) fn errors(&self) -> u64 {
        self.state.lock().errors
    }

    /// Waits until it may send, until the guard is dropped.
    pub(super) fn sending(&self) -> RwLockReadGuard<'_, ()> {
        self.sending.read()
    }

    /// Waits until all that was sent is acknowledged, and lets nobody send until the guard is dropped; `None` if
    /// that takes longer.
    pub(super) fn all_acknowledged(&self, within: Duration) -> Option<RwLockWriteGuard<'_, ()>> {
        self.sending.try_write_for(within)
    }
}
