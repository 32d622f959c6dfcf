//! What the examples of the document are about: keys of every kind, a month of a shop, its goals, a project that an
//! access token manages, and what paths name.

use serde_json::{Value, json};

use crate::support::{Instance, Project, Server, eventually};

/// The allowed origin of the project.
pub(super) const ORIGIN: &str = "https://shop.example";
/// The operator's token for the metrics.
pub(super) const METRICS_TOKEN: &str = "a-token-for-the-tests";

/// The slug of the project that the examples of the management API are about.
const MANAGED: &str = "acme-shop";

/// A key of every kind, and an id of everything that a path names.
pub(super) struct Keys {
    project: Project,
    account: String,
    erasure: String,
    token: String,
    managed_key: String,
}

impl Keys {
    /// New ones.
    pub(super) fn of(server: &Server) -> Self {
        let project = server.project("Shop", &[ORIGIN]);
        let account = server.cli(&["key", "mint", "--account", "default", "--kind", "ak"]);
        let erasure = server.post("/v1/forget", &project.sk, &json!({ "anonymous_id": "nobody" })).json();
        server.cli(&["user", "create", "ann@example.com", "--role", "owner"]);
        let token = server.cli(&["user", "token", "create", "ann@example.com", "--scope", "write"]);
        server.cli(&["project", "create", "--name", "Acme Shop", "--origin", "https://acme.example"]);
        let managed_key = server.cli(&["key", "mint", "--project", MANAGED, "--kind", "sk"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = Self {
            project,
            account: text(&account["key"]),
            erasure: text(&erasure["request_id"]),
            token: text(&token["token"]),
            managed_key: text(&managed_key["key_id"]),
        };
        eventually("the erasure is done", || {
            let status = server.get(&format!("/v1/forget/{}", keys.erasure), &keys.project.sk).json();
            (status["status"] == "done").then_some(())
        });
        keys
    }

    /// The key of a security scheme.
    pub(super) fn of_scheme(&self, name: &str) -> &str {
        match name {
            "pk" | "write_key" => &self.project.pk,
            "sk" => &self.project.sk,
            "rk" => &self.project.rk,
            "ak" => &self.account,
            "access_token" => &self.token,
            "metrics_token" => METRICS_TOKEN,
            other => panic!("there is no key for the security scheme {other}: add one here"),
        }
    }

    /// The value of a parameter in a path.
    pub(super) fn path_parameter(&self, name: &str) -> String {
        match name {
            "request_id" => self.erasure.clone(),
            "project" => MANAGED.to_owned(),
            "key" => self.managed_key.clone(),
            "write_key" => self.project.pk.clone(),
            other => panic!("there is no value for {{{other}}} in a path: add one here"),
        }
    }
}

/// Stores the events and the goals.
pub(super) fn store(server: &Instance, keys: &Keys) {
    let sk = &keys.project.sk;
    let event = |id: &str, time: &str, visitor: &str, name: &str, url: &str, referrer: &str, more: Value| {
        json!({ "event": name, "event_id": id, "timestamp": format!("2026-05-{time}Z"), "anonymous_id": visitor,
                "url": format!("{ORIGIN}{url}"), "referrer": referrer, "properties": more })
    };
    let ad = "/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=May";
    let own = "https://shop.example/";
    let events = json!({ "events": [
        event("shop_1", "04T08:00:00", "anna", "$pageview", ad, "https://www.facebook.com/", json!({})),
        event("shop_2", "04T08:02:00", "anna", "signup", "/join", own, json!({ "plan": "pro" })),
        event("shop_3", "12T09:00:00", "anna", "$pageview", "/", "https://www.google.com/", json!({})),
        event("shop_4", "12T09:05:00", "anna", "add_to_cart", "/cart", own, json!({ "amount": 20 })),
        event("evt_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5", "12T09:09:00", "anna", "purchase", "/cart", own,
            json!({ "amount": 20, "currency": "EUR", "plan": "pro" })),
        event("shop_6", "13T10:00:00", "ben", "$pageview", "/", "https://www.google.com/", json!({})),
        event("shop_7", "13T10:01:00", "ben", "signup", "/join", own, json!({ "plan": "free" })),
        event("shop_8", "20T18:30:00", "cleo", "$pageview", "/?ref=partner", "https://news.example/", json!({})),
    ] });
    let response = server.post("/v1/batch", sk, &events);
    assert_eq!(response.status, 202, "{}", response.text);
    let slug = keys.project.slug.as_str();
    server.cli(&["goal", "create", "signup", "--project", slug, "--event", "signup", "--name", "Signed up"]);
    let sale = ["goal", "create", "sale", "--project", slug, "--event", "purchase", "--value", "amount"];
    server.cli(&[&sale[..], &["--currency", "EUR"]].concat());
}
