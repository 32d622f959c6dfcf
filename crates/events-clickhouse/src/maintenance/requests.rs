//! The table `requests`: erasures and re-classifications, which every process of the database can execute.

use std::collections::BTreeSet;

use bytes::{BufMut as _, BytesMut};
use millimetric_core::event::EventScope;
use millimetric_events::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::client::{Client, QueryLimits};
use crate::keys::Key;
use crate::sql::{self, Sql};
use crate::write::row_binary::{put_keys, put_text, put_uuid};

/// The columns of an inserted row.
const INSERT: &str =
    "INSERT INTO requests (project, env, kind, id, state, keys, at, record, version) FORMAT RowBinary";

/// Most rows of an insert.
const ROWS: usize = 1000;

/// What is stored of a kind of request, as JSON.
pub(super) trait Record: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// The name of the kind.
    const KIND: &'static str;

    /// Keyed hashes of the ids of a person whose events no response contains.
    fn keys(&self) -> BTreeSet<Key> {
        BTreeSet::new()
    }

    /// The time before which the person's events are meant, in milliseconds since 1970.
    fn at(&self) -> i64 {
        0
    }
}

/// How far the execution of a request is. [`Hidden`](crate::hidden::Hidden) says what it means for responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// An erasure hides a person; rows of a re-classification are written, which are hidden.
    Begun = 0,
    /// Responses are as they will stay, though rows that they must not contain may still be stored.
    Effective = 1,
    /// Nothing is left to do.
    Done = 2,
}

impl State {
    const ALL: [Self; 3] = [Self::Begun, Self::Effective, Self::Done];

    /// The word in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Effective => "effective",
            Self::Done => "done",
        }
    }

    /// The state of a word; a word that is unknown counts as the first.
    pub(crate) fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(Self::Begun)
    }
}

/// A stored request.
#[derive(Debug, Clone)]
pub(super) struct Request<R> {
    pub(super) scope: EventScope,
    pub(super) id: Uuid,
    pub(super) state: State,
    pub(super) record: R,
    /// The highest version counts.
    version: u64,
}

/// The version of a request that is stored again: it is higher with every time, and a later state is above all
/// versions of an earlier one. So of two processes that execute a request, the slower one takes nothing back.
fn next_version(version: u64, state: State) -> u64 {
    let times = (version & u64::from(u32::MAX)) + 1;
    ((state as u64) << 32) | times
}

impl<R: Record> Request<R> {
    /// A request that is not stored yet.
    pub(super) fn new(scope: EventScope, id: Uuid, record: R) -> Self {
        Self { scope, id, state: State::Begun, record, version: 0 }
    }

    /// Stores it as it is now.
    pub(super) async fn save(&mut self, client: &Client) -> Result<(), StoreError> {
        let mut row = BytesMut::new();
        self.put(&mut row)?;
        insert(client, row).await
    }

    /// Stores requests that are not stored yet.
    pub(super) async fn save_all(requests: &mut [Self], client: &Client) -> Result<(), StoreError> {
        for requests in requests.chunks_mut(ROWS) {
            let mut rows = BytesMut::new();
            requests.iter_mut().try_for_each(|request| request.put(&mut rows))?;
            insert(client, rows).await?;
        }
        Ok(())
    }

    /// Adds its row as it is now.
    fn put(&mut self, row: &mut BytesMut) -> Result<(), StoreError> {
        self.version = next_version(self.version, self.state);
        let record = serde_json::to_string(&self.record)
            .map_err(|error| StoreError::Internal(format!("a request cannot be stored: {error}")))?;
        put_text(row, &self.scope.project.to_string());
        put_text(row, self.scope.env.as_str());
        put_text(row, R::KIND);
        put_uuid(row, self.id);
        put_text(row, self.state.as_str());
        put_keys(row, self.record.keys().iter());
        row.put_i64_le(self.record.at());
        put_text(row, &record);
        row.put_u64_le(self.version);
        Ok(())
    }

    /// The request with this id; `None` if the scope has none.
    pub(super) async fn find(
        client: &Client,
        limits: &QueryLimits,
        scope: EventScope,
        id: Uuid,
    ) -> Result<Option<Self>, StoreError> {
        let statement = Sql::new(include_str!("find_request.sql"))
            .bind("kind", R::KIND)
            .bind("project", sql::string(&scope.project.to_string()))
            .bind("env", scope.env.as_str())
            .bind("id", id.to_string());
        let rows = client.rows(&statement, limits).await?;
        rows.first().map(|row| Self::of(row)).transpose()
    }

    /// All requests that are not done, in order of their ids.
    pub(super) async fn pending(client: &Client, limits: &QueryLimits) -> Result<Vec<Self>, StoreError> {
        let statement = Sql::new(include_str!("pending_requests.sql")).bind("kind", R::KIND);
        let rows = client.rows(&statement, limits).await?;
        rows.iter().map(|row| Self::of(row)).collect()
    }

    /// All requests.
    pub(super) async fn all(client: &Client, limits: &QueryLimits) -> Result<Vec<Self>, StoreError> {
        let statement = Sql::new(include_str!("all_requests.sql")).bind("kind", R::KIND);
        let rows = client.rows(&statement, limits).await?;
        rows.iter().map(|row| Self::of(row)).collect()
    }

    fn of(row: &[Value]) -> Result<Self, StoreError> {
        let damaged = || StoreError::Internal("a row of the table `requests` cannot be read".to_owned());
        let text = |index: usize| row.get(index).and_then(Value::as_str).ok_or_else(damaged);
        let project = text(0)?.parse().map_err(|_| damaged())?;
        let env = text(1)?.parse().map_err(|_| damaged())?;
        Ok(Self {
            scope: EventScope { project, env },
            id: text(2)?.parse().map_err(|_| damaged())?,
            state: State::of(text(3)?),
            record: serde_json::from_str(text(4)?).map_err(|_| damaged())?,
            version: row.get(5).and_then(Value::as_u64).ok_or_else(damaged)?,
        })
    }
}

async fn insert(client: &Client, rows: BytesMut) -> Result<(), StoreError> {
    client.insert(INSERT, rows.freeze(), &Uuid::now_v7().to_string()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_state_is_above_all_versions_of_an_earlier_one() {
        let mut version = 0;
        let mut versions = Vec::new();
        for state in [State::Begun, State::Begun, State::Effective, State::Done, State::Done] {
            version = next_version(version, state);
            versions.push(version);
        }
        assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
        let slow = (0..1000).fold(0, |version, _| next_version(version, State::Begun));
        assert!(slow < next_version(1, State::Effective), "{slow}");
    }
}
