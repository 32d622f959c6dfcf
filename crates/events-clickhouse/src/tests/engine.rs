//! The engine that the suite tests: a database of its own on the server of this process.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use millimetric_events::suite::{Engine, PATIENCE, StartError};
use millimetric_events::{ClickHouseUrl, EventsUrl, MovableStore, StoreError};
use millimetric_test_servers::Disk;

use super::node::{self, Node};
use crate::client::{Client, QueryLimits};
use crate::sql::Sql;
use crate::{ClickHouseStore, Options, schema};

/// Numbers the databases of this process.
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A store in a database of its own.
pub(super) struct OnClickHouse {
    pub(super) url: ClickHouseUrl,
    pub(super) store: ClickHouseStore,
    /// Ends with the last store that uses it.
    pub(super) node: Arc<Node>,
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Failed(error.to_string())
}

/// The URL of a database of a server.
pub(super) fn url_of(node: &Node, database: &str) -> ClickHouseUrl {
    match node.lock().url(database).parse() {
        Ok(EventsUrl::ClickHouse(url)) => url,
        other => panic!("not the URL of a server: {other:?}"),
    }
}

impl OnClickHouse {
    async fn open(node: Arc<Node>, url: ClickHouseUrl) -> Result<Self, StartError> {
        let store = ClickHouseStore::open(&url, Options::default()).await.map_err(failed)?;
        Ok(Self { url, store, node })
    }

    /// A store in a new database of a server.
    pub(super) async fn start_on(node: Arc<Node>) -> Result<Self, StartError> {
        let database = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        node.lock().database(&database).map_err(failed)?;
        let url = url_of(&node, &database);
        schema::apply(&url).await.map_err(failed)?;
        Self::open(node, url).await
    }

    /// A new store on the shared server, or on one of its own; prints why and returns nothing if there is none.
    #[allow(clippy::print_stdout, reason = "a test that proves nothing must say so")]
    async fn started_on(node: Result<Arc<Node>, StartError>) -> Option<Self> {
        let started = match node {
            Ok(node) => Self::start_on(node).await,
            Err(error) => Err(error),
        };
        match started {
            Err(StartError::Unavailable(reason)) if std::env::var_os("CI").is_none() => {
                println!("skipped: {reason}");
                None
            }
            started => Some(started.unwrap_or_else(|error| panic!("the engine did not start: {error}"))),
        }
    }

    /// A new store on a server of its own, whose data is on a small disk; nothing where none can be mounted.
    pub(super) async fn started_on_small_disk() -> Option<(Disk, Self)> {
        let disk = Disk::mount_or_skip(256)?;
        let engine = Self::started_on(node::start_in(disk.path())).await?;
        Some((disk, engine))
    }

    /// A new store; prints why and returns nothing if there is no server.
    pub(super) async fn started() -> Option<Self> {
        Self::started_on(node::shared()).await
    }

    /// A new store on a server of its own.
    pub(super) async fn started_alone() -> Option<Self> {
        Self::started_on(node::start()).await
    }

    /// The number that a statement returns.
    pub(super) async fn number(&self, sql: &Sql) -> u64 {
        let limits = QueryLimits { time: PATIENCE, memory_bytes: 1 << 30 };
        let rows = Client::new(&self.url).unwrap().rows(sql, &limits).await.unwrap();
        rows[0][0].as_u64().unwrap()
    }
}

#[async_trait]
impl Engine for OnClickHouse {
    /// Each of their queries takes tens of milliseconds.
    const RECOUNT_CASES: u32 = 5;

    async fn start() -> Result<Self, StartError> {
        Self::start_on(node::shared()?).await
    }

    fn store(&self) -> &dyn MovableStore {
        &self.store
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.store.maintain_now().await
    }

    async fn restart(self) -> Result<Self, StartError> {
        let Self { url, store, node } = self;
        drop(store);
        Self::open(node, url).await
    }
}

/// The URL with a change.
pub(super) fn with_url<T>(
    url: &ClickHouseUrl,
    change: impl FnOnce(&mut ClickHouseUrl) -> T,
) -> ClickHouseUrl {
    let mut url = url.clone();
    change(&mut url);
    url
}

/// An address at which nobody listens.
pub(super) fn dead_host() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
