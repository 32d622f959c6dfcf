//! A response has a bounded length, whatever was sent along with the query.

use serde_json::{Map, Value, json};

use super::client::{Client, ERAS, account_key};
use crate::support::{Server, shop};

/// The longest response: rows twice, and what stands beside them.
const LONGEST: usize = 32 * 1024;

fn always(mut arguments: Map<String, Value>) -> Value {
    arguments.insert("from".to_owned(), "2000-01-01".into());
    arguments.insert("to".to_owned(), "2100-01-01".into());
    Value::Object(arguments)
}

#[test]
fn of_many_unknown_arguments_a_few_are_named() {
    let server = Server::start();
    let project = server.default_project();
    let ak = account_key(&server, &[]);
    let unknown: Map<String, Value> = (0..5000).map(|n| (format!("n{n:05}"), json!(1))).collect();
    for era in ERAS {
        let own = Client::new(&server, &project.sk).speaking(era);
        let account = Client::of_account(&server, &ak).speaking(era);
        for (client, tool) in [(&own, "get_stats"), (&own, "query_events"), (&account, "list_projects")] {
            let response =
                client.send("tools/call", json!({ "name": tool, "arguments": always(unknown.clone()) }));
            assert_eq!(response.status, 200, "{tool}");
            assert!(response.text.len() < LONGEST, "{tool}: {} bytes", response.text.len());
            let result = &response.json()["result"];
            assert_eq!(result["isError"], true, "{tool}: {result}");
            let words = result["structuredContent"]["error"]["details"]["formErrors"].to_string();
            assert!(words.contains("more arguments that") && words.contains('9'), "{tool}: {words}");
        }
        let mut event = unknown.clone();
        event.insert("event".to_owned(), "signup".into());
        let stored = own.send("tools/call", json!({ "name": "track_event", "arguments": event }));
        assert!(stored.status == 200 && stored.text.len() < LONGEST, "{}", stored.text.len());
    }
}

#[test]
fn a_long_question_is_not_repeated_at_length() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let long = "漢".repeat(2000);
    let names = ["source", "medium", "campaign", "country", "path", "user_id"];
    let filters: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!(long))).collect();
    let client = Client::new(&server, &project.rk);
    for tool in ["query_events", "get_stats", "top_sources", "top_pages"] {
        let response =
            client.send("tools/call", json!({ "name": tool, "arguments": always(filters.clone()) }));
        assert_eq!(response.json()["result"]["isError"], false, "{tool}: {}", response.text);
        assert!(response.text.len() < LONGEST, "{tool}: {} bytes", response.text.len());
    }
    let short = client.rows("get_stats", always(Map::from_iter([("source".to_owned(), json!("google"))])));
    assert!(short["url"].as_str().unwrap().contains("/v1/stats?"), "{short}");
    let twice = format!("properties.{}", "x".repeat(100));
    let groups: Vec<String> = (0..300).map(|n| format!("{twice}{n}")).collect();
    let refused = client.send(
        "tools/call",
        json!({ "name": "get_stats",
        "arguments": always(Map::from_iter([("group_by".to_owned(), json!(groups.join(",")))])) }),
    );
    assert!(refused.text.len() < LONGEST, "{} bytes", refused.text.len());
}
