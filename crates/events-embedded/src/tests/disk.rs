//! Files on disk: what survives a crash, what is deleted, and the effect of damaged files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use millimetric_core::event::Event;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use tempfile::TempDir;

use crate::EmbeddedStore;
use crate::tests::{Clock, event_at, gauge, open, options_at, until, until_true};
use crate::wal::commands::Command;
use millimetric_events::suite::sample::{at, event, ever, limit, range, scope};
use millimetric_events::suite::{forget, ids, until_done};
use millimetric_events::{EventStore, EventStoreExt as _, LocalError, StoreError, Subject};

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub(crate) fn parquet_files(directory: &Path) -> Vec<PathBuf> {
    files(directory).into_iter().filter(|path| path.extension().is_some_and(|it| it == "parquet")).collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let copied = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        fs::copy(&file, copied).unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_process_dies() {
    let (directory, after) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event("a")]).await.unwrap();
    store.flush_now().await.unwrap();
    store.append(scope(1), vec![event("b"), event("c")]).await.unwrap();
    store.append(scope(2), vec![event("d")]).await.unwrap();
    // A copy of the files has the state that a killed process leaves behind.
    copy(directory.path(), after.path());
    let store = open(after.path()).await;
    assert_eq!(ids(&store, scope(1)).await, ["c", "b", "a"]);
    assert_eq!(ids(&store, scope(2)).await, ["d"]);
    let again = store.append(scope(1), vec![event("a"), event("b")]).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 2));
}

#[tokio::test]
async fn a_dropped_append_harms_nobody() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let given_up = store.append(scope(1), vec![event("a")]);
    let polled = futures_util::FutureExt::now_or_never(given_up);
    assert!(polled.is_none_or(|stored| stored.is_ok()));
    store.append(scope(1), vec![event("b")]).await.unwrap();
    assert!(ids(&store, scope(1)).await.contains(&"b".to_owned()));
}

#[tokio::test]
async fn files_that_a_crash_left_behind_are_removed() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event("a")]).await.unwrap();
    store.flush_now().await.unwrap();
    drop(store);
    let segments = parquet_files(directory.path());
    let folder = segments[0].parent().unwrap();
    fs::write(folder.join("torn.tmp"), "half a file").unwrap();
    fs::copy(&segments[0], folder.join("never-swapped-in.parquet")).unwrap();
    let store = open(directory.path()).await;
    assert_eq!(files(&directory.path().join("segments")), segments);
    assert_eq!(ids(&store, scope(1)).await, ["a"]);
}

#[tokio::test]
async fn the_space_of_flushed_events_is_returned() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let size = || fs::metadata(directory.path().join("events.db")).unwrap().len();
    // 12 MB of texts that do not compress.
    let mut noise = 1_u64;
    let mut text = || -> String {
        let letter = |_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + (noise >> 33) as u8 % 75)
        };
        (0..2000).map(letter).filter(|letter| *letter != '\\').collect()
    };
    for batch in 0..6 {
        let events =
            (0..1000).map(|index| Event { referrer: Some(text()), ..event(&format!("{batch}-{index}")) });
        store.append(scope(1), events.collect()).await.unwrap();
    }
    store.flush_now().await.unwrap();
    until_true("events.db to shrink below 8 MiB", || size() <= 8 << 20).await;
}

/// Also in a directory that existed before and that everybody may read.
#[tokio::test]
async fn what_is_stored_is_for_its_owner_alone() {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event("a")]).await.unwrap();
    store.flush_now().await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in files(directory.path()) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    for folder in parquet_files(directory.path())[0].ancestors().skip(1).take(4) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn a_segment_is_a_parquet_file_with_the_columns_of_the_stored_row() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let ours = event("evt_019ca6b1-ddb8-751e-b808-47475a6c8eed");
    let sent = vec![event("a"), ours, event_at("b", "2026-04-30T00:00:00Z")];
    store.append(scope(1), sent).await.unwrap();
    store.flush_now().await.unwrap();
    let mut paths = parquet_files(directory.path());
    paths.sort();
    let months: Vec<_> = paths.iter().map(|path| path.parent().unwrap().file_name().unwrap()).collect();
    assert_eq!(months, ["2026-04", "2026-05"]);
    let reader = SerializedFileReader::new(fs::File::open(&paths[1]).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<_> = schema.columns().iter().map(|column| column.name().to_owned()).collect();
    assert_eq!(
        names.join(" "),
        "project_id env timestamp received_at event_name event_id anonymous_id user_id session_id source medium \
         campaign source_confidence source_rule_id referrer url path country device_type browser os ip_hash \
         properties event_uuid"
    );
    assert_eq!(schema.column(23).logical_type_ref(), Some(&parquet::basic::LogicalType::Uuid));
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert!(rows[0].contains("event_id: \"a\"") && rows[0].contains("event_uuid: null"), "{}", rows[0]);
    assert!(rows[1].contains("event_id: null") && rows[1].contains("event_uuid: "), "{}", rows[1]);
    let row = reader.get_row_iter(None).unwrap().next().unwrap().unwrap().to_string();
    assert!(
        row.contains("event_id: \"a\"") && row.contains("timestamp: 2026-05-16 12:00:00.000 +00:00"),
        "{row}"
    );
    assert!(row.contains("ip_hash: \"abababababababababababababababab\""), "{row}");
}

#[tokio::test]
async fn a_deleted_segment_is_named_and_the_rest_still_answers() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event_at("a", "2026-04-01"), event_at("b", "2026-05-01")]).await.unwrap();
    store.append(scope(2), vec![event("c")]).await.unwrap();
    store.flush_now().await.unwrap();
    let april =
        parquet_files(directory.path()).into_iter().find(|path| path.to_string_lossy().contains("2026-04"));
    let april = april.unwrap();
    fs::remove_file(&april).unwrap();
    drop(store);
    let store = open(directory.path()).await;
    let mut query = millimetric_events::suite::all_events(ever());
    let error = store.query(scope(1), query.clone()).await.unwrap_err();
    let StoreError::Local(LocalError::Corrupt(text)) = error else { panic!("{error}") };
    assert!(text.contains(&*april.to_string_lossy()), "{text}");
    query.range = range("2026-05-01", "2026-06-01");
    assert_eq!(store.query(scope(1), query).await.unwrap().rows.len(), 1);
    assert_eq!(ids(&store, scope(2)).await, ["c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_taken_up_again_after_a_restart() {
    let (directory, after) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(directory.path()).await;
    let events = (0..50).map(|n| event(&n.to_string())).collect();
    store.append(scope(1), events).await.unwrap();
    let request = forget(1, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-17");
    store.erase(scope(1), request.clone()).await.unwrap();
    copy(directory.path(), after.path());
    let store = open(after.path()).await;
    assert_eq!(ids(&store, scope(1)).await, Vec::<String>::new());
    assert_eq!(until_done(&store, scope(1), request.id).await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_keeps_the_identify_events_of_a_hidden_user() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let identify = millimetric_core::event::Event {
        event_name: "$identify".to_owned(),
        user_id: Some("anna".to_owned()),
        ..event("a")
    };
    store.append(scope(1), vec![identify, event("b")]).await.unwrap();
    let user = Subject::User { user_id: "anna".to_owned(), include_linked: true };
    let request = forget(1, user, "2026-05-17");
    // A flush happens after the request is recorded and before the linked visitors are known.
    let stored = crate::maintenance::erase::stored(&store.state.columns, scope(1), &request);
    store.queue.execute_async(Command::Erase(stored)).await.unwrap();
    store.flush_now().await.unwrap();
    store.erase(scope(1), request.clone()).await.unwrap();
    assert_eq!(ids(&store, scope(1)).await, Vec::<String>::new());
    assert_eq!(until_done(&store, scope(1), request.id).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_events_leave_the_disk() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:00:00Z");
    let store = EmbeddedStore::open(directory.path(), options_at(&clock)).await.unwrap();
    for day in ["2026-03-01", "2026-04-01", "2026-04-20", "2026-05-01"] {
        store.append(scope(1), vec![event_at(day, day)]).await.unwrap();
    }
    store.flush_now().await.unwrap();
    assert_eq!(parquet_files(directory.path()).len(), 3);
    store.expire(scope(1), at("2026-04-10")).await.unwrap();
    until(&store, "segments", 2.0).await;
    let april = |path: &PathBuf| path.to_string_lossy().contains("2026-04");
    until_true("April to be one file of one row", || {
        let paths: Vec<_> = parquet_files(directory.path()).into_iter().filter(april).collect();
        let reader =
            paths.first().and_then(|path| SerializedFileReader::new(fs::File::open(path).ok()?).ok());
        paths.len() == 1 && reader.is_some_and(|it| it.metadata().file_metadata().num_rows() == 1)
    })
    .await;
    assert_eq!(ids(&store, scope(1)).await, ["2026-05-01", "2026-04-20"]);
    // Once no stored event is before the watermark, it can be lowered, and later arrivals are visible.
    store.expire(scope(1), at("2026-02-01")).await.unwrap();
    store.append(scope(1), vec![event_at("backfill", "2026-02-02")]).await.unwrap();
    assert_eq!(ids(&store, scope(1)).await, ["2026-05-01", "2026-04-20", "backfill"]);
    store.drop_scope(scope(1)).await.unwrap();
    until(&store, "segments", 0.0).await;
    until(&store, "memtable_rows", 0.0).await;
    assert_eq!(parquet_files(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memtable_is_flushed_when_it_is_large_or_old() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:00:00Z");
    let options = crate::Options { flush_rows: 100, ..options_at(&clock) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    store.append(scope(1), (0..100).map(|n| event(&n.to_string())).collect()).await.unwrap();
    until(&store, "flushes_total", 1.0).await;
    store.append(scope(1), vec![event("young")]).await.unwrap();
    assert!((gauge(&store, "memtable_rows") - 1.0).abs() < 0.5);
    clock.set("2026-05-16T12:15:00Z");
    // The flush thread checks the clock when it is woken, for example by another scope with many events.
    store.append(scope(2), (0..100).map(|n| event(&n.to_string())).collect()).await.unwrap();
    until(&store, "flushes_total", 3.0).await;
    let query = millimetric_core::query::NamesQuery { range: ever(), filters: Vec::new(), limit: limit(1) };
    assert_eq!(store.query(scope(1), query).await.unwrap().rows[0].count, 101);
}
