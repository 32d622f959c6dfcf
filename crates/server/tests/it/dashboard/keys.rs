//! Keys on the screen: a secret is in one response alone, and what a key may do is as it was asked.

use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _};

use super::browser::Browser;
use super::people::account;
use crate::support::{ALWAYS, CHROME, Instance, Server, eventually};

const KEYS: &str = "/projects/default/keys";

/// The secret in the response that creates a key.
fn secret(page: &str) -> String {
    page.split_once("<code id=\"fresh\">").expect("a secret").1.split('<').next().unwrap().to_owned()
}

/// The id of the key whose name begins the row.
fn id_of(page: &str, key: &str) -> String {
    let prefix = key.split('_').take(3).collect::<Vec<_>>().join("_");
    let row = page.split_once(&format!(">{prefix}…")).expect("its row").1;
    row.split_once("/keys/").unwrap().1.split('/').next().unwrap().to_owned()
}

#[test]
fn a_created_key_works_and_its_secret_is_in_one_response_only() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let scopes = [("scope", "ingest"), ("scope", "read"), ("scope", "forget")];
    let made = owner.post(KEYS, &[&[("kind", "sk"), ("label", "billing")][..], &scopes].concat());
    let key = secret(&made.text);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    server.track(&key, json!({ "event": "a" }));
    for path in [KEYS, "/projects/default/install", &format!("{}/audit", account(&owner))] {
        let page = owner.get(path).text;
        assert!(!page.contains(&key), "{path}");
    }
    assert!(owner.get(KEYS).text.contains("billing"));
}

#[test]
fn a_key_is_created_as_requested() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let form = owner.get(&format!("{KEYS}?create=sk")).text;
    assert!(form.contains("New secret key (sk)") && form.contains("value=\"forget\""), "{form}");
    let fields = [
        ("kind", "sk"),
        ("env", "test"),
        ("scope", "read"),
        ("expires", "720"),
        ("networks", "203.0.113.7, 10.0.0.0/8"),
    ];
    let key = secret(&owner.post(KEYS, &fields).text);
    let listed = server.cli(&["key", "list", "--project", "default"]);
    let prefix = key.split('_').nth(2).unwrap();
    let row = listed.as_array().unwrap().iter().find(|row| row["prefix"] == prefix).unwrap();
    assert_eq!((&row["env"], &row["scopes"]), (&json!("test"), &json!(["read"])));
    assert_eq!(row["allowed_ips"], json!(["203.0.113.7/32", "10.0.0.0/8"]));
    assert_ne!(row["expires_at"], json!(null));
    for (field, words) in [
        (("networks", "300.0.0.1"), "IP address `300.0.0.1`"),
        (("label", &*"x".repeat(101)), "1 to 100 characters"),
        (("scope", "none"), "at least one scope"),
    ] {
        let mut fields = vec![("kind", "sk"), field];
        fields.extend((field.0 != "scope").then_some(("scope", "read")));
        let refused = owner.post(KEYS, &fields);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains(words) && !refused.text.contains("id=\"fresh\""), "{}", refused.text);
    }
    assert_eq!(owner.post(KEYS, &[("kind", "ak"), ("scope", "read")]).status, 404, "an ak is an account's");
}

#[test]
fn a_revoked_key_stops_and_a_rotated_one_works_on_beside_its_successor() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let read = format!("/v1/stats?{ALWAYS}");
    let old = secret(&owner.post(KEYS, &[("kind", "rk"), ("scope", "read")]).text);
    let id = id_of(&owner.get(KEYS).text, &old);
    let ask = owner.get(&format!("{KEYS}/{id}/rotate")).text;
    assert!(ask.contains("Old key expires"), "{ask}");
    let rotated = owner.post(&format!("{KEYS}/{id}/rotate"), &[("grace", "24")]);
    let new = secret(&rotated.text);
    assert_eq!((server.get(&read, &old).status, server.get(&read, &new).status), (200, 200));
    let again = owner.post(&format!("{KEYS}/{id}/rotate"), &[("grace", "24")]);
    assert_eq!(again.status, 422, "a key has one successor");

    let ask = owner.get(&format!("{KEYS}/{id}/revoke")).text;
    assert!(
        ask.contains("401 <code>invalid_api_key</code> within one second. This cannot be undone"),
        "{ask}"
    );
    assert_eq!(owner.post(&format!("{KEYS}/{id}/revoke"), &[]).status, 303);
    eventually("the key stops", || (server.get(&read, &old).status == 401).then_some(()));
    assert_eq!(server.get(&read, &new).status, 200);
    let arrivals = owner.get("/projects/default/install/arrivals").text;
    assert!(arrivals.contains("401 invalid_api_key: the key was revoked"), "{arrivals}");
}

#[test]
fn an_account_key_is_created_on_the_page_of_the_account() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let keys = format!("{}/keys", account(&owner));
    let made = owner.post(&keys, &[("kind", "ak"), ("scope", "read")]);
    assert!(secret(&made.text).starts_with("ak_live_"));
    let ak = id_of(&owner.get(&keys).text, &secret(&made.text));
    assert_eq!(owner.get(&format!("{KEYS}/{ak}/revoke")).status, 404, "it is not the project's");
    assert_eq!(owner.post(&format!("{KEYS}/{ak}/revoke"), &[]).status, 404);
}

#[test]
fn origins_are_explained_while_typed_and_saved_as_a_whole_or_not_at_all() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let check = |typed: &str| {
        let typed: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
        owner.get(&format!("/projects/default/settings/origins/check?origin={typed}")).text
    };
    assert!(check("https://shop.example").starts_with("ok Matches https://shop.example. Does not match"));
    assert!(check("https://*.com").starts_with("bad `https://*.com` is too wide"));
    let save = |origins: &[&str]| {
        let fields: Vec<_> = origins.iter().map(|origin| ("origin", *origin)).collect();
        owner.post("/projects/default/settings/origins", &fields)
    };
    let saved = |server: &Instance| server.cli(&["project", "show", "default"])["allowed_origins"].clone();
    assert_eq!(save(&["https://shop.example/", "", "https://shop.example"]).status, 303);
    assert_eq!(saved(&server), json!(["https://shop.example"]));
    let refused = save(&["https://shop.example", "shop.example"]);
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("`shop.example` is not an origin"), "{}", refused.text);
    assert_eq!(saved(&server), json!(["https://shop.example"]));
    assert_eq!(save(&[]).status, 303);
    assert_eq!(saved(&server), json!([]));
}

#[test]
fn the_waiting_page_says_what_arrived_and_why_something_was_refused() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let project = server.default_project();
    let arrivals = || owner.get("/projects/default/install/arrivals").text;
    assert!(arrivals().contains("Waiting for the first event"));
    let send = |origin: &str, agent: &str| {
        let bearer = format!("Bearer {}", project.pk);
        let headers = [("authorization", &*bearer), ("origin", origin), ("user-agent", agent)];
        server.send("POST", "/v1/track", &headers, br#"{"event":"<b>signup</b>"}"#).status
    };
    assert_eq!(send("https://shop.example", CHROME), 403);
    assert!(arrivals().contains("the page’s origin is https://shop.example"));
    server.cli(&["project", "update", "default", "--origin", "https://shop.example"]);
    eventually("the origin is known", || (send("https://shop.example", CHROME) == 202).then_some(()));
    let page = arrivals();
    assert!(page.contains("Last event:") && page.contains("&#60;b&#62;signup"), "{page}");
    assert_eq!(send("https://shop.example", "curl/8.0"), 202);
    assert!(arrivals().contains("not counted: bot traffic (tool)"), "{}", arrivals());
    server.track(&project.sk, json!({ "event": "a", "anonymous_id": "v", "user_id": "undefined" }));
    assert!(arrivals().contains("stored, but user_id is a placeholder"), "{}", arrivals());
    assert!(!arrivals().contains("anonymous_id is a placeholder"), "{}", arrivals());
    let other = server.project("Other", &[]);
    server.track(&other.sk, json!({ "event": "a" }));
    assert!(!arrivals().contains("Other"), "another project's arrivals are its own");
}

/// Counts as many events of a project in this month as the plan `free` allows.
fn use_up_the_plan(server: &Instance, project: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(server.dir.join("control.db"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut database = options.connect().await.unwrap();
        let insert = "insert into usage select $1, 'live', strftime('%Y-%m', 'now'), 100000";
        sqlx::query(insert).bind(project).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    });
}

#[test]
fn a_plan_that_is_used_up_is_told_where_events_are_waited_for() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let project = server.default_project();
    let shown = server.cli(&["project", "update", "default", "--plan", "free"]);
    use_up_the_plan(&server, shown["project_id"].as_str().unwrap());
    eventually("the plan is known", || {
        let response = server.post("/v1/track", &project.sk, &json!({ "event": "a" }));
        (response.status == 429).then_some(())
    });
    let page = owner.get("/projects/default/install/arrivals").text;
    assert!(page.contains("429 quota_exceeded") && page.contains("sk_…"), "{page}");
    let usage = owner.get(&format!("{}/usage", account(&owner))).text;
    assert!(usage.contains("100.0% of 100,000"), "{usage}");
}

#[test]
fn a_new_project_gets_a_short_name_of_its_own_and_no_key() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let path = format!("{}/projects/new", account(&owner));
    let made: Vec<_> = (0..2)
        .map(|_| owner.post(&path, &[("name", "My Shop")]).header("location").unwrap().to_owned())
        .collect();
    assert_eq!(made, ["/projects/my-shop/install", "/projects/my-shop-2/install"]);
    assert!(owner.get("/projects/my-shop/keys").text.contains("No active keys"));
    let refused = owner.post(&path, &[("name", " ")]);
    assert_eq!(refused.status, 422);
    let gone = owner.post("/projects/my-shop-2/settings/delete", &[("slug", "my-shop-2")]);
    assert_eq!((gone.status, owner.get("/projects/my-shop-2").status), (303, 404));
}

#[test]
fn what_others_wrote_is_shown_and_never_run() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let nasty = "<script>alert(1)</script>\" onmouseover=\"x\u{202e}";
    let label = &nasty[..40];
    let made = owner.post(KEYS, &[("kind", "rk"), ("scope", "read"), ("label", label)]);
    let key = secret(&made.text);
    let event = json!({ "event": nasty, "url": "https://shop.example/<img src=x onerror=alert(1)>",
        "referrer": "https://evil.example/\"><script>", "anonymous_id": "x".repeat(128) });
    server.track(&server.default_project().sk, event);
    for path in [KEYS, "/projects/default/install", &format!("{}/audit", account(&owner))] {
        let page = owner.get(path).text;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{path}");
        assert!(!page.contains("\" onmouseover"), "{path}");
        assert!(!page.contains(&key));
    }
    assert!(owner.get(KEYS).text.contains("&#60;script"));
}
