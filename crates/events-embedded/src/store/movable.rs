//! [`MovableStore`]: moves the content of the store to another engine, or takes that of one.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::time::Timestamp;
use millimetric_events::{Deletions, ErasedPerson, EventStore as _, MovableStore, StoreError, Watermark};

use super::EmbeddedStore;
use crate::encoding::column_set::ColumnSet;
use crate::encoding::row::instant;
use crate::maintenance::erase;
use crate::query::run::off_runtime;
use crate::state::State;
use crate::state::erasures::ErasureRecord;
use crate::wal::commands::Command;
use crate::wal::queue::Known;

#[async_trait]
impl MovableStore for EmbeddedStore {
    async fn periods(&self, scope: EventScope) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
        let scope = self.state.scopes.get_or_new(scope);
        let chunks = scope.data.read().chunks(i64::MIN, i64::MAX, ColumnSet::default());
        Ok(chunks.iter().map(|chunk| (instant(chunk.earliest()), instant(chunk.latest()))).collect())
    }

    async fn deletions(&self) -> Result<Deletions, StoreError> {
        let state = Arc::clone(&self.state);
        off_runtime(move || deletions(&state)).await
    }

    async fn take_deletions(&self, deletions: &Deletions) -> Result<(), StoreError> {
        if deletions.hash_key != self.state.columns.hash.key() {
            return Err(StoreError::Internal("the erasures have hashes of another key".to_owned()));
        }
        let scopes = self.state.scopes.all();
        let has_events = scopes.iter().filter(|scope| scope.data.read().earliest().is_some());
        let has_events: BTreeSet<EventScope> = has_events.map(|scope| scope.id).collect();
        for person in &deletions.erasures {
            let erasure = record(person, !has_events.contains(&person.scope), self.state.now());
            self.queue.execute_async(Command::Erase(erasure)).await?;
        }
        for Watermark { scope, before } in &deletions.watermarks {
            match before {
                Some(before) => self.expire(*scope, *before).await?,
                None => self.drop_scope(*scope).await?,
            }
        }
        self.maintenance.signal.wake();
        Ok(())
    }

    async fn load(&self, scope: EventScope, events: Vec<Event>) -> Result<u64, StoreError> {
        self.writable()?;
        if events.is_empty() {
            return Ok(0);
        }
        let ids = self.ids(&events);
        Ok(self.enqueue(scope, events, ids, Known::AllNew).await?.stored)
    }
}

/// Everything that was deleted. It blocks the thread.
fn deletions(state: &State) -> Result<Deletions, StoreError> {
    let records: Vec<ErasureRecord> =
        state.erasures.by_id.read().values().map(|erasure| erasure.record.clone()).collect();
    let mut erasures = records.iter().map(|record| person(state, record)).collect::<Result<Vec<_>, _>>()?;
    erasures.sort_unstable_by_key(|person| person.id);
    let watermarks = state.scopes.all().into_iter().filter_map(|scope| {
        let before = scope.data.read().tombstones.retention_watermark;
        let before = match before {
            i64::MIN => return None,
            i64::MAX => None,
            before => Some(instant(before)),
        };
        Some(Watermark { scope: scope.id, before })
    });
    Ok(Deletions { hash_key: state.columns.hash.key(), erasures, watermarks: watermarks.collect() })
}

fn person(state: &State, record: &ErasureRecord) -> Result<ErasedPerson, StoreError> {
    state.erasures.check_readable(record.scope)?;
    let linked = match &record.linked {
        Some(linked) => linked.clone(),
        None if record.include_linked => erase::linked(state, record)?,
        None => Vec::new(),
    };
    Ok(ErasedPerson {
        id: record.id,
        scope: record.scope,
        is_user: record.is_user,
        subject: record.subject,
        include_linked: record.include_linked,
        linked,
        at: instant(record.at),
        events_deleted: record.events_deleted,
        finished_at: record.finished_at.map(instant),
    })
}

/// The record of an erasure that was asked for elsewhere. `is_done` says that there is nothing to delete here.
fn record(person: &ErasedPerson, is_done: bool, now: i64) -> ErasureRecord {
    ErasureRecord {
        id: person.id,
        scope: person.scope,
        is_user: person.is_user,
        subject: person.subject,
        include_linked: person.include_linked,
        linked: Some(person.linked.clone()),
        at: person.at.millis(),
        events_deleted: person.events_deleted,
        finished_at: is_done.then(|| person.finished_at.map_or(now, Timestamp::millis)),
    }
}
