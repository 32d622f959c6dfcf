//! Replays the write-ahead log at start: rows that are not yet in a segment go back into the memtables.
//! One thread reads the log while all cores decode it, block by block.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use parking_lot::Mutex;

use crate::encoding::keyed_hash::IdKind;
use crate::memtable::{BLOCK_ROWS, Block, Tail};
use crate::state::State;
use crate::state::memtable_usage::MemtableSize;
use crate::wal::batch_codec;
use crate::wal::recent_ids::RecentIds;
use crate::wal::stored::LogRow;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Jobs that are read ahead of the decoding threads.
const AHEAD: usize = 8;

/// Log rows that become one block.
struct Job {
    /// Its index among all jobs, in the order of the log.
    index: usize,
    scope: EventScope,
    rows: Vec<LogRow>,
}

/// The result of a job.
struct Replayed {
    scope: EventScope,
    first_seq: i64,
    last_seq: i64,
    block: Block,
    ids: Vec<u128>,
    oldest: i64,
}

/// Fills the memtables from the rows that `read` reports in order, and returns each scope's event ids.
pub(crate) fn replay(
    state: &State,
    read: impl FnOnce(&mut dyn FnMut(LogRow)) -> Result<(), StoreError>,
) -> Result<HashMap<EventScope, RecentIds>, StoreError> {
    let (sender, jobs) = sync_channel(AHEAD);
    let (jobs, replayed) = (Arc::new(Mutex::new(jobs)), Mutex::default());
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|threads| {
        let worker = |jobs| threads.spawn(|| work(state, jobs, &replayed));
        // The workers alone hold the receiving end: without them sending fails.
        let workers: Vec<_> = std::iter::repeat_n(jobs, cores).map(worker).collect();
        let mut jobs = Jobs { sender, open: BTreeMap::new(), next: 0 };
        let done = read(&mut |row| jobs.add(row));
        jobs.send_rest();
        let panicked = |_| StoreError::Internal("the replay of the write-ahead log panicked".to_owned());
        workers.into_iter().fold(done, |done, worker| done.and(worker.join().map_err(panicked)?))
    })?;
    let (mut counts, mut ids) = (HashMap::new(), HashMap::new());
    let replayed = replayed.into_inner();
    for replayed in replayed.values() {
        *counts.entry(replayed.scope).or_default() += replayed.ids.len();
    }
    for replayed in replayed.into_values() {
        let known = || RecentIds::with_capacity(counts[&replayed.scope]);
        ids.entry(replayed.scope).or_insert_with(known).extend(replayed.ids.iter());
        install(state, replayed);
    }
    for scope in state.scopes.all() {
        state.memtables.resize(MemtableSize::default(), scope.data.read().memtable_size());
    }
    Ok(ids)
}

/// Collects rows by scope and sends a job when a scope has the rows of about one block.
struct Jobs {
    sender: SyncSender<Job>,
    open: BTreeMap<EventScope, (usize, Vec<LogRow>)>,
    next: usize,
}

impl Jobs {
    fn add(&mut self, row: LogRow) {
        let scope = row.scope;
        let (events, gathered) = self.open.entry(scope).or_default();
        *events += row.rows;
        gathered.push(row);
        if *events >= BLOCK_ROWS
            && let Some((_, rows)) = self.open.remove(&scope)
        {
            self.send(scope, rows);
        }
    }

    fn send(&mut self, scope: EventScope, rows: Vec<LogRow>) {
        // It fails only if all workers have panicked, which joining them reports.
        let _ = self.sender.send(Job { index: self.next, scope, rows });
        self.next += 1;
    }

    fn send_rest(mut self) {
        for (scope, (_, rows)) in std::mem::take(&mut self.open) {
            self.send(scope, rows);
        }
    }
}

fn work(
    state: &State,
    jobs: Arc<Mutex<Receiver<Job>>>,
    replayed: &Mutex<BTreeMap<usize, Replayed>>,
) -> Result<(), StoreError> {
    let mut done = Ok(());
    loop {
        let Ok(job) = jobs.lock().recv() else { return done };
        // After a failure jobs are still received, so that the reading thread is not blocked for ever.
        if done.is_ok() {
            done = block(state, &job).map(|block| drop(replayed.lock().insert(job.index, block)));
        }
    }
}

fn block(state: &State, job: &Job) -> Result<Replayed, StoreError> {
    let mut tail = Tail::default();
    let mut ids = Vec::new();
    let mut oldest = i64::MAX;
    for log in &job.rows {
        batch_codec::decode(&log.frames, log.columns, |row| {
            ids.push(
                state.columns.hash.of(IdKind::Event, row.texts[Column::EventId as usize].unwrap_or_default()),
            );
            oldest = oldest.min(row.received_at);
            tail.push_packed(&row).map_err(|error| batch_codec::broken(&error.to_string()))
        })?;
    }
    let seqs = || job.rows.iter().map(|row| row.seq);
    Ok(Replayed {
        scope: job.scope,
        first_seq: seqs().min().unwrap_or_default(),
        last_seq: seqs().max().unwrap_or_default(),
        block: tail.take_block(state.memtables.next_block()),
        ids,
        oldest,
    })
}

fn install(state: &State, replayed: Replayed) {
    let scope = state.scopes.get_or_new(replayed.scope);
    let mut data = scope.data.write();
    data.blocks.push(Arc::new(replayed.block));
    data.last_seq = replayed.last_seq;
    data.first_seq.get_or_insert(replayed.first_seq);
    data.oldest = Some(data.oldest.map_or(replayed.oldest, |oldest| oldest.min(replayed.oldest)));
}
