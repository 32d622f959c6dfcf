//! Origins, goals and rules: replaced as a whole, checked as everywhere, and used at once.

use serde_json::{Value, json};

use super::client::Script;
use crate::support::{ALWAYS, Server, ask, eventually, path_of};

#[test]
fn origins_are_replaced_and_let_browsers_in() {
    let server = Server::start();
    let (script, project) = (Script::of_owner(&server), server.default_project());
    let wanted = json!({ "allowed_origins": ["https://shop.example:443", "https://*.shop.example", "https://SHOP.example"] });
    let stored = json!({ "allowed_origins": ["https://shop.example", "https://*.shop.example"] });
    assert_eq!(script.put("/projects/default/origins", &wanted).json(), stored);
    assert_eq!(script.read("/projects/default/origins"), stored);
    eventually("the origin is allowed", || {
        let bearer = format!("Bearer {}", project.pk);
        let headers = [("authorization", bearer.as_str()), ("origin", "https://shop.example")];
        let sent = server.send("POST", "/v1/track", &headers, br#"{"event":"a"}"#);
        (sent.status == 202).then_some(())
    });
    for (body, field) in [
        (json!({ "allowed_origins": ["shop.example"] }), "allowed_origins.0"),
        (json!({ "allowed_origins": ["https://a.example", "https://*.com"] }), "allowed_origins.1"),
        (json!({ "allowed_origins": "https://a.example" }), "allowed_origins"),
        (json!({ "origins": [] }), "origins"),
        (json!({ "allowed_origins": vec!["https://a.example"; 1001] }), "allowed_origins"),
    ] {
        let refused = script.put("/projects/default/origins", &body);
        assert_eq!(refused.error(), (400, "invalid_payload".to_owned()), "{field}");
        assert!(refused.json()["details"]["fieldErrors"][field].is_array(), "{}", refused.text);
    }
    assert_eq!(script.read("/projects/default/origins"), stored, "nothing of a wrong list is kept");
}

#[test]
fn goals_are_replaced_and_queries_take_them() {
    let server = Server::start();
    let (script, project) = (Script::of_owner(&server), server.default_project());
    let goals = json!({ "goals": [
        { "slug": "sale", "name": "A sale", "event": "purchase", "filters": [["is", "country", ["DE"]]],
          "value": { "property": "amount", "currency": "EUR" } },
        { "slug": "thanks", "name": "thanks", "page": "/thank-you*" },
    ] });
    let replaced = script.put("/projects/default/goals", &goals);
    assert_eq!((replaced.status, replaced.json()), (200, goals.clone()), "{}", replaced.text);
    assert_eq!(ask(&server, &project, "/v1/goals"), goals);
    let body = json!({ "event": "$pageview", "url": "https://shop.example/thank-you/7" });
    server.track(&project.sk, body);
    let stats = ask(&server, &project, &format!("/v1/stats?{ALWAYS}&goal=thanks"));
    assert_eq!(stats["rows"], json!([{ "value": 1 }]));
    let wrong = json!({ "goals": [{ "slug": "sale", "event": "purchase", "page": "/x", "colour": "red" }] });
    let refused = script.put("/projects/default/goals", &wrong);
    assert_eq!(refused.error(), (400, "invalid_payload".to_owned()));
    let fields =
        refused.json()["details"]["fieldErrors"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields, ["goals.0.event", "goals.0.colour"]);
    assert_eq!(script.read("/projects/default/goals"), goals);
    assert_eq!(script.put("/projects/default/goals", &json!({ "goals": [] })).json(), json!({ "goals": [] }));
}

#[test]
fn rules_are_replaced_and_classify_new_events() {
    let server = Server::start();
    let (script, project) = (Script::of_owner(&server), server.default_project());
    assert_eq!(script.read("/projects/default/rules"), json!({ "meta_clicks": "paid" }));
    let rules = json!({
        "rules": [{ "slug": "partners", "when": [{ "field": "query.ref", "op": "is", "value": "acme" }],
            "source": "acme", "medium": "partner" }],
        "ignored_referrers": ["pay.example.com"], "meta_clicks": "social",
    });
    let replaced = script.put("/projects/default/rules", &rules);
    assert_eq!((replaced.status, replaced.json()), (200, rules.clone()), "{}", replaced.text);
    assert_eq!(script.read("/projects/default/rules"), rules);
    eventually("the rule is used", || {
        let body = json!({ "event": "$pageview", "url": "https://shop.example/?ref=acme" });
        let id = server.track(&project.sk, body)["event_id"].as_str().unwrap().to_owned();
        let rows = ask(&server, &project, &format!("/v1/query?{ALWAYS}&source=acme"))["rows"].clone();
        rows.as_array().unwrap().iter().any(|row| row["event_id"] == id.as_str()).then_some(())
    });
    for (body, field) in [
        (json!({ "rules": [{ "slug": "A b", "when": [], "source": "a", "medium": "b" }] }), "rules[0].slug"),
        (json!({ "ignored_referrers": ["https://a.example/x"] }), "ignored_referrers[0]"),
        (
            json!({ "rules": [{ "slug": "a", "when": [{ "field": "path", "op": "matches", "value": "(" }],
                "source": "a", "medium": "b" }] }),
            "rules[0].when[0].value",
        ),
    ] {
        let refused = script.put("/projects/default/rules", &body);
        assert_eq!(refused.error(), (400, "invalid_payload".to_owned()), "{field}");
        assert!(refused.json()["details"]["fieldErrors"][field].is_array(), "{}", refused.text);
    }
    for body in [json!({ "rule": [] }), json!([]), json!({ "rules": [{ "slug": 7 }] })] {
        let refused = script.put("/projects/default/rules", &body);
        assert_eq!(refused.error(), (400, "invalid_payload".to_owned()), "{body}");
    }
    assert_eq!(script.read("/projects/default/rules"), rules);
    assert_eq!(script.put("/projects/default/rules", &json!({})).json(), json!({ "meta_clicks": "paid" }));
}

#[test]
fn every_change_writes_the_entry_that_the_dashboard_writes() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let by = crate::dashboard::browser::Browser::new(&server);
    let link =
        server.cli(&["user", "reset-password", "ann@example.com"])["link"].as_str().map(path_of).unwrap();
    let password = crate::dashboard::browser::PASSWORD;
    by.post(&link, &[("password", password)]);
    let by = crate::dashboard::browser::Browser::signed_in(&server, "ann@example.com", password);
    let newest = || script.read("/account/audit?limit=1")["entries"][0].clone();
    let without = |mut entry: Value| {
        let entry = entry.as_object_mut().unwrap();
        for name in ["at", "actor", "subject"] {
            entry.remove(name);
        }
        entry["detail"].as_object_mut().unwrap().remove("prefix");
        json!(entry)
    };
    let create = json!({ "kind": "rk" });
    let key = script.post("/projects/default/keys", &create).json();
    let by_token = newest();
    let prefix = script.token["mmt_".len()..][..8].to_owned();
    assert_eq!(by_token["actor"]["kind"], "token");
    assert_eq!(by_token["actor"]["token_prefix"], prefix.as_str());
    assert_eq!(by_token["subject"], key["id"]);
    by.get("/projects/default/keys");
    assert_eq!(by.post("/projects/default/keys", &[("kind", "rk"), ("scope", "read")]).status, 200);
    let by_person = newest();
    assert_eq!(by_person["actor"]["kind"], "user");
    assert_eq!(by_person["actor"]["user_id"], by_token["actor"]["user_id"]);
    assert_eq!(without(by_person), without(by_token));
    let page = by.get(&format!("{}/audit", crate::dashboard::people::account(&by))).text;
    assert!(page.contains(&format!("ann@example.com (token mmt_{prefix}_…)")), "{page}");
    // A change that changes nothing leaves no entry.
    let before = newest();
    script.put("/projects/default/origins", &json!({ "allowed_origins": [] }));
    script.put("/projects/default/goals", &json!({ "goals": [] }));
    script.put("/projects/default/rules", &json!({}));
    script.send("PATCH", "/projects/default", &[], &json!({}));
    assert_eq!(newest(), before);
}
