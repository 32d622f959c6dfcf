//! A server that is killed, or does not respond.

use millimetric_core::event::Event;
use millimetric_events::suite::sample::{event, scope};
use millimetric_events::suite::{forget, ids, until_done};
use millimetric_events::{EventStore as _, StoreError, Subject};

use super::engine::OnClickHouse;

/// So many events, whose ids begin with `prefix`.
fn batch(prefix: &str, events: usize) -> Vec<Event> {
    (0..events).map(|number| event(&format!("{prefix}{number:03}"))).collect()
}

/// Kills the server and starts it again.
fn restart(engine: &OnClickHouse) {
    tokio::task::block_in_place(|| {
        let mut server = engine.node.lock();
        server.kill();
        server.restart().unwrap();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_kill_of_the_server() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    for round in ["a", "b", "c"] {
        let acknowledged = engine.store.append(scope(1), batch(round, 50)).await.unwrap();
        assert_eq!(acknowledged.stored, 50);
        restart(&engine);
    }
    assert_eq!(ids(&engine.store, scope(1)).await.len(), 150);
    let again = engine.store.append(scope(1), batch("b", 50)).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_sent_while_the_server_restarts_is_stored_once() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    engine.store.append(scope(1), batch("a", 10)).await.unwrap();
    let restart = async { restart(&engine) };
    let (sent, ()) = tokio::join!(engine.store.append(scope(1), batch("b", 10)), restart);
    assert_eq!(sent.unwrap().stored, 10);
    assert_eq!(ids(&engine.store, scope(1)).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_goes_on_after_a_kill_of_the_server() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    engine.store.append(scope(1), batch("a", 10)).await.unwrap();
    let request = forget(1, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-06-01");
    engine.store.erase(scope(1), request.clone()).await.unwrap();
    restart(&engine);
    assert!(ids(&engine.store, scope(1)).await.is_empty());
    assert_eq!(until_done(&engine.store, scope(1), request.id).await, 10);
}

#[tokio::test]
async fn a_server_that_is_gone_is_reported() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    engine.store.ready().await.unwrap();
    engine.node.lock().kill();
    let error = engine.store.ready().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_reported_until_events_are_stored_again() {
    let Some((disk, engine)) = OnClickHouse::started_on_small_disk().await else { return };
    engine.store.append(scope(1), batch("a", 10)).await.unwrap();
    engine.store.ready().await.unwrap();
    disk.fill().unwrap();
    let error = engine.store.append(scope(1), batch("b", 10)).await.unwrap_err();
    assert!(error.to_string().contains("disk"), "{error}");
    assert_eq!(engine.store.ready().await.unwrap_err().to_string(), error.to_string());
    assert!(engine.store.gauges().contains(&("writes_failing", 1.0)));
    disk.free().unwrap();
    let stored = engine.store.append(scope(1), batch("b", 10)).await.unwrap();
    assert_eq!(stored.stored + stored.duplicates, 10);
    engine.store.ready().await.unwrap();
    assert!(engine.store.gauges().contains(&("writes_failing", 0.0)));
}
