//! A power cut in the middle of a write, file by file: only what was never acknowledged can be
//! torn, since what was acknowledged had been synced. So each test kills the server and then cuts
//! or spoils what lies behind the last acknowledged byte, as the disk might have left it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{ALWAYS, Instance, Project, ServerProcess, cli, files, pageview};

/// Frames of a write-ahead log: a header for the file, then for each page a header and the page
/// (sqlite.org/walformat.html).
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = 4096;

fn ids(server: &Instance, key: &str) -> Vec<String> {
    let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), key).json()["rows"].clone();
    rows.as_array().unwrap().iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
}

fn track(server: &Instance, project: &Project, id: &str) {
    server.track(&project.sk, pageview(id, "https://shop.example/"));
}

/// A copy of a data folder without its socket.
fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in files(from).into_iter().filter(|path| path.is_file()) {
        let copied = to.path().join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        fs::copy(&file, copied).unwrap();
    }
    to
}

/// What a disk may have kept of a file whose last bytes, from `synced` on, were never synced: cut
/// at any place, or of the full length with other bytes from there on.
fn torn(whole: &[u8], synced: usize) -> Vec<Vec<u8>> {
    let middle = synced + FRAME_HEADER + PAGE / 2;
    let mut torn = Vec::new();
    for end in [synced, synced + FRAME_HEADER / 2, middle, whole.len() - 1] {
        torn.push(whole[..end].to_vec());
        let spoiled = whole[end..].iter().map(|byte| !byte);
        torn.push(whole[..end].iter().copied().chain(spoiled).collect());
    }
    torn
}

#[test]
fn a_torn_end_of_the_event_log_loses_only_what_was_not_acknowledged() {
    let server = ServerProcess::start();
    let project = server.default_project();
    track(&server, &project, "acknowledged");
    let log = server.dir.join("events.db-wal");
    let synced = fs::read(&log).unwrap().len();
    let batch = ["a", "b", "c"].map(|id| pageview(id, "https://shop.example/"));
    assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": batch })).status, 202);
    let folder = server.kill().unwrap();
    let whole = fs::read(&log).unwrap();
    assert!(whole.len() > synced + FRAME_HEADER + PAGE / 2);
    for left in torn(&whole, synced) {
        let copy = copy(folder.path());
        fs::write(copy.path().join("events.db-wal"), &left).unwrap();
        let server = ServerProcess::start_on(copy.path(), &[]);
        assert_eq!(ids(&server, &project.rk), ["acknowledged"], "cut to {} bytes", left.len());
        assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": batch })).status, 202);
        assert_eq!(ids(&server, &project.rk).len(), 4);
    }
    let server = ServerProcess::start_on(folder.path(), &[]);
    assert_eq!(ids(&server, &project.rk).len(), 4, "what was synced as a whole is there as a whole");
}

#[test]
fn a_torn_end_of_the_control_log_loses_only_what_was_not_acknowledged() {
    let server = ServerProcess::start();
    let first = server.create_project("First", &[]);
    let log = server.dir.join("control.db-wal");
    let synced = fs::read(&log).unwrap().len();
    server.create_project("Second", &[]);
    let folder = server.kill().unwrap();
    let whole = fs::read(&log).unwrap();
    for left in torn(&whole, synced) {
        let copy = copy(folder.path());
        fs::write(copy.path().join("control.db-wal"), &left).unwrap();
        let server = ServerProcess::start_on(copy.path(), &[]);
        track(&server, &first, "works");
        assert_eq!(ids(&server, &first.rk), ["works"]);
        server.create_project("Third", &[]);
        let listed = server.cli(&["project", "list"]);
        let slugs: Vec<&str> =
            listed.as_array().unwrap().iter().map(|project| project["slug"].as_str().unwrap()).collect();
        assert!(slugs.contains(&"first") && slugs.contains(&"third"), "{slugs:?}");
    }
    assert_eq!(cli(folder.path(), &["project", "list"]).as_array().unwrap().len(), 3);
}

/// Pages reach `events.db` only after they are synced in the log, which is kept until the sync of
/// `events.db`: pages that are torn there are read from the log.
#[test]
fn pages_torn_on_their_way_into_the_database_are_mended_from_the_log() {
    let server = ServerProcess::start();
    let project = server.default_project();
    for id in ["a", "b", "c"] {
        track(&server, &project, id);
    }
    let folder = server.kill().unwrap();
    let log = fs::read(folder.path().join("events.db-wal")).unwrap();
    let file = folder.path().join("events.db");
    let mut database = fs::read(&file).unwrap();
    let mut pages = Vec::new();
    for frame in log[LOG_HEADER..].chunks_exact(FRAME_HEADER + PAGE) {
        let page = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
        let end = page * PAGE;
        database.resize(database.len().max(end), 0);
        // Half of it old, half of it new, and a little of neither.
        database[end - PAGE / 2..end].copy_from_slice(&frame[FRAME_HEADER + PAGE / 2..]);
        database[end - 16..end].fill(0xff);
        pages.push(page);
    }
    assert!(pages.contains(&2), "the log holds pages of tables: {pages:?}");
    fs::write(&file, database).unwrap();
    let server = ServerProcess::start_on(folder.path(), &[]);
    assert_eq!(ids(&server, &project.rk), ["c", "b", "a"]);
    track(&server, &project, "d");
}

#[test]
fn what_a_crash_left_half_written_is_in_nobodys_way() {
    let server = ServerProcess::start();
    let project = server.default_project();
    track(&server, &project, "flushed");
    server.flush();
    track(&server, &project, "buffered");
    let folder = server.kill().unwrap();
    let dir = folder.path();
    let segment = files(&dir.join("segments")).remove(0);
    let bytes = fs::read(&segment).unwrap();
    let beside = |name: &str| segment.with_file_name(name);
    // A segment that is not renamed yet, one that no transaction names yet, a memory of the log
    // that was not synced at all, the pid of whoever had the lock, a secret before its renaming.
    let unfinished = beside("0190f3c0a1b27c4d8e9fa0b1c2d3e4f5.tmp");
    let unnamed = beside("0190f3c0a1b27c4d8e9fa0b1c2d3e4f6.parquet");
    fs::write(&unfinished, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(&unnamed, &bytes).unwrap();
    fs::write(dir.join("events.db-shm"), vec![0xa5; 32_768]).unwrap();
    fs::write(dir.join("control.db-shm"), vec![0xa5; 32_768]).unwrap();
    fs::write(dir.join("events.lock"), b"4294\xff").unwrap();
    fs::write(dir.join("pepper.tmp"), b"0a1b").unwrap();
    let server = ServerProcess::start_on(dir, &[]);
    assert_eq!(ids(&server, &project.rk), ["flushed", "buffered"]);
    assert!(!unfinished.exists() && !unnamed.exists(), "they take no room either");
    track(&server, &project, "later");
    let known: Value = server.track(&project.sk, pageview("flushed", "https://shop.example/"));
    assert_eq!(known["duplicates"], 1);
}

/// Never a power cut's doing: here something took away what had been synced.
#[test]
fn a_damaged_database_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start_on(folder.path(), &[]);
    // One that answers also listens to being asked to stop.
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    assert!(server.terminate().0.success());
    for name in ["events.db", "control.db"] {
        let file = folder.path().join(name);
        let whole = fs::read(&file).unwrap();
        let spoiled: Vec<u8> = whole.iter().map(|byte| !byte).collect();
        fs::write(&file, spoiled).unwrap();
        let error = ServerProcess::try_start(folder.path(), &[]).err().expect("the server starts");
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        assert!(error.contains("restore it from a backup"), "{error}");
        fs::write(&file, whole).unwrap();
    }
    ServerProcess::start_on(folder.path(), &[]);
}
