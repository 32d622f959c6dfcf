//! [`EmbeddedStore`]: opens the store, starts its threads and ends them.

pub(crate) mod append;
pub(crate) mod engine;
pub(crate) mod movable;
pub(crate) mod open;

use self::open::Opened;

use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use millimetric_events::StoreError;
use parking_lot::Mutex;

use crate::maintenance::Maintenance;
use crate::maintenance::flush;
use crate::maintenance::maintainer::Maintainer;
use crate::query::run::off_runtime;
use crate::resources::directory_lock::DirectoryLock;
use crate::resources::options::{OpenError, Options};
use crate::resources::query_context::QueryResources;
use crate::state::State;
use crate::wal::queue::WriterQueue;

/// An event store in one directory of this machine.
pub struct EmbeddedStore {
    pub(crate) state: Arc<State>,
    pub(crate) queue: Arc<WriterQueue>,
    pub(crate) maintenance: Arc<Maintenance>,
    queries: Arc<QueryResources>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
    flush: JoinHandle<()>,
    maintainer: JoinHandle<()>,
    /// Released after the threads have ended.
    _lock: DirectoryLock,
}

impl EmbeddedStore {
    /// Opens the directory, creates it if it is missing, and locks it for this process.
    pub async fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let failed = |cause| OpenError::Unwritable { directory: directory.to_path_buf(), cause };
        let path = directory.to_path_buf();
        let opened = tokio::task::spawn_blocking(move || open::open(&path, options)).await;
        let Opened { lock, writer, maintenance, queries } =
            opened.map_err(|error| failed(std::io::Error::other(error)))??;
        let (state, queue) = (Arc::clone(&writer.state), Arc::clone(&writer.queue));
        let (maintainer, work) = (Maintainer::new(Arc::clone(&maintenance)), Arc::clone(&maintenance));
        let spawn = |name: &str| Builder::new().name(name.to_owned());
        let threads = Threads {
            writer: spawn("events-writer").spawn(|| writer.run()).map_err(failed)?,
            flush: spawn("events-flush").spawn(move || flush::run(&work)).map_err(failed)?,
            maintainer: spawn("events-maintain").spawn(|| maintainer.run()).map_err(failed)?,
            _lock: lock,
        };
        Ok(Self { state, queue, maintenance, queries, threads: Mutex::new(Some(threads)) })
    }

    /// Flushes all memtables and returns when all events are in segments.
    pub async fn flush_now(&self) -> Result<(), StoreError> {
        let work = Arc::clone(&self.maintenance);
        off_runtime(move || flush::flush_all(&work)).await
    }

    /// Merges small segments until there are none left to merge.
    pub async fn merge_now(&self) -> Result<(), StoreError> {
        let work = Arc::clone(&self.maintenance);
        off_runtime(move || {
            let _guard = work.rewriting.lock();
            Maintainer::new(Arc::clone(&work)).merge()
        })
        .await
    }

    fn stop(&self) -> Option<Threads> {
        let threads = self.threads.lock().take();
        self.queries.close();
        self.maintenance.close();
        threads
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Some(threads) = self.stop() {
            join(&self.queue, threads);
        }
    }
}

/// Joins the maintenance threads, then the writer, which first writes the queued batches, and releases the
/// lock.
fn join(queue: &WriterQueue, threads: Threads) {
    if [threads.flush.join(), threads.maintainer.join()].iter().any(Result::is_err) {
        tracing::error!("a maintenance thread of the event store panicked");
    }
    queue.close();
    if threads.writer.join().is_err() {
        tracing::error!("the writer thread of the event store panicked");
    }
}
