//! The tables of a database: what creates them, and whether they are there.
//!
//! The columns of `events` are those of [`Column`], so that the stored row is declared once.

use millimetric_core::column::Column;
use millimetric_events::{ClickHouseUrl, StoreError};
use serde_json::Value;

use crate::client::{Client, QueryLimits, TlsError};
use crate::sql::Sql;

/// The version of the tables.
const VERSION: u32 = 1;

/// The statements, in the order in which they run.
const TEMPLATES: [&str; 4] = [
    include_str!("settings.sql"),
    include_str!("requests.sql"),
    include_str!("retention.sql"),
    include_str!("events.sql"),
];
/// With a cluster, the table that distributes rows and reads all of them.
const DISTRIBUTED: &str = include_str!("distributed.sql");
/// An acknowledged insert is on disk, and so are the rows of a merge before it replaces its parts.
const DURABLE: &str = "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1";
/// How many inserts a server recognises if they are sent again.
const DEDUPLICATING: &str = "non_replicated_deduplication_window = 10000";
const DEDUPLICATING_REPLICAS: &str =
    "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 691200";

/// The database has no tables, or those of another release.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SchemaError {
    /// There are none.
    #[error("the database `{0}` has no tables of millimetric: run `millimetric schema apply`")]
    Missing(String),
    /// They are those of another release.
    #[error(
        "the tables of the database `{database}` have version {found} and this release needs {needed}: \
         run `millimetric schema apply`",
        needed = VERSION
    )]
    Version {
        /// The database.
        database: String,
        /// The version of its tables.
        found: String,
    },
    /// The certificates of the servers cannot be checked.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The servers failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The table that mutations change: that of each server.
pub(crate) fn local_events(cluster: Option<&str>) -> &'static str {
    if cluster.is_some() { "events_local" } else { "events" }
}

/// `ON CLUSTER name`, or nothing.
pub(crate) fn on_cluster(cluster: Option<&str>) -> String {
    cluster.map_or_else(String::new, |cluster| format!("ON CLUSTER '{cluster}'"))
}

/// The statements that create the tables where they are missing.
pub fn statements(cluster: Option<&str>) -> Vec<String> {
    let distributed = cluster.map(|_| DISTRIBUTED);
    TEMPLATES.into_iter().chain(distributed).map(|template| filled(template, cluster)).collect()
}

fn filled(template: &str, cluster: Option<&str>) -> String {
    let engine = |family: &str, path: &str| match cluster {
        // The path of a shard, or one for all servers, so that each has all rows.
        Some(_) => format!("Replicated{family}('/clickhouse/tables/{path}', '{{shard}}-{{replica}}'"),
        None => format!("{family}("),
    };
    let sharded = "{shard}/{database}/{table}";
    let everywhere = "{database}/{table}";
    let version =
        |engine: String| if cluster.is_some() { engine + ", version)" } else { engine + "version)" };
    let deduplicating = if cluster.is_some() { DEDUPLICATING_REPLICAS } else { DEDUPLICATING };
    template
        .trim_end()
        .replace("{replacing}(version)", &version(engine("ReplacingMergeTree", sharded)))
        .replace("{replacing_everywhere}(version)", &version(engine("ReplacingMergeTree", everywhere)))
        .replace("{aggregating_everywhere}", &(engine("AggregatingMergeTree", everywhere) + ")"))
        .replace("{merge_everywhere}", &(engine("MergeTree", everywhere) + ")"))
        .replace("{columns}", &columns())
        .replace("{durable}", DURABLE)
        .replace("{deduplicating}", deduplicating)
        .replace("{events}", local_events(cluster))
        .replace("{on_cluster}", &on_cluster(cluster))
        .replace("{cluster}", cluster.unwrap_or_default())
}

fn columns() -> String {
    let lines = Column::ALL.map(|column| format!("    {} {} CODEC(ZSTD),", column.as_str(), type_of(column)));
    lines.join("\n")
}

/// The type of a column. Those that queries group by have few values.
fn type_of(column: Column) -> &'static str {
    match (column.info().group, column.info().is_optional()) {
        (true, true) => "LowCardinality(Nullable(String))",
        (true, false) => "LowCardinality(String)",
        (false, true) => "Nullable(String)",
        (false, false) => "String",
    }
}

/// Creates the tables where they are missing, and the database if it is. Calling it again changes nothing.
pub async fn apply(url: &ClickHouseUrl) -> Result<(), SchemaError> {
    let client = Client::new(url)?;
    // A user that may not create databases can use one that is there.
    if client.ping().await.is_err() {
        create_database(url).await?;
    }
    for statement in statements(url.cluster.as_deref()) {
        client.execute(&Sql::new(statement)).await?;
    }
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| StoreError::Internal(error.to_string()))?;
    for (name, value) in [("key", hex::encode(key)), ("schema", VERSION.to_string())] {
        let sql = Sql::new(include_str!("set_once.sql")).bind("name", name).bind("value", value);
        client.execute(&sql).await?;
    }
    Ok(())
}

/// Creates the database through one that every server has. Its name has letters, digits and `_` only.
async fn create_database(url: &ClickHouseUrl) -> Result<(), SchemaError> {
    let on_cluster = on_cluster(url.cluster.as_deref());
    let create = Sql::new(format!("CREATE DATABASE IF NOT EXISTS {} {on_cluster}", url.database));
    let elsewhere = ClickHouseUrl { database: "system".to_owned(), ..url.clone() };
    Ok(Client::new(&elsewhere)?.execute(&create).await?)
}

/// Checks that the tables are those of this release, and returns the key of the hashes.
pub(crate) async fn check(
    client: &Client,
    database: &str,
    limits: &QueryLimits,
) -> Result<[u8; 16], SchemaError> {
    let exists = Sql::new(include_str!("exists.sql"));
    if client.rows(&exists, limits).await?.is_empty() {
        return Err(SchemaError::Missing(database.to_owned()));
    }
    let rows = client.rows(&Sql::new(include_str!("read_settings.sql")), limits).await?;
    let value = |name: &str| {
        let mut settings = rows.iter().filter(|row| row.first().and_then(Value::as_str) == Some(name));
        settings.next().and_then(|row| row.get(1)?.as_str()).unwrap_or_default().to_owned()
    };
    let found = value("schema");
    if found != VERSION.to_string() {
        return Err(SchemaError::Version { database: database.to_owned(), found });
    }
    let mut key = [0; 16];
    let decoded = hex::decode_to_slice(value("key"), &mut key);
    decoded.map_err(|_| StoreError::Internal("the key in the table `settings` is damaged".to_owned()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_one_table_of_events() {
        let all = statements(None).join(";\n");
        assert!(all.contains("CREATE TABLE IF NOT EXISTS events \n"), "{all}");
        assert!(all.contains("ENGINE = ReplacingMergeTree(version)"), "{all}");
        assert!(all.contains("    campaign LowCardinality(Nullable(String)) CODEC(ZSTD),"), "{all}");
        assert!(!all.contains('{') && !all.contains("ON CLUSTER"), "{all}");
    }

    #[test]
    fn a_cluster_has_replicated_tables_and_one_that_distributes() {
        let all = statements(Some("main")).join(";\n");
        for expected in [
            "CREATE TABLE IF NOT EXISTS events_local ON CLUSTER 'main'",
            "CREATE TABLE IF NOT EXISTS events ON CLUSTER 'main' AS events_local",
            "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{shard}-{replica}', version)",
            "ReplicatedMergeTree('/clickhouse/tables/{database}/{table}', '{shard}-{replica}')",
            "Distributed('main', currentDatabase(), 'events_local', cityHash64(project, anonymous_id))",
        ] {
            assert!(all.contains(expected), "{expected}: {all}");
        }
    }
}
