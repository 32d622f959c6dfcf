//! What an engine provides to the suite, and how the suite calls it.

use async_trait::async_trait;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::{ErasureId, ReclassificationId};
use millimetric_core::query::{AnyQuery, AnyResponse, ExportQuery, Query, RuleChanges};
use millimetric_core::time::Timestamp;

use super::requests;
use super::wait::within;
use crate::{
    Appended, Deletions, Erasure, ErasureReport, EventStoreExt as _, MovableStore, Reclassify,
    ReclassifyReport, StoreError,
};

/// An engine under test, with storage of its own.
#[async_trait]
pub trait Engine: Sized + Send + Sync + 'static {
    /// How many random cases the naive recount compares. Each has hundreds of queries.
    const RECOUNT_CASES: u32 = 16;

    /// Starts a new, empty store.
    async fn start() -> Result<Self, StartError>;

    /// The store.
    fn store(&self) -> &dyn MovableStore;

    /// Does the background work that is due, and returns when it is done.
    async fn settle(&self) -> Result<(), StoreError>;

    /// Ends the store as a crash would, without [`EventStore::close`](crate::EventStore::close), and starts it again with what it
    /// had stored.
    async fn restart(self) -> Result<Self, StartError>;
}

/// Why an engine did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// This machine lacks something that the engine needs, such as a server to connect to. The tests of the
    /// engine are skipped, except in continuous integration (`CI` in the environment), where they fail.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else. The test fails.
    #[error("{0}")]
    Failed(String),
}

/// Runs a behaviour against a new engine. Prints `skipped:` and the reason if the engine is unavailable.
#[allow(clippy::print_stdout, reason = "a test that proves nothing must say so")]
pub async fn run<E: Engine, F: Future<Output = ()>>(behaviour: fn(UnderTest<E>) -> F) {
    let engine = within("the engine to start", E::start()).await;
    match checked_start(engine, std::env::var_os("CI").is_some()) {
        Ok(engine) => behaviour(UnderTest(engine)).await,
        Err(reason) => println!("skipped: {reason}"),
    }
}

/// The engine, or the reason to skip its tests. Panics with the reason if the test must fail.
fn checked_start<E>(started: Result<E, StartError>, in_ci: bool) -> Result<E, String> {
    match started {
        Err(StartError::Unavailable(reason)) if !in_ci => Err(reason),
        other => Ok(other.unwrap_or_else(|error| panic!("the engine did not start: {error}"))),
    }
}

/// An engine as the behaviours call it: each call has a deadline, and panics with its name and the error
/// if it fails.
pub struct UnderTest<E>(E);

impl<E: Engine> UnderTest<E> {
    fn store(&self) -> &dyn MovableStore {
        self.0.store()
    }

    /// Calls [`EventStore::append`](crate::EventStore::append).
    pub async fn append(&self, scope: EventScope, events: Vec<Event>) -> Appended {
        called("append", self.store().append(scope, events)).await
    }

    /// Calls [`EventStore::import`](crate::EventStore::import).
    pub async fn import(&self, scope: EventScope, events: Vec<Event>) -> Appended {
        called("import", self.store().import(scope, events)).await
    }

    /// Runs a query.
    pub async fn query<Q: Query>(&self, scope: EventScope, query: Q) -> Q::Response {
        called("query", self.store().query(scope, query)).await
    }

    /// Calls [`EventStore::query_any`](crate::EventStore::query_any).
    pub async fn query_any(&self, scope: EventScope, query: AnyQuery) -> AnyResponse {
        called("query", self.store().query_any(scope, Timestamp::MIN, query)).await
    }

    /// Runs an export; see [`requests::exported`].
    pub async fn exported(&self, scope: EventScope, query: ExportQuery) -> Vec<Event> {
        requests::exported(self.store(), scope, query).await
    }

    /// The ids of the newest 1000 events of a scope, newest first.
    pub async fn ids(&self, scope: EventScope) -> Vec<String> {
        requests::ids(self.store(), scope).await
    }

    /// Calls [`EventStore::erase`](crate::EventStore::erase).
    pub async fn erase(&self, scope: EventScope, request: Erasure) {
        called("erase", self.store().erase(scope, request)).await;
    }

    /// Calls [`EventStore::erasure`](crate::EventStore::erasure).
    pub async fn erasure(&self, scope: EventScope, id: ErasureId) -> Option<ErasureReport> {
        called("erasure", self.store().erasure(scope, id)).await
    }

    /// Waits until the erasure is done and returns the number of events it deleted.
    pub async fn until_done(&self, scope: EventScope, id: ErasureId) -> u64 {
        requests::until_done(self.store(), scope, id).await
    }

    /// Calls [`EventStore::reclassify`](crate::EventStore::reclassify).
    pub async fn reclassify(&self, scope: EventScope, request: Reclassify) {
        called("reclassify", self.store().reclassify(scope, request)).await;
    }

    /// Calls [`EventStore::reclassification`](crate::EventStore::reclassification).
    pub async fn reclassification(
        &self,
        scope: EventScope,
        id: ReclassificationId,
    ) -> Option<ReclassifyReport> {
        called("reclassification", self.store().reclassification(scope, id)).await
    }

    /// Waits until the re-classification is done and returns what it changed.
    pub async fn until_reclassified(&self, scope: EventScope, id: ReclassificationId) -> RuleChanges {
        requests::until_reclassified(self.store(), scope, id).await
    }

    /// Calls [`EventStore::expire`](crate::EventStore::expire).
    pub async fn expire(&self, scope: EventScope, before: Timestamp) {
        called("expire", self.store().expire(scope, before)).await;
    }

    /// Calls [`EventStore::drop_scope`](crate::EventStore::drop_scope).
    pub async fn drop_scope(&self, scope: EventScope) {
        called("drop_scope", self.store().drop_scope(scope)).await;
    }

    /// Calls [`MovableStore::load`].
    pub async fn load(&self, scope: EventScope, events: Vec<Event>) -> u64 {
        called("load", self.store().load(scope, events)).await
    }

    /// Calls [`MovableStore::periods`].
    pub async fn periods(&self, scope: EventScope) -> Vec<(Timestamp, Timestamp)> {
        called("periods", self.store().periods(scope)).await
    }

    /// Calls [`MovableStore::deletions`].
    pub async fn deletions(&self) -> Deletions {
        called("deletions", self.store().deletions()).await
    }

    /// Calls [`MovableStore::take_deletions`].
    pub async fn take_deletions(&self, deletions: &Deletions) {
        called("take_deletions", self.store().take_deletions(deletions)).await;
    }

    /// Calls [`EventStore::ready`](crate::EventStore::ready).
    pub async fn ready(&self) {
        called("ready", self.store().ready()).await;
    }

    /// Calls [`Engine::settle`].
    pub async fn settle(&self) {
        called("settle", self.0.settle()).await;
    }

    /// Calls [`Engine::restart`].
    pub async fn restart(self) -> Self {
        let engine = within("the engine to start again", self.0.restart()).await;
        Self(engine.unwrap_or_else(|error| panic!("the engine did not start again: {error}")))
    }
}

/// The value of a call. Panics with the name of the call if it fails or does not return.
async fn called<T>(name: &str, call: impl Future<Output = Result<T, StoreError>>) -> T {
    within(name, call).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unavailable_engine_is_skipped_with_the_reason() {
        let started = Err::<(), _>(StartError::Unavailable("no server".to_owned()));
        assert_eq!(checked_start(started, false), Err("no server".to_owned()));
    }

    #[test]
    #[should_panic(expected = "the engine did not start: no server")]
    fn an_unavailable_engine_fails_in_continuous_integration() {
        let started = Err::<(), _>(StartError::Unavailable("no server".to_owned()));
        assert_eq!(checked_start(started, true), Ok(()));
    }

    #[test]
    #[should_panic(expected = "the engine did not start: wrong password")]
    fn an_engine_that_fails_to_start_fails_with_the_reason() {
        let started = Err::<(), _>(StartError::Failed("wrong password".to_owned()));
        assert_eq!(checked_start(started, false), Ok(()));
    }

    #[tokio::test]
    #[should_panic(expected = "append: the event store does not respond: refused")]
    async fn a_call_that_fails_is_named_with_its_error() {
        called("append", async { Err::<(), _>(StoreError::Unavailable("refused".to_owned())) }).await;
    }
}
