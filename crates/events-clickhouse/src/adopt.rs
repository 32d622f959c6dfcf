//! Gives an empty database the hash key of the store whose content it will take.

use millimetric_events::{ClickHouseUrl, HashKey, StoreError};
use serde_json::Value;

use crate::client::{Client, QueryLimits};
use crate::schema::{self, SchemaError};
use crate::sql::Sql;
use crate::store::Options;

/// Makes `key` the hash key of a database, whose tables must exist, and which no process has open. Returns whether it
/// is its key now: a database that has another one and is not empty keeps it.
pub async fn adopt_hash_key(url: &ClickHouseUrl, key: HashKey) -> Result<bool, SchemaError> {
    let client = Client::new(url)?;
    let Options { query_timeout: time, query_bytes: memory_bytes, .. } = Options::default();
    let limits = QueryLimits { time, memory_bytes };
    if schema::check(&client, &url.database, &limits).await? == key.0 {
        return Ok(true);
    }
    let rows = client.rows(&Sql::new(include_str!("has_content.sql")), &limits).await?;
    if rows.first().and_then(|row| row.first()).and_then(Value::as_u64) != Some(0) {
        return Ok(false);
    }
    let adopt = Sql::new(include_str!("adopt_hash_key.sql")).bind("key", hex::encode(key.0));
    client.execute(&adopt).await?;
    let adopted = schema::check(&client, &url.database, &limits).await? == key.0;
    let kept = || StoreError::Internal("the hash key of the database did not change".to_owned());
    if adopted { Ok(true) } else { Err(kept().into()) }
}
