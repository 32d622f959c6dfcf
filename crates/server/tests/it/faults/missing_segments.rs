//! A segment that somebody deleted or damaged: the log and `millimetric doctor` name the file, the
//! client gets no detail of the cause, and everything that does not touch it goes on.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Instance, Project, Response, ServerProcess, command, eventually, files};

const APRIL: &str = "from=2026-04-01&to=2026-05-01";
const MAY: &str = "from=2026-05-01&to=2026-06-01";

fn event(id: &str, user: &str, time: &str) -> Value {
    json!({ "event": "e", "event_id": id, "user_id": user, "anonymous_id": "v", "timestamp": time })
}

/// A server with a segment of April and one of May, and the path of the former.
fn two_months() -> (ServerProcess, Project, PathBuf) {
    let server = ServerProcess::start();
    let project = server.default_project();
    server.track(&project.sk, event("april", "user-of-april", "2026-04-10T00:00:00Z"));
    server.track(&project.sk, event("may", "user-of-may", "2026-05-10T00:00:00Z"));
    server.flush();
    let segments = files(&server.dir.join("segments"));
    let april = segments.into_iter().find(|path| path.to_string_lossy().contains("/2026-04/")).unwrap();
    (server, project, april)
}

/// The queries that read events and not only the manifest.
fn ask(server: &Instance, project: &Project, range: &str) -> [Response; 2] {
    [format!("/v1/query?{range}"), format!("/v1/stats?{range}&group_by=event_name")]
        .map(|path| server.get(&path, &project.rk))
}

fn assert_april_is_missed(server: &ServerProcess, project: &Project, april: &Path) {
    for response in ask(server, project, APRIL) {
        assert_eq!(response.error(), (500, "internal_error".to_owned()));
        let id = response.header("x-request-id").unwrap();
        assert_eq!(response.json()["details"], json!({ "request_id": id }));
        assert!(!response.text.contains("parquet"), "no detail of the cause: {}", response.text);
        server.logged(&[id, april.to_str().unwrap()]);
    }
    for response in ask(server, project, MAY) {
        assert_eq!(response.status, 200, "{}", response.text);
        assert_eq!(response.json()["rows"].as_array().unwrap().len(), 1);
    }
}

/// Everything else goes on: events of both months are taken, a person is forgotten where they can
/// be found, and the server is ready.
fn assert_the_rest_works(server: &Instance, project: &Project) {
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 200);
    server.track(&project.sk, event("april-again", "user-of-april", "2026-04-11T00:00:00Z"));
    server.track(&project.sk, event("may-again", "user-of-may", "2026-05-11T00:00:00Z"));
    let rows = |range: &str| ask(server, project, range)[0].json()["rows"].as_array().map(Vec::len);
    assert_eq!((rows(APRIL), rows(MAY)), (None, Some(2)));
    let repeated = event("may", "user-of-may", "2026-05-10T00:00:00Z");
    assert_eq!(server.track(&project.sk, repeated)["duplicates"], 1);
}

fn finding(server: &Instance) -> Value {
    let output = command(&server.dir).args(["doctor", "--json"]).output().unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    findings.into_iter().find(|row| row["what"] == "segments").unwrap()
}

fn assert_the_doctor_names(server: &Instance, april: &Path) {
    let finding = finding(server);
    assert_eq!(finding["ok"], false, "{finding}");
    let text = finding["text"].as_str().unwrap();
    assert!(text.starts_with("1 of 2 unreadable") && text.contains(april.to_str().unwrap()), "{text}");
    assert!(text.contains("Restore them from a backup"), "{text}");
}

#[test]
fn a_segment_deleted_while_the_server_runs_is_named_and_the_rest_still_answers() {
    let (server, project, april) = two_months();
    assert_eq!(finding(&server)["text"], "2, all readable");
    let bytes = fs::read(&april).unwrap();
    fs::remove_file(&april).unwrap();
    assert_april_is_missed(&server, &project, &april);
    assert_the_rest_works(&server, &project);
    assert_the_doctor_names(&server, &april);
    fs::write(&april, bytes).unwrap();
    for response in ask(&server, &project, APRIL) {
        assert_eq!(response.status, 200, "put back, it answers again: {}", response.text);
    }
    assert_eq!(finding(&server)["text"], "2, all readable");
}

#[test]
fn a_segment_deleted_while_the_server_is_down_is_named_at_the_start() {
    let (server, project, april) = two_months();
    let (_, folder) = server.terminate();
    fs::remove_file(&april).unwrap();
    let server = ServerProcess::start_on(folder.as_ref().unwrap().path(), &[]);
    server.logged(&["a segment is missing", april.to_str().unwrap()]);
    assert_april_is_missed(&server, &project, &april);
    assert_the_rest_works(&server, &project);
    assert_the_doctor_names(&server, &april);
}

#[test]
fn a_segment_that_was_cut_or_spoiled_is_named_and_the_rest_still_answers() {
    let (server, project, april) = two_months();
    let (_, folder) = server.terminate();
    let whole = fs::read(&april).unwrap();
    for damaged in [&whole[..whole.len() / 2], &[], &whole[..whole.len() - 1]] {
        fs::write(&april, damaged).unwrap();
        let server = ServerProcess::start_on(folder.as_ref().unwrap().path(), &[]);
        assert_april_is_missed(&server, &project, &april);
        assert_the_doctor_names(&server, &april);
    }
}

#[test]
fn nobody_is_done_with_until_the_missing_segment_is_back() {
    let (server, project, april) = two_months();
    let bytes = fs::read(&april).unwrap();
    fs::remove_file(&april).unwrap();
    let forget = json!({ "user_id": "user-of-may" });
    let request = server.post("/v1/forget", &project.sk, &forget).json();
    let path = format!("/v1/forget/{}", request["request_id"].as_str().unwrap());
    let stands = |status: &str| {
        eventually(status, || (server.get(&path, &project.sk).json()["status"] == status).then_some(()));
    };
    stands("failed");
    server.logged(&["background work of the event store failed", april.to_str().unwrap()]);
    let segments = files(&server.dir.join("segments"));
    assert_eq!(segments, Vec::<PathBuf>::new(), "the segment of May, all theirs, is gone already");
    assert_eq!(ask(&server, &project, MAY)[0].json()["rows"], json!([]));
    fs::write(&april, bytes).unwrap();
    stands("done");
}
