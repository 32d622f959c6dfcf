//! How a thread of the background work sleeps and is woken.
//!
//! A wake that comes while the thread works is not lost: the next wait returns at once.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes a thread, and tells it when the store closes.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    woken: bool,
    closing: bool,
}

impl Signal {
    pub(crate) fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_all();
    }

    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Waits that long, whoever calls, unless the store closes.
    pub(crate) fn rest(&self, pause: Duration) {
        self.changed.wait_while_for(&mut self.state.lock(), |state| !state.closing, pause);
    }

    /// Waits until woken, but not longer than that.
    pub(crate) fn wait(&self, longest: Duration) {
        let mut state = self.state.lock();
        if !state.woken && !state.closing {
            self.changed.wait_for(&mut state, longest);
        }
        state.woken = false;
    }
}
