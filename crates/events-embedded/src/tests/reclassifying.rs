//! Re-classifications that are interrupted between two segments: what is on disk then, and what a restart
//! or an erasure makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::event::Event;
use millimetric_core::ids::ReclassificationId;
use millimetric_events::suite::sample::{at, by, scope};
use millimetric_events::suite::{all_exported, exported, forget, until_done, until_reclassified};
use millimetric_events::{EventStore as _, Reclassify, Subject};
use uuid::Uuid;

use crate::maintenance::maintainer::Maintainer;
use crate::maintenance::reclassify;
use crate::wal::commands::Command;
use crate::{EmbeddedStore, Options};

/// A string that occurs in the events of one person only, also in compressed files.
const PERSON: &str = "the-person-to-erase";

fn request() -> Reclassify {
    let settings = r#"{"rules":[{"slug":"acme","source":"acme","medium":"partner",
        "when":[{"field":"query.ref","op":"is","value":"acme"}]}]}"#;
    let settings: RuleSettings = serde_json::from_str(settings).unwrap();
    let rules = ProjectRules::new(settings).unwrap();
    Reclassify { id: ReclassificationId::new(Uuid::from_u128(1)), range: None, rules }
}

fn visit(id: &str, time: &str, visitor: &str) -> Event {
    Event { url: Some("https://shop.example/?ref=acme".to_owned()), ..by(id, time, visitor, None) }
}

/// A store with a segment for each of two months, of which the re-classification has done one.
async fn half_done(folder: &Path) -> EmbeddedStore {
    let store = EmbeddedStore::open(folder, Options::default()).await.unwrap();
    let events = vec![
        visit("a", "2026-05-01T00:00:00Z", PERSON),
        visit("b", "2026-05-02T00:00:00Z", "v2"),
        visit("c", "2026-06-01T00:00:00Z", "v2"),
    ];
    store.append(scope(1), events).await.unwrap();
    store.flush_now().await.unwrap();
    let (work, state) = (Arc::clone(&store.maintenance), Arc::clone(&store.state));
    let segments = folder.join("segments");
    let stage = move || {
        // Held, so that the maintenance thread does not go on.
        let _guard = work.rewriting.lock();
        let record = reclassify::record(&state, scope(1), request());
        work.queue.execute(Command::Reclassify(Box::new(record.clone()))).unwrap();
        let scope = state.scopes.get_or_new(scope(1));
        let segment = scope.data.read().segments[0].clone();
        Maintainer::new(Arc::clone(&work)).stage(&scope, &record, &segment, Instant::now()).unwrap();
        assert_eq!(files(&segments), 3, "one is written and not swapped in");
    };
    tokio::task::spawn_blocking(stage).await.unwrap();
    store
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// The files that contain the person's id.
fn holding(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if fs::read(&path).unwrap().windows(PERSON.len()).any(|text| text == PERSON.as_bytes()) {
            found.push(path);
        }
    }
    found
}

async fn sources(store: &EmbeddedStore) -> Vec<String> {
    let events = exported(store, scope(1), all_exported()).await;
    events.into_iter().map(|event| event.source.into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_response_shows_a_part_of_it_and_a_restart_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = half_done(folder.path()).await;
    let before = sources(&store).await;
    assert!(!before.contains(&"acme".to_owned()));
    drop(store);
    let store = EmbeddedStore::open(folder.path(), Options::default()).await.unwrap();
    let changes = until_reclassified(&store, scope(1), request().id).await;
    assert_eq!((changes.events, changes.changed), (3, 3));
    assert_eq!(sources(&store).await, ["acme"; 3]);
    drop(store);
    assert_eq!(files(&folder.path().join("segments")), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_discards_what_was_written_of_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let store = half_done(folder.path()).await;
    assert_eq!(holding(&folder.path().join("segments")).len(), 2, "the segment, and its new file");
    let visitor = Subject::Visitor { anonymous_id: PERSON.to_owned() };
    let erasure = forget(1, visitor, "2026-07-01T00:00:00Z");
    store.erase(scope(1), erasure.clone()).await.unwrap();
    assert_eq!(until_done(&store, scope(1), erasure.id).await, 1);
    until_reclassified(&store, scope(1), request().id).await;
    assert_eq!(sources(&store).await, ["acme"; 2]);
    store.close().await;
    let found = holding(folder.path());
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_and_is_missing_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = half_done(folder.path()).await;
    let staged = store.state.reclassifications.by_id.read()[&request().id].staged.clone();
    drop(store);
    let path = staged.values().next().unwrap().path.clone().unwrap();
    fs::remove_file(folder.path().join("segments").join(path)).unwrap();
    let store = EmbeddedStore::open(folder.path(), Options::default()).await.unwrap();
    until_reclassified(&store, scope(1), request().id).await;
    assert_eq!(sources(&store).await, ["acme"; 3]);
    store.ready().await.unwrap();
    let erased = at("2026-07-01T00:00:00Z");
    store.expire(scope(1), erased).await.unwrap();
    assert_eq!(sources(&store).await, Vec::<String>::new());
}
