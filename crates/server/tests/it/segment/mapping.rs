//! Each row of the contract's table: what a message becomes.

use serde_json::{Value, json};

use super::{rows, send, stored};
use crate::support::{CHROME, Project, Server};

/// The row that a message becomes, without the columns that tests of attribution and devices cover.
fn row(server: &Server, project: &Project, path: &str, message: &Value) -> Value {
    stored(server, path, &project.sk, message);
    let mut row = rows(server, project).pop().unwrap();
    let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
    let columns = [
        "session_id",
        "medium",
        "source_confidence",
        "source_rule_id",
        "country",
        "device_type",
        "browser",
        "os",
    ];
    let members = row.as_object_mut().unwrap();
    for column in columns {
        members.remove(column);
    }
    members["properties"] = properties;
    row
}

/// The members that every message here has, with others.
fn message(more: Value) -> Value {
    let mut message = json!({ "messageId": "m-1", "anonymousId": "visitor-1", "userId": "user-1",
        "timestamp": "2026-05-16T19:00:00.000Z" });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message
}

/// The row of [`message`], with other columns.
fn expected(more: Value) -> Value {
    let mut row = json!({ "timestamp": "2026-05-16T19:00:00.000Z", "event_id": "m-1",
        "anonymous_id": "visitor-1", "user_id": "user-1", "source": "direct", "campaign": null,
        "referrer": null, "url": null, "path": null, "properties": {} });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

#[test]
fn every_kind_of_message_becomes_the_event_of_the_table() {
    let traits = json!({ "plan": "pro", "nested": { "a": [1, null] } });
    let context = json!({ "page": { "url": "https://shop.example/a?b=c", "referrer": "https://www.google.com/",
        "path": "/not-read", "title": "not read" }, "library": { "name": "x" }, "locale": "de-DE" });
    let of_page = json!({ "url": "https://shop.example/sale#top", "path": "/own", "title": "Sale",
        "referrer": "https://www.google.com/", "color": "red" });
    let from_context = json!({ "url": "https://shop.example/a?b=c", "path": "/a", "source": "google",
        "referrer": "https://www.google.com/", "event_name": "Order Completed", "properties": { "total": 49.9 } });
    let view = |name: &str| {
        expected(json!({ "event_name": name, "url": "https://shop.example/sale", "path": "/own",
            "source": "google", "referrer": "https://www.google.com/",
            "properties": { "name": "Home", "category": "Shop", "title": "Sale", "color": "red" } }))
    };
    let identified = expected(json!({ "event_name": "$identify", "properties": traits }));
    let grouped = json!({ "event_name": "$group", "properties": { "groupId": "g-1", "plan": "pro", "nested": { "a": [1, null] } } });
    for (kind, short, sent, row_expected) in [
        (
            "track",
            "t",
            json!({ "event": "Order Completed", "properties": { "total": 49.9 }, "context": context,
                "integrations": { "All": false } }),
            expected(from_context),
        ),
        (
            "page",
            "p",
            json!({ "name": "Home", "category": "Shop", "properties": of_page }),
            view("$pageview"),
        ),
        (
            "screen",
            "s",
            json!({ "name": "Home", "category": "Shop", "properties": of_page }),
            view("$screen"),
        ),
        ("identify", "i", json!({ "traits": traits }), identified),
        ("group", "g", json!({ "groupId": "g-1", "traits": traits }), expected(grouped)),
        (
            "alias",
            "a",
            json!({ "previousId": "old-1", "traits": traits }),
            expected(json!({ "event_name": "$identify", "anonymous_id": "old-1" })),
        ),
    ] {
        let sent = message(sent);
        let of_kind = |kind: &str| {
            let mut sent = sent.clone();
            sent["type"] = json!(kind);
            sent
        };
        let server = Server::start();
        for (path, body) in [
            (format!("/v1/{kind}"), sent.clone()),
            // The route says what it is.
            (format!("/v1/{short}"), of_kind("page")),
            ("/v1/batch".to_owned(), json!({ "batch": [of_kind(kind)] })),
            ("/v1/import".to_owned(), json!({ "batch": [of_kind(kind)] })),
        ] {
            let project = server.project(&path.replace('/', " "), &[]);
            assert_eq!(row(&server, &project, &path, &body), row_expected, "{path}");
        }
    }
}

#[test]
fn a_campaign_is_attributed_like_the_tags_of_a_link() {
    let server = Server::start();
    let project = server.default_project();
    let tagged = |page: &str| {
        let campaign =
            json!({ "name": "May", "source": "Newsletter", "medium": "email", "term": "t", "content": "c" });
        message(
            json!({ "event": "a", "messageId": page, "context": { "page": { "url": page }, "campaign": campaign } }),
        )
    };
    let found = row(&server, &project, "/v1/track", &tagged("https://shop.example/a#b"));
    assert_eq!((&found["source"], &found["campaign"]), (&json!("newsletter"), &json!("May")));
    let tags = "utm_source=Newsletter&utm_medium=email&utm_campaign=May&utm_term=t&utm_content=c";
    assert_eq!(found["url"], format!("https://shop.example/a?{tags}"));
    let server = Server::start();
    let project = server.default_project();
    let own = "https://shop.example/?utm_source=google&utm_medium=cpc";
    let found = row(&server, &project, "/v1/track", &tagged(own));
    assert_eq!(
        (&found["source"], &found["campaign"], &found["url"]),
        (&json!("google"), &Value::Null, &json!(own))
    );
}

#[test]
fn address_and_agent_of_the_visitor_are_those_of_the_context_for_an_sk_only() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let context = json!({ "ip": "8.8.8.8", "userAgent": CHROME });
    stored(&server, "/v1/track", &project.sk, &message(json!({ "event": "a", "context": context })));
    let row = rows(&server, &project).pop().unwrap();
    assert_eq!((&row["country"], &row["browser"]), (&json!("US"), &json!("chrome")));
    let sent = message(json!({ "event": "b", "messageId": "m-2", "context": context }));
    let key = super::basic(&project.pk);
    let headers =
        [("authorization", key.as_str()), ("origin", "https://shop.example"), ("user-agent", "App 1")];
    assert_eq!(server.send("POST", "/v1/track", &headers, sent.to_string().as_bytes()).status, 200);
    let row = rows(&server, &project).pop().unwrap();
    assert_eq!((&row["country"], &row["browser"]), (&json!(""), &json!("")));
}

#[test]
fn who_is_named_by_a_user_id_alone_is_one_visitor() {
    let server = Server::start();
    let project = server.default_project();
    for (id, more) in [
        ("1", json!({ "userId": "user-1" })),
        ("2", json!({ "userId": "user-1", "anonymousId": "" })),
        ("3", json!({ "userId": 17 })),
        ("4", json!({ "anonymousId": "visitor-1" })),
        ("5", json!({})),
    ] {
        let mut sent =
            json!({ "event": "a", "messageId": id, "timestamp": format!("2026-05-16T19:00:0{id}Z") });
        sent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stored(&server, "/v1/track", &project.sk, &sent);
    }
    stored(
        &server,
        "/v1/identify",
        &project.sk,
        &json!({ "userId": "user-1", "timestamp": "2026-05-16T19:00:06Z" }),
    );
    let rows = rows(&server, &project);
    let id = |at: usize| rows[at]["anonymous_id"].as_str().unwrap();
    assert!(id(0).starts_with("user_") && id(0) == id(1) && id(0) == id(5) && id(0) != id(2), "{}", id(0));
    assert_eq!((&rows[2]["user_id"], id(3), &rows[3]["user_id"]), (&json!("17"), "visitor-1", &Value::Null));
    assert!(id(4).starts_with("anon_"));
}

#[test]
fn a_time_is_corrected_by_the_clock_that_sent_it() {
    let server = Server::start();
    let project = server.default_project();
    let sent = json!({ "event": "a", "messageId": "1", "originalTimestamp": "2001-01-01T00:00:00Z", "sentAt": "2001-01-01T01:00:00Z" });
    stored(&server, "/v1/track", &project.sk, &sent);
    let sent = json!({ "batch": [{ "type": "track", "event": "b", "messageId": "2", "originalTimestamp": "2001-01-01T00:00:00Z" }] });
    stored(&server, "/v1/batch", &project.sk, &sent);
    let rows = rows(&server, &project);
    assert_eq!(rows[0]["timestamp"], "2001-01-01T00:00:00.000Z", "no clock to compare with");
    let hour_ago = chrono::Utc::now() - chrono::Duration::hours(1);
    let time = chrono::DateTime::parse_from_rfc3339(rows[1]["timestamp"].as_str().unwrap()).unwrap();
    assert!((time.to_utc() - hour_ago).num_seconds().abs() < 60, "{time}");
}

#[test]
fn a_page_that_has_no_web_address_is_counted_without_one() {
    let server = Server::start();
    let project = server.default_project();
    let long = format!("https://shop.example/{}", "a".repeat(3000));
    for url in
        ["file:///index.html", "chrome-extension://abc/a.html", "about:blank", "myapp://home", long.as_str()]
    {
        let sent = json!({ "messageId": url.len(), "properties": { "url": url }, "context": { "page": { "url": url, "referrer": long } } });
        stored(&server, "/v1/page", &project.sk, &sent);
    }
    let rows = rows(&server, &project);
    assert!(rows.iter().all(|row| row["url"].is_null() && row["referrer"].is_null()), "{rows:?}");
    assert_eq!(rows.len(), 5);
    let refused = send(&server, "/v1/page", &project.sk, &json!({ "properties": { "url": "https://a b/" } }));
    let fields = refused.json()["details"]["fieldErrors"].clone();
    assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["properties.url"]);
}
