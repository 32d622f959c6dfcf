//! [`ClickHouseStore`]: opens the store, and implements [`EventStore`].

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{self, Either};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::{ErasureId, ReclassificationId};
use millimetric_core::query::{AnyQuery, AnyResponse, ExportQuery};
use millimetric_core::time::Timestamp;
use millimetric_events::{
    Appended, ClickHouseUrl, Erasure, ErasureReport, EventStore, EventStream, Reclassify, ReclassifyReport,
    StoreError,
};
use tokio::task::JoinHandle;

use crate::client::{Client, QueryLimits};
use crate::hidden::{ALL_EXPIRED, Hidden, LastHidden};
use crate::keys::KeyedHash;
use crate::maintenance::{self, Work};
use crate::query;
use crate::schema::{self, SchemaError};
use crate::write::Batcher;

/// How long an export may take: a client that reads slowly makes it slow.
const EXPORT_TIMEOUT: Duration = Duration::from_hours(24);

/// The limits of the store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory of batches that wait to be stored, in bytes; further batches are refused as `Overloaded`.
    pub queue_bytes: usize,
    /// Memory of one query, in bytes: on each server, and in this process.
    pub query_bytes: u64,
    /// Longest duration of one query.
    pub query_timeout: Duration,
    /// Whether this process does the background work now: erasing, expiring, classifying again. One process of a
    /// database should. Requests are stored by each, and wait for the one that executes them.
    pub is_worker: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_bytes: 64 << 20,
            query_bytes: 2 << 30,
            query_timeout: Duration::from_secs(30),
            is_worker: Arc::new(AtomicBool::new(true)),
        }
    }
}

/// An event store in a database on ClickHouse servers.
pub struct ClickHouseStore {
    pub(crate) client: Client,
    pub(crate) limits: QueryLimits,
    pub(crate) hash: KeyedHash,
    last_hidden: LastHidden,
    batcher: Batcher,
    pub(crate) work: Arc<Work>,
    worker: JoinHandle<()>,
}

impl ClickHouseStore {
    /// Opens the store, whose tables must exist: [`schema::apply`] creates them.
    pub async fn open(url: &ClickHouseUrl, options: Options) -> Result<Self, SchemaError> {
        let client = Client::new(url)?;
        let limits = QueryLimits { time: options.query_timeout, memory_bytes: options.query_bytes };
        let hash = KeyedHash::new(schema::check(&client, &url.database, &limits).await?);
        let batcher = Batcher::start(client.clone(), limits, hash, options.queue_bytes);
        let work = Arc::new(Work::new(client.clone(), limits, hash, url.cluster.clone()));
        let worker = tokio::spawn(maintenance::run(Arc::clone(&work), options.is_worker));
        let last_hidden = LastHidden::default();
        Ok(Self { client, limits, hash, last_hidden, batcher, work, worker })
    }

    /// Does the background work that is due, and returns when it is done.
    pub async fn maintain_now(&self) -> Result<(), StoreError> {
        self.work.pass().await
    }
}

impl Drop for ClickHouseStore {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

#[async_trait]
impl EventStore for ClickHouseStore {
    async fn append(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.batcher.store(scope, events, false).await
    }

    async fn query_any(
        &self,
        scope: EventScope,
        since: Timestamp,
        query: AnyQuery,
    ) -> Result<AnyResponse, StoreError> {
        let read = Hidden::of(&self.client, &self.limits, scope);
        let run = |hidden: Arc<Hidden>, query| async move {
            query::run(&self.client, &self.limits, scope, since, &hidden, query).await
        };
        let Some(last) = self.last_hidden.of(scope) else {
            let hidden = self.last_hidden.set(scope, read.await?);
            return run(hidden, query).await;
        };
        // What is hidden rarely changes: the query runs at once, and again if it has changed.
        let hidden = {
            let response = run(Arc::clone(&last), query.clone());
            match future::select(pin!(response), pin!(read)).await {
                Either::Left((response, read)) => match read.await? {
                    hidden if hidden == *last => return response,
                    hidden => hidden,
                },
                Either::Right((hidden, response)) => match hidden? {
                    hidden if hidden == *last => return response.await,
                    hidden => hidden,
                },
            }
        };
        run(self.last_hidden.set(scope, hidden), query).await
    }

    async fn import(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.batcher.store(scope, events, true).await
    }

    fn export(&self, scope: EventScope, since: Timestamp, query: ExportQuery) -> EventStream {
        let (client, limits) = (self.client.clone(), QueryLimits { time: EXPORT_TIMEOUT, ..self.limits });
        let begun = async move {
            let hidden = Hidden::of(&client, &limits, scope).await?;
            Ok::<_, StoreError>(query::export(&client, &limits, scope, since, &hidden, &query))
        };
        stream::once(begun).try_flatten().boxed()
    }

    async fn erase(&self, scope: EventScope, request: Erasure) -> Result<(), StoreError> {
        self.work.request_erasure(scope, request).await?;
        self.work.wake();
        Ok(())
    }

    async fn erasure(&self, scope: EventScope, id: ErasureId) -> Result<Option<ErasureReport>, StoreError> {
        self.work.erasure(scope, id).await
    }

    async fn expire(&self, scope: EventScope, before: Timestamp) -> Result<(), StoreError> {
        self.work.request_expiry(scope, before.millis()).await?;
        self.work.wake();
        Ok(())
    }

    async fn drop_scope(&self, scope: EventScope) -> Result<(), StoreError> {
        self.work.request_expiry(scope, ALL_EXPIRED).await?;
        self.work.wake();
        Ok(())
    }

    async fn reclassify(&self, scope: EventScope, request: Reclassify) -> Result<(), StoreError> {
        self.work.request_reclassification(scope, request).await?;
        self.work.wake();
        Ok(())
    }

    async fn reclassification(
        &self,
        scope: EventScope,
        id: ReclassificationId,
    ) -> Result<Option<ReclassifyReport>, StoreError> {
        self.work.reclassification(scope, id).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.client.ping().await?;
        self.batcher.check()
    }

    fn gauges(&self) -> Vec<(&'static str, f64)> {
        let is_failing = f64::from(u8::from(self.batcher.is_failing()));
        let mut gauges = vec![("queue_bytes", self.batcher.bytes() as f64), ("writes_failing", is_failing)];
        gauges.extend(self.work.gauges());
        gauges
    }

    async fn close(&self) {
        self.worker.abort();
        self.batcher.close().await;
    }
}
