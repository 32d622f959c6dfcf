//! The embedded engine: SQLite for what is new, Parquet for what is sealed, kernels over columns
//! for questions. One process, one directory, no server.
//!
//! An event is first a row of the hot log (`writer`, `frame`, `manifest`) and of the hot columns
//! (`block`, `scope`); the keeper seals it into a segment (`seal`, `segment_file`). Questions
//! read a `view` of both through `columns`. Nothing durable is of our own making.

mod apply;
mod block;
mod cache;
mod change;
mod columns;
mod dedup;
mod erase;
mod field;
mod frame;
mod hash;
mod hiding;
mod keeper;
mod kernel;
mod lock;
mod manifest;
mod open;
mod options;
mod queue;
mod row;
mod scope;
mod seal;
mod segment;
mod segment_file;
mod shared;
#[cfg(test)]
mod tests;
mod text;
mod view;
mod visitors;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};

use async_trait::async_trait;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ErasureId;
use millimetric_core::query::{
    EventsAnswer, EventsQuestion, NamesAnswer, NamesQuestion, SourcesAnswer, SourcesQuestion, StatsAnswer,
    StatsQuestion,
};
use millimetric_core::time::{TimeRange, Timestamp};
use parking_lot::Mutex;
use tokio::sync::oneshot;

pub use self::options::{OpenError, Options};

use self::change::Change;
use self::field::{Field, FieldSet};
use self::hash::Kind;
use self::kernel::run::{Stop, blocking};
use self::lock::DirectoryLock;
use self::queue::Append;
use self::shared::Shared;
use self::view::View;
use crate::{Appended, Erasure, ErasureReport, EventStore, StoreError};

/// The store in one directory of this machine.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
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
        let threads = Threads {
            writer: writer.map_err(unstarted)?,
            keeper: keeper.map_err(unstarted)?,
            _lock: opened.lock,
        };
        Ok(Self { shared: opened.shared, threads: Mutex::new(Some(threads)) })
    }

    /// Seals every hot event now, whatever its age, and returns when all are in segments.
    pub async fn seal_now(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move |_| shared.scopes.all().iter().try_for_each(|scope| keeper::seal_scope(&shared, scope)))
            .await
    }

    async fn answer<T: Send + Default + 'static>(
        &self,
        scope: EventScope,
        range: TimeRange,
        fields: FieldSet,
        kernel: impl FnOnce(View, &Stop) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let scope = self.shared.scopes.get_or_new(scope);
        let shared = Arc::clone(&self.shared);
        blocking(move |stop| kernel(View::of(&shared, &scope, range, fields), stop)).await
    }

    fn stop(&self) -> Option<Threads> {
        let threads = self.threads.lock().take();
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

/// Ends the keeper, then the writer, which first writes what waits, then lets the directory go.
fn join(shared: &Shared, threads: Threads) {
    if threads.keeper.join().is_err() {
        tracing::error!("the thread of the store's background work panicked");
    }
    shared.queue.close();
    if threads.writer.join().is_err() {
        tracing::error!("the thread of the store's writer panicked");
    }
}

#[async_trait]
impl EventStore for EmbeddedStore {
    async fn append(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.shared.writable()?;
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let columns = &self.shared.columns;
        let ids: Vec<u128> =
            events.iter().map(|event| columns.hash.of(Kind::Event, &event.event_id)).collect();
        let segments = self.shared.scopes.get_or_new(scope).live.read().segments.clone();
        let asked_through = segments.last().map_or(0, |segment| segment.id);
        let (known, ids) = if dedup::any_suspect(&segments, &ids) {
            let shared = Arc::clone(&self.shared);
            blocking(move |_| Ok((dedup::sealed_places(&shared.columns, &segments, &ids)?, ids))).await?
        } else {
            (Vec::new(), ids)
        };
        let frame = frame::encode(&events, |_| true)?;
        let bytes = frame.len() + events.iter().map(row::memory_of).sum::<usize>();
        let (reply, stored) = oneshot::channel();
        self.shared.queue.append(Append { scope, events, ids, frame, known, asked_through, bytes, reply })?;
        stored.await.map_err(|_| StoreError::NotWritable("the writer has ended".to_owned()))?
    }

    async fn events(&self, scope: EventScope, question: EventsQuestion) -> Result<EventsAnswer, StoreError> {
        let (range, fields) = (question.range, FieldSet::ALL);
        self.answer(scope, range, fields, move |view, stop| kernel::events::events(view, &question, stop)).await
    }

    async fn stats(&self, scope: EventScope, question: StatsQuestion) -> Result<StatsAnswer, StoreError> {
        let (range, fields) = (question.range, view::counted(&question));
        self.answer(scope, range, fields, move |view, stop| kernel::stats::stats(&view, &question, stop)).await
    }

    async fn sources(
        &self,
        scope: EventScope,
        question: SourcesQuestion,
    ) -> Result<SourcesAnswer, StoreError> {
        let fields = view::filtered(&question.filters);
        let fields = fields.with(Field::Source).with(Field::Medium).with(Field::AnonymousId);
        let range = question.range;
        self.answer(scope, range, fields, move |view, stop| kernel::sources::sources(&view, &question, stop))
            .await
    }

    async fn names(&self, scope: EventScope, question: NamesQuestion) -> Result<NamesAnswer, StoreError> {
        let fields =
            [Field::EventName, Field::AnonymousId, Field::Properties].into_iter().collect::<FieldSet>();
        let range = question.range;
        self.answer(scope, range, fields, move |view, stop| kernel::names::names(&view, &question, stop)).await
    }

    async fn erase(&self, scope: EventScope, request: Erasure) -> Result<(), StoreError> {
        let erasure = erase::stored(&self.shared.columns, scope, &request);
        self.shared.change_async(Change::Erase(erasure.clone())).await?;
        if erasure.include_linked {
            let shared = Arc::clone(&self.shared);
            let linked = blocking(move |_| erase::linked(&shared, &erasure)).await?;
            self.shared.change_async(Change::Link(request.id, linked)).await?;
        }
        self.shared.keeper.wake();
        Ok(())
    }

    async fn erasure(&self, scope: EventScope, id: ErasureId) -> Result<Option<ErasureReport>, StoreError> {
        let erasures = self.shared.erasures.read();
        Ok(erasures.get(&id).filter(|erasure| erasure.stored.scope == scope).map(erase::report))
    }

    async fn expire(&self, scope: EventScope, before: Timestamp) -> Result<(), StoreError> {
        self.shared.change_async(Change::Floor(scope, before.millis())).await?;
        self.shared.keeper.wake();
        Ok(())
    }

    async fn drop_scope(&self, scope: EventScope) -> Result<(), StoreError> {
        self.shared.change_async(Change::Floor(scope, i64::MAX)).await?;
        self.shared.keeper.wake();
        Ok(())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.shared.writable()
    }

    fn gauges(&self) -> Vec<(&'static str, f64)> {
        let shared = &self.shared;
        let (mut segments, mut segment_bytes, mut filter_bytes) = (0, 0, 0);
        for segment in shared.scopes.all().iter().flat_map(|scope| scope.live.read().segments.clone()) {
            segments += 1;
            segment_bytes += segment.bytes;
            filter_bytes += segment.filter.read().as_ref().map_or(0, |filter| filter.bytes());
        }
        let erasures = shared.erasures.read();
        let pending = erasures.values().filter(|erasure| erasure.stored.finished_at.is_none()).count();
        vec![
            ("hot_rows", shared.hot_rows.load(Ordering::Relaxed) as f64),
            ("hot_bytes", shared.hot_bytes.load(Ordering::Relaxed) as f64),
            ("queue_bytes", shared.queue.bytes() as f64),
            ("segments", f64::from(segments)),
            ("segment_bytes", segment_bytes as f64),
            ("cache_bytes", shared.columns.cache.bytes() as f64),
            ("dedup_filter_bytes", filter_bytes as f64),
            ("seals_total", shared.seals.load(Ordering::Relaxed) as f64),
            ("erasures_pending", pending as f64),
        ]
    }

    async fn close(&self) {
        let Some(threads) = self.stop() else { return };
        let shared = Arc::clone(&self.shared);
        if tokio::task::spawn_blocking(move || join(&shared, threads)).await.is_err() {
            tracing::error!("closing the event store panicked");
        }
    }
}
