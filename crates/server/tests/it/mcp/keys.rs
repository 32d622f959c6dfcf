//! Who may do what: kinds, scopes, plans, revocation.

use serde_json::{Value, json};

use super::client::{Client, ERAS, Era, account_key};
use crate::support::{Instance, Project, Server, eventually};

fn refused(client: &Client<'_>) -> (u16, Value, Option<String>) {
    let response = client.send("tools/list", json!({}));
    let body = response.json();
    assert!(body["message"].is_string(), "as REST refuses: {body}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    let hint = body["details"]["hint"].as_str().map(str::to_owned);
    (response.status, body["error"].clone(), hint)
}

#[test]
fn each_kind_of_key_has_its_endpoint_and_is_told_which() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let ak = account_key(&server, &[]);
    let at = |path: &'static str, key: &str| {
        let client = Client { server: &server, path, key, era: Era::Handshake };
        refused(&client)
    };
    let (status, code, hint) = at("/mcp", &project.pk);
    assert_eq!((status, code), (403, json!("key_kind_not_allowed")));
    assert!(hint.unwrap().contains("/v1/track"));
    let (status, code, hint) = at("/mcp", &ak);
    assert_eq!((status, code), (403, json!("key_kind_not_allowed")));
    assert!(hint.unwrap().contains("/mcp/account"));
    for key in [&project.rk, &project.sk, &project.pk] {
        let (status, code, hint) = at("/mcp/account", key);
        assert_eq!((status, code), (403, json!("account_key_required")));
        assert!(hint.is_some());
    }
    for path in ["/mcp", "/mcp/account"] {
        assert_eq!(at(path, "rk_live_12345678_short").1, json!("malformed_api_key"));
        let nobody = server.send("POST", path, &[("content-type", "application/json")], b"{}");
        assert_eq!(nobody.error(), (401, "missing_bearer_token".to_owned()));
        let in_url = server.send("POST", &format!("{path}?key={}", project.rk), &[], b"{}");
        assert_eq!(in_url.error(), (400, "secret_key_in_url".to_owned()));
    }
    assert_eq!(Client::new(&server, &project.rk).send("tools/list", json!({})).status, 200);
    assert_eq!(Client::of_account(&server, &ak).send("tools/list", json!({})).status, 200);
}

/// Code of a refusal, in the place where each era has it.
fn code_of(client: &Client<'_>, tool: &str, arguments: Value) -> (i64, Value) {
    let message = client.call(tool, arguments);
    match client.era {
        Era::Handshake => {
            assert!(message["error"]["data"]["details"].is_object(), "{message}");
            (message["error"]["code"].as_i64().unwrap(), message["error"]["data"]["error"].clone())
        }
        Era::Stateless => {
            assert_eq!(message["isError"], true, "{message}");
            (0, message["structuredContent"]["error"]["code"].clone())
        }
    }
}

#[test]
fn lists_hold_what_the_key_may_do_and_calls_check_it_again() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    let (_, writer) = server.create_key(&project, &["--kind", "sk", "--scope", "ingest"]);
    let (_, reader) = server.create_key(&project, &["--kind", "sk", "--scope", "read"]);
    let (_, forgetter) = server.create_key(&project, &["--kind", "sk", "--scope", "forget"]);
    let tools = |key: &str| Client::new(&server, key).names("tools/list", "tools");
    assert_eq!(tools(&writer), ["track_event"]);
    for key in [&project.rk, &reader] {
        assert!(!tools(key).contains(&"track_event".to_owned()));
    }
    assert!(tools(&project.sk).contains(&"track_event".to_owned()));
    assert_eq!(Client::new(&server, &writer).names("resources/list", "resources"), [""; 0]);
    assert_eq!(Client::new(&server, &writer).names("prompts/list", "prompts"), [""; 0]);
    for era in ERAS {
        let number = if era == Era::Handshake { -32000 } else { 0 };
        let scope = (number, json!("insufficient_scope"));
        let client = |key| Client::new(&server, key).speaking(era);
        assert_eq!(code_of(&client(&project.rk), "track_event", json!({ "event": "a" })), scope);
        assert_eq!(code_of(&client(&reader), "track_event", json!({ "event": "a" })), scope);
        assert_eq!(code_of(&client(&writer), "get_stats", json!({})), scope);
    }
    let stats = Client::new(&server, &project.rk).rows("get_stats", json!({}));
    assert_eq!(stats["rows"], json!([{ "value": 0 }]), "nothing was stored");
    let (status, code, _) = refused(&Client::new(&server, &forgetter));
    assert_eq!((status, code), (403, json!("insufficient_scope")));
}

fn set_plan(server: &Instance, project: &Project, plan: &str) {
    server.cli(&["project", "update", &project.slug, "--plan", plan]);
}

#[test]
fn plans_decide_what_may_be_called() {
    let server = Server::start();
    let project = server.default_project();
    let ak = account_key(&server, &[]);
    for (plan, on_project, on_account) in
        [("free", false, false), ("pro", true, false), ("business", true, true), ("self_hosted", true, true)]
    {
        set_plan(&server, &project, plan);
        for era in ERAS {
            let number = if era == Era::Handshake { -32002 } else { 0 };
            let limit = (number, json!("plan_limit"));
            for (client, may) in [
                (Client::new(&server, &project.rk).speaking(era), on_project),
                (Client::of_account(&server, &ak).speaking(era), on_account),
            ] {
                if may {
                    eventually("the plan is known", || {
                        (client.call("get_stats", json!({}))["isError"] == false).then_some(())
                    });
                    continue;
                }
                eventually("the plan is known", || {
                    let message = client.call("get_stats", json!({}));
                    (message["isError"] != false).then_some(())
                });
                assert_eq!(code_of(&client, "get_stats", json!({})), limit, "{plan} {}", client.path);
                let read = client.ask("resources/read", json!({ "uri": "schema://events" }));
                assert_eq!(
                    read["error"]["data"],
                    json!({ "error": "plan_limit", "details": { "plan": plan } })
                );
            }
        }
        let sender = Client::new(&server, &project.sk);
        eventually("the plan is known to the sender too", || {
            let sent = sender.call("track_event", json!({ "event": "a" }));
            ((sent["isError"] == false) == on_project).then_some(())
        });
    }
}

#[test]
fn a_revoked_key_ends_on_mcp_too() {
    let server = Server::start();
    let project = server.default_project();
    let (id, key) = server.create_key(&project, &["--kind", "rk"]);
    let client = Client::new(&server, &key);
    assert_eq!(client.send("tools/list", json!({})).status, 200);
    server.cli(&["key", "revoke", &id]);
    eventually("the key fails", || (client.send("tools/list", json!({})).status == 401).then_some(()));
}
