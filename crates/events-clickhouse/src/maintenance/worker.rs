//! The task that does the background work: at once when it is woken, and otherwise from time to time, since other
//! processes store requests too.

use std::sync::Arc;
use std::time::Duration;

use super::Work;

/// How long the task waits if nothing wakes it.
const PERIOD: Duration = Duration::from_secs(30);
/// How long it waits after a pass that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Does the work that is due, until the task is aborted.
pub(crate) async fn run(work: Arc<Work>) {
    loop {
        let pause = match work.pass().await {
            Ok(()) => PERIOD,
            Err(error) => {
                tracing::warn!(%error, "background work of the event store failed; it will be repeated");
                AFTER_FAILURE
            }
        };
        // Being woken and the end of the pause are the same.
        let _ = tokio::time::timeout(pause, work.wake.notified()).await;
    }
}
