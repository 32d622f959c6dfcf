//! The task that does the background work while this process is the one that should: at once when it is woken, and
//! otherwise from time to time, since other processes store requests too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Work;

/// How long the task waits if nothing wakes it.
const PERIOD: Duration = Duration::from_secs(5);
/// How long it waits after a pass that failed, and until it looks again whether it should work.
const SOON: Duration = Duration::from_secs(1);

/// Does the work that is due whenever this process is the worker, until the task is aborted.
pub(crate) async fn run(work: Arc<Work>, is_worker: Arc<AtomicBool>) {
    loop {
        let pause = if !is_worker.load(Ordering::Relaxed) {
            SOON
        } else if let Err(error) = work.pass().await {
            tracing::warn!(%error, "background work of the event store failed; it will be repeated");
            SOON
        } else {
            PERIOD
        };
        // Being woken and the end of the pause are the same.
        let _ = tokio::time::timeout(pause, work.wake.notified()).await;
    }
}
