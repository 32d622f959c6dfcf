//! Erased people and expired events occur in no file: neither as plain bytes nor compressed, neither in used
//! nor in free pages.
//!
//! Every test first finds what it searches for in each of these locations, since a search that never finds
//! anything proves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use millimetric_core::event::Event;
use millimetric_core::ids::ErasureId;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use tempfile::TempDir;

use crate::EmbeddedStore;
use crate::tests::disk::{files, parquet_files};
use crate::tests::{Clock, event_at, open, options_at, until, until_true};
use crate::wal::batch_codec;
use crate::wal::snapshot;
use millimetric_events::suite::sample::{at, event, scope};
use millimetric_events::suite::{self, forget, ids, until_done};
use millimetric_events::{ErasureStatus, EventStore, Subject};

const USER: &str = "user-4711-anna@example.com";
const VISITOR: &str = "visitor-0815-of-anna";
const TRAIT: &str = "trait-of-anna-whose-plan-is-pro";

/// The compressed batches of the write-ahead log as they are stored.
fn packed_batches(directory: &Path) -> Vec<Vec<u8>> {
    let connection = snapshot::connect(&directory.join("events.db")).unwrap();
    let mut statement = connection.prepare("select data from hot_log").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Returns how many fragments of compressed batches occur in the files, and how many there are: a search
/// for texts cannot see compressed bytes. A fragment that spans two pages of the database is not found.
fn fragments(directory: &Path, packed: &[Vec<u8>]) -> (usize, usize) {
    let files: Vec<Vec<u8>> = files(directory).iter().map(|path| fs::read(path).unwrap()).collect();
    let lies = |fragment: &&[u8]| {
        files.iter().any(|bytes| bytes.windows(fragment.len()).any(|window| window == *fragment))
    };
    let all = || packed.iter().flat_map(|batch| batch.chunks_exact(48).step_by(20));
    (all().filter(lies).count(), all().count())
}

/// All locations of the text: plain bytes of a file, values in a Parquet file, the write-ahead log.
fn locations(directory: &Path, text: &str) -> Vec<String> {
    let holds =
        |path: &PathBuf| fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes());
    let bytes = files(directory).into_iter().filter(holds);
    let mut locations: Vec<String> = bytes.map(|path| format!("bytes of {}", path.display())).collect();
    for path in parquet_files(directory) {
        let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
        let has = |row: parquet::record::Row| row.to_string().contains(text);
        if reader.get_row_iter(None).unwrap().any(|row| has(row.unwrap())) {
            locations.push(format!("a row of {}", path.display()));
        }
    }
    for packed in packed_batches(directory) {
        let mut found = false;
        let has = |bytes: &[u8]| str::from_utf8(bytes).unwrap().contains(text);
        batch_codec::decode(&packed, millimetric_core::column::Column::COUNT, |row| {
            found |= row.texts.into_iter().flatten().any(has);
            Ok(())
        })
        .unwrap();
        locations.extend(found.then(|| "the write-ahead log".to_owned()));
    }
    locations
}

fn assert_nowhere(directory: &Path, texts: &[&str]) {
    for text in texts {
        assert_eq!(locations(directory, text), Vec::<String>::new(), "{text}");
    }
}

/// An event of the person to erase, with the id of the user, that of the visitor, and a session id that the
/// server derives from the visitor's.
fn theirs(id: &str, time: &str) -> Event {
    Event {
        anonymous_id: VISITOR.to_owned(),
        user_id: Some(USER.to_owned()),
        session_id: format!("{VISITOR}-988000"),
        ..event_at(id, time)
    }
}

/// An event that links the visitor to the user.
fn identify(id: &str, time: &str) -> Event {
    let properties = format!(r#"{{"plan":"{TRAIT}"}}"#);
    Event { event_name: "$identify".to_owned(), properties, ..theirs(id, time) }
}

/// An event of the visitor without a user id.
fn anonymous(id: &str, time: &str) -> Event {
    Event { user_id: None, ..theirs(id, time) }
}

/// Enough events that their batch is compressed and takes several pages.
fn many(prefix: &str, time: &str) -> Vec<Event> {
    let each = |n: u64| {
        let noise = |salt: u64| {
            format!("{:016x}", (n + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ salt)
        };
        let url =
            format!("https://example.com/{}{}", noise(0xff51_afd7_ed55_8ccd), noise(0xc4ce_b9fe_1a85_ec53));
        Event { url: Some(url), ..theirs(&format!("{prefix}-{n}"), time) }
    };
    (0..600).map(each).collect()
}

/// Fills a scope with events of the person and of others: in merged segments, in flushed ones and in the
/// memtable, single and in a compressed batch.
async fn fill(store: &EmbeddedStore, directory: &Path) -> Vec<Vec<u8>> {
    for (id, time) in [("m1", "2026-05-01"), ("m2", "2026-05-02"), ("m3", "2026-05-03"), ("m4", "2026-05-04")]
    {
        store.append(scope(1), vec![anonymous(id, time), event(&format!("other-{id}"))]).await.unwrap();
        store.flush_now().await.unwrap();
    }
    store.merge_now().await.unwrap();
    until(store, "segments", 1.0).await;
    store.append(scope(1), many("flushed", "2026-04-10")).await.unwrap();
    let mut packed = packed_batches(directory);
    store.flush_now().await.unwrap();
    store.append(scope(1), vec![identify("recent", "2026-05-16"), event("other-recent")]).await.unwrap();
    store.append(scope(1), many("packed", "2026-05-16")).await.unwrap();
    packed.extend(packed_batches(directory));
    packed.retain(|packed| packed.len() > 8192);
    packed
}

/// Asserts that the search finds the person in every location.
fn assert_everywhere(directory: &Path, packed: &[Vec<u8>]) {
    let visitor = locations(directory, VISITOR);
    assert_eq!(visitor.iter().filter(|location| location.starts_with("a row of")).count(), 2, "{visitor:?}");
    assert_eq!(
        visitor.iter().filter(|location| *location == "the write-ahead log").count(),
        2,
        "{visitor:?}"
    );
    for text in [USER, TRAIT] {
        assert!(
            locations(directory, text).iter().any(|location| location.contains("events.db-wal")),
            "{text}"
        );
    }
    assert_eq!(
        packed.len(),
        2,
        "one compressed batch was flushed and is in free pages, one is in the write-ahead log"
    );
    let (found, all) = fragments(directory, packed);
    assert!(all >= 16 && found * 4 >= all * 3, "{found} of {all} fragments are found");
}

fn assert_gone(directory: &Path, packed: &[Vec<u8>]) {
    assert_nowhere(directory, &[USER, VISITOR, TRAIT]);
    assert_eq!(fragments(directory, packed).0, 0, "fragments of a packed batch are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_person_is_nowhere() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let packed = fill(&store, directory.path()).await;
    assert_everywhere(directory.path(), &packed);
    let user = Subject::User { user_id: USER.to_owned(), include_linked: true };
    let request = forget(1, user, "2026-05-17");
    store.erase(scope(1), request.clone()).await.unwrap();
    // Events that arrive while files are rewritten: older ones of the person, and those of others.
    let arriving = async {
        for number in 0..50 {
            let late = theirs(&format!("late-{number}"), "2026-05-16");
            let batch = vec![late, event(&format!("other-late-{number}"))];
            assert_eq!(store.append(scope(1), batch).await.unwrap().stored, 1);
        }
    };
    let (deleted, ()) = tokio::join!(until_done(&store, scope(1), request.id), arriving);
    assert_eq!(deleted, 4 + 600 + 1 + 600);
    assert_gone(directory.path(), &packed);
    assert_eq!(ids(&store, scope(1)).await.len(), 4 + 1 + 50, "the others are all there");
    drop(store);
    assert_gone(directory.path(), &packed);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_events_are_nowhere() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:00:00Z");
    let store = EmbeddedStore::open(directory.path(), options_at(&clock)).await.unwrap();
    let packed = fill(&store, directory.path()).await;
    assert_everywhere(directory.path(), &packed);
    let kept = || Event { timestamp: at("2026-05-17T12:00:00Z"), ..event("kept") };
    store.append(scope(1), vec![kept()]).await.unwrap();
    store.expire(scope(1), at("2026-05-17")).await.unwrap();
    // Events that expire in the memtable are dropped by its flush.
    store.flush_now().await.unwrap();
    until_emptied(directory.path()).await;
    assert_gone(directory.path(), &packed);
    assert_eq!(ids(&store, scope(1)).await, ["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_scope_is_nowhere() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let packed = fill(&store, directory.path()).await;
    assert_everywhere(directory.path(), &packed);
    store.drop_scope(scope(1)).await.unwrap();
    until_emptied(directory.path()).await;
    assert_gone(directory.path(), &packed);
}

/// Waits until SQLite's write-ahead log is truncated, which is the last step of an expiry.
async fn until_emptied(directory: &Path) {
    let log = directory.join("events.db-wal");
    until_true("events.db-wal to be truncated", || fs::metadata(&log).unwrap().len() == 0).await;
}

/// Waits until an attempt of the erasure has failed. Panics if it succeeds.
async fn until_failed(store: &EmbeddedStore, id: ErasureId) {
    let failed = async || match store.erasure(scope(1), id).await.unwrap().unwrap().status {
        ErasureStatus::Failed => Some(()),
        ErasureStatus::Done => panic!("the erasure is done"),
        ErasureStatus::Queued | ErasureStatus::Running => None,
    };
    suite::until("the erasure to fail", failed).await;
}

/// The other reader is for example a tool that copies the database page by page.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_gone_while_another_reader_keeps_the_write_ahead_log() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.append(scope(1), vec![theirs("a", "2026-05-16"), event("b")]).await.unwrap();
    let reader = snapshot::connect(&directory.path().join("events.db")).unwrap();
    reader.execute_batch("begin; select count(*) from hot_log").unwrap();
    let request = forget(1, Subject::Visitor { anonymous_id: VISITOR.to_owned() }, "2026-05-17");
    store.erase(scope(1), request.clone()).await.unwrap();
    until_failed(&store, request.id).await;
    assert_eq!(ids(&store, scope(1)).await, ["b"], "hidden all the same");
    reader.close().unwrap();
    assert_eq!(until_done(&store, scope(1), request.id).await, 1);
    assert_nowhere(directory.path(), &[VISITOR]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_segment_keeps_nobody_in_the_others() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let batch = vec![theirs("april", "2026-04-01"), theirs("may", "2026-05-01"), event("other")];
    store.append(scope(1), batch).await.unwrap();
    store.flush_now().await.unwrap();
    let months = parquet_files(directory.path());
    let april = months.iter().find(|path| path.to_string_lossy().contains("2026-04")).unwrap();
    let elsewhere = TempDir::new().unwrap();
    fs::rename(april, elsewhere.path().join("april")).unwrap();
    let user = Subject::User { user_id: USER.to_owned(), include_linked: false };
    let request = forget(1, user, "2026-05-17");
    store.erase(scope(1), request.clone()).await.unwrap();
    until_failed(&store, request.id).await;
    assert_nowhere(directory.path(), &[USER, VISITOR]);
    fs::rename(elsewhere.path().join("april"), april).unwrap();
    assert_eq!(until_done(&store, scope(1), request.id).await, 2, "put back, it is rewritten too");
    assert_nowhere(directory.path(), &[USER, VISITOR]);
    assert_eq!(ids(&store, scope(1)).await, ["other"]);
}
