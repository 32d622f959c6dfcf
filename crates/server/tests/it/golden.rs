//! What the SDKs send, as `spec/golden/` keeps it, is stored to the letter. The SDKs' own tests
//! hold what they really send against the same files.

use serde_json::{Value, json};

use crate::support::{ALWAYS, CHROME, Project, Server};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/golden");

#[test]
fn what_the_browser_script_sends_is_stored_as_sent() {
    stored_as_sent("browser", |project, content_type| {
        vec![
            ("path", format!("/v1/batch?key={}", project.pk)),
            ("origin", "https://shop.example".to_owned()),
            ("content-type", content_type.to_owned()),
            ("user-agent", CHROME.to_owned()),
        ]
    });
}

#[test]
fn what_the_node_package_sends_is_stored_as_sent() {
    for name in ["node-track", "node-batch"] {
        stored_as_sent(name, |project, content_type| {
            vec![
                ("authorization", format!("Bearer {}", project.sk)),
                ("content-type", content_type.to_owned()),
            ]
        });
    }
}

/// Sends the payload with these headers (`path`, where there is one, is the path) and compares.
fn stored_as_sent(name: &str, headers: impl Fn(&Project, &str) -> Vec<(&'static str, String)>) {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}/{name}.json")).unwrap()).unwrap();
    let request = &golden["request"];
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let mut headers = headers(&project, request["content_type"].as_str().unwrap());
    let path = match headers.iter().position(|(name, _)| *name == "path") {
        Some(at) => headers.remove(at).1,
        None => request["path"].as_str().unwrap().to_owned(),
    };
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let response = server.send("POST", &path, &headers, request["body"].to_string().as_bytes());
    assert_eq!(response.status, 202, "{name}: {}", response.text);
    assert!(response.json()["dropped"].is_null(), "{name}: {}", response.text);

    let body = &request["body"];
    let sent = body["events"].as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
    let rows = server.get(&format!("/v1/query?{ALWAYS}"), &project.rk).json()["rows"].clone();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), sent.len(), "{name}");
    for event in &sent {
        let row = rows.iter().find(|row| row["event_id"] == event["event_id"]).unwrap();
        assert_eq!(stored(row), expected(event, row), "{name}");
    }
}

/// The fields of a stored row that were sent.
fn stored(row: &Value) -> Value {
    let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
    let mut stored = json!({ "event": row["event_name"], "properties": properties });
    for field in FIELDS {
        stored[field] = row[field].clone();
    }
    stored
}

/// The event as it should be stored: what the server makes where nothing was sent is taken from the row.
fn expected(event: &Value, row: &Value) -> Value {
    let mut expected = json!({ "event": event["event"], "properties": event["properties"] });
    if expected["properties"].is_null() {
        expected["properties"] = json!({});
    }
    for field in FIELDS {
        let made = event[field].is_null() && ["anonymous_id", "session_id", "path"].contains(&field);
        expected[field] = if made { row[field].clone() } else { event[field].clone() };
    }
    // The part after `#` is not kept.
    if let Some(url) = event["url"].as_str() {
        expected["url"] = json!(url.split('#').next());
    }
    expected
}

const FIELDS: [&str; 8] =
    ["event_id", "timestamp", "anonymous_id", "user_id", "session_id", "url", "path", "referrer"];
