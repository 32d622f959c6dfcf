//! The Segment dialect: what libraries of Segment send, as they send it. The libraries themselves are run by
//! `sdk/tests/segment`.

mod keys;
mod mapping;
mod refused;
mod settings;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Response, Server};

/// The value of `Authorization` that carries a write key.
fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

/// Sends a body with a write key in the head.
fn send(server: &Instance, path: &str, key: &str, body: &Value) -> Response {
    let headers = [("authorization", basic(key)), ("content-type", "application/json".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    server.send("POST", path, &headers, body.to_string().as_bytes())
}

/// Sends what must be stored.
fn stored(server: &Instance, path: &str, key: &str, body: &Value) {
    let response = send(server, path, key, body);
    assert_eq!((response.status, response.text.as_str()), (200, r#"{"success":true}"#), "{path} {body}");
}

/// Every row, the oldest first.
fn rows(server: &Instance, project: &Project) -> Vec<Value> {
    let response = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), &project.rk);
    assert_eq!(response.status, 200, "{}", response.text);
    let mut rows = response.json()["rows"].as_array().unwrap().clone();
    rows.reverse();
    rows
}

/// The names of the rows, the oldest first.
fn names(server: &Instance, project: &Project) -> Vec<String> {
    rows(server, project).iter().map(|row| row["event_name"].as_str().unwrap().to_owned()).collect()
}

/// A message with an id.
fn track(id: &str) -> Value {
    json!({ "type": "track", "event": "signup", "messageId": id, "anonymousId": "visitor-1" })
}

#[test]
fn a_message_is_stored_once_however_often_and_wherever_it_is_sent() {
    let server = Server::start();
    let project = server.default_project();
    for path in ["/v1/track", "/v1/t", "/v1/track"] {
        stored(&server, path, &project.sk, &track("m-1"));
    }
    let batch =
        json!({ "batch": [track("m-1"), track("m-2"), track("m-2")], "sentAt": "2026-05-16T19:00:00Z" });
    for path in ["/v1/batch", "/v1/import", "/v1/b"] {
        stored(&server, path, &project.sk, &batch);
    }
    server.track(&project.sk, json!({ "event": "signup", "event_id": "m-2" }));
    let rows = rows(&server, &project);
    let mut ids: Vec<_> = rows.iter().map(|row| row["event_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["m-1", "m-2"]);
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let server = crate::support::ServerProcess::start();
    let project = server.default_project();
    for id in ["m-1", "m-2"] {
        stored(&server, "/v1/batch", &project.sk, &json!({ "batch": [track(id)] }));
    }
    let folder = server.kill().unwrap();
    let server = crate::support::ServerProcess::start_on(folder.path(), &[]);
    stored(&server, "/v1/batch", &project.sk, &json!({ "batch": [track("m-2"), track("m-3")] }));
    assert_eq!(names(&server, &project).len(), 3);
}

#[test]
fn messages_take_the_tokens_of_our_own_format() {
    let server = Server::start_with(&["--rate-limit-track", "1/3", "--rate-limit-batch", "1/2"]);
    let project = server.default_project();
    let statuses = |path: &str, body: &Value, count: usize| -> Vec<u16> {
        (0..count).map(|_| send(&server, path, &project.sk, body).status).collect()
    };
    assert_eq!(server.track(&project.sk, json!({ "event": "a" }))["ok"], true);
    assert_eq!(statuses("/v1/page", &json!({ "anonymousId": "a" }), 1), [200]);
    assert_eq!(statuses("/v1/track", &track("m-1"), 2), [200, 429]);
    assert_eq!(statuses("/v1/batch", &json!({ "batch": [track("m-2"), track("m-3")] }), 3), [200, 200, 429]);
    let refused = send(&server, "/v1/import", &project.sk, &json!({ "batch": [] }));
    assert_eq!(refused.error(), (429, "rate_limited".to_owned()));
    assert!(refused.header("retry-after").is_some());
}
