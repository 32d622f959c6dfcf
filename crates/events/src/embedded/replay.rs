//! The replay of the hot log at start: what is in no segment goes back into memory, on all cores
//! at once, since blocks of rows do not know each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use parking_lot::Mutex;

use super::block::{BLOCK_ROWS, Block, Tail};
use super::dedup::HotIds;
use super::field::Field;
use super::frame;
use super::hash::Kind;
use super::scope::HotSize;
use super::shared::Shared;
use super::stored::LogRow;
use crate::StoreError;

/// Rows of the hot log that become one block.
struct Job {
    scope: EventScope,
    rows: Vec<LogRow>,
}

/// What a job became.
struct Replayed {
    block: Block,
    ids: Vec<u128>,
    oldest: i64,
}

/// Fills the scopes from these rows, which stand in order, and gives the identities in them.
pub(super) fn replay(shared: &Shared, rows: Vec<LogRow>) -> Result<HashMap<EventScope, HotIds>, StoreError> {
    let jobs = jobs(rows);
    let next = AtomicUsize::new(0);
    let replayed: Mutex<BTreeMap<usize, Replayed>> = Mutex::default();
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(place) else { return Ok(()) };
            let block = block(shared, job)?;
            replayed.lock().insert(place, block);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|threads| {
        let others: Vec<_> = (1..cores.min(jobs.len())).map(|_| threads.spawn(work)).collect();
        let panicked = |_| StoreError::Internal("the replay of the hot log panicked".to_owned());
        others.into_iter().fold(work(), |done, other| done.and(other.join().map_err(panicked)?))
    })?;
    let mut ids: HashMap<EventScope, HotIds> = HashMap::new();
    for (job, replayed) in jobs.iter().zip(replayed.into_inner().into_values()) {
        ids.entry(job.scope).or_default().extend(replayed.ids.iter());
        install(shared, job, replayed);
    }
    for scope in shared.scopes.all() {
        shared.count_hot(HotSize::default(), scope.live.read().hot_size());
    }
    Ok(ids)
}

/// The rows by scope, about a block's worth together.
fn jobs(rows: Vec<LogRow>) -> Vec<Job> {
    let mut open: BTreeMap<EventScope, (usize, Vec<LogRow>)> = BTreeMap::new();
    let mut jobs = Vec::new();
    for row in rows {
        let scope = row.scope;
        let (events, gathered) = open.entry(scope).or_default();
        *events += row.rows;
        gathered.push(row);
        if *events >= BLOCK_ROWS
            && let Some((_, rows)) = open.remove(&scope)
        {
            jobs.push(Job { scope, rows });
        }
    }
    jobs.extend(open.into_iter().map(|(scope, (_, rows))| Job { scope, rows }));
    jobs
}

fn block(shared: &Shared, job: &Job) -> Result<Replayed, StoreError> {
    let mut tail = Tail::default();
    let mut ids = Vec::new();
    let mut oldest = i64::MAX;
    for log in &job.rows {
        frame::decode(&log.frames, |row| {
            ids.push(shared.columns.hash.of(Kind::Event, row.text(Field::EventId).unwrap_or_default()));
            oldest = oldest.min(row.received_at);
            tail.push(&row);
        })?;
    }
    Ok(Replayed { block: tail.freeze(shared.next_block()), ids, oldest })
}

fn install(shared: &Shared, job: &Job, replayed: Replayed) {
    let scope = shared.scopes.get_or_new(job.scope);
    let mut live = scope.live.write();
    live.blocks.push(Arc::new(replayed.block));
    let seqs = job.rows.iter().map(|row| row.seq);
    live.last_seq = seqs.clone().max().unwrap_or_default();
    live.first_seq = live.first_seq.or(seqs.min());
    live.oldest = Some(live.oldest.map_or(replayed.oldest, |oldest| oldest.min(replayed.oldest)));
}
