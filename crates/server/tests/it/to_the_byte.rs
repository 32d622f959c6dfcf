//! What is gone is gone to the byte, seen from outside: nothing that was forgotten or has expired
//! occurs in a file of the data folder, not even packed, whatever was killed in between.
//!
//! Every search first finds what it looks for. Free pages and the pieces of packed batches are
//! looked into by the event store's own tests of this name.

use std::fs::File;
use std::path::Path;

use millimetric_events::parquet::read_parquet;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::faults::Strace;
use crate::support::{ALWAYS, Instance, Project, ServerProcess, eventually, files, files_with};

const USER: &str = "user-4711-anna@example.com";
const VISITOR: &str = "visitor-0815-of-anna";
const TRAIT: &str = "trait-of-anna-whose-plan-is-pro";

/// Every place where the text is: as plain bytes of a file, as a value in a Parquet file, in a
/// batch of the write-ahead log.
fn places(dir: &Path, text: &str) -> Vec<String> {
    let mut places = files_with(dir, text.as_bytes());
    for path in files(dir).into_iter().filter(|path| path.extension().is_some_and(|it| it == "parquet")) {
        let mut rows = read_parquet(File::open(&path).unwrap()).unwrap();
        if rows.any(|row| format!("{:?}", row.unwrap()).contains(text)) {
            places.push(format!("a row of {}", path.display()));
        }
    }
    for batch in batches(dir) {
        if batch.windows(text.len()).any(|part| part == text.as_bytes()) {
            places.push("the write-ahead log".to_owned());
        }
    }
    places
}

/// The batches of the write-ahead log, unpacked: each is a tag (1 for zstd), a length and the rows.
fn batches(dir: &Path) -> Vec<Vec<u8>> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.join("events.db")).read_only(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stored: Vec<Vec<u8>> = runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        let stored = sqlx::query_scalar("select data from hot_log").fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        stored
    });
    let mut batches = Vec::new();
    for mut rest in stored.iter().map(Vec::as_slice) {
        while let Some((head, behind)) = rest.split_first_chunk::<5>() {
            let (body, behind) = behind.split_at(u32::from_le_bytes(head[1..].try_into().unwrap()) as usize);
            batches.push(if head[0] == 1 { zstd::stream::decode_all(body).unwrap() } else { body.to_vec() });
            rest = behind;
        }
    }
    batches
}

fn assert_nowhere(dir: &Path) {
    for text in [USER, VISITOR, TRAIT] {
        assert_eq!(places(dir, text), Vec::<String>::new(), "{text}");
    }
}

/// An event of hers; the server derives its session from the visitor.
fn hers(id: &str, time: &str) -> Value {
    json!({ "event": "e", "event_id": id, "anonymous_id": VISITOR, "timestamp": time })
}

/// The event that ties the visitor to the user, as `/v1/identify` makes it of the present.
fn link(id: &str, time: &str) -> Value {
    let mut link = hers(id, time);
    link["event"] = json!("$identify");
    link["user_id"] = json!(USER);
    link["properties"] = json!({ "plan": TRAIT });
    link
}

fn others(id: &str) -> Value {
    json!({ "event": "e", "event_id": id, "anonymous_id": "ben", "timestamp": "2026-05-16T19:00:00Z" })
}

/// A project with her events and those of others: merged, flushed, in the memtable, alone and in a packed batch.
fn fill(server: &Instance) -> Project {
    let project = server.default_project();
    for round in 0..4 {
        server.track(&project.sk, hers(&format!("merged-{round}"), "2026-05-01T00:00:00Z"));
        server.track(&project.sk, others(&format!("other-{round}")));
        server.flush();
    }
    let segments = || files(&server.dir.join("segments")).len();
    eventually("four segments become one", || (segments() == 1).then_some(()));
    server.track(&project.sk, link("flushed", "2026-04-10T00:00:00Z"));
    server.flush();
    let many: Vec<Value> = (0..200).map(|n| hers(&format!("packed-{n}"), "2026-05-16T00:00:00Z")).collect();
    assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": many })).status, 202);
    server.track(&project.sk, link("hot", "2026-05-16T00:00:00Z"));
    server.track(&project.sk, others("other-hot"));
    project
}

fn assert_everywhere(dir: &Path) {
    for text in [USER, VISITOR, TRAIT] {
        let places = places(dir, text);
        for kind in ["events.db-wal", "a row of", "the write-ahead log"] {
            assert!(places.iter().any(|place| place.contains(kind)), "{text} is not in {kind}: {places:?}");
        }
    }
    let session = format!("{VISITOR}-");
    assert!(places(dir, &session).len() >= 3, "also in the ids of sessions");
}

fn ids(server: &Instance, key: &str) -> Vec<String> {
    let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), key).json()["rows"].clone();
    rows.as_array().unwrap().iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
}

/// Asks to forget her, and gives where the request stands.
fn forget(server: &Instance, project: &Project) -> String {
    let whom = json!({ "user_id": USER, "include_linked": true });
    let request = server.post("/v1/forget", &project.sk, &whom).json();
    format!("/v1/forget/{}", request["request_id"].as_str().unwrap())
}

fn is_done(server: &Instance, project: &Project, path: &str) -> bool {
    server.get(path, &project.sk).json()["status"] == "done"
}

/// That she is nowhere and the others are all there, also after a restart.
fn assert_only_she_is_gone(server: ServerProcess, project: &Project) {
    assert_nowhere(&server.dir);
    let expected = ["other-hot", "other-3", "other-2", "other-1", "other-0"];
    assert_eq!(ids(&server, &project.rk), expected);
    let (status, folder) = server.terminate();
    assert!(status.success());
    assert_nowhere(folder.unwrap().path());
}

#[test]
fn a_forgotten_person_is_nowhere() {
    let server = ServerProcess::start();
    let project = fill(&server);
    assert_everywhere(&server.dir);
    let path = forget(&server, &project);
    let mut late = 0;
    // A queue somewhere still sends what she did before.
    while !is_done(&server, &project, &path) {
        late += 1;
        server.track(&project.sk, hers(&format!("late-{late}"), "2026-05-16T00:00:00Z"));
    }
    assert_only_she_is_gone(server, &project);
}

#[test]
fn a_kill_in_the_middle_of_forgetting_leaves_nothing_behind() {
    // New files are whole but have no name; have a name that no transaction knows; stand for old
    // ones that are still there. Any thread may be the last that lets go of an old one.
    for (calls, when, is_the_keepers) in [
        ("?rename,?renameat,?renameat2", 1, true),
        ("fsync,fdatasync", 2, true),
        ("?unlink,?unlinkat", 1, false),
    ] {
        let server = ServerProcess::start();
        let project = fill(&server);
        assert_everywhere(&server.dir);
        let (traced, fault) = (format!("trace={calls}"), format!("inject={calls}:signal=KILL:when={when}"));
        let options = ["-e", &traced, "-e", &fault];
        let strace = if is_the_keepers {
            Strace::attach_to_thread(server.pid(), "events-maintain", &options)
        } else {
            Strace::attach(server.pid(), &options)
        };
        let Some(strace) = strace else { return };
        let path = forget(&server, &project);
        strace.ended();
        assert_ne!(places(&server.dir, VISITOR), Vec::<String>::new(), "it was in the middle: {calls}");
        let folder = server.kill().unwrap();
        let server = ServerProcess::start_on(folder.path(), &[]).keeping(folder);
        eventually("the erasure is taken up again", || is_done(&server, &project, &path).then_some(()));
        assert_only_she_is_gone(server, &project);
    }
}

#[test]
fn expired_events_are_nowhere() {
    let server = ServerProcess::start();
    let project = fill(&server);
    assert_everywhere(&server.dir);
    server.cli(&["project", "update", "default", "--retention-days", "1"]);
    server.track(&project.sk, json!({ "event": "fresh", "event_id": "fresh" }));
    // What expired is looked for at the start, and every quarter of an hour.
    let folder = server.kill().unwrap();
    let server = ServerProcess::start_on(folder.path(), &[]).keeping(folder);
    let gone = |text: &str| (places(&server.dir, text).is_empty()).then_some(());
    eventually("expired segments are gone", || {
        (files(&server.dir.join("segments")).is_empty()).then_some(())
    });
    // Events in the memtable expire when they are flushed, within a quarter of an hour.
    server.flush();
    for text in [VISITOR, "other-hot"] {
        eventually("expired events are gone", || gone(text));
    }
    assert_eq!(ids(&server, &project.rk), ["fresh"]);
}
