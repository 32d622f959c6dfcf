//! Reads: few rows as JSON, or many as a stream of typed rows. Dropping either ends the query on the server.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use clickhouse::query::{Query, RowCursor};
use clickhouse::{RowOwned, RowRead};
use futures_util::stream::{self, Stream};
use millimetric_events::{QueryLimit, StoreError};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::hosts::Host;
use super::settings::{JSON, READ};
use super::{Client, QueryLimits, bound, error, with_settings};
use crate::sql::Sql;

/// How long a response may take beyond the time of a query, which the server itself enforces.
const GRACE: Duration = Duration::from_secs(5);

/// The largest response that is read as JSON, which takes several times as much memory then.
const MAX_BODY_BYTES: usize = 64 << 20;

impl Client {
    /// Runs a query, and returns its rows as JSON arrays, with 64-bit integers as numbers. The response is one JSON
    /// document, so a body that is empty or cut short is never taken for fewer rows.
    pub(crate) async fn rows(&self, sql: &Sql, limits: &QueryLimits) -> Result<Vec<Vec<Value>>, StoreError> {
        let read = |host: Arc<Host>| {
            let query = with_settings(limited(&host, sql, limits), JSON);
            async move {
                let mut cursor = query.fetch_bytes("JSONCompact").map_err(|error| error::of(&error))?;
                let mut body = BytesMut::new();
                while let Some(chunk) = cursor.next().await.map_err(|error| error::of(&error))? {
                    if body.len() + chunk.len() > MAX_BODY_BYTES {
                        return Err(StoreError::QueryTooLarge(QueryLimit::Memory));
                    }
                    body.extend_from_slice(&chunk);
                }
                rows_of(&body)
            }
        };
        self.first_that_responds(limits.time + GRACE, read).await
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

/// What is read of a response in the format `JSONCompact`.
#[derive(Deserialize)]
struct Body {
    data: Vec<Vec<Value>>,
    /// The number of rows.
    rows: usize,
}

fn rows_of(body: &[u8]) -> Result<Vec<Vec<Value>>, StoreError> {
    match serde_json::from_slice(body) {
        Ok(Body { data, rows }) if data.len() == rows => Ok(data),
        _ => Err(StoreError::Unavailable("the response of ClickHouse is not complete".to_owned())),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_that_is_cut_short_is_not_taken_for_fewer_rows() {
        let whole = r#"{"meta": [{"name": "a", "type": "UInt64"}], "data": [[1], [2]], "rows": 2}"#;
        assert_eq!(rows_of(whole.as_bytes()).unwrap(), [[json!(1)], [json!(2)]]);
        let fewer = r#"{"meta": [], "data": [[1]], "rows": 2}"#;
        for body in (0..whole.len()).map(|length| &whole[..length]).chain([fewer]) {
            let result = rows_of(body.as_bytes());
            assert!(matches!(result, Err(StoreError::Unavailable(_))), "{body}: {result:?}");
        }
    }
}
