//! The right to be forgotten, seen from outside.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Server, eventually, files_with};

fn names(server: &Instance, key: &str) -> Vec<Value> {
    let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), key).json()["rows"].clone();
    rows.as_array().unwrap().iter().map(|row| row["event_name"].clone()).collect()
}

#[test]
fn a_forgotten_user_is_gone_at_once_and_soon_from_disk() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let send = |name: &str, visitor: &str, user: Value| {
        let at = "2026-05-16T19:00:00Z";
        server.track(&project.sk, json!({ "event": name, "event_id": name, "anonymous_id": visitor, "user_id": user, "timestamp": at }));
    };
    send("hers", "visitor-a", json!("user-4711-hers"));
    send("anonymous", "visitor-a", Value::Null);
    send("his", "visitor-b", json!("user-his"));

    let response = server.post("/v1/forget", &project.sk, &json!({ "user_id": "user-4711-hers" }));
    let body = response.json();
    assert_eq!((response.status, &body["ok"], &body["queued"]), (200, &json!(true), &json!(true)));
    assert_eq!(names(&server, &project.rk), ["his", "anonymous"]);
    let count = server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk).json();
    assert_eq!(count["rows"], json!([{ "value": 2 }]));

    let path = format!("/v1/forget/{}", body["request_id"].as_str().unwrap());
    let done = eventually("the erasure is done", || {
        let status = server.get(&path, &project.sk).json();
        (status["status"] == "done").then_some(status)
    });
    assert_eq!(done["events_deleted"], 1);
    assert!(done["finished_at"].is_string());
    assert_eq!(files_with(&server.dir, b"user-4711-hers"), Vec::<String>::new());
    assert_ne!(files_with(&server.dir, b"user-his"), Vec::<String>::new(), "the search itself works");

    send("late", "visitor-a", json!("user-4711-hers"));
    assert_eq!(names(&server, &project.rk), ["his", "anonymous"], "a late queue resurrects nobody");
    server.track(&project.sk, json!({ "event": "new-life", "user_id": "user-4711-hers" }));
    assert!(names(&server, &project.rk).contains(&json!("new-life")));
}

#[test]
fn linked_visitors_go_only_when_asked_for() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let person = |visitor: &str, user: &str| {
        let at = "2026-05-16T19:00:00Z";
        server.track(
            &project.sk,
            json!({ "event": format!("before-{user}"), "anonymous_id": visitor, "timestamp": at }),
        );
        let link = json!({ "anonymous_id": visitor, "user_id": user, "traits": { "plan": "pro" } });
        assert_eq!(server.post("/v1/identify", &project.sk, &link).text, "{\"ok\":true}");
    };
    person("visitor-a", "anna");
    person("visitor-b", "ben");
    let forget = |body: Value| assert_eq!(server.post("/v1/forget", &project.sk, &body).status, 200);
    forget(json!({ "user_id": "anna" }));
    assert_eq!(names(&server, &project.rk), ["$identify", "before-ben", "before-anna"]);
    forget(json!({ "user_id": "ben", "include_linked": true }));
    assert_eq!(names(&server, &project.rk), ["before-anna"]);
    forget(json!({ "anonymous_id": "visitor-a" }));
    assert_eq!(names(&server, &project.rk), Vec::<Value>::new());
}

#[test]
fn a_placeholder_id_links_nobody_and_is_counted() {
    let server = Server::start_with(&["--rate-limit-track", "off", "--metrics-token", "token-of-operators"]);
    let project = server.project("Shop", &[]);
    let at = "2026-05-16T19:00:00Z";
    for (visitor, user) in [("undefined", "anna"), (" [object Object]", "anna"), ("undefined", "ben")] {
        let event = format!("of-{user}");
        let event = json!({ "event": event, "anonymous_id": visitor, "user_id": user, "timestamp": at });
        server.track(&project.sk, event);
        let link = json!({ "anonymous_id": visitor, "user_id": user, "timestamp": at });
        assert_eq!(server.post("/v1/identify", &project.sk, &link).text, "{\"ok\":true}");
    }
    let nobody =
        json!({ "event": "of-nobody", "anonymous_id": "undefined", "user_id": "0", "timestamp": at });
    server.track(&project.sk, nobody);
    let forget = json!({ "user_id": "anna", "include_linked": true });
    assert_eq!(server.post("/v1/forget", &project.sk, &forget).status, 200);
    let mut left = names(&server, &project.rk);
    left.sort_by_key(Value::to_string);
    assert_eq!(left, ["$identify", "of-ben", "of-nobody"]);
    let metrics = server.get("/metrics", "token-of-operators").text;
    for line in
        ["placeholder_ids_total{field=\"anonymous_id\"} 7\n", "placeholder_ids_total{field=\"user_id\"} 1\n"]
    {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn a_request_to_forget_names_one_person() {
    let server = Server::start();
    let sk = server.default_project().sk;
    for body in [
        json!({}),
        json!({ "user_id": "a", "anonymous_id": "b" }),
        json!({ "user_id": "" }),
        json!({ "user_id": 5 }),
        json!({ "anonymous_id": "b", "include_linked": true }),
        json!({ "user_id": "x".repeat(257) }),
    ] {
        assert_eq!(
            server.post("/v1/forget", &sk, &body).error(),
            (400, "invalid_payload".to_owned()),
            "{body}"
        );
    }
    assert_eq!(
        server.get("/v1/forget/fgt_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5", &sk).error(),
        (404, "not_found".to_owned())
    );
    assert_eq!(server.get("/v1/forget/nonsense", &sk).error(), (404, "not_found".to_owned()));
}
