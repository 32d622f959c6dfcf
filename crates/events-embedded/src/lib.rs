//! The embedded engine: SQLite for what is new, Parquet for what is sealed, kernels over columns
//! for queries. One process, one directory, no server.
//!
//! An event is first a row of the hot log (`writer`, `frame`, `manifest`) and of the hot columns
//! (`block`, `scope`); the keeper seals it into a segment (`seal`, `segment_file`). Queries
//! read a `view` of both through `columns`. Nothing durable is of our own making.

pub(crate) mod append;
pub(crate) mod columns;
pub(crate) mod encoding;
pub(crate) mod engine;
pub(crate) mod exchange;
pub(crate) mod maintenance;
pub(crate) mod memtable;
pub(crate) mod open;
pub(crate) mod query;
pub(crate) mod resources;
pub(crate) mod segment;
pub(crate) mod state;
pub(crate) mod wal;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use millimetric_core::event::EventScope;
use millimetric_core::time::TimeRange;
use parking_lot::Mutex;

pub use self::exchange::{BadRow, ParquetWriter, read_parquet};
pub use self::maintenance::backup::copy_at_rest;
pub use self::maintenance::inspect::{Inspected, inspect, is_older};
pub use self::maintenance::restore::{Learned, learn_erasures};
pub use self::resources::directory_lock::DirectoryLock;
pub use self::resources::options::{OpenError, Options};

use self::encoding::field::FieldSet;
use self::maintenance::Keeper;
use self::query::run::blocking;
use self::query::run::off_runtime;
use self::query::view::View;
use self::state::shared::Shared;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// The store in one directory of this machine.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
    sealer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    /// Let go of last, when nothing is written any more.
    _lock: DirectoryLock,
}

impl EmbeddedStore {
    /// Opens the directory, makes it where it is missing, and takes it for this process.
    pub async fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let unstarted = |cause| OpenError::Unwritable { directory: directory.to_path_buf(), cause };
        let path = directory.to_path_buf();
        let opened = tokio::task::spawn_blocking(move || open::open(&path, options)).await;
        let opened = opened.map_err(|error| unstarted(std::io::Error::other(error)))??;
        let (writer, keeper) = (opened.writer, opened.keeper);
        let writer = Builder::new().name("events-writer".to_owned()).spawn(|| writer.run());
        let keeper = Builder::new().name("events-keeper".to_owned()).spawn(|| keeper.run());
        let shared = Arc::clone(&opened.shared);
        let sealer =
            Builder::new().name("events-sealer".to_owned()).spawn(move || maintenance::flush::run(&shared));
        let threads = Threads {
            writer: writer.map_err(unstarted)?,
            sealer: sealer.map_err(unstarted)?,
            keeper: keeper.map_err(unstarted)?,
            _lock: opened.lock,
        };
        Ok(Self { shared: opened.shared, threads: Mutex::new(Some(threads)) })
    }

    /// Seals every hot event now, whatever its age, and returns when all are in segments.
    pub async fn seal_now(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        off_runtime(move || {
            shared.scopes.all().iter().try_for_each(|scope| maintenance::flush::seal_scope(&shared, scope))
        })
        .await
    }

    /// Merges small neighbours now, and returns when there are none.
    pub async fn merge_now(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        off_runtime(move || {
            let _alone = shared.rewriting.lock();
            Keeper::new(Arc::clone(&shared)).merge()
        })
        .await
    }

    async fn response<T: Send + Default + 'static>(
        &self,
        scope: EventScope,
        range: TimeRange,
        fields: FieldSet,
        kernel: impl FnOnce(View, &QueryContext) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.readable(scope)?;
        let scope = self.shared.scopes.get_or_new(scope);
        let shared = Arc::clone(&self.shared);
        let context = QueryContext::new(&shared.queries);
        blocking(context, move |context| kernel(View::of(&shared, &scope, range, fields), context)).await
    }

    fn stop(&self) -> Option<Threads> {
        let threads = self.threads.lock().take();
        self.shared.queries.close();
        self.shared.sealer.close();
        self.shared.keeper.close();
        threads
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Some(threads) = self.stop() {
            join(&self.shared, threads);
        }
    }
}

/// Ends the background work, then the writer, which first writes what waits, then lets the directory go.
fn join(shared: &Shared, threads: Threads) {
    if [threads.sealer.join(), threads.keeper.join()].iter().any(Result::is_err) {
        tracing::error!("a thread of the store's background work panicked");
    }
    shared.queue.close();
    if threads.writer.join().is_err() {
        tracing::error!("the thread of the store's writer panicked");
    }
}
