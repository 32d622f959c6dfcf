//! Events come in: stored once, whole, classified, and with nothing of the person left in them.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::{ALWAYS, CHROME, Instance, Project, Server, pageview};

fn rows(server: &Instance, project: &Project) -> Vec<Value> {
    let response = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), &project.rk);
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()["rows"].as_array().unwrap().clone()
}

#[test]
fn an_event_reads_back_as_the_whole_row_of_the_contract() {
    let server = Server::start();
    let project = server.default_project();
    let sent = json!({
        "event": "purchase", "event_id": "evt_1", "timestamp": "2026-05-16T21:00:00.5+02:00",
        "anonymous_id": "visitor-1", "user_id": "user-1", "session_id": "session-1",
        "url": "https://shop.example/cart?utm_source=newsletter&utm_medium=email&utm_campaign=May#top",
        "referrer": "https://mail.google.com/", "properties": { "amount": 12.5, "plan": "pro" },
        "source": "forged", "country": "XX", "ip_hash": "forged", "unknown": [1, 2],
        "context": { "ip": "8.8.8.8", "user_agent": CHROME },
    });
    assert_eq!(server.track(&project.sk, sent), json!({ "ok": true, "event_id": "evt_1" }));
    let expected = json!({
        "timestamp": "2026-05-16T19:00:00.500Z", "event_name": "purchase", "event_id": "evt_1",
        "anonymous_id": "visitor-1", "user_id": "user-1", "session_id": "session-1",
        "source": "newsletter", "medium": "email", "campaign": "May",
        "source_confidence": "high", "source_rule_id": "utm_source",
        "referrer": "https://mail.google.com/",
        "url": "https://shop.example/cart?utm_source=newsletter&utm_medium=email&utm_campaign=May",
        "path": "/cart", "country": "US", "device_type": "desktop", "browser": "chrome", "os": "windows",
        "properties": "{\"amount\":12.5,\"plan\":\"pro\"}",
    });
    assert_eq!(rows(&server, &project), [expected]);
}

#[test]
fn the_server_fills_in_what_a_client_left_out() {
    let server = Server::start();
    let project = server.default_project();
    let id =
        server.track(&project.sk, json!({ "event": "bare", "url": null, "properties": null }))["event_id"]
            .clone();
    let row = &rows(&server, &project)[0];
    assert_eq!(row["event_id"], id);
    let uuid = uuid::Uuid::parse_str(id.as_str().unwrap().strip_prefix("evt_").unwrap()).unwrap();
    assert_eq!(uuid.get_version_num(), 7);
    assert!(row["session_id"].as_str().unwrap().starts_with(row["anonymous_id"].as_str().unwrap()));
    assert_eq!(
        (&row["user_id"], &row["path"], &row["properties"]),
        (&Value::Null, &Value::Null, &json!("{}"))
    );
    assert_eq!(
        (&row["source"], &row["medium"], &row["source_rule_id"]),
        (&json!("direct"), &json!("direct"), &json!("direct"))
    );
}

#[test]
fn the_same_id_is_stored_once_however_often_and_wherever_it_is_sent() {
    let server = Server::start();
    let (project, other) = (server.default_project(), server.project("Other", &[]));
    let once = pageview("evt_1", "https://shop.example/");
    assert_eq!(server.track(&project.sk, once.clone()), json!({ "ok": true, "event_id": "evt_1" }));
    assert_eq!(
        server.track(&project.sk, once.clone()),
        json!({ "ok": true, "event_id": "evt_1", "duplicates": 1 })
    );
    let batch = json!({ "events": [once, pageview("evt_2", "https://shop.example/a"), pageview("evt_2", "https://shop.example/b")] });
    let response = server.post("/v1/batch", &project.sk, &batch);
    assert_eq!((response.status, response.json()), (202, json!({ "ok": true, "count": 3, "duplicates": 2 })));
    assert_eq!(rows(&server, &project).len(), 2);
    assert_eq!(
        server.track(&other.sk, pageview("evt_1", "https://shop.example/"))["duplicates"],
        Value::Null
    );
}

#[test]
fn one_invalid_event_and_nothing_of_the_batch_is_stored() {
    let server = Server::start();
    let project = server.default_project();
    let events: Vec<Value> = (0..20)
        .map(|n| match n {
            3 => json!({ "event": "" }),
            17 => json!({ "event": "ok", "url": "not a url", "timestamp": "yesterday" }),
            _ => json!({ "event": "ok" }),
        })
        .collect();
    let response = server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    assert_eq!(response.error(), (400, "invalid_payload".to_owned()));
    let body = response.json();
    let fields: Vec<_> = body["details"]["fieldErrors"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["events.3.event", "events.17.timestamp", "events.17.url"]);
    assert_eq!(body["details"]["formErrors"], json!([]));
    assert_eq!(rows(&server, &project), Vec::<Value>::new());
}

#[test]
fn compressed_bodies_are_read() {
    let server = Server::start();
    let project = server.default_project();
    let bearer = format!("Bearer {}", project.sk);
    let send = |encoding: &str, body: &[u8]| {
        server.send("POST", "/v1/track", &[("authorization", &bearer), ("content-encoding", encoding)], body)
    };
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(send("gzip", &gzip(br#"{"event":"zipped"}"#)).status, 202);
    assert_eq!(send("zstd", &zstd::encode_all(&br#"{"event":"packed"}"#[..], 1).unwrap()).status, 202);
    assert_eq!(send("identity", br#"{"event":"plain"}"#).status, 202);
    assert_eq!(send("gzip", b"not gzip").error(), (400, "invalid_payload".to_owned()));
    assert_eq!(send("zstd", b"not zstd").error(), (400, "invalid_payload".to_owned()));
    assert_eq!(send("br", b"x").error(), (415, "unsupported_media_type".to_owned()));
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(send("gzip", &bomb).error(), (413, "payload_too_large".to_owned()));
    let bomb = zstd::encode_all(&vec![b' '; 64 << 20][..], 1).unwrap();
    assert_eq!(send("zstd", &bomb).error(), (413, "payload_too_large".to_owned()));
    assert_eq!(rows(&server, &project).len(), 3);
}

#[test]
fn a_future_timestamp_is_set_to_now_and_says_by_how_much() {
    let server = Server::start();
    let project = server.default_project();
    server.track(&project.sk, json!({ "event": "ahead", "timestamp": "2099-01-01T00:00:00Z" }));
    let row = &rows(&server, &project)[0];
    assert!(row["timestamp"].as_str().unwrap() < "2099");
    let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
    assert!(properties["$clock_skew_ms"].as_i64().unwrap() > 0);
}

#[test]
fn identify_links_a_visitor_to_a_user() {
    let server = Server::start();
    let project = server.default_project();
    let link = json!({ "anonymous_id": "v", "user_id": "u", "traits": { "plan": "pro" } });
    let response = server.post("/v1/identify", &project.sk, &link);
    assert_eq!((response.status, response.json()), (200, json!({ "ok": true })));
    let row = &rows(&server, &project)[0];
    assert_eq!(
        (&row["event_name"], &row["anonymous_id"], &row["user_id"]),
        (&json!("$identify"), &json!("v"), &json!("u"))
    );
    assert_eq!(row["properties"], "{\"plan\":\"pro\"}");
    let refused = server.post("/v1/identify", &project.sk, &json!({ "anonymous_id": "", "traits": [] }));
    let fields: Vec<_> =
        refused.json()["details"]["fieldErrors"].as_object().unwrap().keys().cloned().collect();
    assert_eq!((refused.status, fields), (400, vec!["user_id".to_owned()]));
    let refused = server.post(
        "/v1/identify",
        &project.sk,
        &json!({ "anonymous_id": "v", "user_id": "u", "traits": [] }),
    );
    assert_eq!(refused.json()["details"]["fieldErrors"], json!({ "traits": ["must be a JSON object"] }));
}

#[test]
fn known_bots_are_left_out_of_browser_traffic_and_never_of_a_servers() {
    let server = Server::start_with(&["--metrics-token", "a-token-for-the-tests"]);
    let project = server.project("Shop", &["https://shop.example"]);
    let crawler = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let send = |key: &str, agent: &str| {
        let bearer = format!("Bearer {key}");
        let headers =
            [("authorization", bearer.as_str()), ("origin", "https://shop.example"), ("user-agent", agent)];
        server.send("POST", "/v1/track", &headers, br#"{"event":"$pageview","event_id":"x"}"#).json()
    };
    assert_eq!(send(&project.pk, crawler), json!({ "ok": true, "event_id": "x", "dropped": "crawler" }));
    assert_eq!(rows(&server, &project).len(), 0);
    assert_eq!(send(&project.sk, crawler), json!({ "ok": true, "event_id": "x" }));
    assert_eq!(rows(&server, &project).len(), 1);
    let metrics = server.get("/metrics", "a-token-for-the-tests");
    assert!(metrics.text.contains("events_dropped_total{reason=\"crawler\"} 1"), "{}", metrics.text);
}

#[test]
fn nothing_of_the_person_but_a_hash_is_stored() {
    let server = Server::start_with(&["--trusted-proxies", "127.0.0.1,::1"]);
    let project = server.project("Shop", &["https://shop.example"]);
    let headers = [
        ("authorization", &*format!("Bearer {}", project.pk)),
        ("origin", "https://shop.example"),
        ("user-agent", CHROME),
        ("x-forwarded-for", "8.8.4.4"),
        ("sec-ch-ua-platform", "\"macOS\""),
    ];
    let body = json!({ "event": "$pageview", "anonymous_id": "v",
        "url": "https://me:secret@shop.example/welcome?email=jane%40mail.example&token=abc123&utm_source=x#frag",
        "referrer": "https://other.example/?password=hunter2" });
    assert_eq!(server.send("POST", "/v1/track", &headers, body.to_string().as_bytes()).status, 202);
    let row = &rows(&server, &project)[0];
    assert_eq!(row["url"], "https://shop.example/welcome?email=&token=&utm_source=x");
    assert_eq!(row["referrer"], "https://other.example/?password=");
    assert_eq!(
        (&row["country"], &row["os"]),
        (&json!("US"), &json!("macos")),
        "the proxy's word and the hint count"
    );
    assert_eq!(
        server.terminate_and_search(&[b"8.8.4.4", b"Windows NT 10.0", b"hunter2", b"jane"]),
        Vec::<String>::new()
    );
}

#[test]
fn what_browsers_really_send_is_made_harmless() {
    let server = Server::start();
    let project = server.default_project();
    let bearer = format!("Bearer {}", project.sk);
    let body = br#"{"event":"odd\ud800name\u0000","properties":{"text":"\udfff","big":123456789012345678901234567890,"huge":1e999}}"#;
    assert_eq!(server.send("POST", "/v1/track", &[("authorization", &bearer)], body).status, 202);
    let row = &rows(&server, &project)[0];
    assert_eq!(row["event_name"], "odd\u{fffd}name");
    assert_eq!(row["properties"], r#"{"text":"\ufffd","big":123456789012345678901234567890,"huge":1e999}"#);
}

#[test]
fn the_plans_monthly_events_are_a_bound() {
    let server = Server::start();
    let project = server.default_project();
    server.cli(&["project", "update", "default", "--plan", "free"]);
    let batch = |from: usize| {
        let events: Vec<_> =
            (from..from + 1000).map(|n| json!({ "event": "e", "event_id": n.to_string() })).collect();
        server.post("/v1/batch", &project.sk, &json!({ "events": events }))
    };
    for n in 0..100 {
        let response = batch(n * 1000);
        assert_eq!(response.status, 202, "{}", response.text);
    }
    let refused = batch(100_000);
    assert_eq!(refused.error(), (429, "quota_exceeded".to_owned()));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31 * 86_400 + 1).contains(&seconds));
    assert_eq!(refused.json()["retry_after_s"], seconds);
    let usage = server.get(&format!("/v1/usage?{ALWAYS}"), &project.rk).json();
    assert_eq!(
        (&usage["plan"], &usage["monthly_limit"], &usage["rows"][0]["events"]),
        (&json!("free"), &json!(100_000), &json!(100_000))
    );
}
