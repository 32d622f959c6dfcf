//! Flushes memtables into segments.
//!
//! The flush thread does nothing else, so that merges and erasures do not delay a flush. The writer swaps
//! the new segments in.

use std::sync::atomic::Ordering;
use std::time::Duration;

use millimetric_core::event::EventScope;

use crate::columns::Chunk;
use crate::maintenance::rewrite::Halt;
use crate::maintenance::rewrite::{rewrite_visible, swap};
use crate::maintenance::{LONGEST_SLEEP, Maintenance};
use crate::state::scope::Scope;

use crate::wal::commands::{Command, Outcome};
use millimetric_events::{LocalError, StoreError};

/// Pause after a failure.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Approximate number of flushed events whose log rows are deleted in one transaction.
const DELETE_EVENTS: i64 = 16_384;

/// Runs the flush thread until the store closes.
pub(crate) fn run(work: &Maintenance) {
    while !work.flush_signal.is_closing() {
        match flush_due(work) {
            Ok(()) => work.flush_signal.wait(LONGEST_SLEEP.min(work.state.options.flush_age)),
            Err(_) if work.flush_signal.is_closing() => {}
            Err(error) => {
                tracing::error!(%error, "a memtable could not be flushed; it will be retried");
                work.flush_signal.rest(AFTER_FAILURE);
            }
        }
    }
}

fn flush_due(work: &Maintenance) -> Result<(), StoreError> {
    let options = &work.state.options;
    let now = work.state.now();
    let age = i64::try_from(options.flush_age.as_millis()).unwrap_or(i64::MAX);
    for scope in work.state.scopes.all() {
        let (rows, is_due, oldest) = {
            let data = scope.data.read();
            (data.memtable_rows(), data.is_due(options), data.oldest)
        };
        let is_old = oldest.is_some_and(|oldest| now.saturating_sub(oldest) >= age);
        if rows > 0 && (is_due || is_old) {
            flush_scope(work, &scope)?;
        }
    }
    while work.state.memtables_are_full() {
        let largest =
            work.state.scopes.all().into_iter().max_by_key(|scope| scope.data.read().memtable_size().bytes);
        match largest.filter(|scope| scope.data.read().memtable_rows() > 0) {
            Some(scope) => flush_scope(work, &scope)?,
            None => break,
        }
    }
    Ok(())
}

/// Flushes the memtables of all scopes, whatever their size and age.
pub(crate) fn flush_all(work: &Maintenance) -> Result<(), StoreError> {
    work.state.scopes.all().iter().try_for_each(|scope| flush_scope(work, scope))
}

/// Flushes the memtable of a scope.
pub(crate) fn flush_scope(work: &Maintenance, scope: &Scope) -> Result<(), StoreError> {
    let _guard = work.flushing.lock();
    let flushed = flush_memtable(work, scope);
    work.flush_disk_full
        .store(matches!(flushed, Err(StoreError::Local(LocalError::DiskFull))), Ordering::Relaxed);
    if flushed.is_ok() {
        // There may be segments to merge now.
        work.signal.wake();
    }
    flushed
}

fn flush_memtable(work: &Maintenance, scope: &Scope) -> Result<(), StoreError> {
    let Outcome::FlushBegun(input) = work.queue.execute(Command::BeginFlush(scope.id))? else {
        return Ok(());
    };
    if input.blocks.is_empty() {
        return Ok(());
    }
    work.counters.flushes.during(|| {
        let inputs: Vec<Chunk> = input.blocks.iter().cloned().map(Chunk::Memtable).collect();
        let halt: Halt<'_> = &|| work.flush_signal.is_closing();
        let rewritten = rewrite_visible(work, scope, &inputs, halt)?;
        let (first, last) = (input.first_seq, input.last_seq);
        let events: usize = input.blocks.iter().map(|block| block.rows()).sum();
        let erased: u64 = rewritten.erased.iter().map(|(_, count)| count).sum();
        let expired = rewritten.rows() + erased < events as u64;
        swap(work, scope, Some(input), Vec::new(), rewritten)?;
        delete_flushed(work, scope.id, first, last, events as i64)?;
        work.expired_in_database.fetch_or(expired, Ordering::Relaxed);
        Ok(events as u64)
    })
}

/// Deletes the flushed rows `first` to `last` of the write-ahead log, in transactions that are small
/// enough not to delay batches.
fn delete_flushed(
    work: &Maintenance,
    scope: EventScope,
    first: i64,
    last: i64,
    events: i64,
) -> Result<(), StoreError> {
    let rows = (last - first + 1).max(1);
    let step = (DELETE_EVENTS * rows / events.max(1)).clamp(16, 4096);
    let mut from = first;
    while from <= last {
        let to = (from + step).min(last + 1);
        work.queue.execute(Command::DeleteFlushed { scope, from, to })?;
        from = to;
    }
    Ok(())
}
