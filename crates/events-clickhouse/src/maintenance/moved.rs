//! Erasures and retention watermarks that come from another store, or go to one.

use std::collections::BTreeSet;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use millimetric_core::time::Timestamp;
use millimetric_events::{Deletions, ErasedPerson, StoreError, Watermark};
use serde_json::Value;
use uuid::Uuid;

use super::Work;
use super::erase::ErasureRecord;
use super::requests::{Request, State};
use crate::hidden::ALL_EXPIRED;
use crate::keys::Key;
use crate::sql::Sql;

impl Work {
    /// Everything that was deleted.
    pub(crate) async fn deletions(&self) -> Result<Deletions, StoreError> {
        let erasures = Request::<ErasureRecord>::all(&self.client, &self.limits).await?;
        let watermarks = self.client.rows(&Sql::new(include_str!("watermarks.sql")), &self.limits).await?;
        Ok(Deletions {
            hash_key: self.hash.key(),
            erasures: erasures.iter().map(person).collect(),
            watermarks: watermarks.iter().filter_map(|row| watermark(row)).collect(),
        })
    }

    /// Takes over what was deleted elsewhere. An erasure of a scope without events has nothing left to delete, and is
    /// stored as it is; any other is executed here too.
    pub(crate) async fn take_deletions(&self, deletions: &Deletions) -> Result<(), StoreError> {
        if deletions.hash_key != self.hash.key() {
            return Err(StoreError::Internal("the erasures have hashes of another key".to_owned()));
        }
        let known = Request::<ErasureRecord>::all(&self.client, &self.limits).await?;
        let known: BTreeSet<Uuid> = known.iter().map(|request| request.id).collect();
        let scopes = self.scopes().await?;
        let new = deletions.erasures.iter().filter(|person| !known.contains(&person.id.uuid()));
        let mut requests: Vec<_> =
            new.map(|person| request(person, !scopes.contains(&person.scope))).collect();
        Request::save_all(&mut requests, &self.client).await?;
        for Watermark { scope, before } in &deletions.watermarks {
            self.request_expiry(*scope, before.map_or(ALL_EXPIRED, Timestamp::millis)).await?;
        }
        Ok(())
    }

    /// The scopes that have events.
    async fn scopes(&self) -> Result<BTreeSet<EventScope>, StoreError> {
        let rows = self.client.rows(&Sql::new(include_str!("scopes.sql")), &self.limits).await?;
        Ok(rows.iter().filter_map(|row| scope(row)).collect())
    }
}

fn person(request: &Request<ErasureRecord>) -> ErasedPerson {
    let record = &request.record;
    ErasedPerson {
        id: ErasureId::new(request.id),
        scope: request.scope,
        is_user: record.is_user,
        subject: u128::from_le_bytes(record.key),
        include_linked: record.include_linked,
        linked: record.linked.iter().copied().map(u128::from_le_bytes).collect(),
        at: instant(record.at),
        events_deleted: record.events_deleted,
        finished_at: record.finished_at.map(instant),
    }
}

/// The request of an erasure that was asked for elsewhere. `is_done` says that there is nothing to delete here.
fn request(person: &ErasedPerson, is_done: bool) -> Request<ErasureRecord> {
    let key = |hash: u128| -> Key { hash.to_le_bytes() };
    let finished_at = person.finished_at.map(Timestamp::millis);
    let record = ErasureRecord {
        is_user: person.is_user,
        key: key(person.subject),
        include_linked: person.include_linked,
        linked: person.linked.iter().copied().map(key).collect(),
        at: person.at.millis(),
        events_deleted: person.events_deleted,
        finished_at: if is_done { finished_at.or_else(|| Some(Work::now())) } else { None },
        has_failed: false,
    };
    let mut request = Request::new(person.scope, person.id.uuid(), record);
    if is_done {
        request.state = State::Done;
    }
    request
}

fn scope(row: &[Value]) -> Option<EventScope> {
    let text = |index: usize| row.get(index).and_then(Value::as_str);
    Some(EventScope { project: text(0)?.parse().ok()?, env: text(1)?.parse().ok()? })
}

fn watermark(row: &[Value]) -> Option<Watermark> {
    let before = row.get(2)?.as_i64()?;
    Some(Watermark { scope: scope(row)?, before: (before != ALL_EXPIRED).then(|| instant(before)) })
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::MIN.plus_millis(millis.saturating_sub(Timestamp::MIN.millis()))
}
