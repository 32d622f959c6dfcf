//! CPU-bound work of milliseconds and more: inflating, parsing and completing large requests, and
//! reading the properties of many events. It runs off the async runtime, at most as many at once as
//! there are cores, so that a flood of it delays only itself.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::busy::WorkLost;

/// Runs such work on tokio's blocking threads. Requests that wait hold their share of body memory,
/// which bounds the queue.
#[derive(Debug)]
pub struct HeavyWork(Arc<Semaphore>);

impl Default for HeavyWork {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self(Arc::new(Semaphore::new(cores)))
    }
}

impl HeavyWork {
    /// Runs the work to its end, also if the caller has gone.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkLost> {
        let permit =
            Arc::clone(&self.0).acquire_owned().await.map_err(|error| WorkLost(error.to_string()))?;
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        task.await.map_err(|error| WorkLost(error.to_string()))
    }
}
