//! The bounds of queries, of the queue and of inserts.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, pin_mut};
use millimetric_events::suite::sample::{event, scope};
use millimetric_events::suite::until;
use millimetric_events::{EventStore as _, QueryLimit, StoreError};

use super::engine::OnClickHouse;
use crate::client::{Client, QueryLimits};
use crate::sql::Sql;
use crate::{ClickHouseStore, Options};

const LIMITS: QueryLimits = QueryLimits { time: Duration::from_secs(30), memory_bytes: 1 << 30 };

#[tokio::test]
async fn a_query_beyond_its_time_or_memory_says_which() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let client = Client::new(&engine.url).unwrap();
    let slow = Sql::new("SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 3");
    let short = QueryLimits { time: Duration::from_millis(200), ..LIMITS };
    let error = client.rows(&slow, &short).await.unwrap_err();
    assert!(matches!(error, StoreError::QueryTooLarge(QueryLimit::Time)), "{error}");
    let large = Sql::new("SELECT length(groupArray(number)) FROM numbers(100000000)");
    let small = QueryLimits { memory_bytes: 50 << 20, ..LIMITS };
    let error = client.rows(&large, &small).await.unwrap_err();
    assert!(matches!(error, StoreError::QueryTooLarge(QueryLimit::Memory)), "{error}");
}

#[tokio::test]
async fn a_read_cannot_write() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let error = Client::new(&engine.url)
        .unwrap()
        .rows(&Sql::new("TRUNCATE TABLE events"), &LIMITS)
        .await
        .unwrap_err();
    // READONLY
    assert_eq!(error.to_string(), "event store: ClickHouse exception 164");
}

#[tokio::test]
async fn dropping_a_stream_ends_its_query() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let client = Client::new(&engine.url).unwrap();
    let endless = Sql::new("SELECT number FROM system.numbers WHERE sleepEachRow(0.00001) = 0");
    {
        let rows = client.stream::<u64>(&endless, &LIMITS);
        pin_mut!(rows);
        assert_eq!(rows.next().await.unwrap().unwrap(), 0);
    }
    let running = Sql::new(
        "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(0%' AND NOT query LIKE '%system.processes%'",
    );
    until("the query to end", async || (engine.number(&running).await == 0).then_some(())).await;
}

#[tokio::test]
async fn dropping_a_query_of_few_rows_ends_it_too() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let client = Client::new(&engine.url).unwrap();
    let running = Sql::new(
        "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(0.001)%' AND NOT query LIKE '%system.processes%'",
    );
    let slow = Sql::new(
        "SELECT count() FROM numbers(1000000) WHERE sleepEachRow(0.001) = 0 SETTINGS max_block_size = 100",
    );
    tokio::select! {
        response = client.rows(&slow, &LIMITS) => panic!("{response:?}"),
        () = until("the query to run", async || (engine.number(&running).await == 1).then_some(())) => {}
    }
    until("the query to end", async || (engine.number(&running).await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_response_of_many_bytes_is_not_kept_in_memory() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let client = Client::new(&engine.url).unwrap();
    let large = Sql::new("SELECT repeat('x', 1000000) FROM numbers(100)");
    let result = client.rows(&large, &LIMITS).await;
    assert!(matches!(result, Err(StoreError::QueryTooLarge(QueryLimit::Memory))), "{result:?}");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_stores_nothing() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let options = Options { queue_bytes: 1, ..Options::default() };
    let store = ClickHouseStore::open(&engine.url, options).await.unwrap();
    let (first, second) =
        tokio::join!(store.append(scope(1), vec![event("a")]), store.append(scope(1), vec![event("b")]));
    assert_eq!(first.unwrap().stored, 1);
    assert!(matches!(second, Err(StoreError::Overloaded)), "{second:?}");
    assert_eq!(engine.number(&Sql::new("SELECT count() FROM events")).await, 1);
}

#[tokio::test]
async fn an_insert_that_is_repeated_with_its_token_is_stored_once() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let client = Client::new(&engine.url).unwrap();
    // ReplacingMergeTree would merge them; this table does not.
    let table = "CREATE TABLE numbers (n UInt8) ENGINE = MergeTree ORDER BY n \
                 SETTINGS non_replicated_deduplication_window = 100";
    client.execute(&Sql::new(table)).await.unwrap();
    for _ in 0..3 {
        let rows = Bytes::from_static(&[1, 2, 3]);
        client.insert("INSERT INTO numbers FORMAT RowBinary", rows, "token").await.unwrap();
    }
    assert_eq!(engine.number(&Sql::new("SELECT count() FROM numbers")).await, 3);
}

#[tokio::test]
async fn a_batch_of_one_month_is_one_part() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let batch = (0..5_000).map(|number| event(&format!("{number:05}"))).collect();
    engine.store.append(scope(1), batch).await.unwrap();
    // Each block of an insert has a number, from 1.
    let blocks = "SELECT max(max_block_number) FROM system.parts WHERE database = currentDatabase() AND table = 'events'";
    assert_eq!(engine.number(&Sql::new(blocks)).await, 1);
}

#[tokio::test]
async fn a_closed_store_accepts_nothing() {
    let Some(engine) = OnClickHouse::started().await else { return };
    engine.store.close().await;
    let error = engine.store.append(scope(1), vec![event("a")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Closing), "{error}");
}
