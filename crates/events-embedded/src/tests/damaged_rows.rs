//! Rows of `events.db` that cannot be read: everything unrelated to them keeps working, no file is lost, no
//! event of a person to erase is shown, and the row is named.

use std::path::Path;

use futures_util::StreamExt as _;
use millimetric_core::event::EventScope;
use millimetric_core::query::{EventSelector, ExportQuery};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::maintenance::inspect;
use crate::tests::disk::parquet_files;
use crate::tests::{Clock, event_at, open, options_at};
use crate::{EmbeddedStore, copy_at_rest, is_older};
use millimetric_events::suite::sample::{event, ever, range, scope};
use millimetric_events::suite::{all_events, forget, ids};
use millimetric_events::{EventStore, EventStoreExt as _, LocalError, Snapshot, StoreError, Subject};

fn run(directory: &Path, sql: &str) {
    Connection::open(directory.join("events.db")).unwrap().execute_batch(sql).unwrap();
}

/// A closed store of two projects. Each has a segment in April, one in May, and an event in the memtable.
async fn two_projects() -> TempDir {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    for number in [1, 2] {
        let flushed = vec![event_at("april", "2026-04-01"), event_at("may", "2026-05-01")];
        store.append(scope(number), flushed).await.unwrap();
    }
    store.flush_now().await.unwrap();
    for number in [1, 2] {
        store.append(scope(number), vec![event("recent")]).await.unwrap();
    }
    store.close().await;
    directory
}

/// The row of the first project with the lowest id.
const FIRST: &str = "where project = (select min(project) from segment)";

async fn fails(store: &EmbeddedStore, of: EventScope) -> String {
    match store.query(of, all_events(ever())).await {
        Err(StoreError::Local(LocalError::Corrupt(why))) => why,
        other => panic!("expected damage, got {other:?}"),
    }
}

#[tokio::test]
async fn a_segment_without_a_readable_project_is_left_out_and_its_file_kept() {
    let directory = two_projects().await;
    let files = parquet_files(directory.path());
    let keep = "create table kept as select id, project from segment";
    let damage = format!("update segment set project = x'00' {FIRST} and month = '2026-04'");
    run(directory.path(), &format!("{keep}; {damage}"));
    let store = open(directory.path()).await;
    assert_eq!(ids(&store, scope(2)).await, ["recent", "may", "april"]);
    assert_eq!(parquet_files(directory.path()), files, "a file is not deleted for want of its row");
    // A new segment does not get the id of an unreadable row.
    store.append(scope(2), vec![event("later")]).await.unwrap();
    store.flush_now().await.unwrap();
    assert_eq!(ids(&store, scope(2)).await.len(), 4);
    store.close().await;
    let found = inspect::inspect(directory.path()).unwrap();
    assert!(found.damaged.len() == 1 && found.damaged[0].starts_with("segment "), "{:?}", found.damaged);
    let repair = "update segment set project = (select project from kept where kept.id = segment.id)
        where id in (select id from kept); drop table kept";
    run(directory.path(), repair);
    let store = open(directory.path()).await;
    assert_eq!(ids(&store, scope(1)).await, ["recent", "may", "april"]);
}

#[tokio::test]
async fn a_segment_without_a_readable_path_fails_only_queries_over_its_time_range() {
    for damage in ["path = cast(x'ff41' as text)", "rows = -1", "bytes = -1"] {
        let directory = two_projects().await;
        let files = parquet_files(directory.path());
        let sql = format!("update segment set {damage} {FIRST} and month = '2026-04'");
        run(directory.path(), &sql);
        let store = open(directory.path()).await;
        assert_eq!(ids(&store, scope(2)).await, ["recent", "may", "april"], "{damage}");
        assert!(fails(&store, scope(1)).await.contains("damaged"), "{damage}");
        let mut may = all_events(ever());
        may.range = range("2026-05-01", "2026-06-01");
        assert_eq!(store.query(scope(1), may).await.unwrap().rows.len(), 2, "{damage}");
        assert_eq!(parquet_files(directory.path()), files, "{damage}");
        store.close().await;
        let damaged = inspect::inspect(directory.path()).unwrap().damaged;
        assert!(damaged.len() == 1 && damaged[0].starts_with("segment "), "{damage}: {damaged:?}");
    }
}

#[tokio::test]
async fn duplicates_are_detected_even_if_the_id_filter_is_damaged() {
    for damage in ["dedup_filter = x'0102'", "ids_made = x'0102'", "dedup_filter = x''"] {
        let directory = two_projects().await;
        run(directory.path(), &format!("update segment set {damage}"));
        let damaged = inspect::inspect(directory.path()).unwrap().damaged;
        assert_eq!(damaged.len(), 4, "{damage}: {damaged:?}");
        let store = open(directory.path()).await;
        let again = vec![event_at("april", "2026-04-01"), event_at("may", "2026-05-01"), event("recent")];
        let appended = store.append(scope(1), again).await.unwrap();
        assert_eq!((appended.stored, appended.duplicates), (0, 3), "{damage}");
    }
}

#[tokio::test]
async fn queries_to_a_project_fail_while_an_erasure_is_unreadable() {
    for damage in ["subject = x'00'", "linked = x'0001'"] {
        let directory = two_projects().await;
        let store = open(directory.path()).await;
        let visitor = Subject::Visitor { anonymous_id: "v1".to_owned() };
        let request = forget(1, visitor, "2026-05-17");
        let stored = crate::maintenance::erase::stored(&store.state.columns, scope(1), &request);
        store.close().await;
        // The state after a server was killed before it erased anything.
        let sql = format!(
            "insert into erasure select x'{id:032x}', project, 0, 0, x'{subject:032x}', 0, null, {at}, 0, null
                 from segment {FIRST} limit 1;
             update erasure set {damage}",
            id = request.id.uuid().as_u128(),
            subject = stored.subject.swap_bytes(),
            at = request.at.millis(),
        );
        run(directory.path(), &sql);
        let store = open(directory.path()).await;
        let why = fails(&store, scope(1)).await;
        assert!(why.contains(&format!("erasure {}", request.id)), "{damage}: {why}");
        let query = ExportQuery { range: ever(), events: EventSelector::Any, filters: Vec::new() };
        let exported = store.export(scope(1), millimetric_core::time::Timestamp::MIN, query).next().await;
        assert!(matches!(exported, Some(Err(StoreError::Local(LocalError::Corrupt(_))))), "{damage}");
        assert_eq!(ids(&store, scope(2)).await, ["recent", "may", "april"], "{damage}");
        store.append(scope(1), vec![event("sent meanwhile")]).await.unwrap();
        store.close().await;
        let damaged = inspect::inspect(directory.path()).unwrap().damaged;
        assert!(damaged[0].starts_with(&format!("erasure {}", request.id)), "{damaged:?}");
        // Once the row is repaired, the erasure is executed.
        let repair =
            format!("update erasure set subject = x'{:032x}', linked = null", stored.subject.swap_bytes());
        run(directory.path(), &repair);
        let store = open(directory.path()).await;
        assert_eq!(ids(&store, scope(1)).await, Vec::<String>::new(), "{damage}");
    }
}

#[tokio::test]
async fn an_unreadable_erasure_of_an_unknown_project_prevents_the_start() {
    let directory = two_projects().await;
    let sql = "insert into erasure values (x'00000000000000000000000000000001', x'00', 0, 0,
        x'00000000000000000000000000000001', 0, null, 1, 0, null)";
    run(directory.path(), sql);
    let refused = EmbeddedStore::open(directory.path(), options_at(&Clock::at("2026-05-17"))).await;
    let why = refused.err().unwrap().to_string();
    assert!(why.contains("erasure fgt_") && why.contains("restore it from a backup"), "{why}");
}

#[tokio::test]
async fn other_rows_that_cannot_be_read_are_skipped_and_stay() {
    let directory = two_projects().await;
    let sql = "insert into floor values (x'00', 0, 1);
        insert into hot_log (seq, project, env, rows, format, data)
            select seq + 1000, x'00', env, rows, format, data from hot_log limit 1;
        update hot_log set rows = -1 where seq < 1000";
    run(directory.path(), sql);
    for _ in 0..2 {
        let store = open(directory.path()).await;
        for number in [1, 2] {
            assert_eq!(
                ids(&store, scope(number)).await,
                ["recent", "may", "april"],
                "a wrong count loses nothing"
            );
        }
        // A flush deletes only the log rows that it wrote to a segment.
        store.flush_now().await.unwrap();
        store.close().await;
        let damaged = inspect::inspect(directory.path()).unwrap().damaged;
        assert_eq!(damaged.len(), 2, "{damaged:?}");
        assert!(damaged[0].starts_with("floor 1: ") && damaged[1].starts_with("row 100"), "{damaged:?}");
    }
}

#[tokio::test]
async fn a_store_at_rest_is_copied_as_it_is_in_whatever_format() {
    let (directory, copy) = (two_projects().await, TempDir::new().unwrap());
    // The format of the previous release.
    run(directory.path(), "alter table segment drop column ids_made; pragma user_version = 1");
    let before = std::fs::read(directory.path().join("events.db")).unwrap();
    assert!(is_older(directory.path()).unwrap());
    let found = inspect::inspect(directory.path()).unwrap();
    assert!(found.is_older && found.broken.is_empty() && found.damaged.is_empty(), "{found:?}");
    let copied = copy_at_rest(directory.path(), copy.path()).unwrap();
    assert_eq!(copied, Snapshot { segments: 4, events: 6 });
    assert_eq!(std::fs::read(directory.path().join("events.db")).unwrap(), before, "nothing is migrated");
    assert!(is_older(copy.path()).unwrap(), "nor in the copy");
    let restored = open(copy.path()).await;
    for number in [1, 2] {
        assert_eq!(ids(&restored, scope(number)).await, ["recent", "may", "april"]);
    }
    restored.close().await;
    assert!(!is_older(copy.path()).unwrap(), "the next start brings it up to date");

    run(directory.path(), "pragma user_version = 99");
    let refused = copy_at_rest(directory.path(), TempDir::new().unwrap().path()).unwrap_err();
    assert!(refused.to_string().contains("use a newer release"), "{refused}");
}
