//! Small segments are merged into larger ones without changing any response.

use std::fs;

use tempfile::TempDir;

use crate::EmbeddedStore;
use crate::tests::disk::parquet_files;
use crate::tests::{event_at, open, until};
use millimetric_events::suite::ids;
use millimetric_events::suite::sample::{event, scope};
use millimetric_events::{Appended, EventStore};

/// Flushes an event of each id and day into a segment of its own.
async fn flush_each(store: &EmbeddedStore, events: &[(&str, &str)]) {
    for (id, time) in events {
        store.append(scope(1), vec![event_at(id, time)]).await.unwrap();
        store.flush_now().await.unwrap();
    }
}

const MAY: [(&str, &str); 4] = [
    ("c", "2026-05-16T03:00:00Z"),
    ("a", "2026-05-16T01:00:00Z"),
    ("d", "2026-05-20"),
    ("b", "2026-05-16T02:00:00Z"),
];

#[tokio::test]
async fn four_small_neighbours_become_one_segment() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    flush_each(&store, &MAY).await;
    until(&store, "segments", 1.0).await;
    assert_eq!(ids(&store, scope(1)).await, ["d", "c", "b", "a"]);
    until(&store, "merged_events_total", 4.0).await;
    let again = store.append(scope(1), vec![event("b"), event("e")]).await.unwrap();
    assert_eq!(again, Appended { stored: 1, duplicates: 1 }, "the merged segment knows its ids");
    store.close().await;
    assert_eq!(parquet_files(directory.path()).len(), 1, "the files of the others are gone");
    let store = open(directory.path()).await;
    assert_eq!(ids(&store, scope(1)).await, ["d", "e", "c", "b", "a"]);
}

#[tokio::test]
async fn months_are_not_merged() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    flush_each(&store, &[("a", "2026-03-01"), ("b", "2026-04-01"), ("c", "2026-05-01"), ("d", "2026-06-01")])
        .await;
    flush_each(&store, &[("e", "2026-05-02"), ("f", "2026-05-03"), ("g", "2026-05-04")]).await;
    until(&store, "segments", 4.0).await;
    assert_eq!(ids(&store, scope(1)).await, ["d", "g", "f", "e", "c", "b", "a"]);
}

#[tokio::test]
async fn a_broken_segment_keeps_only_its_neighbours_from_being_merged() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    flush_each(&store, &MAY[..1]).await;
    fs::write(&parquet_files(directory.path())[0], b"not parquet").unwrap();
    flush_each(&store, &MAY[1..]).await;
    for (id, time) in MAY {
        store.append(scope(2), vec![event_at(id, time)]).await.unwrap();
        store.flush_now().await.unwrap();
    }
    until(&store, "segments", 5.0).await;
    assert_eq!(ids(&store, scope(2)).await, ["d", "c", "b", "a"]);
}
