//! Events that several tests send, and the reports that they read.

use serde_json::{Value, json};

use super::{Instance, Project, Server};

/// A range that contains every sample.
pub(crate) const ALWAYS: &str = "from=2000-01-01&to=2100-01-01";

/// The user agent of Chrome on Windows.
pub(crate) const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/// Stores two days of a shop: an ad on Facebook, a post there, a search, two purchases.
pub(crate) fn shop(server: &Instance, project: &Project) {
    let event = |id: &str, day: &str, visitor: &str, name: &str, url: &str, referrer: &str, more: Value| {
        json!({ "event": name, "event_id": id, "timestamp": format!("2026-05-{day}Z"), "anonymous_id": visitor,
                "url": format!("https://shop.example{url}"), "referrer": referrer, "properties": more })
    };
    let ad = "/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=May";
    let events = json!({ "events": [
        event("e1", "15T23:30:00", "anna", "$pageview", ad, "", json!({})),
        event("e2", "16T08:00:00", "anna", "purchase", "/cart", "https://shop.example/sale", json!({ "amount": 20, "plan": "pro" })),
        event("e3", "16T09:00:00", "ben", "$pageview", "/", "https://www.google.com/", json!({})),
        event("e4", "16T09:30:00", "ben", "$pageview", "/sale", "https://shop.example/", json!({})),
        event("e5", "16T10:00:00", "cleo", "$pageview", "/", "https://www.facebook.com/", json!({})),
        event("e6", "16T10:30:00", "cleo", "purchase", "/cart", "https://shop.example/", json!({ "amount": 5.5, "plan": "free" })),
    ] });
    let response = server.post("/v1/batch", &project.sk, &events);
    assert_eq!(response.status, 202, "{}", response.text);
}

/// A page view with this id.
pub(crate) fn pageview(id: &str, url: &str) -> Value {
    json!({ "event": "$pageview", "event_id": id, "anonymous_id": "visitor-1", "url": url,
            "timestamp": "2026-05-16T19:00:00Z" })
}

/// A server that stored these events in its default project.
pub(crate) fn server_with(events: &[Value]) -> (Server, Project) {
    let server = Server::start();
    let project = server.default_project();
    let response = server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    assert_eq!(response.status, 202, "{}", response.text);
    (server, project)
}

/// The body of a report that succeeds, read with the project's rk.
pub(crate) fn ask(server: &Instance, project: &Project, path: &str) -> Value {
    let response = server.get(path, &project.rk);
    assert_eq!(response.status, 200, "{path}: {}", response.text);
    response.json()
}
