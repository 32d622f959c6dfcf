//! Stores a group of batches: leaves out what is known, inserts the rest month by month, and answers each batch.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::Datelike as _;
use millimetric_core::event::{Event, EventScope};
use millimetric_events::{Appended, StoreError};
use tokio::time::Instant;
use uuid::Uuid;

use super::Batch;
use super::lookup::{Erased, EventKey, Known};
use super::row_binary::{self, StoredWith};
use crate::client::{Client, QueryLimits};
use crate::keys::KeyedHash;

/// How long an insert is repeated if the servers do not respond.
const REPEATED_FOR: Duration = Duration::from_secs(20);
/// How long to wait before the next attempt.
const PAUSE: Duration = Duration::from_millis(250);

/// Stores groups, one at a time.
pub(super) struct Writer {
    pub(super) client: Client,
    pub(super) limits: QueryLimits,
    pub(super) hash: KeyedHash,
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
    /// Stores the batches and answers each. A batch with events of several months can be stored in part if an
    /// insert fails; its sender gets an error, and what is stored is recognised if it is sent again.
    pub(super) async fn store(&self, batches: Vec<Batch>) {
        let results = match self.sort(&batches).await {
            Ok(Sorted { months, counts }) => {
                let mut results: Vec<_> = counts.into_iter().map(Ok).collect();
                for Month { rows, batches } in months.into_values() {
                    if let Err(error) = self.insert(rows.freeze()).await {
                        for batch in batches {
                            results[batch] = Err(error.clone());
                        }
                    }
                }
                results
            }
            Err(error) => vec![Err(error); batches.len()],
        };
        for (batch, result) in batches.into_iter().zip(results) {
            // The caller may be gone.
            let _ = batch.reply.send(result);
        }
    }

    /// Decides which events are stored, and encodes them.
    async fn sort(&self, batches: &[Batch]) -> Result<Sorted, StoreError> {
        let ids: BTreeSet<EventKey> = batches
            .iter()
            .flat_map(|batch| batch.events.iter().map(|event| key(batch.scope, event)))
            .collect();
        let projects = batches.iter().map(|batch| batch.scope.project.to_string()).collect();
        let (known, erased) = tokio::try_join!(
            Known::of(&self.client, &self.limits, &ids, times(batches)),
            Erased::of(&self.client, &self.limits, &projects),
        )?;
        let mut taken: HashMap<EventKey, (i32, u32)> = HashMap::new();
        let mut sorted = Sorted { months: BTreeMap::new(), counts: vec![Appended::default(); batches.len()] };
        for (index, batch) in batches.iter().enumerate() {
            for event in &batch.events {
                let keys = self.hash.of_event(event);
                let key = key(batch.scope, event);
                let at = event.timestamp.millis();
                if erased.contains(&key.0, &key.1, keys, at) {
                    continue;
                }
                let same_time = batch.is_import.then_some(at);
                if known.contains(&key, same_time) {
                    sorted.counts[index].duplicates += 1;
                    continue;
                }
                if let Some(month) = taken.get(&key) {
                    // The batch depends on the insert of the first copy.
                    sorted.months.entry(*month).or_default().batches.insert(index);
                    sorted.counts[index].duplicates += 1;
                    continue;
                }
                sorted.counts[index].stored += 1;
                let number = month(event);
                let month = sorted.months.entry(number).or_default();
                month.batches.insert(index);
                let (project, scope, reclassification) = (&key.0, batch.scope, Uuid::nil());
                let with = StoredWith { project, scope, reclassification, keys };
                row_binary::put_event(&mut month.rows, event, &with);
                taken.insert(key, number);
            }
        }
        Ok(sorted)
    }

    /// Inserts rows, with one token however often it has to be repeated: the server stores them once.
    async fn insert(&self, rows: Bytes) -> Result<(), StoreError> {
        let statement = row_binary::insert_events();
        let (token, until) = (Uuid::now_v7().to_string(), Instant::now() + REPEATED_FOR);
        loop {
            match self.client.insert(&statement, rows.clone(), &token).await {
                Err(StoreError::Unavailable(_)) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                result => return result,
            }
        }
    }
}

fn key(scope: EventScope, event: &Event) -> EventKey {
    (scope.project.to_string(), scope.env.as_str().to_owned(), event.event_id.clone())
}

/// The earliest and the latest timestamp of imported events; `None` if there are none.
fn times(batches: &[Batch]) -> Option<(i64, i64)> {
    let imported = batches.iter().filter(|batch| batch.is_import).flat_map(|batch| &batch.events);
    let times = imported.map(|event| event.timestamp.millis());
    times.map(|at| (at, at)).reduce(|(from, to), (at, _)| (from.min(at), to.max(at)))
}

/// Year and month (UTC), by which `events` is partitioned.
fn month(event: &Event) -> (i32, u32) {
    let time = event.timestamp.to_utc();
    (time.year(), time.month())
}
