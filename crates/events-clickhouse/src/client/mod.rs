//! The client of the ClickHouse servers: reads with limits, statements, and inserts. Each request goes to the first
//! host that responds.

mod error;
mod hosts;
mod insert;
mod read;
mod settings;
mod table;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use clickhouse::query::Query;
use millimetric_events::{ClickHouseUrl, StoreError};

pub(crate) use self::error::no_response;
use self::hosts::{Host, Hosts};
use self::settings::STATEMENT;
pub use self::tls::TlsError;
use crate::sql::Sql;

/// How long a statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a check may take whether the servers respond.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// A client of the servers of a URL. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Client {
    hosts: Arc<Hosts>,
}

/// After how much silence a host is asked whether it responds at all, and how long it may take to; then the same of
/// a host that did not respond a moment ago.
const ASKED: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(4));
const ASKED_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(1));

/// The limits of one query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLimits {
    /// Its time.
    pub(crate) time: Duration,
    /// Its memory on each server.
    pub(crate) memory_bytes: u64,
}

impl Client {
    /// A client of the hosts of a URL; connects to none of them.
    pub(crate) fn new(url: &ClickHouseUrl) -> Result<Self, TlsError> {
        Ok(Self { hosts: Arc::new(Hosts::of(url)?) })
    }

    /// Runs a statement that returns nothing.
    pub(crate) async fn execute(&self, sql: &Sql) -> Result<(), StoreError> {
        self.execute_within(sql, STATEMENT_TIMEOUT).await
    }

    /// Checks whether a server responds.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.execute_within(&Sql::new("SELECT 1 FORMAT Null"), PING_TIMEOUT).await
    }

    async fn execute_within(&self, sql: &Sql, time: Duration) -> Result<(), StoreError> {
        let run = |host: Arc<Host>| {
            let query = with_settings(bound(&host, sql), STATEMENT);
            async move { query.execute().await.map_err(|error| error::of(&error)) }
        };
        self.first_that_responds(time, run).await
    }

    /// Calls `request` with each host until one responds, and returns the response. A host that does not respond
    /// in time is tried last for some seconds.
    async fn first_that_responds<T, F>(
        &self,
        time: Duration,
        request: impl Fn(Arc<Host>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut last = error::no_response();
        for host in self.hosts.in_order() {
            let response = tokio::select! {
                response = tokio::time::timeout(time, request(Arc::clone(&host))) => {
                    response.unwrap_or_else(|_| Err(error::no_response()))
                }
                () = silent(&host) => Err(error::no_response()),
            };
            match response {
                Err(StoreError::Unavailable(why)) => {
                    host.failed();
                    last = StoreError::Unavailable(why);
                }
                response => {
                    host.responded();
                    return response;
                }
            }
        }
        Err(last)
    }
}

/// Returns when a host does not respond at all: while a request waits, it is asked something simple from time to
/// time. A query may take long, but a server that is stopped or cut off is noticed within seconds.
async fn silent(host: &Host) {
    let (pause, patience) = if host.is_avoided() { ASKED_AGAIN } else { ASKED };
    loop {
        tokio::time::sleep(pause).await;
        let asked = with_settings(host.client.query("SELECT 1 FORMAT Null"), STATEMENT).execute();
        match tokio::time::timeout(patience, asked).await {
            Ok(Err(error)) if matches!(error::of(&error), StoreError::Unavailable(_)) => return,
            Err(_) => return,
            // Any other response is one.
            Ok(_) => {}
        }
    }
}

/// The query of a statement to a host, with its parameters.
fn bound(host: &Host, sql: &Sql) -> Query {
    if !sql.texts().is_empty() {
        return table::query_with(host, sql);
    }
    // The client binds at `?`; two of them are one in the text.
    let query = host.client.query(&sql.text().replace('?', "??"));
    let named = |query: Query, (name, value): &(String, String)| {
        query.with_setting(format!("param_{name}"), value.as_str())
    };
    sql.parameters().iter().fold(query, named)
}

fn with_settings(query: Query, settings: &[(&str, &str)]) -> Query {
    settings.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value))
}
