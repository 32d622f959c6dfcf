//! Messages that can never be stored: a 400 that names what is wrong, so that no library tries again.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{basic, names, send, stored, track};
use crate::support::Server;

/// The fields that an error names.
fn fields(details: &Value) -> Vec<&str> {
    details["fieldErrors"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn each_wrong_member_is_named() {
    let server = Server::start();
    let project = server.default_project();
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let long = "x".repeat(9000);
    for (path, sent, expected) in [
        ("track", json!({ "userId": "u" }), vec!["event"]),
        ("track", json!({ "event": "" }), vec!["event"]),
        ("track", json!({ "event": null }), vec!["event"]),
        ("track", json!({ "event": ["a"] }), vec!["event"]),
        ("track", json!({ "event": "x".repeat(129) }), vec!["event"]),
        ("track", json!({ "event": "a", "properties": [] }), vec!["properties"]),
        ("track", json!({ "event": "a", "properties": "{}" }), vec!["properties"]),
        ("track", json!({ "event": "a", "properties": { "a": long } }), vec!["properties"]),
        ("track", json!({ "event": "a", "properties": { "a": deep } }), vec!["properties"]),
        ("track", json!({ "event": "a", "messageId": "m".repeat(129) }), vec!["messageId"]),
        ("track", json!({ "event": "a", "anonymousId": "m".repeat(129) }), vec!["anonymousId"]),
        ("track", json!({ "event": "a", "userId": "m".repeat(257), "anonymousId": "a" }), vec!["userId"]),
        ("track", json!({ "event": "a", "userId": true }), vec!["userId"]),
        ("track", json!({ "event": "a", "timestamp": "yesterday" }), vec!["timestamp"]),
        ("track", json!({ "event": "a", "timestamp": "2026-05-16T19:00:00" }), vec!["timestamp"]),
        ("track", json!({ "event": "a", "timestamp": 1_747_422_000_000_u64 }), vec!["timestamp"]),
        ("track", json!({ "event": "a", "originalTimestamp": "yesterday" }), vec!["originalTimestamp"]),
        ("track", json!({ "event": "a", "context": "{}" }), vec!["context"]),
        ("track", json!({ "event": "a", "context": { "page": "/" } }), vec!["context.page"]),
        (
            "track",
            json!({ "event": "a", "context": { "campaign": { "source": [] } } }),
            vec!["context.campaign.source"],
        ),
        (
            "track",
            json!({ "event": "a", "context": { "page": { "url": "https://" } } }),
            vec!["context.page.url"],
        ),
        ("identify", json!({ "traits": {} }), vec!["userId"]),
        ("identify", json!({ "userId": "u", "traits": { "a": long } }), vec!["traits"]),
        ("group", json!({ "userId": "u" }), vec!["groupId"]),
        ("group", json!({ "userId": "u", "groupId": "g", "traits": 7 }), vec!["traits"]),
        ("group", json!({ "userId": "u", "groupId": "g".repeat(9000) }), vec!["traits"]),
        ("alias", json!({ "userId": "u" }), vec!["previousId"]),
        ("alias", json!({ "previousId": "p" }), vec!["userId"]),
        ("alias", json!({ "userId": "u", "previousId": "p".repeat(129) }), vec!["previousId"]),
        ("page", json!({ "name": { "a": 1 }, "category": [] }), vec!["name", "category"]),
    ] {
        let response = send(&server, &format!("/v1/{path}"), &project.sk, &sent);
        assert_eq!(response.error(), (400, "invalid_payload".to_owned()), "{path} {sent}");
        assert_eq!(fields(&response.json()["details"]), expected, "{path} {sent}");
    }
    assert_eq!(names(&server, &project), [""; 0]);
}

#[test]
fn one_wrong_message_of_a_batch_costs_no_other_and_is_named() {
    let server = Server::start();
    let project = server.default_project();
    let mut wrong = track("m-2");
    wrong["properties"] = json!({ "a": "x".repeat(9000) });
    let untyped = json!({ "event": "a", "messageId": "m-3" });
    let batch = json!({ "batch": [track("m-1"), wrong, untyped, "text", track("m-5")] });
    for _ in 0..2 {
        let response = send(&server, "/v1/batch", &project.sk, &batch);
        assert_eq!(response.error(), (400, "invalid_payload".to_owned()));
        let body = response.json();
        assert_eq!(fields(&body["details"]), ["batch.2.type", "batch.3", "batch.1.properties"]);
        assert_eq!(body["details"]["stored"], 2);
        let message = body["message"].as_str().unwrap();
        assert!(message.starts_with("3 of 5 messages are not valid and were not stored"), "{message}");
    }
    assert_eq!(names(&server, &project), ["signup", "signup"]);
}

#[test]
fn bodies_are_bounded() {
    let server = Server::start();
    let project = server.default_project();
    let (one, many) = (32 * 1024, 500 * 1024);
    let sized = |bytes: usize| {
        let start = r#"{"event":"a","integrations":""#;
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    };
    let batch = |bytes: usize| {
        let start = r#"{"batch":[{"type":"page"}],"other":""#;
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    };
    let key = basic(&project.sk);
    let status = |path: &str, body: &str, gzip: bool| {
        let mut headers = vec![("authorization", key.as_str())];
        let mut bytes = body.as_bytes().to_vec();
        if gzip {
            headers.push(("content-encoding", "gzip"));
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            bytes = encoder.finish().unwrap();
        }
        let response = server.send("POST", path, &headers, &bytes);
        let code = response.json()["error"].as_str().unwrap_or_default().to_owned();
        (response.status, code)
    };
    let too_large = || (413, "payload_too_large".to_owned());
    for gzip in [false, true] {
        assert_eq!(status("/v1/track", &sized(one), gzip).0, 200);
        assert_eq!(status("/v1/track", &sized(one + 1), gzip), too_large());
        assert_eq!(status("/v1/p", &sized(one + 1), gzip), too_large());
        assert_eq!(status("/v1/batch", &batch(many), gzip).0, 200);
        for path in ["/v1/batch", "/v1/import", "/v1/b"] {
            assert_eq!(status(path, &batch(many + 1), gzip), too_large(), "{path}");
        }
    }
    let large = format!(r#"{{"batch":[{{"type":"page"}},{{"type":"page","x":"{}"}}]}}"#, "x".repeat(one));
    assert_eq!(status("/v1/batch", &large, false), (400, "invalid_payload".to_owned()));
    let bomb = format!(r#"{{"event":"a","integrations":{}{}}}"#, "[".repeat(15_000), "]".repeat(15_000));
    assert_eq!(status("/v1/track", &bomb, true).0, 200, "what is not read may be as deep as it likes");
    let depth = format!("{}1{}", "[".repeat(15_000), "]".repeat(15_000));
    assert_eq!(status("/v1/track", &depth, false).0, 400);
}

#[test]
fn what_browsers_escape_badly_is_repaired() {
    let server = Server::start();
    let project = server.default_project();
    let surrogate = r#"{"event":"a\ud800\u0000","messageId":"m-1","userId":"u"}"#;
    let key = basic(&project.sk);
    let response = server.send("POST", "/v1/track", &[("authorization", &key)], surrogate.as_bytes());
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(names(&server, &project), ["a\u{fffd}"]);
    stored(&server, "/v1/track", &project.sk, &track("m-1"));
    assert_eq!(names(&server, &project), ["a\u{fffd}"]);
}
