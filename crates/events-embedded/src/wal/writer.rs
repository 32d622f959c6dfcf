//! The writer: one thread that owns `events.db` and alone changes what readers see.
//!
//! It takes every batch that waits, drops duplicates, writes one transaction, publishes the
//! events, and only then answers. It makes no Parquet file and answers no query.

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
use crate::wal::Log;
use crate::wal::batch_codec;
use crate::wal::commands::{Command, Outcome};
use crate::wal::manifest::Manifest;
use crate::wal::queue::{Append, Group, Work};
use crate::wal::recent_ids::IdSet;
use crate::wal::recent_ids::RecentIds;
use crate::wal::stored::LogRow;
use millimetric_events::{Appended, LocalError, StoreError};

/// The state of the writer's thread.
pub(crate) struct Writer {
    pub(crate) state: Arc<State>,
    pub(crate) log: Arc<Log>,
    /// Wakes the thread that flushes memtables.
    pub(crate) flush: Arc<Signal>,
    pub(crate) manifest: Manifest,
    pub(crate) ids: HashMap<EventScope, RecentIds>,
    pub(crate) next_seq: i64,
}

/// What becomes of the events of one batch.
struct Verdict {
    keep: Vec<bool>,
    appended: Appended,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(work) = self.log.queue.take() {
            match work {
                Work::Group(group) => self.write(group),
                Work::Command(command, reply) => {
                    let outcome = self.command(command);
                    // The caller may have gone; the command was executed all the same.
                    let _ = reply.send(outcome);
                }
            }
        }
        self.manifest.close();
    }

    fn command(&mut self, command: Command) -> Result<Outcome, StoreError> {
        self.log.check_writable()?;
        let outcome = self.execute(command);
        if let Err(StoreError::Local(LocalError::NotWritable(why))) = &outcome {
            self.log.fail(why);
        }
        outcome
    }

    fn write(&mut self, group: Group) {
        let bytes = group.appends.iter().map(|append| append.bytes).sum();
        match self.store(&group.appends) {
            Ok(verdicts) => {
                for (append, verdict) in group.appends.into_iter().zip(verdicts) {
                    // A caller who has gone is no error: the events are stored.
                    let _ = append.reply.send(Ok(verdict.appended));
                }
            }
            Err(error) => {
                if let StoreError::Local(LocalError::NotWritable(why)) = &error {
                    self.log.fail(why);
                }
                for append in group.appends {
                    let _ = append.reply.send(Err(error.clone()));
                }
            }
        }
        self.log.queue.release(bytes);
    }

    /// Stores a group in one transaction and publishes it.
    fn store(&mut self, group: &[Append]) -> Result<Vec<Verdict>, StoreError> {
        self.log.check_writable()?;
        let mut fresh: HashMap<EventScope, IdSet> = HashMap::new();
        let mut verdicts = Vec::with_capacity(group.len());
        for append in group {
            verdicts.push(self.deduplicate(append, fresh.entry(append.scope).or_default())?);
        }
        let rows = self.log_rows(group, &verdicts)?;
        if !rows.is_empty() {
            self.manifest.append(&rows)?;
            for row in &rows {
                self.publish(row, group, &verdicts);
            }
            for (scope, ids) in fresh {
                self.ids.entry(scope).or_default().extend(ids.iter());
            }
            self.wake_flush(&rows);
        }
        Ok(verdicts)
    }

    /// Tells which events of a batch are new; `fresh` are those of the group's batches before it.
    fn deduplicate(&self, append: &Append, fresh: &mut IdSet) -> Result<Verdict, StoreError> {
        let scope = self.state.scopes.get_or_new(append.scope);
        let (erased, newer) = {
            let data = scope.data.read();
            let newer: Vec<_> =
                data.segments.iter().filter(|segment| segment.id > append.checked_through).cloned().collect();
            (Arc::clone(&data.erased_ids), newer)
        };
        let flushed_since = dedup::indexes_in_segments(&self.state.columns, &newer, &append.ids)?;
        let recent = self.ids.get(&append.scope);
        let hash = &self.state.columns.hash;
        let mut verdict = Verdict { keep: vec![false; append.events.len()], appended: Appended::default() };
        for (index, (event, id)) in append.events.iter().zip(&append.ids).enumerate() {
            let is_erased = !erased.is_empty() && {
                let user = event.user_id.as_deref().map(|user| hash.of(IdKind::User, user));
                let visitor = hash.of(IdKind::Visitor, &event.anonymous_id);
                erased.covers(event.timestamp.millis(), user, visitor)
            };
            if is_erased {
                continue;
            }
            let in_segment = append.duplicates.binary_search(&index).is_ok()
                || flushed_since.binary_search(&index).is_ok();
            if in_segment || recent.is_some_and(|recent| recent.contains(id.hash)) || !fresh.insert(id.hash) {
                verdict.appended.duplicates += 1;
            } else {
                verdict.keep[index] = true;
                verdict.appended.stored += 1;
            }
        }
        Ok(verdict)
    }

    /// One row of the hot log for each scope of the group that has new events.
    fn log_rows(&mut self, group: &[Append], verdicts: &[Verdict]) -> Result<Vec<LogRow>, StoreError> {
        let mut rows: BTreeMap<EventScope, LogRow> = BTreeMap::new();
        for (append, verdict) in group.iter().zip(verdicts).filter(|(_, verdict)| verdict.appended.stored > 0)
        {
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
            row.rows += verdict.appended.stored as usize;
            if verdict.keep.iter().all(|keep| *keep) {
                row.frames.extend_from_slice(&append.frame);
            } else {
                row.frames
                    .extend_from_slice(&batch_codec::encode(&append.events, |index| verdict.keep[index])?);
            }
        }
        Ok(rows.into_values().collect())
    }

    /// Shows the events of one row of the hot log to readers, all at once.
    fn publish(&self, row: &LogRow, group: &[Append], verdicts: &[Verdict]) {
        let scope = self.state.scopes.get_or_new(row.scope);
        let now = self.state.now();
        let mut number = || self.state.memtables.next_block();
        let mut data = scope.data.write();
        let before = data.memtable_size();
        for (append, verdict) in group.iter().zip(verdicts).filter(|(append, _)| append.scope == row.scope) {
            for (event, _) in append.events.iter().zip(&verdict.keep).filter(|(_, keep)| **keep) {
                data.publish(&Row::of(event), &mut number);
            }
        }
        data.first_seq.get_or_insert(row.seq);
        data.last_seq = row.seq;
        data.oldest.get_or_insert(now);
        self.state.memtables.resize(before, data.memtable_size());
    }

    /// Tells the keeper when a scope, or all of them together, has enough to be sealed.
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
