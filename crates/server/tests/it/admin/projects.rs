//! Projects and keys: created, shown, changed, ended, as on the dashboard.

use serde_json::{Value, json};

use super::client::Script;
use crate::support::{ALWAYS, Server, eventually};

#[test]
fn a_project_lives_and_dies() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let sent = json!({ "name": "Acme Shop", "allowed_origins": ["https://Acme.example"], "retention_days": 30,
        "timezone": "Europe/Berlin" });
    let created = script.post("/projects", &sent);
    assert_eq!(created.status, 201, "{}", created.text);
    let project = created.json();
    let account = script.read("/account")["id"].clone();
    let (id, at) = (project["id"].as_str().unwrap().to_owned(), project["created_at"].clone());
    let expected = json!({ "id": id, "slug": "acme-shop", "name": "Acme Shop", "account_id": account,
        "plan": "self_hosted", "retention_days": 30, "timezone": "Europe/Berlin", "created_at": at });
    assert_eq!(project, expected);
    assert_eq!(script.read("/projects/acme-shop"), expected);
    assert_eq!(script.read(&format!("/projects/{id}")), expected);
    let origins = script.read("/projects/acme-shop/origins");
    assert_eq!(origins, json!({ "allowed_origins": ["https://acme.example"] }));
    let changed =
        script.send("PATCH", "/projects/acme-shop", &[], &json!({ "name": "Acme", "retention_days": null }));
    assert_eq!(changed.status, 200, "{}", changed.text);
    let renamed = changed.json();
    assert_eq!((&renamed["name"], &renamed["slug"]), (&json!("Acme"), &json!("acme-shop")));
    assert_eq!((&renamed["retention_days"], &renamed["timezone"]), (&Value::Null, &json!("Europe/Berlin")));
    for path in ["/projects/acme-shop", "/projects/acme-shop?confirm=acme", "/projects/acme-shop?confirm="] {
        let refused = script.delete(path);
        assert_eq!(refused.error(), (400, "invalid_params".to_owned()), "{path}");
        assert!(refused.json()["details"]["fieldErrors"]["confirm"].is_array());
    }
    assert_eq!(script.delete(&format!("/projects/{id}?confirm=acme-shop")).json(), json!({ "ok": true }));
    assert_eq!(script.get("/projects/acme-shop").status, 404);
    assert_eq!(script.get(&format!("/projects/{id}")).status, 404);
}

#[test]
fn a_key_is_created_used_rotated_and_revoked() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    script.project("Shop");
    let sent = json!({ "kind": "sk", "env": "test", "label": "billing", "scopes": ["ingest"] });
    let created = script.post("/projects/shop/keys", &sent);
    assert_eq!(created.status, 201, "{}", created.text);
    let created = created.json();
    let text = created["key"].as_str().unwrap();
    assert!(text.starts_with(&format!("sk_test_{}_", created["prefix"].as_str().unwrap())), "{text}");
    server.track(text, json!({ "event": "signup" }));
    let path = format!("/projects/shop/keys/{}", created["id"].as_str().unwrap());
    let mut shown = created.clone();
    shown.as_object_mut().unwrap().remove("key");
    let stored = eventually("the use is noted", || {
        Some(script.read(&path)).filter(|key| key["last_used_at"].is_string())
    });
    shown["last_used_at"] = stored["last_used_at"].clone();
    assert_eq!(stored, shown, "everything but the text");
    let rotated = script.post(&format!("{path}/rotate"), &json!({ "grace_seconds": 3600 })).json();
    assert_eq!(rotated["replaces"]["id"], created["id"]);
    assert_eq!((&rotated["label"], &rotated["scopes"]), (&created["label"], &created["scopes"]));
    let old = script.read(&path);
    assert_eq!((&old["replaced_by"], &old["works"]), (&rotated["id"], &json!(true)));
    assert_eq!(old["expires_at"], rotated["replaces"]["expires_at"]);
    server.track(text, json!({ "event": "signup" }));
    assert_eq!(script.delete(&path).json(), json!({ "ok": true, "was_live": true }));
    assert_eq!(script.delete(&path).json(), json!({ "ok": true, "was_live": false }));
    eventually("the key stops", || {
        (server.post("/v1/track", text, &json!({ "event": "a" })).status == 401).then_some(())
    });
    assert_eq!(
        script.post(&format!("{path}/rotate"), &Value::Null).error(),
        (409, "key_not_live".to_owned())
    );
    let listed = script.get("/projects/shop/keys");
    assert_eq!(listed.json()["keys"].as_array().unwrap().len(), 2);
    for secret in [text, rotated["key"].as_str().unwrap()] {
        assert!(!listed.text.contains(&secret[17..]), "{}", listed.text);
    }
}

#[test]
fn a_token_creates_no_account_key() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let refused = script.post("/projects/default/keys", &json!({ "kind": "ak" }));
    assert_eq!(refused.error(), (403, "key_kind_not_allowed".to_owned()));
    assert_eq!(refused.json()["details"]["allowed"], json!(["pk", "sk", "rk"]));
    let ak = server.cli(&["key", "mint", "--account", "default", "--kind", "ak"]);
    let path = format!("/projects/default/keys/{}", ak["key_id"].as_str().unwrap());
    assert_eq!(script.delete(&path).status, 404);
    assert_eq!(script.post(&format!("{path}/rotate"), &Value::Null).status, 404);
}

#[test]
fn a_change_with_an_old_entity_tag_is_refused() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let tag = |path: &str| script.get(path).header("etag").unwrap().to_owned();
    for (path, method, body, other) in [
        ("/projects/default", "PATCH", json!({ "name": "A" }), json!({ "name": "B" })),
        (
            "/projects/default/origins",
            "PUT",
            json!({ "allowed_origins": ["https://a.example"] }),
            json!({ "allowed_origins": [] }),
        ),
        (
            "/projects/default/goals",
            "PUT",
            json!({ "goals": [{ "slug": "a", "event": "a" }] }),
            json!({ "goals": [] }),
        ),
        ("/projects/default/rules", "PUT", json!({ "meta_clicks": "social" }), json!({})),
    ] {
        let read = tag(path);
        let change = |tag: &str, body: &Value| script.send(method, path, &[("if-match", tag)], body);
        let changed = change(&read, &body);
        assert_eq!(changed.status, 200, "{path}: {}", changed.text);
        assert_eq!(changed.header("etag"), Some(tag(path).as_str()), "{path}");
        assert_ne!(tag(path), read, "{path}");
        let late = change(&read, &other);
        assert_eq!(late.error(), (412, "precondition_failed".to_owned()), "{path}");
        assert_eq!(change("W/\"x\"", &other).status, 412);
        assert_eq!(change("*", &other).status, 200);
        assert_eq!(script.send(method, path, &[], &other).status, 200, "without a condition");
    }
}

#[test]
fn changes_that_race_with_the_same_entity_tag_have_one_winner() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let tag = script.get("/projects/default/goals").header("etag").unwrap().to_owned();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let put = |number: u32| {
            let goals = json!({ "goals": [{ "slug": format!("goal-{number}"), "event": "a" }] });
            script.send("PUT", "/projects/default/goals", &[("if-match", &tag)], &goals).status
        };
        let puts: Vec<_> = (0..8).map(|number| scope.spawn(move || put(number))).collect();
        puts.into_iter().map(|put| put.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 412)), "{statuses:?}");
    assert_eq!(script.read("/projects/default/goals")["goals"].as_array().unwrap().len(), 1);
}

#[test]
fn the_usage_of_an_account_is_counted_by_project() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    server.track(&server.default_project().sk, json!({ "event": "signup" }));
    let usage = script.read("/account/usage");
    let row = &usage["projects"][0];
    assert_eq!((&row["slug"], &row["live"], &row["test"]), (&json!("default"), &json!(1), &json!(0)));
    assert_eq!((&row["monthly_limit"], &row["plan"]), (&Value::Null, &json!("self_hosted")));
    let past = script.read("/account/usage?month=2020-01");
    assert_eq!((&past["month"], &past["projects"][0]["live"]), (&json!("2020-01"), &json!(0)));
    assert_eq!(server.get(&format!("/v1/stats?{ALWAYS}"), &server.default_project().rk).status, 200);
}
