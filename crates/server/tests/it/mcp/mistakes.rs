//! Mistakes that agents make with every tool: each response enables a right next call, in at most 120 tokens.

use serde_json::{Map, Value, json};

use super::client::{Client, account_key};
use crate::support::{Server, shop};

/// Characters of 120 tokens, as language models count roughly.
const MOST_CHARACTERS: usize = 480;
/// Every tool with a range, and what it needs beside it.
const TOOLS: [(&str, &str); 12] = [
    ("describe_schema", "{}"),
    ("get_stats", "{}"),
    ("top_sources", "{}"),
    ("top_pages", "{}"),
    ("sessions", "{}"),
    ("funnel", r#"{"steps":["$pageview","purchase"]}"#),
    ("retention", "{}"),
    ("journeys", r#"{"start":"page:/"}"#),
    ("attribution", r#"{"event":"purchase"}"#),
    ("explain_change", "{}"),
    ("data_quality", "{}"),
    ("query_events", "{}"),
];
/// The tools that take filters.
const UNFILTERED: [&str; 2] = ["describe_schema", "data_quality"];
const MAY: &str = r#"{"from":"2026-05-01","to":"2026-06-01"}"#;

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

/// A right call of the tool with these arguments in it.
fn with(needed: &str, range: &str, more: Value) -> Value {
    let mut arguments = object(needed);
    arguments.extend(object(range));
    arguments.extend(serde_json::from_value::<Map<_, _>>(more).unwrap());
    Value::Object(arguments)
}

/// A refusal that names what is wrong, and a call that works.
fn assert_refused(client: &Client<'_>, tool: &str, arguments: Value, words: &str) {
    let lesson = client.lesson(tool, arguments.clone());
    assert!(lesson.contains(words), "{tool} {arguments}: no {words:?} in {lesson}");
    assert!(lesson.chars().count() <= MOST_CHARACTERS, "{} characters: {lesson}", lesson.chars().count());
    let (_, right) = lesson.split_once(&format!("A call that works: {tool} ")).unwrap();
    let result = client.call(tool, serde_json::from_str(right).unwrap());
    assert_eq!(result["isError"], false, "{tool} {right}: {result}");
}

/// A response with this warning, in words too.
fn assert_warned(client: &Client<'_>, tool: &str, arguments: Value, code: &str, words: &str) {
    let result = client.call(tool, arguments.clone());
    assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
    let warnings = result["structuredContent"]["warnings"].as_array().cloned().unwrap_or_default();
    let warning = warnings.iter().find(|warning| warning["code"] == code);
    let message = warning.unwrap_or_else(|| panic!("{tool} {arguments}: no {code}: {result}"));
    let message = message["message"].as_str().unwrap();
    assert!(message.contains(words), "{tool} {arguments}: no {words:?} in {message}");
    assert!(message.chars().count() <= MOST_CHARACTERS, "{message}");
    assert!(result["content"][1]["text"].as_str().unwrap().contains(message), "{result}");
}

#[test]
fn every_tool_refuses_what_it_cannot_mean() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    for (tool, needed) in TOOLS {
        for (range, wrong, words) in [
            (MAY, json!({ "timezone": "Europe/Berln" }), "`timezone`"),
            ("{}", json!({ "period": "last_7_day" }), "closest: `last_7_days`"),
            ("{}", json!({ "from": "2026-06-01", "to": "2026-05-01" }), "`from`"),
            ("{}", json!({ "from": "may", "to": "june" }), "`from`"),
            ("{}", json!({ "from": "2026-05-01" }), "`to`"),
            (MAY, json!({ "formt": "csv" }), "did you mean `format`?"),
            (MAY, json!({ "format": "table" }), "json, csv"),
        ] {
            assert_refused(&client, tool, with(needed, range, wrong), words);
        }
        if !UNFILTERED.contains(&tool) {
            for (wrong, words) in [
                (json!({ "filters": { "contry": "DE" } }), "did you mean `country`?"),
                (json!({ "filters": [["is", "contry", ["DE"]]] }), "did you mean `country`?"),
                (json!({ "filters": [["equals", "country", ["DE"]]] }), "did you mean `is`?"),
            ] {
                assert_refused(&client, tool, with(needed, MAY, wrong), words);
            }
        }
    }
    for (tool, arguments, words) in [
        ("retention", json!({ "interval": "day", "from": "1990-01-01", "to": "2026-01-01" }), "interval"),
        ("get_stats", json!({ "group_by": ["contry"] }), "`country`"),
        ("sessions", json!({ "group_by": ["session_sorce"] }), "`session_source`"),
        ("funnel", json!({ "steps": ["a", "b"], "group_by": ["contry"] }), "`country`"),
        ("attribution", json!({ "event": "purchase", "group_by": ["source"] }), "session_source"),
        ("attribution", json!({ "event": "purchase", "models": ["lineer"] }), "linear"),
        ("attribution", json!({}), "`event`"),
        ("explain_change", json!({ "columns": ["contry"] }), "did you mean `country`?"),
        ("explain_change", json!({ "metric": "avg" }), "count, uniques"),
        ("explain_change", json!({ "metric": "sum" }), "`property`"),
        ("explain_change", json!({ "compare": "last_week" }), "previous, year"),
        ("journeys", json!({ "start": "page:/", "steps": 9 }), "from 2 to 5"),
        ("journeys", json!({}), "`start`"),
        ("funnel", json!({ "steps": ["goal:buy", "purchase"] }), "is not a goal"),
        ("get_stats", json!({ "metric": "conversions" }), "`goal`"),
    ] {
        assert_refused(&client, tool, arguments, words);
    }
}

#[test]
fn every_tool_warns_of_what_does_not_exist() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    for (tool, needed) in TOOLS {
        let before = r#"{"from":"2020-01-01","to":"2020-02-01"}"#;
        assert_warned(&client, tool, with(needed, before, json!({})), "range_outside_data", "2026-05-15");
        if !UNFILTERED.contains(&tool) {
            let nowhere = json!({ "filters": { "country": "XX" } });
            assert_warned(&client, tool, with(needed, MAY, nowhere), "unknown_value", "`XX`");
        }
    }
    for (tool, arguments) in [
        ("get_stats", json!({ "event": "purchse" })),
        ("top_sources", json!({ "event": "purchse" })),
        ("retention", json!({ "event": "purchse" })),
        ("attribution", json!({ "event": "purchse" })),
        ("explain_change", json!({ "event": "purchse" })),
        ("query_events", json!({ "event": "purchse" })),
        ("describe_schema", json!({ "kind": "properties", "event": "purchse" })),
        ("funnel", json!({ "steps": ["$pageview", "purchse"] })),
        ("journeys", json!({ "start": "purchse" })),
    ] {
        let arguments = with(&arguments.to_string(), MAY, json!({}));
        assert_warned(&client, tool, arguments, "unknown_event", "did you mean `purchase`?");
    }
    for (tool, arguments) in [
        ("get_stats", json!({ "metric": "sum", "property": "amonut", "event": "purchase" })),
        ("explain_change", json!({ "metric": "sum", "property": "amonut", "event": "purchase" })),
        ("attribution", json!({ "event": "purchase", "value": "amonut" })),
        ("get_stats", json!({ "group_by": ["properties.amonut"], "event": "purchase" })),
    ] {
        let arguments = with(&arguments.to_string(), MAY, json!({}));
        assert_warned(&client, tool, arguments, "unknown_property", "`amount`");
    }
}

#[test]
fn an_unknown_project_is_answered_with_the_nearest() {
    let server = Server::start();
    let shop = server.project("Shop", &[]);
    crate::support::shop(&server, &shop);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    for (tool, needed) in TOOLS {
        let refused = client.call(tool, with(needed, MAY, json!({ "project_slug": "shpo" })));
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("did you mean `shop`?"), "{tool}: {refused}");
        assert!(message.chars().count() <= MOST_CHARACTERS, "{message}");
    }
}
