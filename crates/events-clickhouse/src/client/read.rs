//! Reads: few rows as JSON, or many as a stream of typed rows. Dropping either ends the query on the server.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::query::{Query, RowCursor};
use clickhouse::{RowOwned, RowRead};
use futures_util::stream::{self, Stream};
use millimetric_events::StoreError;
use serde_json::Value;
use uuid::Uuid;

use super::hosts::Host;
use super::settings::{JSON, READ};
use super::{Client, QueryLimits, bound, error, with_settings};
use crate::sql::Sql;

/// How long a response may take beyond the time of a query, which the server itself enforces.
const GRACE: Duration = Duration::from_secs(5);

impl Client {
    /// Runs a query, and returns its rows as JSON arrays, with 64-bit integers as numbers.
    pub(crate) async fn rows(&self, sql: &Sql, limits: &QueryLimits) -> Result<Vec<Vec<Value>>, StoreError> {
        let read = |host: Arc<Host>| {
            let query = with_settings(limited(&host, sql, limits), JSON);
            async move {
                let mut cursor =
                    query.fetch_bytes("JSONCompactEachRow").map_err(|error| error::of(&error))?;
                cursor.collect().await.map_err(|error| error::of(&error))
            }
        };
        let body = self.first_that_responds(limits.time + GRACE, read).await?;
        let rows = serde_json::Deserializer::from_slice(&body).into_iter();
        let rows: Result<_, _> = rows.collect();
        rows.map_err(|_| StoreError::Internal("a row of ClickHouse is not JSON".to_owned()))
    }

    /// Runs a query, and returns its rows as a stream, which reads ahead what the connection buffers. Another host
    /// is tried only before the first row.
    pub(crate) fn stream<R>(
        &self,
        sql: &Sql,
        limits: &QueryLimits,
    ) -> impl Stream<Item = Result<R, StoreError>> + Send + use<R>
    where
        R: RowOwned + RowRead + Send,
    {
        let start = State::NotStarted(self.clone(), sql.clone());
        let limits = *limits;
        stream::try_unfold(start, move |state| async move {
            let (row, cursor) = match state {
                State::NotStarted(client, sql) => client.first_row(&sql, &limits).await?,
                State::Started(mut cursor) => (next(&mut cursor).await?, cursor),
            };
            Ok(row.map(|row| (row, State::Started(cursor))))
        })
    }

    /// The first row, and the cursor for the others.
    async fn first_row<R>(
        &self,
        sql: &Sql,
        limits: &QueryLimits,
    ) -> Result<(Option<R>, Box<RowCursor<R>>), StoreError>
    where
        R: RowOwned + RowRead + Send,
    {
        let read = |host: Arc<Host>| {
            let query = limited(&host, sql, limits);
            async move {
                let mut cursor = Box::new(query.fetch::<R>().map_err(|error| error::of(&error))?);
                Ok((next(&mut cursor).await?, cursor))
            }
        };
        self.first_that_responds(limits.time + GRACE, read).await
    }
}

/// The state of a stream.
enum State<R> {
    NotStarted(Client, Sql),
    Started(Box<RowCursor<R>>),
}

async fn next<R: RowOwned + RowRead>(cursor: &mut RowCursor<R>) -> Result<Option<R>, StoreError> {
    cursor.next().await.map_err(|error| error::of(&error))
}

/// The query of a statement, with the limits. Its id makes it known in `system.processes`. What needs more than half of
/// its memory is written to disk, as far as the server can.
fn limited(host: &Host, sql: &Sql, limits: &QueryLimits) -> Query {
    let half = (limits.memory_bytes / 2).to_string();
    with_settings(bound(host, sql), READ)
        .with_setting("max_bytes_before_external_group_by", half.as_str())
        .with_setting("max_bytes_before_external_sort", half.as_str())
        .with_setting("query_id", Uuid::now_v7().to_string())
        .with_setting("max_execution_time", limits.time.as_secs_f64().to_string())
        .with_setting("max_memory_usage", limits.memory_bytes.to_string())
}
