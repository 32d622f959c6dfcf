//! The writer: the one thread that writes `events.db` and changes the state that readers see.
//!
//! For each group of waiting batches it drops duplicates, commits one transaction, publishes the events
//! in the memtables, and then replies to the callers. It also executes the commands of maintenance.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::column::Column;
use millimetric_core::event::EventScope;

use crate::columns::dedup;
use crate::encoding::keyed_hash::IdKind;
use crate::encoding::row::Row;
use crate::resources::signal::Signal;
use crate::state::State;
use crate::state::scope::Scope;
use crate::wal::batch_codec;
use crate::wal::commands::{Command, Outcome};
use crate::wal::manifest::Manifest;
use crate::wal::queue::WriterQueue;
use crate::wal::queue::{Append, Group, Known, Work};
use crate::wal::recent_ids::IdSet;
use crate::wal::recent_ids::RecentIds;
use crate::wal::stored::LogRow;
use millimetric_events::{Appended, LocalError, StoreError};

/// The state of the writer's thread.
pub(crate) struct Writer {
    pub(crate) state: Arc<State>,
    pub(crate) queue: Arc<WriterQueue>,
    /// Wakes the thread that flushes memtables.
    pub(crate) flush: Arc<Signal>,
    pub(crate) manifest: Manifest,
    pub(crate) ids: HashMap<EventScope, RecentIds>,
    pub(crate) next_seq: i64,
}

/// Which events of a batch are new, and the counts that the caller gets.
struct DedupResult {
    keep: Vec<bool>,
    appended: Appended,
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(work) = self.queue.take() {
            match work {
                Work::Group(group) => self.write(group),
                Work::Command(command, reply) => {
                    let outcome = self.command(command);
                    // A caller that was cancelled is no error: the command was executed.
                    let _ = reply.send(outcome);
                }
            }
        }
        self.manifest.close();
    }

    fn command(&mut self, command: Command) -> Result<Outcome, StoreError> {
        self.queue.check_writable()?;
        let outcome = self.execute(command);
        if let Err(StoreError::Local(LocalError::NotWritable(why))) = &outcome {
            self.queue.fail(why);
        }
        outcome
    }

    fn write(&mut self, group: Group) {
        let bytes = group.appends.iter().map(|append| append.bytes).sum();
        match self.store(&group.appends) {
            Ok(results) => {
                for (append, result) in group.appends.into_iter().zip(results) {
                    // A caller that was cancelled is no error: the events are stored.
                    let _ = append.reply.send(Ok(result.appended));
                }
            }
            Err(error) => {
                if let StoreError::Local(LocalError::NotWritable(why)) = &error {
                    self.queue.fail(why);
                }
                for append in group.appends {
                    let _ = append.reply.send(Err(error.clone()));
                }
            }
        }
        self.queue.release(bytes);
    }

    /// Stores a group in one transaction and publishes it.
    fn store(&mut self, group: &[Append]) -> Result<Vec<DedupResult>, StoreError> {
        self.queue.check_writable()?;
        let mut fresh: HashMap<EventScope, IdSet> = HashMap::new();
        let mut results = Vec::with_capacity(group.len());
        for append in group {
            results.push(self.deduplicate(append, fresh.entry(append.scope).or_default())?);
        }
        let rows = self.log_rows(group, &results)?;
        if !rows.is_empty() {
            self.manifest.append(&rows)?;
            for row in &rows {
                self.publish(row, group, &results);
            }
            for (scope, ids) in fresh {
                self.ids.entry(scope).or_default().extend(ids.iter());
            }
            self.wake_flush(&rows);
        }
        Ok(results)
    }

    /// Finds the new events of a batch. `fresh` contains the new ids of the group's earlier batches; the
    /// new ids of this batch are added to it. Events of erased people are dropped without being counted.
    fn deduplicate(&self, append: &Append, fresh: &mut IdSet) -> Result<DedupResult, StoreError> {
        let scope = self.state.scopes.get_or_new(append.scope);
        let erased = Arc::clone(&scope.data.read().erased_ids);
        let in_segments = self.in_segments(&scope, append)?;
        let (is_looked_up, recent) = (in_segments.is_some(), self.ids.get(&append.scope));
        let in_segments = in_segments.unwrap_or_default();
        let hash = &self.state.columns.hash;
        let mut result =
            DedupResult { keep: vec![false; append.events.len()], appended: Appended::default() };
        for (index, (event, id)) in append.events.iter().zip(&append.ids).enumerate() {
            let is_erased = !erased.is_empty() && {
                let user = event.user_id.as_deref().map(|user| hash.of(IdKind::User, user));
                let visitor = hash.of(IdKind::Visitor, &event.anonymous_id);
                erased.covers(event.timestamp.millis(), user, visitor)
            };
            if is_erased {
                continue;
            }
            let is_known = in_segments.binary_search(&index).is_ok()
                || recent.is_some_and(|recent| recent.contains(id.hash));
            if is_looked_up && (is_known || fresh.contains(id.hash)) {
                result.appended.duplicates += 1;
            } else {
                fresh.insert(id.hash);
                result.keep[index] = true;
                result.appended.stored += 1;
            }
        }
        Ok(result)
    }

    /// Indexes of events that a segment contains, ascending; `None` if no id is looked up.
    fn in_segments(&self, scope: &Scope, append: &Append) -> Result<Option<Vec<usize>>, StoreError> {
        let Known::InSegments { duplicates, checked_through } = &append.known else { return Ok(None) };
        let segments = scope.data.read().segments.clone();
        let newer: Vec<_> = segments.into_iter().filter(|segment| segment.id > *checked_through).collect();
        let mut all = dedup::indexes_in_segments(&self.state.columns, &newer, &append.ids)?;
        all.extend(duplicates);
        all.sort_unstable();
        Ok(Some(all))
    }

    /// One row of the write-ahead log for each scope of the group that has new events.
    fn log_rows(&mut self, group: &[Append], results: &[DedupResult]) -> Result<Vec<LogRow>, StoreError> {
        let mut rows: BTreeMap<EventScope, LogRow> = BTreeMap::new();
        for (append, result) in group.iter().zip(results).filter(|(_, result)| result.appended.stored > 0) {
            let row = rows.entry(append.scope).or_insert_with(|| {
                self.next_seq += 1;
                LogRow {
                    seq: self.next_seq,
                    scope: append.scope,
                    rows: 0,
                    frames: Vec::new(),
                    columns: Column::COUNT,
                }
            });
            row.rows += result.appended.stored as usize;
            if result.keep.iter().all(|keep| *keep) {
                row.frames.extend_from_slice(&append.frame);
            } else {
                row.frames
                    .extend_from_slice(&batch_codec::encode(&append.events, |index| result.keep[index])?);
            }
        }
        Ok(rows.into_values().collect())
    }

    /// Adds the events of one log row to the memtable, visible to readers all at once.
    fn publish(&self, row: &LogRow, group: &[Append], results: &[DedupResult]) {
        let scope = self.state.scopes.get_or_new(row.scope);
        let now = self.state.now();
        let mut next_id = || self.state.memtables.next_block();
        let mut data = scope.data.write();
        let before = data.memtable_size();
        for (append, result) in group.iter().zip(results).filter(|(append, _)| append.scope == row.scope) {
            for (event, _) in append.events.iter().zip(&result.keep).filter(|(_, keep)| **keep) {
                data.publish(&Row::of(event), &mut next_id);
            }
        }
        data.first_seq.get_or_insert(row.seq);
        data.last_seq = row.seq;
        data.oldest.get_or_insert(now);
        self.state.memtables.resize(before, data.memtable_size());
    }

    /// Wakes the flush thread if a memtable, or all of them together, reached the size for a flush.
    fn wake_flush(&self, rows: &[LogRow]) {
        let options = &self.state.options;
        let full = |scope: Arc<Scope>| scope.data.read().is_due(options);
        if self.state.memtables_are_full()
            || rows.iter().filter_map(|row| self.state.scopes.get(row.scope)).any(full)
        {
            self.flush.wake();
        }
    }
}
