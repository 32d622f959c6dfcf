//! The state of a `PostgreSQL` server, for operators.

use millimetric_core::time::Timestamp;
use sqlx::{Row as _, query};

use crate::engine::row;
use crate::{Control, ControlError};

/// Standbys whose lag this user may not see count as not behind.
const STATE: &str = "select
    current_setting('server_version') as version,
    (extract(epoch from clock_timestamp()) * 1000)::bigint as now,
    (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
    current_setting('max_connections')::bigint as most_connections,
    (select count(*) from pg_stat_replication) as standbys,
    (select (coalesce(extract(epoch from max(replay_lag)), 0) * 1000)::bigint from pg_stat_replication) as lag";

/// The server of a shared control database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Its version, like `15.18`.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// Open connections of all clients.
    pub connections: u64,
    /// The most that it takes.
    pub most_connections: u64,
    /// Servers that copy it.
    pub standbys: u64,
    /// By how many milliseconds the slowest of them is behind.
    pub lag_millis: u64,
}

impl Control {
    /// The state of the server; `None` for an engine without one.
    pub async fn server_state(&self) -> Result<Option<ServerState>, ControlError> {
        if self.servers.is_none() {
            return Ok(None);
        }
        let found = query(STATE).fetch_one(&self.pool).await?;
        Ok(Some(ServerState {
            version: found.try_get("version")?,
            now: row::time(&found, "now")?,
            connections: row::count(&found, "connections")?,
            most_connections: row::count(&found, "most_connections")?,
            standbys: row::count(&found, "standbys")?,
            lag_millis: row::count(&found, "lag")?,
        }))
    }
}
