//! The state of the servers, for the operator's checks. Reads only.

use std::time::Duration;

use millimetric_core::time::Timestamp;
use millimetric_events::{ClickHouseUrl, StoreError};
use serde_json::Value;

use crate::client::{Client, QueryLimits};
use crate::schema::{self, SchemaError};
use crate::sql::{self, Sql};

const LIMITS: QueryLimits = QueryLimits { time: Duration::from_secs(10), memory_bytes: 256 << 20 };

/// The state of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// The version that it names.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// Parts of the month that has most. Inserts become slow at 1000 and fail at 3000, by default.
    pub most_parts: u64,
    /// Deletions and other mutations that are not done.
    pub mutations: u64,
    /// How far the slowest replica is behind, in seconds; 0 without replication.
    pub lag_seconds: u64,
    /// Tables that take no inserts, since their server does not reach Keeper.
    pub read_only_tables: u64,
    /// Free space of the disk that has least, of those of the events, in bytes.
    pub free_bytes: u64,
    /// What it keeps free on that of their local disks where it keeps least, in bytes; `None` if none is local.
    pub kept_free_bytes: Option<u64>,
    /// Whether an acknowledged insert is synced to disk.
    pub is_durable: bool,
}

/// The state of each server of a URL, with its address; an error if it does not respond, or has not the tables of
/// this release.
pub async fn inspect(url: &ClickHouseUrl) -> Vec<(String, Result<ServerState, SchemaError>)> {
    let mut states = Vec::with_capacity(url.hosts.len());
    for host in &url.hosts {
        let alone = ClickHouseUrl { hosts: vec![host.clone()], ..url.clone() };
        states.push((host.clone(), state(&alone).await));
    }
    states
}

async fn state(url: &ClickHouseUrl) -> Result<ServerState, SchemaError> {
    let client = Client::new(url)?;
    schema::check(&client, &url.database, &LIMITS).await?;
    let events = schema::local_events(url.cluster.as_deref());
    let statement = Sql::new(include_str!("inspect.sql")).bind("events", sql::string(events));
    let rows = client.rows(&statement, &LIMITS).await?;
    let read = rows.first().and_then(|row| read(row));
    Ok(read.ok_or_else(|| StoreError::Internal("the state of ClickHouse cannot be read".to_owned()))?)
}

fn read(row: &[Value]) -> Option<ServerState> {
    // A subquery without rows returns null.
    let number = |index: usize| Some(row.get(index)?.as_u64().unwrap_or_default());
    Some(ServerState {
        version: row.first()?.as_str()?.to_owned(),
        now: Timestamp::from_millis(row.get(1)?.as_i64()?)?,
        most_parts: number(2)?,
        mutations: number(3)?,
        lag_seconds: number(4)?,
        read_only_tables: number(5)?,
        free_bytes: number(6)?,
        kept_free_bytes: row.get(7)?.as_u64(),
        is_durable: number(8)? > 0,
    })
}
