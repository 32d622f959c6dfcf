//! Executes the commands of `commands.rs` in the writer's thread: first on disk, then in memory, so
//! that readers never see a change that a crash could undo.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use rusqlite::Connection;

use crate::columns::cache::CachedPart;
use crate::segment::Segment;
use crate::state::erasures::ErasureRecord;
use crate::state::reclassifications::{ReclassificationRecord, StagedRow};
use crate::wal::commands::{Command, FlushInput, Outcome, Swap};
use crate::wal::manifest::SwapRows;
use crate::wal::snapshot;
use crate::wal::writer::Writer;
use millimetric_events::{LocalError, StoreError};

impl Writer {
    pub(crate) fn execute(&mut self, command: Command) -> Result<Outcome, StoreError> {
        match command {
            Command::BeginFlush(scope) => return Ok(Outcome::FlushBegun(self.begin_flush(scope))),
            Command::Swap(swap) => self.swap(swap)?,
            Command::DeleteFlushed { scope, from, to } => {
                self.manifest.delete_flushed(scope, from, to)?;
            }
            Command::DeleteAllFlushed => self.manifest.delete_all_flushed()?,
            Command::TruncateWal => self.manifest.truncate_wal()?,
            Command::Vacuum { spare_pages } => {
                return Ok(Outcome::Vacuumed(self.manifest.vacuum(spare_pages)?));
            }
            Command::DropKnownIds(segments) => self.drop_known_ids(&segments)?,
            Command::Erase(erasure) => self.erase(erasure)?,
            Command::Link(id, linked) => self.link(id, linked)?,
            Command::Finish(id, at) => self.finish(id, at)?,
            Command::Reclassify(record) => self.reclassify(*record)?,
            Command::Stage(row) => self.stage(*row)?,
            Command::SetRetentionWatermark(scope, before) => self.set_retention_watermark(scope, before)?,
            Command::BeginSnapshot(connection) => return self.begin_snapshot(connection),
        }
        Ok(Outcome::Done)
    }

    fn begin_snapshot(&mut self, connection: Connection) -> Result<Outcome, StoreError> {
        snapshot::begin(&connection)?;
        let scopes = self.state.scopes.all();
        let segments = scopes.iter().flat_map(|scope| scope.data.read().segments.clone()).collect();
        Ok(Outcome::SnapshotBegun(connection, segments))
    }

    fn begin_flush(&mut self, id: EventScope) -> FlushInput {
        let scope = self.state.scopes.get_or_new(id);
        let mut data = scope.data.write();
        let before = data.memtable_size();
        data.close_tail(self.state.memtables.next_block());
        self.state.memtables.resize(before, data.memtable_size());
        self.ids.entry(id).or_default().begin_flush();
        let first_seq = data.first_seq.unwrap_or(data.last_seq + 1);
        FlushInput { blocks: data.blocks.clone(), first_seq, last_seq: data.last_seq }
    }

    fn swap(&mut self, swap: Swap) -> Result<(), StoreError> {
        let removed: Vec<i64> = swap.removed.iter().map(|segment| segment.id).collect();
        let rows = SwapRows {
            scope: swap.scope,
            flushed_seq: swap.flushed.as_ref().map(|flushed| flushed.last_seq),
            removed: &removed,
            added: &swap.added,
            erased: &swap.erased,
            reclassified: swap.reclassified.as_deref(),
            staged: &swap.staged,
        };
        match self.manifest.swap(&rows) {
            Ok(()) => self.publish_swap(swap),
            Err(error) => {
                // After a failed sync the manifest may or may not list the new files, so they stay. So do
                // those of a re-classification, which tries again to swap them in.
                let may_be_listed = matches!(error, StoreError::Local(LocalError::NotWritable(_)));
                if !may_be_listed && swap.reclassified.is_none() {
                    swap.added.iter().for_each(|new| new.segment.replaced.store(true, Ordering::Release));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn publish_swap(&mut self, swap: Swap) {
        let scope = self.state.scopes.get_or_new(swap.scope);
        let mut data = scope.data.write();
        let before = data.memtable_size();
        if let Some(flushed) = &swap.flushed {
            data.blocks.drain(..flushed.blocks.len());
            let emptied = data.memtable_rows() == 0;
            data.first_seq = (!emptied).then_some(flushed.last_seq + 1);
            data.oldest = (!emptied).then(|| self.state.now());
            self.ids.entry(swap.scope).or_default().end_flush();
        }
        data.segments.retain(|segment| !swap.removed.iter().any(|removed| removed.id == segment.id));
        for new in swap.added {
            if let Some(timed_filter) = new.timed_filter {
                // Retries arrive soon, and then this filter is needed.
                self.state.columns.cache.put(new.segment.chunk_id(), CachedPart::TimedIdFilter, timed_filter);
            }
            data.segments.push(Arc::new(new.segment));
        }
        data.segments.sort_unstable_by_key(|segment| segment.id);
        self.state.memtables.resize(before, data.memtable_size());
        drop(data);
        let removed: Vec<i64> = swap.removed.iter().map(|segment| segment.id).collect();
        if let Some(record) = swap.reclassified {
            self.state.reclassifications.finish(*record);
        }
        self.delete_files(&self.state.reclassifications.unstage(&removed));
        swap.staged.into_iter().for_each(|row| self.state.reclassifications.stage(row));
        self.state.segments.replace(swap.scope, &swap.removed);
        for segment in &swap.removed {
            self.state.columns.cache.remove(segment.chunk_id());
        }
        for block in swap.flushed.iter().flat_map(|flushed| &flushed.blocks) {
            block.chunk_id.iter().for_each(|id| self.state.columns.cache.remove(*id));
        }
        let mut erasures = self.state.erasures.by_id.write();
        for (id, count) in swap.erased {
            if let Some(erasure) = erasures.get_mut(&id) {
                erasure.record.events_deleted += count;
            }
        }
    }

    /// Deletes files below the folder of segments.
    fn delete_files(&self, paths: &[String]) {
        for path in paths.iter().map(|path| self.state.segments_folder().join(path)) {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a file of no use could not be deleted");
            }
        }
    }

    fn reclassify(&mut self, record: ReclassificationRecord) -> Result<(), StoreError> {
        if self.state.reclassifications.by_id.read().contains_key(&record.id) {
            return Ok(());
        }
        self.manifest.insert_reclassification(&record)?;
        self.state.reclassifications.insert(record, hashbrown::HashMap::new());
        Ok(())
    }

    fn stage(&mut self, row: StagedRow) -> Result<(), StoreError> {
        self.manifest.stage(&row)?;
        self.state.reclassifications.stage(row);
        Ok(())
    }

    fn drop_known_ids(&mut self, segments: &[Arc<Segment>]) -> Result<(), StoreError> {
        let ids: Vec<i64> = segments.iter().map(|segment| segment.id).collect();
        self.manifest.drop_known_ids(&ids)?;
        for segment in segments {
            *segment.known_ids.write() = None;
        }
        Ok(())
    }

    fn erase(&mut self, erasure: ErasureRecord) -> Result<(), StoreError> {
        if self.state.erasures.by_id.read().contains_key(&erasure.id) {
            return Ok(());
        }
        self.manifest.insert_erasure(&erasure)?;
        let scope = erasure.scope;
        self.state.erasures.insert(erasure);
        self.state.update_tombstones(scope);
        Ok(())
    }

    /// The first call wins: later ones may miss visitors whose `$identify` events were erased meanwhile.
    fn link(&mut self, id: ErasureId, linked: Vec<u128>) -> Result<(), StoreError> {
        if self.state.erasures.by_id.read().get(&id).is_none_or(|erasure| erasure.record.linked.is_some()) {
            return Ok(());
        }
        self.manifest.link_erasure(id, &linked)?;
        let mut erasures = self.state.erasures.by_id.write();
        let Some(erasure) = erasures.get_mut(&id) else { return Ok(()) };
        erasure.record.linked = Some(linked);
        let scope = erasure.record.scope;
        drop(erasures);
        self.state.update_tombstones(scope);
        Ok(())
    }

    fn finish(&mut self, id: ErasureId, at: i64) -> Result<(), StoreError> {
        self.manifest.finish_erasure(id, at)?;
        let mut erasures = self.state.erasures.by_id.write();
        let Some(erasure) = erasures.get_mut(&id) else { return Ok(()) };
        erasure.record.finished_at = Some(at);
        erasure.running = false;
        let scope = erasure.record.scope;
        drop(erasures);
        self.state.update_tombstones(scope);
        Ok(())
    }

    /// Raises the watermark. Lowers it only if no stored event would become visible again.
    fn set_retention_watermark(&mut self, id: EventScope, before: i64) -> Result<(), StoreError> {
        let scope = self.state.scopes.get_or_new(id);
        let watermark = scope.data.read().tombstones.retention_watermark;
        let hidden =
            watermark == i64::MAX || scope.data.read().earliest().is_some_and(|time| time < watermark);
        if before == watermark || (before < watermark && hidden) {
            return Ok(());
        }
        self.manifest.set_retention_watermark(id, before)?;
        scope.data.write().tombstones.retention_watermark = before;
        Ok(())
    }
}
