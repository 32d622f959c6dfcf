//! Export and import in the embedded engine: deduplication against old segments, and Parquet files.

use std::io::{Seek as _, Write as _};

use futures_util::StreamExt as _;
use millimetric_core::event::Event;
use millimetric_core::query::{EventSelector, ExportQuery};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::EmbeddedStore;
use crate::tests::disk::parquet_files;
use crate::tests::{Clock, event_at, options_at, until};
use millimetric_events::parquet::{ParquetWriter, read_parquet};
use millimetric_events::suite::exported;
use millimetric_events::suite::sample::{at, event, events, ever, scope};
use millimetric_events::{Appended, EventStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_knows_events_that_no_filter_knows_any_more() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:01:00Z");
    let store = EmbeddedStore::open(directory.path(), options_at(&clock)).await.unwrap();
    let known = vec![event("a"), event_at("b", "2026-04-01T00:00:00Z")];
    store.append(scope(1), known.clone()).await.unwrap();
    store.flush_now().await.unwrap();
    clock.set("2026-06-16T12:01:00Z");
    store.maintenance.signal.wake();
    until(&store, "dedup_filter_bytes", 0.0).await;
    let both = vec![event("a"), event_at("b", "2026-04-01T00:00:00Z"), event("new")];
    assert_eq!(store.import(scope(1), both).await.unwrap(), Appended { stored: 1, duplicates: 2 });
    let sent = store.append(scope(1), known).await.unwrap();
    assert_eq!(sent, Appended { stored: 2, duplicates: 0 }, "an append has its window");
}

#[tokio::test]
async fn an_export_ends_when_nobody_wants_more() {
    let directory = TempDir::new().unwrap();
    let store = crate::tests::open(directory.path()).await;
    let many: Vec<Event> = (0..2500).map(|number| event(&format!("{number:04}"))).collect();
    store.append(scope(1), many).await.unwrap();
    store.flush_now().await.unwrap();
    let query = ExportQuery { range: ever(), events: EventSelector::Any, filters: Vec::new() };
    let first = store
        .export(scope(1), millimetric_core::time::Timestamp::MIN, query.clone())
        .next()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.len(), 1000);
    assert_eq!(exported(&store, scope(1), query).await.len(), 2500);
}

#[tokio::test]
async fn the_file_of_a_segment_can_be_imported_as_it_is() {
    let directory = TempDir::new().unwrap();
    let store = crate::tests::open(directory.path()).await;
    let sent = ["evt_019ca6b1-ddb8-751e-b808-47475a6c8eed", "order-1"].map(event);
    store.append(scope(1), sent.to_vec()).await.unwrap();
    store.flush_now().await.unwrap();
    let file = std::fs::File::open(&parquet_files(directory.path())[0]).unwrap();
    let read = read_parquet(file).unwrap();
    let read: Vec<Event> = read.map(|record| record.unwrap().into_event(at("2027-01-01")).unwrap()).collect();
    assert_eq!(read, sent);
}

#[test]
fn parquet_gives_back_what_went_in() {
    let config = Config { cases: 32, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let checked = runner.run(&events(50), |events| {
        let mut bytes = Vec::new();
        let mut writer = ParquetWriter::new(&mut bytes, scope(1)).unwrap();
        events.chunks(7).for_each(|events| writer.write(events).unwrap());
        writer.close().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let read: Vec<Event> = read_parquet(file)
            .unwrap()
            .map(|record| record.unwrap().into_event(at("2027-01-01")).unwrap())
            .collect();
        prop_assert_eq!(read, events);
        Ok(())
    });
    checked.unwrap();
}
