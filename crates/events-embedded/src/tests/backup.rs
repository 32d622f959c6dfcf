//! Backups of a running store, and the erasures that a restored store takes over from a later one.

use millimetric_core::event::Event;
use tempfile::TempDir;

use crate::tests::{event_at, open};
use crate::{Learned, learn_erasures};
use millimetric_events::suite::sample::{at, event, scope};
use millimetric_events::suite::{forget, ids, until_done};
use millimetric_events::{EventStore, LocalStore as _, Snapshot, Subject};

#[tokio::test]
async fn a_copy_holds_what_was_acknowledged_and_nothing_later() {
    let (directory, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event("a"), event_at("old", "2020-01-01T00:00:00Z")]).await.unwrap();
    store.flush_now().await.unwrap();
    store.append(scope(1), vec![event("b")]).await.unwrap();
    store.append(scope(2), vec![event("c")]).await.unwrap();
    let copied = store.snapshot(copy.path()).await.unwrap();
    assert_eq!(copied, Snapshot { segments: 4, events: 4 });
    store.append(scope(1), vec![event("later")]).await.unwrap();
    let restored = open(copy.path()).await;
    assert_eq!(ids(&restored, scope(1)).await, ["b", "a", "old"]);
    assert_eq!(ids(&restored, scope(2)).await, ["c"]);
    let again = restored.append(scope(1), vec![event("b"), event("later")]).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (1, 1), "its ids are known in the copy too");
    assert_eq!(ids(&store, scope(1)).await, ["later", "b", "a", "old"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_events_arrive_is_a_prefix_of_them() {
    let (directory, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(directory.path()).await;
    let writing = async {
        for number in 0..200 {
            store.append(scope(1), vec![event(&format!("{number:03}"))]).await.unwrap();
        }
    };
    let (copied, ()) = tokio::join!(store.snapshot(copy.path()), writing);
    let restored = open(copy.path()).await;
    let mut found = ids(&restored, scope(1)).await;
    found.reverse();
    assert_eq!(found.len() as u64, copied.unwrap().events);
    let prefix: Vec<String> = (0..found.len()).map(|number| format!("{number:03}")).collect();
    assert_eq!(found, prefix);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_forgets_whom_the_later_one_forgot() {
    let (directory, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(directory.path()).await;
    let hers = Event { user_id: Some("anna".to_owned()), ..event("hers") };
    store.append(scope(1), vec![hers, event("his"), event_at("old", "2020-01-01T00:00:00Z")]).await.unwrap();
    store.snapshot(copy.path()).await.unwrap();
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    let request = forget(1, anna, "2026-06-01T00:00:00Z");
    store.erase(scope(1), request.clone()).await.unwrap();
    until_done(&store, scope(1), request.id).await;
    store.expire(scope(1), at("2021-01-01")).await.unwrap();
    store.close().await;
    drop(store);
    for _ in 0..2 {
        let learned = learn_erasures(copy.path(), directory.path()).unwrap();
        assert_eq!(learned, Learned::Erasures(1));
    }
    let restored = open(copy.path()).await;
    assert_eq!(ids(&restored, scope(1)).await, ["his"]);
    assert_eq!(until_done(&restored, scope(1), request.id).await, 1);
    assert_eq!(ids(&restored, scope(1)).await, ["his"]);
    restored.close().await;
    let learned = learn_erasures(copy.path(), directory.path()).unwrap();
    assert_eq!(learned, Learned::Erasures(0), "what is done stays done");
}

#[tokio::test]
async fn nothing_is_learned_from_another_installation() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for directory in [&one, &two] {
        open(directory.path()).await.close().await;
    }
    assert_eq!(learn_erasures(one.path(), two.path()).unwrap(), Learned::Stranger);
}
