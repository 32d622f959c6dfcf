//! The response of `tools/list`: small, in one order, with schemas that hold.

use serde_json::json;

use super::client::{Client, account_key};
use crate::support::Server;

#[test]
fn the_lists_of_tools_are_small_and_always_the_same() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let ak = account_key(&server, &[]);
    for (name, client) in
        [("project", Client::new(&server, &sk)), ("account", Client::of_account(&server, &ak))]
    {
        let first = client.send("tools/list", json!({}));
        // At four characters a token, 5000 and 6000 tokens.
        let most = if name == "project" { 20_000 } else { 24_000 };
        assert!(first.text.len() <= most, "{name}: {} bytes", first.text.len());
        assert_eq!(client.send("tools/list", json!({})).text, first.text, "{name}");
        insta::assert_json_snapshot!(format!("tools_of_{name}"), first.json()["result"]["tools"]);
    }
}

#[test]
fn every_tool_has_all_that_clients_ask_for() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let ak = account_key(&server, &[]);
    for client in [Client::new(&server, &sk), Client::of_account(&server, &ak)] {
        let listed = client.ask("tools/list", json!({}));
        for tool in listed["tools"].as_array().unwrap() {
            let name = tool["name"].as_str().unwrap();
            let snake = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.len() <= 40 && name.chars().all(snake), "{name}");
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
            }
            assert_eq!(tool["annotations"]["readOnlyHint"] == true, name != "track_event");
            for schema in ["inputSchema", "outputSchema"] {
                assert_eq!(tool[schema]["type"], "object", "{name} {schema}");
                let text = tool[schema].to_string();
                for untidy in ["$schema", "\"type\":[", "{}", "uint", "\"format\":\""] {
                    assert!(!text.contains(untidy), "{name} {schema}: {untidy}");
                }
            }
            for (parameter, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{name}.{parameter}");
            }
        }
    }
}
