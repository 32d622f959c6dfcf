//! Keys: who may do what, in which order the checks come, and how keys end.

use serde_json::{Value, json};

use crate::support::{ALWAYS, CHROME, Server, eventually};

const READ: &str = "/v1/stats?from=2000-01-01&to=2100-01-01";

fn refusal(code: u16, name: &str) -> (u16, String) {
    (code, name.to_owned())
}

#[test]
fn the_checks_come_in_the_order_of_the_contract() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let event = br#"{"event":"a"}"#;
    let send = |key: Option<&str>, more: &[(&str, &str)]| {
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut headers: Vec<(&str, &str)> = vec![("user-agent", CHROME)];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        headers.extend(more);
        server.send("POST", "/v1/track", &headers, event).error()
    };
    let swapped = |from: &str, to: &str| with_checksum(&project.sk.replacen(from, to, 1));
    let mut mistyped = project.sk.clone();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "A" { "B" } else { "A" });

    assert_eq!(send(None, &[]), refusal(401, "missing_bearer_token"));
    assert_eq!(send(Some("sk_live_12345678_short"), &[]), refusal(401, "malformed_api_key"));
    assert_eq!(send(Some(&mistyped), &[]), refusal(401, "malformed_api_key"));
    assert_eq!(send(Some(&with_checksum(&mistyped)), &[]), refusal(401, "invalid_api_key"));
    assert_eq!(send(Some(&unknown_prefix(&project.sk)), &[]), refusal(401, "invalid_api_key"));
    assert_eq!(send(Some(&swapped("sk_", "pk_")), &[]), refusal(401, "key_kind_mismatch"));
    assert_eq!(send(Some(&swapped("_live_", "_test_")), &[]), refusal(401, "key_kind_mismatch"));
    assert_eq!(send(Some(&project.rk), &[]), refusal(403, "insufficient_scope"));
    assert_eq!(send(Some(&project.pk), &[]), refusal(403, "origin_not_allowed"));
    assert_eq!(
        send(Some(&project.pk), &[("origin", "https://evil.example")]),
        refusal(403, "origin_not_allowed")
    );
    assert_eq!(send(Some(&project.pk), &[("origin", "null")]), refusal(403, "origin_not_allowed"));
    let twice = [("origin", "https://shop.example"), ("origin", "https://shop.example")];
    assert_eq!(send(Some(&project.pk), &twice), refusal(403, "origin_not_allowed"));
    let good = server.send(
        "POST",
        "/v1/track",
        &[
            ("authorization", &format!("bEaReR {}", project.pk)),
            ("origin", "https://shop.example"),
            ("user-agent", CHROME),
        ],
        event,
    );
    assert_eq!(good.status, 202, "{}", good.text);
}

#[test]
fn every_401_says_how_to_authenticate_and_looks_alike_for_any_unusable_key() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let (id, revoked) = server.create_key(&project, &["--kind", "rk"]);
    server.cli(&["key", "revoke", &id]);
    let (_, expired) = server.create_key(&project, &["--kind", "rk", "--expires-in", "0s"]);
    let responses = [unknown_prefix(&project.rk), revoked, expired].map(|key| server.get(READ, &key));
    for response in responses {
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        let body = response.json();
        assert_eq!(
            (response.status, &body["error"], &body["details"]),
            (401, &json!("invalid_api_key"), &json!({}))
        );
    }
}

#[test]
fn each_kind_does_what_it_is_for_and_no_more() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let made = server.cli(&["key", "mint", "--account", "default", "--kind", "ak"]);
    let ak = made["key"].as_str().unwrap();
    let event = json!({ "event": "a" });
    let person = json!({ "user_id": "u" });

    assert_eq!(server.get(READ, &project.pk).error(), refusal(403, "insufficient_scope"));
    assert_eq!(server.get(READ, ak).error(), refusal(403, "key_kind_not_allowed"));
    assert_eq!(server.post("/v1/track", ak, &event).error(), refusal(403, "key_kind_not_allowed"));
    assert_eq!(
        server.post("/v1/identify", &project.rk, &json!({})).error(),
        refusal(403, "insufficient_scope")
    );
    assert_eq!(
        server.post("/v1/forget", &project.pk, &person).error(),
        refusal(403, "forget_requires_secret_key")
    );
    assert_eq!(server.post("/v1/forget", &project.rk, &person).error(), refusal(403, "insufficient_scope"));
    assert_eq!(server.post("/v1/forget", ak, &person).error(), refusal(403, "insufficient_scope"));
    assert_eq!(server.get(READ, &project.sk).status, 200);
    assert_eq!(server.get(READ, &project.rk).status, 200);
    assert_eq!(server.post("/v1/forget", &project.sk, &person).status, 200);
}

#[test]
fn a_key_with_fewer_scopes_is_held_to_them() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let (_, writer) = server.create_key(&project, &["--kind", "sk", "--scope", "ingest"]);
    let (_, reader) = server.create_key(&project, &["--kind", "sk", "--scope", "read"]);
    server.track(&writer, json!({ "event": "a" }));
    let refused = server.get(READ, &writer);
    assert_eq!(refused.error(), refusal(403, "insufficient_scope"));
    assert_eq!(refused.json()["details"]["required"], "read");
    assert_eq!(
        server.post("/v1/track", &reader, &json!({ "event": "a" })).error(),
        refusal(403, "insufficient_scope")
    );
    assert_eq!(
        server.post("/v1/forget", &reader, &json!({ "user_id": "u" })).error(),
        refusal(403, "insufficient_scope")
    );
    let wider = crate::support::command(&server.dir)
        .args(["key", "mint", "--project", &project.slug, "--kind", "rk", "--scope", "ingest"])
        .output()
        .unwrap();
    assert!(!wider.status.success());
    assert!(String::from_utf8_lossy(&wider.stderr).contains("cannot have the scope ingest"));
}

#[test]
fn a_revoked_key_ends_also_when_it_was_just_used() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let (id, key) = server.create_key(&project, &["--kind", "rk"]);
    assert_eq!(server.get(READ, &key).status, 200);
    assert_eq!(server.cli(&["key", "revoke", &id])["was_live"], true);
    eventually("the key fails", || (server.get(READ, &key).status == 401).then_some(()));
    assert_eq!(server.cli(&["key", "revoke", &id])["was_live"], false);
}

#[test]
fn a_rotated_key_works_on_for_its_grace_and_a_successor_takes_over() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let (id, old) = server.create_key(&project, &["--kind", "sk", "--label", "backend"]);
    let new = server.cli(&["key", "rotate", &id])["key"].as_str().unwrap().to_owned();
    assert_eq!((server.get(READ, &old).status, server.get(READ, &new).status), (200, 200));

    let keys = server.cli(&["key", "list", "--project", &project.slug]);
    let row = |key: &str| {
        let prefix = key.split('_').nth(2).unwrap();
        keys.as_array().unwrap().iter().find(|row| row["prefix"] == prefix).unwrap().clone()
    };
    assert_eq!(row(&old)["replaced_by"], row(&new)["key_id"]);
    assert_eq!(row(&new)["label"], "backend");
    assert!(row(&old)["expires_at"].is_string());

    let id = row(&new)["key_id"].as_str().unwrap().to_owned();
    let last = server.cli(&["key", "rotate", &id, "--grace", "0s"])["key"].as_str().unwrap().to_owned();
    eventually("the old key ends", || (server.get(READ, &new).status == 401).then_some(()));
    assert_eq!(server.get(READ, &last).status, 200);
}

#[test]
fn a_key_with_a_list_of_addresses_works_from_there_alone() {
    let proxy = ["--trusted-proxies", "127.0.0.0/8"];
    let server = Server::start_with(&proxy);
    let project = server.project("Shop", &[]);
    let (_, key) = server.create_key(&project, &["--kind", "rk", "--allow-ip", "203.0.113.0/24"]);
    let from = |address: &str| {
        let bearer = format!("Bearer {key}");
        server.send("GET", READ, &[("authorization", &bearer), ("x-forwarded-for", address)], b"")
    };
    assert_eq!(from("203.0.113.7").status, 200);
    assert_eq!(from("203.0.114.7").error(), refusal(403, "ip_not_allowed"));
    assert_eq!(from("203.0.113.7, 198.51.100.1").error(), refusal(403, "ip_not_allowed"));
}

#[test]
fn a_secret_key_in_a_url_is_refused_and_flagged() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let exposed = |key: &str| {
        let keys = server.cli(&["key", "list", "--project", &project.slug]);
        let prefix = key.split('_').nth(2).unwrap().to_owned();
        keys.as_array().unwrap().iter().find(|row| row["prefix"] == prefix.as_str()).unwrap()["exposed_at"]
            .is_string()
    };
    let only_prefix = format!("/v1/track?key={}", with_checksum(&flip_secret(&project.rk)));
    assert_eq!(server.send("POST", &only_prefix, &[], b"{}").error(), refusal(400, "secret_key_in_url"));
    assert!(!exposed(&project.rk), "whoever knows the prefix alone flags nothing");
    for (method, path, key) in [("POST", "/v1/track", &project.sk), ("GET", "/v1/stats", &project.rk)] {
        let response = server.send(method, &format!("{path}?key={key}"), &[], b"{}");
        assert_eq!(response.error(), refusal(400, "secret_key_in_url"));
        assert!(!response.text.contains(key.as_str()));
        assert!(exposed(key));
    }
}

#[test]
fn a_pk_in_the_url_is_taken_on_ingest_routes_alone() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let headers = [
        ("origin", "https://shop.example"),
        ("content-type", "text/plain;charset=UTF-8"),
        ("user-agent", CHROME),
    ];
    for (path, body, status) in [
        ("/v1/track", r#"{"event":"a"}"#, 202),
        ("/v1/batch", r#"{"events":[{"event":"a"}]}"#, 202),
        ("/v1/identify", r#"{"anonymous_id":"v","user_id":"u"}"#, 200),
    ] {
        let response = server.send("POST", &format!("{path}?key={}", project.pk), &headers, body.as_bytes());
        assert_eq!(response.status, status, "{path}: {}", response.text);
    }
    for (method, path) in [("POST", "/v1/forget"), ("GET", "/v1/query")] {
        let response = server.send(method, &format!("{path}?key={}", project.pk), &headers, b"{}");
        assert_eq!(response.error(), refusal(401, "missing_bearer_token"), "{path}");
    }
}

#[test]
fn a_test_key_keeps_its_events_apart_and_may_come_from_localhost() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let (_, pk) = server.create_key(&project, &["--kind", "pk", "--env", "test"]);
    let (_, rk) = server.create_key(&project, &["--kind", "rk", "--env", "test"]);
    let send = |key: &str, origin: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("origin", origin), ("user-agent", CHROME)];
        server.send("POST", "/v1/track", &headers, br#"{"event":"rehearsal"}"#).status
    };
    for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:3000"] {
        assert_eq!(send(&pk, origin), 202, "{origin}");
        assert_eq!(send(&project.pk, origin), 403, "{origin}");
    }
    assert_eq!(send(&pk, "https://shop.example"), 403);
    let count = |key: &str| server.get(READ, key).json()["rows"][0]["value"].clone();
    assert_eq!((count(&rk), count(&project.rk), count(&project.sk)), (json!(3), json!(0), json!(0)));
    assert_eq!(server.get(&format!("/v1/query?{ALWAYS}"), &project.rk).json()["rows"], json!([]));
}

#[test]
fn the_last_use_of_a_key_is_told() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let used = |key: &str| -> Value {
        let keys = server.cli(&["key", "list", "--project", &project.slug]);
        let prefix = key.split('_').nth(2).unwrap().to_owned();
        keys.as_array().unwrap().iter().find(|row| row["prefix"] == prefix.as_str()).unwrap()["last_used_at"]
            .clone()
    };
    assert_eq!(used(&project.rk), Value::Null);
    assert_eq!(server.get(READ, &project.rk).status, 200);
    eventually("the use is written", || used(&project.rk).is_string().then_some(()));
    assert_eq!(used(&project.sk), Value::Null);
}

#[test]
fn changed_origins_count_within_a_second() {
    let server = Server::start();
    let project = server.project("Shop", &["https://old.example"]);
    let bearer = format!("Bearer {}", project.pk);
    let status = |origin: &str| {
        let headers = [("authorization", bearer.as_str()), ("origin", origin), ("user-agent", CHROME)];
        server.send("POST", "/v1/track", &headers, br#"{"event":"a"}"#).status
    };
    assert_eq!(status("https://old.example"), 202);
    server.cli(&["project", "update", &project.slug, "--origin", "https://*.new.example"]);
    eventually("the new list counts", || (status("https://old.example") == 403).then_some(()));
    assert_eq!((status("https://a.new.example"), status("https://new.example")), (202, 403));
}

/// The same key with the checksum that belongs to its text.
pub(crate) fn with_checksum(key: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = &key[..key.len() - 6];
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut sum = [0; 6];
    for digit in sum.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    format!("{body}{}", std::str::from_utf8(&sum).unwrap())
}

fn unknown_prefix(key: &str) -> String {
    with_checksum(&with_prefix(key, 0))
}

/// The same key with another prefix, whose checksum does not fit any more.
pub(crate) fn with_prefix(key: &str, number: u32) -> String {
    format!("{}{number:08x}{}", &key[..8], &key[16..])
}

/// The same key with another secret.
fn flip_secret(key: &str) -> String {
    let mut other = key.to_owned();
    other.replace_range(30..31, if &key[30..31] == "A" { "B" } else { "A" });
    other
}
