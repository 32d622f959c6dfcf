//! Whether events can be stored: for the readiness check, the metrics and the log.

use std::time::Duration;

use millimetric_events::StoreError;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a failed attempt counts. A proxy sends no events to a server that is not ready, and without events nothing
/// shows that they can be stored again.
const COUNTED_FOR: Duration = Duration::from_secs(30);

/// Whether events can be stored.
#[derive(Default)]
pub(super) struct WriteState {
    /// The last attempt, if it failed.
    failure: Mutex<Option<Failure>>,
}

struct Failure {
    at: Instant,
    error: StoreError,
}

impl WriteState {
    /// Notes that the servers did not do what they were asked to. The first of several failures is logged.
    pub(super) fn failed(&self, error: &StoreError) {
        let failure = Failure { at: Instant::now(), error: error.clone() };
        if self.failure.lock().replace(failure).is_none() {
            tracing::warn!(%error, "events cannot be stored; this is repeated");
        }
    }

    /// Notes that events were stored.
    pub(super) fn stored(&self) {
        if self.failure.lock().take().is_some() {
            tracing::info!("events are stored again");
        }
    }

    /// The error of the last attempt, if it failed a moment ago.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*self.failure.lock() {
            Some(failure) if failure.at.elapsed() < COUNTED_FOR => Err(failure.error.clone()),
            _ => Ok(()),
        }
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failure.lock().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::no_response;

    #[tokio::test(start_paused = true)]
    async fn a_failure_counts_until_events_are_stored_or_nothing_was_tried_for_a_while() {
        let state = WriteState::default();
        assert!(state.check().is_ok());
        state.failed(&no_response());
        assert!(state.check().is_err() && state.is_failing());
        state.stored();
        assert!(state.check().is_ok() && !state.is_failing());
        state.failed(&no_response());
        tokio::time::advance(COUNTED_FOR).await;
        assert!(state.check().is_ok() && state.is_failing());
    }
}
