//! `Idempotency-Key`: a request that is sent again makes nothing twice.

use serde_json::{Value, json};

use super::client::Script;
use crate::support::Server;

fn keys(script: &Script<'_>) -> usize {
    script.read("/projects/default/keys")["keys"].as_array().unwrap().len()
}

#[test]
fn a_repeated_request_gets_the_first_response_with_the_secret() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let body = json!({ "kind": "sk", "label": "billing" });
    let first = script.post_once("/projects/default/keys", "order-1", &body);
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None), "{}", first.text);
    for _ in 0..2 {
        let again = script.post_once("/projects/default/keys", "order-1", &body);
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
        assert_eq!(again.text, first.text);
        assert_eq!(again.header("content-type"), Some("application/json"));
    }
    assert_eq!(keys(&script), 4, "three of the first start, and one");
    let sk = first.json()["key"].as_str().unwrap().to_owned();
    server.track(&sk, json!({ "event": "signup" }));
    // The same for projects and rotations.
    let project = json!({ "name": "Shop" });
    let made = script.post_once("/projects", "order-2", &project);
    assert_eq!(script.post_once("/projects", "order-2", &project).text, made.text);
    assert_eq!(script.read("/projects")["projects"].as_array().unwrap().len(), 2);
    let rotate = format!("/projects/default/keys/{}/rotate", first.json()["id"].as_str().unwrap());
    let rotated = script.post_once(&rotate, "order-3", &Value::Null);
    assert_eq!(rotated.status, 201, "{}", rotated.text);
    assert_eq!(script.post_once(&rotate, "order-3", &Value::Null).text, rotated.text);
    assert_eq!(script.post_once(&rotate, "order-4", &Value::Null).error(), (409, "key_not_live".to_owned()));
}

#[test]
fn a_response_is_repeated_after_a_restart_and_is_nowhere_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(folder.path(), &[]);
    let script = Script::of_owner(&server);
    let body = json!({ "kind": "sk" });
    let first = script.post_once("/projects/default/keys", "order-1", &body);
    assert_eq!(first.status, 201, "{}", first.text);
    let (token, text) = (script.token.clone(), first.json()["key"].as_str().unwrap().to_owned());
    drop(server);
    for secret in [&text, &token].map(|text| &text[text.len() - 49..]) {
        assert_eq!(crate::support::files_with(folder.path(), secret.as_bytes()), Vec::<String>::new());
    }
    let server = Server::start_on(folder.path(), &[]);
    let script = Script { server: &server, token, token_id: String::new() };
    let again = script.post_once("/projects/default/keys", "order-1", &body);
    assert_eq!((again.text, again.status), (first.text, 201));
    assert_eq!(keys(&script), 4);
}

#[test]
fn the_same_key_with_another_request_is_refused() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    assert_eq!(script.post_once("/projects", "one", &json!({ "name": "Shop" })).status, 201);
    for (path, body) in [
        ("/projects", json!({ "name": "Shops" })),
        ("/projects?account=default", json!({ "name": "Shop" })),
        ("/projects/default/keys", json!({ "kind": "sk" })),
    ] {
        let refused = script.post_once(path, "one", &body);
        assert_eq!(refused.error(), (422, "idempotency_key_reused".to_owned()), "{path}");
    }
    assert_eq!(script.read("/projects")["projects"].as_array().unwrap().len(), 2);
    // Another token has its own keys.
    let second = Script::of(&server, "ann@example.com", "write");
    assert_eq!(second.post_once("/projects", "one", &json!({ "name": "Shops" })).status, 201);
}

#[test]
fn a_response_is_repeated_to_nobody_who_may_not_ask_any_more() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let body = json!({ "kind": "sk" });
    assert_eq!(script.post_once("/projects/default/keys", "one", &body).status, 201);
    server.cli(&["project", "delete", "default", "--yes"]);
    assert_eq!(script.post_once("/projects/default/keys", "one", &body).status, 404);
    server.cli(&["user", "token", "revoke", "ann@example.com", &script.token_id]);
    assert_eq!(script.post_once("/projects/default/keys", "one", &body).status, 401);
}

#[test]
fn retries_that_race_create_one_key() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let body = json!({ "kind": "rk" });
    let texts: Vec<(u16, String)> = std::thread::scope(|scope| {
        let retries: Vec<_> = (0..12)
            .map(|_| scope.spawn(|| script.post_once("/projects/default/keys", "race", &body)))
            .collect();
        retries.into_iter().map(|retry| retry.join().unwrap()).map(|it| (it.status, it.text)).collect()
    });
    assert!(texts.iter().all(|response| *response == texts[0] && response.0 == 201), "{texts:?}");
    assert_eq!(keys(&script), 4);
    let entries = script.read("/account/audit?limit=100")["entries"].as_array().unwrap().clone();
    let minted = entries.iter().filter(|entry| entry["actor"]["kind"] == "token");
    assert_eq!(minted.count(), 1);
}

#[test]
fn an_error_is_not_repeated_and_a_wrong_key_is_refused() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    assert_eq!(script.post_once("/projects", "one", &json!({ "nam": "Shop" })).status, 400);
    assert_eq!(script.post_once("/projects", "one", &json!({ "name": "Shop" })).status, 201);
    for key in ["", &"x".repeat(256)] {
        let refused = script.post_once("/projects", key, &json!({ "name": "Shop" }));
        assert_eq!(refused.error(), (400, "invalid_params".to_owned()));
        assert!(refused.json()["details"]["fieldErrors"]["Idempotency-Key"].is_array());
    }
    assert_eq!(script.post_once("/projects", &"x".repeat(255), &json!({ "name": "Shop" })).status, 201);
}
