//! What every event store promises: the trait [`EventStore`], its errors, and the conformance suite
//! (feature `suite`). It knows no engine.

mod error;
pub mod parquet;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

use std::path::Path;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ErasureId;
use millimetric_core::query::{
    EventsQuery, EventsResponse, ExportQuery, FunnelQuery, FunnelResponse, NamesQuery, NamesResponse,
    PagesQuery, PagesResponse, RetentionQuery, RetentionResponse, SessionsQuery, SessionsResponse,
    SourcesQuery, SourcesResponse, StatsQuery, StatsResponse,
};
use millimetric_core::time::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::error::{LocalError, QueryLimit, StoreError};

/// An event store, whichever engine it runs on. Every response is of one scope and contains nothing of
/// another. Dropping a returned future cancels a query; an `append` that was begun may still be stored.
///
/// *Durable* means: it survives the death of the process, and of the machine as far as the engine's
/// settings promise (the embedded engine syncs to disk before it returns).
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Stores the events, all or none, and returns when they are durable and in every later response.
    /// Events whose `event_id` the scope already has, or that occur twice in the batch, are left out and
    /// counted; events of a person who was erased after their timestamp are left out and not counted.
    async fn append(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError>;

    /// Raw events, newest first.
    async fn events(&self, scope: EventScope, query: EventsQuery) -> Result<EventsResponse, StoreError>;

    /// The event of this id, when it lies in the range.
    async fn event(
        &self,
        scope: EventScope,
        range: TimeRange,
        event_id: String,
    ) -> Result<Option<Event>, StoreError>;

    /// Stores events of an export, like [`EventStore::append`], and recognises an event that the scope
    /// has with the same id and timestamp however long ago it was stored.
    async fn import(&self, scope: EventScope, events: Vec<Event>) -> Result<Appended, StoreError>;

    /// Every event of the query as of the moment of the call, a few at a time. The stream reads no
    /// further ahead than one item; dropping it ends the export.
    ///
    /// The order is not defined; two items of one engine may be ordered differently.
    fn export(&self, scope: EventScope, query: ExportQuery) -> EventStream;

    /// Counts, distinct visitors, sums and means, by group and over time.
    async fn stats(&self, scope: EventScope, query: StatsQuery) -> Result<StatsResponse, StoreError>;

    /// Where visits came from.
    async fn sources(&self, scope: EventScope, query: SourcesQuery) -> Result<SourcesResponse, StoreError>;

    /// Which event names occur.
    async fn names(&self, scope: EventScope, query: NamesQuery) -> Result<NamesResponse, StoreError>;

    /// How far visitors get along a series of events.
    async fn funnel(&self, scope: EventScope, query: FunnelQuery) -> Result<FunnelResponse, StoreError>;

    /// How many visitors come back, period after period.
    async fn retention(
        &self,
        scope: EventScope,
        query: RetentionQuery,
    ) -> Result<RetentionResponse, StoreError>;

    /// Which pages are viewed, and where sessions begin and end.
    async fn pages(&self, scope: EventScope, query: PagesQuery) -> Result<PagesResponse, StoreError>;

    /// How many sessions begin, and how many of them bounce.
    async fn sessions(&self, scope: EventScope, query: SessionsQuery)
    -> Result<SessionsResponse, StoreError>;

    /// Queues an erasure: from the return on, no answer of this scope holds an event of that
    /// person with a timestamp before `request.at`, and none arriving later is stored.
    async fn erase(&self, scope: EventScope, request: Erasure) -> Result<(), StoreError>;

    /// How an erasure stands; `None` when the scope has no such request.
    async fn erasure(&self, scope: EventScope, id: ErasureId) -> Result<Option<ErasureReport>, StoreError>;

    /// Drops what is older than the instant: unqueryable at the return, off the disk within the hour.
    async fn expire(&self, scope: EventScope, before: Timestamp) -> Result<(), StoreError>;

    /// Drops everything of a scope (a deleted project), like an expiry of all times.
    async fn drop_scope(&self, scope: EventScope) -> Result<(), StoreError>;

    /// Whether the store can take and answer now; the error says why not.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Figures for operators, by name; the names end in their unit.
    fn gauges(&self) -> Vec<(&'static str, f64)>;

    /// The store as one that keeps its files on this machine, if it does.
    fn local(&self) -> Option<&dyn LocalStore> {
        None
    }

    /// Ends the background work and closes the files; what was acknowledged is already durable.
    async fn close(&self);
}

/// What an engine that keeps its files on this machine can do beside.
#[async_trait]
pub trait LocalStore: EventStore {
    /// Copies everything that is stored, as of one moment, into an existing empty folder, and syncs it.
    /// What was acknowledged before the call is in Parquet files there.
    async fn snapshot(&self, folder: &Path) -> Result<Snapshot, StoreError>;
}

/// The events of an export, in batches of bounded size.
pub type EventStream = BoxStream<'static, Result<Vec<Event>, StoreError>>;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Appended {
    /// Events that are new.
    pub stored: u64,
    /// Events that were there already, under the same `event_id`.
    pub duplicates: u64,
}

/// What a copy of the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Parquet files.
    pub segments: u64,
    /// Events, in segments and beside them.
    pub events: u64,
}

/// Whom to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The request.
    pub id: ErasureId,
    /// The person.
    pub subject: Subject,
    /// Events before this instant go; what the person does later is a new life.
    pub at: Timestamp,
}

/// A person as a request names them.
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

/// How an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureReport {
    /// How far it is.
    pub status: ErasureStatus,
    /// Events removed from the disk so far.
    pub events_deleted: u64,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was done.
    pub finished_at: Option<Timestamp>,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureStatus {
    /// Hidden from every answer, still on disk.
    Queued,
    /// Files are being rewritten.
    Running,
    /// Gone from the disk.
    Done,
    /// The last try failed; it is tried again.
    Failed,
}

impl ErasureStatus {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}
