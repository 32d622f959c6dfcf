//! Write keys: where they may be, which requests are in the dialect, and what a page of a browser may do.

use serde_json::{Value, json};

use super::{basic, names, send, stored, track};
use crate::support::{CHROME, Instance, Response, Server};

/// A request of a page, without a key in the head.
fn from_page(server: &Instance, path: &str, origin: &str, body: &Value) -> Response {
    let headers = [("origin", origin), ("user-agent", CHROME), ("content-type", "text/plain")];
    server.send("POST", path, &headers, body.to_string().as_bytes())
}

const SHORT: [&str; 7] = ["/v1/t", "/v1/i", "/v1/p", "/v1/s", "/v1/g", "/v1/a", "/v1/b"];
const LONG: [&str; 5] = ["/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/import"];

#[test]
fn basic_is_what_makes_a_request_one_of_the_dialect() {
    let server = Server::start();
    let project = server.default_project();
    // Our own format, with the header of our own.
    let own = json!({ "event": "own", "event_id": "e-1", "messageId": "m-1" });
    assert_eq!(server.track(&project.sk, own), json!({ "ok": true, "event_id": "e-1" }));
    let theirs = server.post("/v1/batch", &project.sk, &json!({ "batch": [track("m-1")] }));
    assert_eq!(theirs.error(), (400, "invalid_payload".to_owned()));
    let person = json!({ "anonymous_id": "a", "user_id": "u" });
    assert_eq!(server.post("/v1/identify", &project.sk, &person).text, r#"{"ok":true}"#);
    // A key in the body means nothing on the paths of our own format.
    let keyed = json!({ "event": "own", "writeKey": project.sk });
    for path in ["/v1/track", "/v1/batch", "/v1/identify"] {
        let response = server.send("POST", path, &[], keyed.to_string().as_bytes());
        assert_eq!(response.error(), (401, "missing_bearer_token".to_owned()), "{path}");
    }
    // The same members with the other header.
    let response = send(&server, "/v1/track", &project.sk, &json!({ "event": "theirs", "event_id": "e-2" }));
    assert_eq!(response.text, r#"{"success":true}"#);
    assert_eq!(names(&server, &project), ["own", "$identify", "theirs"]);
    // Reads take no Basic.
    let read = server.send("GET", "/v1/usage", &[("authorization", &basic(&project.sk))], b"");
    assert_eq!(read.error(), (401, "missing_bearer_token".to_owned()));
}

#[test]
fn the_key_may_be_in_the_body() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    for (at, path) in SHORT.iter().chain(&LONG).chain(&["/v1/import/"]).enumerate() {
        let mut body = track(&format!("m-{at}"));
        body["writeKey"] = json!(project.pk);
        body["userId"] = json!("user-1");
        body["groupId"] = json!("g-1");
        body["previousId"] = json!("p-1");
        if ["/v1/b", "/v1/import", "/v1/import/"].contains(path) {
            body = json!({ "batch": [body], "writeKey": project.pk });
        }
        let response = from_page(&server, path, "https://shop.example", &body);
        assert_eq!((response.status, response.text.as_str()), (200, r#"{"success":true}"#), "{path}");
        let response = from_page(&server, path, "https://other.example", &body);
        assert_eq!(response.error(), (403, "origin_not_allowed".to_owned()), "{path}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{path}");
    }
    assert_eq!(names(&server, &project).len(), 13);
}

#[test]
fn keys_are_refused_as_everywhere() {
    let server = Server::start();
    let project = server.default_project();
    let cut = &project.sk[..project.sk.len() - 1];
    let (id, revoked) = server.create_key(&project, &["--kind", "sk"]);
    server.cli(&["key", "revoke", &id]);
    let hidden = format!("{}\u{200b}", project.sk);
    for (key, expected) in [
        (project.rk.as_str(), (403, "insufficient_scope")),
        (project.pk.as_str(), (403, "origin_not_allowed")),
        (cut, (401, "malformed_api_key")),
        (&hidden, (401, "malformed_api_key")),
        ("", (401, "malformed_api_key")),
        ("YOUR_WRITE_KEY", (401, "malformed_api_key")),
        (&revoked, (401, "invalid_api_key")),
    ] {
        let expected = (expected.0, expected.1.to_owned());
        for path in ["/v1/track", "/v1/batch", "/v1/import", "/v1/p", "/v1/group"] {
            assert_eq!(send(&server, path, key, &json!({})).error(), expected, "{path} {key}");
        }
        let in_body = server.send("POST", "/v1/t", &[], json!({ "writeKey": key }).to_string().as_bytes());
        assert_eq!(in_body.error(), expected, "{key}");
    }
    for value in ["Basic", "Basic !!", &format!("Basic {}", project.sk)] {
        let response = server.send("POST", "/v1/track", &[("authorization", value)], b"{}");
        assert_eq!(response.error(), (401, "malformed_api_key".to_owned()), "{value}");
        assert!(!response.text.contains(&project.sk[17..40]));
    }
    for body in ["{}", r#"{"writeKey":null}"#, r#"{"writeKey":{}}"#] {
        let response = server.send("POST", "/v1/t", &[], body.as_bytes());
        assert_eq!(response.error(), (401, "missing_bearer_token".to_owned()), "{body}");
    }
    for body in ["", "[]", "{", "nonsense"] {
        for path in ["/v1/t", "/v1/b", "/v1/import"] {
            let response = server.send("POST", path, &[], body.as_bytes());
            assert_eq!(response.error(), (401, "missing_bearer_token".to_owned()), "{path} {body}");
            let key = basic(&project.sk);
            let response = server.send("POST", path, &[("authorization", &key)], body.as_bytes());
            assert_eq!(response.error(), (400, "invalid_payload".to_owned()), "{path} {body}");
        }
    }
}

#[test]
fn a_key_in_a_url_is_judged_as_everywhere() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    for path in SHORT.iter().chain(&LONG) {
        let with = |key: &str| {
            let body = json!({ "userId": "u", "groupId": "g", "previousId": "p", "event": "a",
                "batch": [{ "type": "page" }], "writeKey": project.pk });
            from_page(&server, &format!("{path}?key={key}"), "https://shop.example", &body)
        };
        assert_eq!(with(&project.pk).status, 200, "{path}");
        assert_eq!(with("undefined").error(), (401, "malformed_api_key".to_owned()), "{path}");
        assert_eq!(with(&project.sk).error(), (400, "secret_key_in_url".to_owned()), "{path}");
    }
    let keys = server.cli(&["key", "list", "--project", &project.slug]);
    let sk = keys.as_array().unwrap().iter().find(|key| key["kind"] == "sk").unwrap();
    assert!(sk["exposed_at"].is_string(), "{sk}");
}

#[test]
fn preflights_are_answered_and_every_answer_is_open() {
    let server = Server::start();
    for path in SHORT.iter().chain(&LONG) {
        let asked = [
            ("origin", "https://any.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type,x-retry-count"),
        ];
        let response = server.send("OPTIONS", path, &asked, b"");
        assert_eq!(response.status, 204, "{path}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            response.header("access-control-allow-headers"),
            Some("authorization, content-type, content-encoding, x-retry-count")
        );
        let refused = server.send("POST", path, &[], b"");
        assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "{path}");
    }
}

#[test]
fn bots_are_dropped_from_pages_and_counted() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let mut body = track("m-1");
    body["writeKey"] = json!(project.pk);
    let bot = [
        ("origin", "https://shop.example"),
        ("user-agent", "Googlebot/2.1 (+http://www.google.com/bot.html)"),
    ];
    let response = server.send("POST", "/v1/t", &bot, body.to_string().as_bytes());
    assert_eq!((response.status, response.json()), (200, json!({ "success": true, "dropped": "crawler" })));
    assert_eq!(names(&server, &project), [""; 0]);
    stored(&server, "/v1/t", &project.sk, &track("m-1"));
}
