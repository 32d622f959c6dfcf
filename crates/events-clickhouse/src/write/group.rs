//! Stores a group of batches: leaves out what is known, inserts the rest month by month, and answers each batch.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::Datelike as _;
use millimetric_core::event::{Event, EventScope};
use millimetric_events::{Appended, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::Batch;
use super::lookup::LeftOut;
use super::row_binary::{self, StoredWith};
use super::state::WriteState;
use crate::client::{self, Client, QueryLimits};
use crate::keys::KeyedHash;

/// How long the requests of a group are repeated if the servers do not respond.
pub(super) const REPEATED_FOR: Duration = Duration::from_secs(20);
/// How long to wait before the next attempt.
const PAUSE: Duration = Duration::from_millis(250);

/// Stores groups.
pub(super) struct Writer {
    pub(super) client: Client,
    pub(super) limits: QueryLimits,
    pub(super) hash: KeyedHash,
    pub(super) state: Arc<WriteState>,
}

/// The result of a group: `None` while it is being stored, then its first error.
pub(super) type Outcome = watch::Receiver<Option<Result<(), StoreError>>>;

/// An earlier group that is being stored and has some of the same ids.
pub(super) struct Earlier {
    pub(super) outcome: Outcome,
    /// The batches with these ids, by index.
    pub(super) dependents: BTreeSet<usize>,
}

/// Batches that are stored together.
pub(super) struct Group {
    pub(super) batches: Vec<Batch>,
    pub(super) after: Vec<Earlier>,
}

/// The rows of a month, which are inserted together.
#[derive(Default)]
struct Month {
    rows: BytesMut,
    /// The batches that they come from, by index.
    batches: BTreeSet<usize>,
}

/// What becomes of a group.
struct Sorted {
    /// By year and month.
    months: BTreeMap<(i32, u32), Month>,
    /// Of each batch.
    counts: Vec<Appended>,
}

impl Writer {
    /// Stores the batches, answers each, and returns the first error. A batch with events of several months can be
    /// stored in part if an insert fails; its sender gets an error, and what is stored is recognised if it is sent
    /// again.
    pub(super) async fn store(&self, group: Group) -> Result<(), StoreError> {
        let until = Instant::now() + REPEATED_FOR;
        let mut batches = independent(group).await;
        if batches.is_empty() {
            return Ok(());
        }
        let results = self.results(&mut batches, until).await;
        let outcome = results.iter().find_map(|result| result.as_ref().err().cloned());
        for (batch, result) in batches.into_iter().zip(results) {
            batch.answer(result);
        }
        outcome.map_or(Ok(()), Err)
    }

    async fn results(&self, batches: &mut [Batch], until: Instant) -> Vec<Result<Appended, StoreError>> {
        let lookup = || LeftOut::of(&self.client, &self.limits, self.hash, batches);
        let left_out = match repeated(&self.state, until, lookup).await {
            Ok(left_out) => left_out,
            Err(error) => return vec![Err(error); batches.len()],
        };
        let Sorted { months, counts } = self.sort(batches, &left_out);
        // From here on only their rows are needed.
        for batch in batches.iter_mut() {
            batch.events = Vec::new();
        }
        let mut results: Vec<_> = counts.into_iter().map(Ok).collect();
        for Month { rows, batches } in months.into_values() {
            if let Err(error) = self.insert(rows.freeze(), until).await {
                for batch in batches {
                    results[batch] = Err(error.clone());
                }
            }
        }
        results
    }

    /// Decides which events are stored, and encodes them.
    fn sort(&self, batches: &[Batch], left_out: &LeftOut) -> Sorted {
        let mut taken: HashMap<(EventScope, &str), (i32, u32)> = HashMap::new();
        let mut sorted = Sorted { months: BTreeMap::new(), counts: vec![Appended::default(); batches.len()] };
        for (index, batch) in batches.iter().enumerate() {
            let (scope, project) = (batch.scope, batch.scope.project.to_string());
            for event in &batch.events {
                let (id, at) = (&*event.event_id, event.timestamp.millis());
                let keys = self.hash.of_event(event);
                if left_out.is_erased(scope, keys, at) {
                    continue;
                }
                if left_out.is_stored(scope, id, batch.is_import.then_some(at)) {
                    sorted.counts[index].duplicates += 1;
                    continue;
                }
                if let Some(month) = taken.get(&(scope, id)) {
                    // The batch depends on the insert of the first copy.
                    sorted.months.entry(*month).or_default().batches.insert(index);
                    sorted.counts[index].duplicates += 1;
                    continue;
                }
                sorted.counts[index].stored += 1;
                let number = month(event);
                let month = sorted.months.entry(number).or_default();
                month.batches.insert(index);
                let with = StoredWith { project: &project, scope, reclassification: Uuid::nil(), keys };
                row_binary::put_event(&mut month.rows, event, &with);
                taken.insert((scope, id), number);
            }
        }
        sorted
    }

    /// Inserts rows, with one token however often it has to be repeated: the server stores them once.
    pub(super) async fn insert(&self, rows: Bytes, until: Instant) -> Result<(), StoreError> {
        let (statement, token) = (row_binary::insert_events(), Uuid::now_v7().to_string());
        let insert = || self.client.insert(&statement, rows.clone(), &token);
        repeated(&self.state, until, insert).await?;
        self.state.stored();
        Ok(())
    }
}

/// Waits for the earlier groups. The batches that depend on one that failed fail as well: the first copies of their
/// events may or may not be stored. Returns the others.
async fn independent(group: Group) -> Vec<Batch> {
    let mut failed: BTreeMap<usize, StoreError> = BTreeMap::new();
    for Earlier { mut outcome, dependents } in group.after {
        let result = match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err(StoreError::Internal("a group of batches was not stored".to_owned())),
        };
        if let Err(error) = result {
            failed.extend(dependents.into_iter().map(|batch| (batch, error.clone())));
        }
    }
    let mut others = Vec::with_capacity(group.batches.len());
    for (index, batch) in group.batches.into_iter().enumerate() {
        match failed.remove(&index) {
            Some(error) => batch.answer(Err(error)),
            None => others.push(batch),
        }
    }
    others
}

/// Repeats a request that the servers do not respond to, until this time.
async fn repeated<T, F>(state: &WriteState, until: Instant, request: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        let response = tokio::time::timeout_at(until, request()).await;
        let response = response.unwrap_or_else(|_| Err(client::no_response()));
        let Err(error @ StoreError::Unavailable(_)) = &response else { return response };
        state.failed(error);
        if Instant::now() + PAUSE >= until {
            return response;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Year and month (UTC), by which `events` is partitioned.
pub(super) fn month(event: &Event) -> (i32, u32) {
    let time = event.timestamp.to_utc();
    (time.year(), time.month())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_without_a_response_ends_after_its_time() {
        let (begin, until) = (Instant::now(), Instant::now() + REPEATED_FOR);
        let state = WriteState::default();
        let result = repeated(&state, until, std::future::pending::<Result<(), StoreError>>).await;
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
        assert_eq!(begin.elapsed().as_secs(), REPEATED_FOR.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_repeated_until_a_server_responds() {
        let (requests, until) = (AtomicU32::new(0), Instant::now() + REPEATED_FOR);
        let state = WriteState::default();
        let request = || async {
            match requests.fetch_add(1, Ordering::Relaxed) {
                0..3 => Err(client::no_response()),
                number => Ok(number),
            }
        };
        assert_eq!(repeated(&state, until, request).await.unwrap(), 3);
        let refused = || async { Err::<(), _>(StoreError::Overloaded) };
        assert!(matches!(repeated(&state, until, refused).await, Err(StoreError::Overloaded)));
    }
}
