//! [`EventStore`] for the embedded store: queries run over a view on the query threads; changes go to the
//! writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::{ErasureId, ReclassificationId};
use millimetric_core::query::{AnyQuery, AnyResponse, ExportQuery};
use millimetric_core::time::Timestamp;

use super::{EmbeddedStore, join};
use crate::columns::dedup;
use crate::maintenance::{backup, erase, reclassify};
use crate::query;
use crate::query::events::export;
use crate::query::run::{blocking, off_runtime};
use crate::query::view::Reads;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use crate::segment::id_filter::IdFilter;
use crate::wal::commands::Command;
use crate::wal::queue::Known;
use millimetric_events::{
    Appended, Erasure, ErasureReport, EventStore, EventStream, LocalError, LocalStore, Reclassify,
    ReclassifyReport, Snapshot, StoreError,
};

#[async_trait]
impl EventStore for EmbeddedStore {
    async fn append(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.writable()?;
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let segments = self.state.scopes.get_or_new(scope).data.read().segments.clone();
        let checked_through = segments.last().map_or(0, |segment| segment.id);
        let ids = self.ids(&events);
        let (duplicates, ids) = if dedup::any_suspect(&self.state.columns, &segments, &ids) {
            let state = Arc::clone(&self.state);
            off_runtime(move || Ok((dedup::indexes_in_segments(&state.columns, &segments, &ids)?, ids)))
                .await?
        } else {
            (Vec::new(), ids)
        };
        self.enqueue(scope, events, ids, Known::InSegments { duplicates, checked_through }).await
    }

    async fn import(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.writable()?;
        if events.is_empty() {
            return Ok(Appended::default());
        }
        let segments = self.state.scopes.get_or_new(scope).data.read().segments.clone();
        let checked_through = segments.last().map_or(0, |segment| segment.id);
        let (state, ids) = (Arc::clone(&self.state), self.ids(&events));
        let deduplicate = move || {
            let duplicates = dedup::imported_indexes_in_segments(&state.columns, &segments, &events, &ids)?;
            Ok((duplicates, events, ids))
        };
        let (duplicates, events, ids) = off_runtime(deduplicate).await?;
        self.enqueue(scope, events, ids, Known::InSegments { duplicates, checked_through }).await
    }

    fn export(&self, scope: EventScope, since: Timestamp, query: ExportQuery) -> EventStream {
        if let Err(error) = self.state.erasures.check_readable(scope) {
            return stream::once(async { Err(error) }).boxed();
        }
        let scope = self.state.scopes.get_or_new(scope);
        let reads = Reads::ALL.filters(&query.events.and(&query.filters));
        let view = View::of(&self.state, &scope, query.range, since, reads);
        let context = QueryContext::new(&self.queries);
        export::stream(move || view.with_sessions(reads, &context), query)
    }

    async fn query_any(
        &self,
        scope: EventScope,
        since: Timestamp,
        query: AnyQuery,
    ) -> Result<AnyResponse, StoreError> {
        self.state.erasures.check_readable(scope)?;
        let state = Arc::clone(&self.state);
        let run = move |context: &QueryContext| {
            let scope = state.scopes.get_or_new(scope);
            let view_of = |range| {
                let reads = Reads::of(&query);
                View::of(&state, &scope, reads.range(range), since, reads)
            };
            query::run(view_of(query.range()), query.compared_with().map(view_of), &query, context)
        };
        blocking(QueryContext::new(&self.queries), run).await
    }

    async fn erase(&self, scope: EventScope, request: Erasure) -> Result<(), StoreError> {
        let erasure = erase::stored(&self.state.columns, scope, &request);
        self.queue.execute_async(Command::Erase(erasure.clone())).await?;
        if erasure.include_linked {
            let state = Arc::clone(&self.state);
            let linked = off_runtime(move || erase::linked(&state, &erasure)).await?;
            self.queue.execute_async(Command::Link(request.id, linked)).await?;
        }
        self.maintenance.signal.wake();
        Ok(())
    }

    async fn erasure(&self, scope: EventScope, id: ErasureId) -> Result<Option<ErasureReport>, StoreError> {
        let erasures = self.state.erasures.by_id.read();
        Ok(erasures.get(&id).filter(|erasure| erasure.record.scope == scope).map(erase::report))
    }

    async fn expire(&self, scope: EventScope, before: Timestamp) -> Result<(), StoreError> {
        self.queue.execute_async(Command::SetRetentionWatermark(scope, before.millis())).await?;
        self.maintenance.signal.wake();
        Ok(())
    }

    async fn drop_scope(&self, scope: EventScope) -> Result<(), StoreError> {
        self.queue.execute_async(Command::SetRetentionWatermark(scope, i64::MAX)).await?;
        self.maintenance.signal.wake();
        Ok(())
    }

    async fn reclassify(&self, scope: EventScope, request: Reclassify) -> Result<(), StoreError> {
        let record = reclassify::record(&self.state, scope, request);
        self.queue.execute_async(Command::Reclassify(Box::new(record))).await?;
        self.maintenance.signal.wake();
        Ok(())
    }

    async fn reclassification(
        &self,
        scope: EventScope,
        id: ReclassificationId,
    ) -> Result<Option<ReclassifyReport>, StoreError> {
        let by_id = self.state.reclassifications.by_id.read();
        let found = by_id.get(&id).filter(|found| found.record.scope == scope).cloned();
        drop(by_id);
        Ok(found.map(|found| reclassify::report(&self.state, &found)))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writable()
    }

    fn gauges(&self) -> Vec<(&'static str, f64)> {
        let (state, memtables) = (&self.state, self.state.memtables.size());
        let (mut segments, mut segment_bytes, mut filter_bytes) = (0, 0, 0);
        for segment in state.scopes.all().iter().flat_map(|scope| scope.data.read().segments.clone()) {
            segments += 1;
            segment_bytes += segment.bytes;
            let known = segment.known_ids.read().clone();
            filter_bytes += known.and_then(|known| known.untimed.as_ref().map(IdFilter::bytes)).unwrap_or(0);
        }
        let mut gauges = vec![
            ("memtable_rows", memtables.rows as f64),
            ("query_memory_bytes", self.queries.reserved() as f64),
            ("query_threads", self.queries.threads() as f64),
            ("memtable_bytes", memtables.bytes as f64),
            ("queue_bytes", self.queue.bytes() as f64),
            ("segments", f64::from(segments)),
            ("segment_bytes", segment_bytes as f64),
            ("cache_bytes", state.columns.cache.bytes() as f64),
            ("dedup_filter_bytes", filter_bytes as f64),
            ("erasures_pending", state.erasures.pending() as f64),
            ("reclassifications_pending", state.reclassifications.pending().len() as f64),
        ];
        gauges.extend(self.maintenance.counters.gauges());
        gauges
    }

    fn local(&self) -> Option<&dyn LocalStore> {
        Some(self)
    }

    async fn close(&self) {
        let Some(threads) = self.stop() else { return };
        let queue = Arc::clone(&self.queue);
        if tokio::task::spawn_blocking(move || join(&queue, threads)).await.is_err() {
            tracing::error!("closing the event store panicked");
        }
    }
}

#[async_trait]
impl LocalStore for EmbeddedStore {
    async fn snapshot(&self, folder: &Path) -> Result<Snapshot, StoreError> {
        let (work, folder) = (Arc::clone(&self.maintenance), folder.to_path_buf());
        off_runtime(move || backup::snapshot(&work, &folder)).await
    }
}

impl EmbeddedStore {
    /// Checks that writes are accepted.
    ///
    /// # Errors
    /// `NotWritable` after a failed sync. At twice the size at which memtables are flushed early:
    /// `DiskFull` if the last flush failed because the disk was full, `Overloaded` otherwise.
    pub(super) fn writable(&self) -> Result<(), StoreError> {
        self.queue.check_writable()?;
        let (size, options) = (self.state.memtables.size(), &self.state.options);
        if size.rows < options.memtable_rows.saturating_mul(2)
            && size.bytes < options.memtable_bytes.saturating_mul(2)
        {
            return Ok(());
        }
        let full = self.maintenance.flush_disk_full.load(Ordering::Relaxed);
        Err(if full { LocalError::DiskFull.into() } else { StoreError::Overloaded })
    }
}
