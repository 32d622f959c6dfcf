//! Bodies: how large, how many errors are listed, what their head may be, and what reading them
//! takes.

use std::io::Write as _;

use serde_json::json;

use crate::support::{ALWAYS, CHROME, Server, ServerProcess};

/// Where one event or one message is the whole body.
const SMALL: usize = 64 << 10;

/// Requests that are right but for their size, which white space makes up.
fn requests(project: &crate::support::Project) -> [(&'static str, &str, Vec<u8>, u16); 4] {
    [
        ("/v1/track", &project.sk, br#"{"event":"a"}"#.to_vec(), 202),
        ("/v1/identify", &project.sk, br#"{"anonymous_id":"v","user_id":"u"}"#.to_vec(), 200),
        ("/v1/forget", &project.sk, br#"{"user_id":"nobody"}"#.to_vec(), 200),
        ("/mcp", &project.rk, br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_vec(), 200),
    ]
}

#[test]
fn one_event_has_64_kib_and_a_batch_ten_mib() {
    let server = Server::start();
    let project = server.default_project();
    let send = |path: &str, key: &str, more: &[(&str, &str)], body: &[u8]| {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        headers.extend(more);
        server.send("POST", path, &headers, body)
    };
    let batch = ("/v1/batch", &*project.sk, br#"{"events":[{"event":"a"}]}"#.to_vec(), 202);
    let small = requests(&project).map(|request| (request, SMALL));
    for ((path, key, mut body, status), most) in small.into_iter().chain([(batch, 10 << 20)]) {
        body.resize(most, b' ');
        let taken = send(path, key, &[], &body);
        assert_eq!(taken.status, status, "{path}: {}", taken.text);
        body.push(b' ');
        let encoded = [("content-encoding", "gzip")];
        for refused in [send(path, key, &[], &body), send(path, key, &encoded, &gzip(&body))] {
            assert_eq!(refused.status, 413, "{path}: {}", refused.text);
            let error = refused.json();
            let (code, details) = if path == "/mcp" {
                (error["error"]["data"]["error"].clone(), error["error"]["data"]["details"].clone())
            } else {
                (error["error"].clone(), error["details"].clone())
            };
            assert_eq!((code, details), (json!("payload_too_large"), json!({ "max_bytes": most })), "{path}");
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The most memory that the process ever had, in bytes.
pub(crate) fn peak_memory(server: &ServerProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn unknown_members_are_skipped_and_not_kept() {
    let server = ServerProcess::start();
    let sk = server.default_project().sk;
    assert_eq!(server.post("/v1/batch", &sk, &json!({ "events": [{ "event": "a" }] })).status, 202);
    let before = peak_memory(&server);
    // One wrong field, so that the event is read member by member.
    let mut body = br#"{"events":[{"event":1"#.to_vec();
    for number in 0.. {
        write!(body, r#","{number}":{number}"#).unwrap();
        if body.len() > (10 << 20) - 64 {
            break;
        }
    }
    body.extend_from_slice(b"}]}");
    let bearer = format!("Bearer {sk}");
    let response = server.send("POST", "/v1/batch", &[("authorization", &bearer)], &body);
    assert_eq!(response.error(), (400, "invalid_payload".to_owned()));
    assert_eq!(response.json()["details"]["fieldErrors"], json!({ "events.0.event": ["must be a string"] }));
    let grew = peak_memory(&server) - before;
    assert!(grew < 64 << 20, "a body of 10 MiB took {grew} bytes");
}

#[test]
fn every_bad_event_is_named_and_what_is_told_is_bounded() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let long = "x".repeat(3000);
    let wrong_types = json!({ "event": 1, "event_id": 1, "timestamp": 1, "anonymous_id": 1, "user_id": 1,
        "session_id": 1, "url": 1, "path": 1, "referrer": 1, "context": 1 });
    let wrong_values = json!({ "event": long, "event_id": long, "timestamp": "x", "anonymous_id": long,
        "user_id": long, "session_id": long, "url": "x", "path": long, "referrer": long, "properties": [] });
    // As many as fit into a body.
    for (bad, count) in [(wrong_types, 1000), (wrong_values, 400)] {
        let events = vec![bad; count];
        let response = server.post("/v1/batch", &sk, &json!({ "events": events }));
        assert_eq!(response.error(), (400, "invalid_payload".to_owned()));
        assert!(response.text.len() < 128 << 10, "{} bytes of errors", response.text.len());
        let details = &response.json()["details"];
        let named = details["fieldErrors"].as_object().unwrap();
        for index in 0..count {
            assert!(named.contains_key(&format!("events.{index}.event")), "event {index} is not named");
        }
        assert_eq!(named.keys().filter(|path| path.starts_with("events.0.")).count(), 10);
        let more = details["formErrors"][0].as_str().unwrap();
        assert_eq!(more, format!("{} more fields are wrong", count * 10 - named.len()));
    }
}

#[test]
fn a_byte_order_mark_before_json_is_read_over() {
    let server = Server::start();
    let project = server.default_project();
    for (path, key, body, status) in requests(&project) {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let marked = [b"\xef\xbb\xbf", &body[..]].concat();
        let response = server.send("POST", path, &headers, &marked);
        assert_eq!(response.status, status, "{path}: {}", response.text);
        let twice = [b"\xef\xbb\xbf\xef\xbb\xbf", &body[..]].concat();
        assert_eq!(server.send("POST", path, &headers, &twice).status, 400, "{path}: one mark, not two");
    }
}

#[test]
fn the_visitors_address_is_read_as_a_proxys_header_is() {
    let server = Server::start();
    let project = server.default_project();
    let own = json!("");
    for (ip, country) in [
        (json!("193.99.144.80"), json!("DE")),
        (json!("193.99.144.80:5678"), json!("DE")),
        (json!(" 193.99.144.80"), json!("DE")),
        (json!("193.99.144.80\t "), json!("DE")),
        (json!("::ffff:193.99.144.80"), json!("DE")),
        (json!("2a02:2e0:3fe:1001:302::"), json!("DE")),
        (json!("[2a02:2e0:3fe:1001:302::]"), json!("DE")),
        (json!("[2a02:2e0:3fe:1001:302::]:443"), json!("DE")),
        (json!(""), own.clone()),
        (json!(null), own.clone()),
        (json!("unknown"), own.clone()),
        (json!("193.99.144.80, 10.0.0.1"), own.clone()),
        (json!("193.99.144"), own.clone()),
        (json!(3_244_544_080_u32), own.clone()),
        (json!(["193.99.144.80"]), own.clone()),
        (json!({ "v4": "193.99.144.80" }), own.clone()),
    ] {
        let event = json!({ "event": "a", "context": { "ip": ip, "user_agent": CHROME } });
        let id = server.track(&project.sk, event.clone())["event_id"].clone();
        let batch = server.post("/v1/batch", &project.sk, &json!({ "events": [event, { "event": "b" }] }));
        assert_eq!(batch.status, 202, "{ip}: {}", batch.text);
        let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), &project.rk).json();
        let row = rows["rows"].as_array().unwrap().iter().find(|row| row["event_id"] == id).unwrap().clone();
        assert_eq!((&row["country"], &row["browser"]), (&country, &json!("chrome")), "{ip}");
    }
}
