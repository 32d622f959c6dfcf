//! The contract of an event store: the trait [`EventStore`], its errors, the conformance suite (feature
//! `suite`), and Parquet files of events. An [`EventsUrl`] selects the engine. Depends on no engine.

mod error;
mod movable;
pub mod parquet;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod url;

use std::path::Path;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use millimetric_core::classify::ProjectRules;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::{ErasureId, ReclassificationId};
use millimetric_core::query::{AnyQuery, AnyResponse, ExportQuery, Query, RuleChanges};
use millimetric_core::time::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::error::{LocalError, QueryLimit, StoreError};
pub use self::movable::{Deletions, ErasedPerson, HashKey, MovableStore, Watermark};
pub use self::url::{ClickHouseUrl, ClickHouseUrlError, EventsUrl, EventsUrlError};

/// An event store. Every response contains events of one scope only. Dropping a returned future cancels a
/// query; an `append` that has begun may still be stored.
///
/// *Durable* means that the events survive the end of the process, and a crash of the machine as far as the
/// engine's settings guarantee it (the embedded engine syncs to disk before it returns).
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Stores the events, all or none, and returns when they are durable and in every later response.
    /// Events whose `event_id` the scope already has, or that occur twice in the batch, are left out and
    /// counted; events of a person who was erased after their timestamp are left out and not counted.
    async fn append(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError>;

    /// Runs a query over the events from `since` on; earlier ones have expired. The response is the variant of
    /// [`AnyResponse`] that belongs to the query. [`EventStoreExt::query`] calls it with types.
    async fn query_any(
        &self,
        scope: EventScope,
        since: Timestamp,
        query: AnyQuery,
    ) -> Result<AnyResponse, StoreError>;

    /// Stores events of an export, like [`EventStore::append`], and recognises an event that the scope
    /// has with the same id and timestamp however long ago it was stored.
    async fn import(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError>;

    /// Every event of the query from `since` on, as of the time of the call, in batches. The stream reads at most two
    /// items ahead; dropping it ends the export. An export that is cut short ends with an error.
    ///
    /// The order is undefined, also within an item.
    fn export(&self, scope: EventScope, since: Timestamp, query: ExportQuery) -> EventStream;

    /// Queues an erasure. Once it returns, no response of this scope contains an event of the person with a
    /// timestamp before `request.at`, and no such event that arrives later is stored.
    async fn erase(&self, scope: EventScope, request: Erasure) -> Result<(), StoreError>;

    /// The progress of an erasure; `None` if the scope has no such request.
    async fn erasure(&self, scope: EventScope, id: ErasureId) -> Result<Option<ErasureReport>, StoreError>;

    /// Deletes events before this time: once it returns they are in no response, and within about an hour
    /// they are deleted from disk.
    async fn expire(&self, scope: EventScope, before: Timestamp) -> Result<(), StoreError>;

    /// Deletes all events of a scope (a deleted project), as [`EventStore::expire`] does.
    async fn drop_scope(&self, scope: EventScope) -> Result<(), StoreError>;

    /// Begins to classify stored events again, in the background. Calling it again with the same id changes
    /// nothing. All responses change at one moment: until then they are those of before. An event stored
    /// after the call may or may not be classified again, so new events should already be classified with
    /// the same rules. Paths that are not normalised are normalised too.
    ///
    /// It goes on after a restart. A scope has at most one that is not finished.
    async fn reclassify(&self, scope: EventScope, request: Reclassify) -> Result<(), StoreError>;

    /// The progress of a re-classification; `None` if the scope has none with this id.
    async fn reclassification(
        &self,
        scope: EventScope,
        id: ReclassificationId,
    ) -> Result<Option<ReclassifyReport>, StoreError>;

    /// Checks whether the store can serve requests now; the error is the reason why not.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Metrics for operators, by name.
    fn gauges(&self) -> Vec<(&'static str, f64)>;

    /// The store as a [`LocalStore`], if its files are on this machine.
    fn local(&self) -> Option<&dyn LocalStore> {
        None
    }

    /// Ends background work and closes the files. Acknowledged events are durable before.
    async fn close(&self);
}

/// Typed queries for every [`EventStore`].
#[async_trait]
pub trait EventStoreExt: EventStore {
    /// Runs a query over all events.
    async fn query<Q: Query>(&self, scope: EventScope, query: Q) -> Result<Q::Response, StoreError> {
        self.query_since(scope, Timestamp::MIN, query).await
    }

    /// Runs a query over the events from `since` on.
    async fn query_since<Q: Query>(
        &self,
        scope: EventScope,
        since: Timestamp,
        query: Q,
    ) -> Result<Q::Response, StoreError> {
        let response = self.query_any(scope, since, query.into()).await?;
        let typed = response.try_into();
        typed.map_err(|_| {
            StoreError::Internal("the event store returned the response of another query".into())
        })
    }
}

impl<S: EventStore + ?Sized> EventStoreExt for S {}

/// Operations of an engine whose files are on this machine.
#[async_trait]
pub trait LocalStore: EventStore {
    /// Copies a consistent snapshot of the store into an existing empty folder, and syncs it. All events
    /// acknowledged before the call are in Parquet files there.
    async fn snapshot(&self, folder: &Path) -> Result<Snapshot, StoreError>;
}

/// The events of an export, in batches of bounded size.
pub type EventStream = BoxStream<'static, Result<Vec<Event>, StoreError>>;

/// The result of an append or import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Appended {
    /// Number of new events.
    pub stored: u64,
    /// Number of events whose `event_id` was already stored, or occurred earlier in the batch.
    pub duplicates: u64,
}

/// The content of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of Parquet files.
    pub segments: u64,
    /// Number of events, in Parquet files and in the database.
    pub events: u64,
}

/// A request to erase a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The id of the request.
    pub id: ErasureId,
    /// The person.
    pub subject: Subject,
    /// Events before this time are erased; later ones are kept.
    pub at: Timestamp,
}

/// The person of an erasure request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The events that carry this `user_id`; with `include_linked` also those of every
    /// `anonymous_id` that a `$identify` event of this user names.
    User {
        /// The user.
        user_id: String,
        /// Whether linked visitors are erased too.
        include_linked: bool,
    },
    /// The events that carry this `anonymous_id`.
    Visitor {
        /// The visitor.
        anonymous_id: String,
    },
}

/// A request to classify stored events again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclassify {
    /// The id of the request.
    pub id: ReclassificationId,
    /// Selects events by their `timestamp`; all if absent.
    pub range: Option<TimeRange>,
    /// The rules of the project.
    pub rules: ProjectRules,
}

/// The progress of a re-classification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclassifyReport {
    /// Its status.
    pub status: ReclassifyStatus,
    /// Events that were looked at, in the files that are done.
    pub events_done: u64,
    /// Events of all files with events in the range.
    pub events_total: u64,
    /// What changed, once it is done; before that, what will change in the files that are done.
    pub changes: RuleChanges,
}

/// The status of a re-classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReclassifyStatus {
    /// Files are being written; no response shows them yet.
    Running,
    /// All responses show the new attributions.
    Done,
    /// The last attempt failed; it will be retried.
    Failed,
}

/// The progress of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureReport {
    /// Its status.
    pub status: ErasureStatus,
    /// Number of events removed from disk so far.
    pub events_deleted: u64,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

/// The status of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureStatus {
    /// The events are in no response, but still on disk.
    Queued,
    /// Files are being rewritten.
    Running,
    /// The events are deleted from disk.
    Done,
    /// The last attempt failed; it will be retried.
    Failed,
}

impl ErasureStatus {
    /// The value in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}
