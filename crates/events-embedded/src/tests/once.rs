//! Deduplication of ids with and without a UUID time, wherever the event is: in the memtable, in a segment,
//! after a merge and after a restart.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;

use crate::tests::disk::parquet_files;
use crate::tests::{Clock, open, options_at, until_true};
use crate::{EmbeddedStore, Options};
use millimetric_events::suite::ids;
use millimetric_events::suite::sample::{event, scope};
use millimetric_events::{Appended, EventStore};

/// An id for this number: with a UUID time of its own, with one that many ids share, or without one.
fn id(number: u64) -> String {
    match number % 3 {
        0 => format!("evt_{:08x}-0000-7000-8000-{number:012x}", 0x019d_0000 + number * 64),
        1 => format!("evt_019d0000-0000-7000-8000-{number:012x}"),
        _ => format!("order-{number}"),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u64>),
    Flush,
    Merge,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => proptest::collection::vec(0_u64..60, 1..12).prop_map(Step::Send),
        3 => Just(Step::Flush),
        1 => Just(Step::Merge),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..24)
}

async fn open_with(directory: &Path, cache_bytes: u64) -> EmbeddedStore {
    let clock = Clock::at("2026-05-16T12:01:00Z");
    EmbeddedStore::open(directory, Options { cache_bytes, ..options_at(&clock) }).await.unwrap()
}

/// Checks that every event of the steps is stored once, and that each append reports its duplicates.
async fn play(steps: &[Step], cache_bytes: u64) {
    let directory = TempDir::new().unwrap();
    let mut store = open_with(directory.path(), cache_bytes).await;
    let mut sent = BTreeSet::new();
    for step in steps {
        match step {
            Step::Send(numbers) => {
                let stored = numbers.iter().filter(|number| sent.insert(**number)).count() as u64;
                let batch = numbers.iter().map(|number| event(&id(*number))).collect();
                let appended = store.append(scope(1), batch).await.unwrap();
                let duplicates = numbers.len() as u64 - stored;
                assert_eq!(appended, Appended { stored, duplicates }, "{step:?}");
            }
            Step::Flush => store.flush_now().await.unwrap(),
            Step::Merge => store.merge_now().await.unwrap(),
            Step::Restart => {
                store.close().await;
                store = open_with(directory.path(), cache_bytes).await;
            }
        }
    }
    let found: BTreeSet<String> = ids(&store, scope(1)).await.into_iter().collect();
    assert_eq!(found, sent.into_iter().map(id).collect::<BTreeSet<_>>());
}

#[test]
fn an_event_is_stored_once_wherever_it_is_by_now() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let config = Config { cases: 48, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    // With a cache of no bytes, every lookup reads the segment again.
    let strategy = (steps(), prop_oneof![Just(0), Just(256 << 20)]);
    let played = TestRunner::new_with_rng(config, random).run(&strategy, |(steps, cache_bytes)| {
        runtime.block_on(play(&steps, cache_bytes));
        Ok(())
    });
    played.unwrap();
}

#[tokio::test]
async fn ids_with_a_uuid_time_take_no_lasting_memory() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), (0..300).map(|number| event(&id(3 * number))).collect()).await.unwrap();
    store.flush_now().await.unwrap();
    assert!(crate::tests::gauge(&store, "dedup_filter_bytes").abs() < 0.5);
    store.append(scope(1), vec![event("order-1")]).await.unwrap();
    store.flush_now().await.unwrap();
    assert!(crate::tests::gauge(&store, "dedup_filter_bytes") > 0.5);
}

#[tokio::test]
async fn id_filters_are_dropped_after_the_window() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:01:00Z");
    let store = EmbeddedStore::open(directory.path(), options_at(&clock)).await.unwrap();
    store.append(scope(1), vec![event(&id(0))]).await.unwrap();
    store.flush_now().await.unwrap();
    let known =
        || store.state.scopes.get(scope(1)).unwrap().data.read().segments[0].known_ids.read().is_some();
    assert!(known());
    clock.set("2026-05-30T12:00:00Z");
    store.maintenance.signal.wake();
    until_true("the id filter to be dropped", || !known()).await;
    assert_eq!(store.append(scope(1), vec![event(&id(0))]).await.unwrap().stored, 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_looked_up_is_stored_rather_than_lost() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event(&id(0)), event(&id(30))]).await.unwrap();
    store.flush_now().await.unwrap();
    store.close().await;
    fs::remove_file(&parquet_files(directory.path())[0]).unwrap();
    let store = open(directory.path()).await;
    // The lost segment covers the UUID time of the first event, but not those of the others.
    let sent = vec![event(&id(0)), event(&id(15)), event("order-1")];
    assert_eq!(store.append(scope(1), sent).await.unwrap(), Appended { stored: 3, duplicates: 0 });
}

#[tokio::test]
async fn a_folder_of_format_1_knows_its_ids() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), (0..9).map(|number| event(&id(number))).collect()).await.unwrap();
    store.flush_now().await.unwrap();
    let segment = store.state.scopes.get(scope(1)).unwrap().data.read().segments[0].clone();
    let all = crate::columns::dedup::event_ids(&store.state.columns, &segment).unwrap();
    let filter = crate::segment::id_filter::IdFilter::of(all.iter().map(|id| *id as u64).collect())
        .unwrap()
        .to_bytes();
    store.close().await;
    // The state of format 1: no time spans, and a filter of all ids.
    let file = directory.path().join("events.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("alter table segment drop column ids_made; pragma user_version = 1").unwrap();
    connection.execute("update segment set dedup_filter = ?", [filter]).unwrap();
    connection.close().unwrap();
    for _ in 0..2 {
        let store = open(directory.path()).await;
        let again = (0..9).map(|number| event(&id(number))).collect();
        let appended = store.append(scope(1), again).await.unwrap();
        assert_eq!(appended, Appended { stored: 0, duplicates: 9 });
        store.close().await;
    }
}
