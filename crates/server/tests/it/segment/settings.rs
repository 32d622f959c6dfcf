//! The settings that the browser library fetches before it sends.

use serde_json::{Value, json};

use crate::support::{Response, Server, ServerProcess};

fn path(key: &str) -> String {
    format!("/v1/projects/{key}/settings")
}

fn destination(response: &Response) -> Value {
    response.json()["integrations"]["Segment.io"].clone()
}

#[test]
fn settings_name_this_server_and_no_other() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let response = server.send("GET", &path(&project.pk), &[("origin", "https://shop.example")], b"");
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let host = format!("{}/v1", server.url.strip_prefix("http://").unwrap());
    let found = destination(&response);
    assert_eq!((&found["apiHost"], &found["protocol"]), (&json!(host), &json!("http")));
    assert_eq!(found["apiKey"], project.pk);
    let settings = response.json();
    assert_eq!(settings["integrations"].as_object().unwrap().len(), 1);
    assert_eq!(settings["metrics"], json!({ "sampleRate": 0, "host": host }));
    assert!(!response.text.contains("segment.com") && !response.text.contains("segment.io\""));
}

#[test]
fn settings_name_the_address_that_clients_use() {
    let configured = Server::start_with(&["--public-url", "https://stats.example.com/"]);
    let pk = configured.default_project().pk;
    let found = destination(&configured.send("GET", &path(&pk), &[("host", "evil.example")], b""));
    assert_eq!((&found["apiHost"], &found["protocol"]), (&json!("stats.example.com/v1"), &json!("https")));
    let server = Server::start();
    let pk = server.default_project().pk;
    let behind_proxy = [("host", "a.example:8443"), ("x-forwarded-proto", "https")];
    let found = destination(&server.send("GET", &path(&pk), &behind_proxy, b""));
    assert_eq!((&found["apiHost"], &found["protocol"]), (&json!("a.example:8443/v1"), &json!("https")));
}

#[test]
fn only_a_pk_opens_them_and_a_page_that_may_not_send_learns_it() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let get = |key: &str, headers: &[(&str, &str)]| server.send("GET", &path(key), headers, b"");
    let refused = |key: &str| get(key, &[]).error();
    let error = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(get(&project.pk, &[]).status, 200, "apps name no origin");
    let other = get(&project.pk, &[("origin", "https://other.example")]);
    assert_eq!(other.error(), error(403, "origin_not_allowed"));
    for key in [&project.sk, &project.rk, "ak_live_cut"] {
        assert_eq!(refused(key), error(400, "secret_key_in_url"));
    }
    let encoded = project.sk.replace('_', "%5F");
    assert_eq!(refused(&encoded), error(400, "secret_key_in_url"));
    for key in [
        "undefined",
        "YOUR_WRITE_KEY",
        "pk_live_cut",
        "%FF",
        "%E2%80%8B",
        &format!("{}%E2%80%8B", project.pk),
    ] {
        assert_eq!(refused(key), error(401, "malformed_api_key"), "{key}");
    }
    let twice = format!("{}?key={}", path(&project.pk), project.rk);
    assert_eq!(server.send("GET", &twice, &[], b"").error(), error(400, "secret_key_in_url"));
    let keys = server.cli(&["key", "list", "--project", &project.slug]);
    let exposed = |kind: &str| {
        let key = keys.as_array().unwrap().iter().find(|key| key["kind"] == kind).unwrap();
        key["exposed_at"].is_string()
    };
    assert!(exposed("sk") && exposed("rk") && !exposed("pk"));
    let (id, pk) = server.create_key(&project, &["--kind", "pk"]);
    assert_eq!(get(&pk, &[]).status, 200);
    server.cli(&["key", "revoke", &id]);
    crate::support::eventually("the key is refused", || {
        (refused(&pk) == error(401, "invalid_api_key")).then_some(())
    });
}

#[test]
fn the_key_in_the_path_is_not_logged() {
    let server = ServerProcess::start_with(&["--log", "trace"]);
    let project = server.default_project();
    assert_eq!(server.send("GET", &path(&project.pk), &[], b"").status, 200);
    assert_eq!(server.send("GET", &path(&project.sk), &[], b"").status, 400);
    server.logged(&["flagged as exposed"]);
    let secrets = [&project.pk, &project.sk].map(|key| &key[17..40]);
    let shown: Vec<_> =
        server.log().into_iter().filter(|line| secrets.iter().any(|key| line.contains(key))).collect();
    assert_eq!(shown, [""; 0]);
}
