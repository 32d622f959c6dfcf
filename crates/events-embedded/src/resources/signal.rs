//! Puts a maintenance thread to sleep and wakes it. A wake-up while the thread is working is not lost: its
//! next wait returns at once.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes a thread, and signals that the store is closing.
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

    /// Waits for `pause`, ignoring wake-ups, unless the store closes.
    pub(crate) fn rest(&self, pause: Duration) {
        self.changed.wait_while_for(&mut self.state.lock(), |state| !state.closing, pause);
    }

    /// Waits until the thread is woken or the store closes, at most `longest`.
    pub(crate) fn wait(&self, longest: Duration) {
        let mut state = self.state.lock();
        if !state.woken && !state.closing {
            self.changed.wait_for(&mut state, longest);
        }
        state.woken = false;
    }
}
