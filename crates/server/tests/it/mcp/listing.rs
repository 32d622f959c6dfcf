//! The response of `tools/list`: small, in one order, with schemas that hold.

use serde_json::{Value, json};

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
        assert!(first.text.len() < 32 * 1024, "{name}: {} bytes", first.text.len());
        // JSON of this kind has more than three characters a token.
        assert!(first.text.len() / 3 < 8000, "{name}: {} bytes", first.text.len());
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
                for untidy in ["$schema", "\"type\":[", "{}", "uint", "\"format\""] {
                    assert!(!text.contains(untidy), "{name} {schema}: {untidy}");
                }
            }
            for (parameter, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{name}.{parameter}");
            }
        }
    }
}

#[test]
fn answers_hold_what_their_schemas_promise() {
    let server = Server::start();
    let project = server.default_project();
    crate::support::shop(&server, &project);
    let client = Client::new(&server, &project.sk);
    let listed = client.ask("tools/list", json!({}));
    for tool in listed["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let arguments = match name {
            "funnel" => super::client::in_may(json!({ "steps": ["$pageview", "purchase"] })),
            "attribution" => super::client::in_may(json!({ "event": "purchase" })),
            "explain_attribution" => json!({ "event_id": "e1" }),
            "track_event" => json!({ "event": "purchase" }),
            _ => super::client::may(),
        };
        let response = client.rows(name, arguments);
        let promised = &tool["outputSchema"]["properties"];
        for (member, value) in response.as_object().unwrap() {
            holds(&promised[member], value, &format!("{name}.{member}"));
        }
        for row in response["rows"].as_array().unwrap() {
            for (column, value) in row.as_object().unwrap() {
                holds(&promised["rows"]["items"]["properties"][column], value, &format!("{name}.{column}"));
            }
        }
    }
}

/// Whether a value is what its schema allows. Columns that a query names itself have none.
fn holds(schema: &Value, value: &Value, path: &str) {
    assert!(schema.is_null() || allows(schema, value), "{path}: {value} is not {schema}");
}

fn allows(schema: &Value, value: &Value) -> bool {
    if let Some(schemas) = schema["anyOf"].as_array() {
        return schemas.iter().any(|schema| allows(schema, value));
    }
    match schema["type"].as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}
