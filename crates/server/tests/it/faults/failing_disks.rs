//! Disks that fail or are full at one chosen system call: what was acknowledged stays, what was
//! not is there whole or not at all, and the server says which of the two it is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Strace;
use crate::support::{ALWAYS, Instance, Project, ServerProcess, eventually, files, files_with};

/// The ids of all events, oldest first.
fn ids(server: &Instance, key: &str) -> Vec<String> {
    let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), key).json()["rows"].clone();
    let id = |row: &Value| row["event_id"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().rev().map(id).collect()
}

fn event(id: &str, second: u32) -> Value {
    json!({ "event": "e", "event_id": id, "anonymous_id": "v", "user_id": format!("user-of-{id}"),
            "timestamp": format!("2026-05-16T19:00:{second:02}Z") })
}

fn batch(names: [&str; 3]) -> Value {
    json!({ "events": names.map(|name| event(name, 30)) })
}

fn log_file(server: &Instance) -> String {
    server.dir.join("events.db-wal").to_str().unwrap().to_owned()
}

#[test]
fn after_a_failed_sync_nothing_is_written_and_nothing_is_lost() {
    let server = ServerProcess::start();
    let project = server.default_project();
    for second in 0..5 {
        server.track(&project.sk, event(&format!("evt_{second}"), second));
    }
    let acknowledged = ["evt_0", "evt_1", "evt_2", "evt_3", "evt_4"];
    let fault =
        ["-P", &log_file(&server), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"];
    let Some(strace) = Strace::attach(server.pid(), &fault) else { return };
    let refused = server.post("/v1/batch", &project.sk, &batch(["a", "b", "c"]));
    assert_eq!(refused.error(), (500, "internal_error".to_owned()));
    let id = refused.header("x-request-id").unwrap();
    assert_eq!(refused.json()["details"], json!({ "request_id": id }), "no detail of the cause");
    server.logged(&[id, "the store takes no writes", "events.db", "disk I/O error"]);
    server.logged(&["takes no more writes until it is started anew", "events.db"]);
    strace.detach();

    // The disk is well again, but a sync that succeeds now would say nothing of what failed.
    for (path, body, code) in [
        ("/v1/track", event("later", 40), "internal_error"),
        ("/v1/batch", batch(["a", "b", "c"]), "internal_error"),
        ("/v1/identify", json!({ "anonymous_id": "v", "user_id": "u" }), "internal_error"),
        ("/v1/forget", json!({ "user_id": "u" }), "forget_failed"),
    ] {
        assert_eq!(server.post(path, &project.sk, &body).error(), (500, code.to_owned()), "{path}");
    }
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 500);
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(ids(&server, &project.rk), acknowledged, "reads hold exactly what was acknowledged");

    let folder = server.kill().unwrap();
    let again = ServerProcess::start_on(folder.path(), &[]);
    let (known, unknown): (Vec<_>, Vec<_>) =
        ids(&again, &project.rk).into_iter().partition(|id| id.starts_with("evt_"));
    assert_eq!(known, acknowledged);
    assert!([vec![], vec!["a", "b", "c"]].iter().any(|whole| unknown == *whole), "{unknown:?}");
    assert_eq!(again.post("/v1/batch", &project.sk, &batch(["a", "b", "c"])).status, 202);
    assert_eq!(ids(&again, &project.rk), [&acknowledged[..], &["a", "b", "c"]].concat());
}

#[test]
fn no_room_for_the_write_ahead_log_is_a_503_until_there_is_room() {
    let server = ServerProcess::start();
    let project = server.default_project();
    server.track(&project.sk, event("before", 0));
    let fault = ["-P", &log_file(&server), "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC"];
    let Some(strace) = Strace::attach(server.pid(), &fault) else { return };
    for (path, body) in [("/v1/track", event("alone", 1)), ("/v1/batch", batch(["a", "b", "c"]))] {
        let refused = server.post(path, &project.sk, &body);
        assert_eq!(refused.error(), (503, "storage_full".to_owned()));
        assert_eq!(refused.header("retry-after"), Some("30"));
        assert_eq!(ids(&server, &project.rk), ["before"], "reads work, and nothing is half-written");
    }
    strace.detach();
    server.track(&project.sk, event("after", 40));
    assert_eq!(server.post("/v1/batch", &project.sk, &batch(["a", "b", "c"])).json()["count"], 3);
    let folder = server.kill().unwrap();
    let again = ServerProcess::start_on(folder.path(), &[]);
    assert_eq!(ids(&again, &project.rk), ["before", "a", "b", "c", "after"]);
}

/// A server with one segment and two events that are not in it yet.
fn with_a_segment() -> (ServerProcess, Project, PathBuf) {
    let server = ServerProcess::start();
    let project = server.default_project();
    server.track(&project.sk, event("flushed", 0));
    server.flush();
    server.track(&project.sk, event("hot", 1));
    server.track(&project.sk, event("beside", 2));
    let segment = files(&server.dir.join("segments"))[0].clone();
    (server, project, segment)
}

/// Has a segment written by an erasure, which fails as the options say and then no more.
fn a_segment_cannot_be_written(fault: impl Fn(&Path) -> Vec<String>) {
    let (server, project, segment) = with_a_segment();
    let fault = fault(segment.parent().unwrap());
    let fault: Vec<&str> = fault.iter().map(String::as_str).collect();
    let Some(strace) = Strace::attach_to_thread(server.pid(), "events-maintain", &fault) else { return };
    let request = server.post("/v1/forget", &project.sk, &json!({ "user_id": "user-of-hot" })).json();
    let path = format!("/v1/forget/{}", request["request_id"].as_str().unwrap());
    let stands = |word: &str| {
        let status = || server.get(&path, &project.sk).json()["status"].clone();
        eventually(word, || (status() == word).then_some(()));
    };
    stands("failed");
    assert_eq!(files(&server.dir.join("segments")), [segment], "nothing half-written is left, under no name");
    server.track(&project.sk, event("while it fails", 3));
    assert_eq!(ids(&server, &project.rk), ["flushed", "beside", "while it fails"]);
    strace.detach();
    stands("done");
    assert_eq!(files_with(&server.dir, b"user-of-hot"), Vec::<String>::new());
    let folder = server.kill().unwrap();
    let again = ServerProcess::start_on(folder.path(), &[]);
    assert_eq!(ids(&again, &project.rk), ["flushed", "beside", "while it fails"]);
}

fn options(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

#[test]
fn no_room_for_a_segment_keeps_its_events_in_the_log() {
    a_segment_cannot_be_written(|_| {
        options(&["-e", "trace=write,pwrite64", "-e", "inject=write,pwrite64:error=ENOSPC"])
    });
}

#[test]
fn a_segment_whose_sync_fails_is_written_anew() {
    a_segment_cannot_be_written(|_| {
        options(&["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"])
    });
}

#[test]
fn a_segment_whose_folder_cannot_be_synced_is_written_anew() {
    a_segment_cannot_be_written(|folder| {
        options(&[
            "-P",
            folder.to_str().unwrap(),
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "inject=fsync,fdatasync:error=EIO",
        ])
    });
}
