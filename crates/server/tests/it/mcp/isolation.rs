//! No argument of any tool on one key ever shows another project's or account's data: a property
//! over every tool, resource, prompt and completion.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::account::strangers_project;
use super::client::{Client, ERAS, Era, account_key};
use crate::support::Server;

/// What stands in every text of the events that must not be seen.
const MARK: &str = "onlymine";
/// What stands in no event at all; as long as [`MARK`].
const NOWHERE: &str = "nobodyis";

/// Calls that a key can make, with a text of the other side wherever one fits.
const CALLS: [&str; 18] = [
    "query_events",
    "get_stats",
    "top_sources",
    "top_pages",
    "funnel",
    "sessions",
    "retention",
    "journeys",
    "attribution",
    "explain_change",
    "data_quality",
    "describe_schema",
    "explain_attribution",
    "list_projects",
    "compare_projects",
    "resources/read",
    "prompts/get",
    "completion/complete",
];
/// Arguments that take a text.
const TEXTS: [&str; 17] = [
    "event",
    "source",
    "medium",
    "campaign",
    "country",
    "path",
    "user_id",
    "anonymous_id",
    "session_id",
    "search",
    "property",
    "event_id",
    "url",
    "referrer",
    "project_id",
    "project_slug",
    "cursor",
];

fn arguments(call: &str, name: &str, text: &str) -> Value {
    let mut arguments = Map::new();
    arguments.insert(name.to_owned(), text.into());
    match call {
        "funnel" => {
            arguments.insert("steps".to_owned(), json!([text, "visible"]));
            arguments.insert("order".to_owned(), "any".into());
            arguments.insert("group_by".to_owned(), "path,properties.note".into());
        }
        "get_stats" => {
            arguments
                .insert("group_by".to_owned(), json!(["event_name", "source", "path", "properties.note"]));
        }
        "journeys" => {
            arguments.insert("start".to_owned(), text.into());
        }
        "explain_change" => {
            arguments.insert("columns".to_owned(), "path,properties.note".into());
        }
        "describe_schema" => {
            let kind = if name == "property" { "values" } else { "properties" };
            arguments.insert("kind".to_owned(), kind.into());
        }
        _ => {}
    }
    if !matches!(call, "explain_attribution" | "list_projects") {
        arguments.insert("from".to_owned(), "2000-01-01".into());
        arguments.insert("to".to_owned(), "2100-01-01".into());
    }
    Value::Object(arguments)
}

/// Sends one call and gives all that came back, with the text that was sent along blotted out.
fn response(client: &Client<'_>, call: &str, name: &str, text: &str) -> String {
    let sent = match call {
        "resources/read" => {
            let uris = ["events://recent", "schema://events", "projects://all"];
            client.send(call, json!({ "uri": uris[name.len() % uris.len()] }))
        }
        "prompts/get" => {
            let arguments = json!({ "metric": text, "date": "now" });
            client.send(call, json!({ "name": "explain_drop", "arguments": arguments }))
        }
        "completion/complete" => {
            let argument = json!({ "name": "metric", "value": "" });
            client.send(
                call,
                json!({ "ref": { "type": "ref/prompt", "name": "explain_drop" }, "argument": argument }),
            )
        }
        _ => client.send("tools/call", json!({ "name": call, "arguments": arguments(call, name, text) })),
    };
    assert!(sent.status < 500, "{call} {name}: {}", sent.text);
    sent.text.replace(text, "X")
}

#[test]
fn no_argument_shows_what_belongs_to_another_key() {
    let server = Server::start();
    let (mine, other) = (server.project("Mine", &[]), server.project("Other", &[]));
    let (_, my_test_reader) = server.create_key(&mine, &["--kind", "rk", "--env", "test"]);
    server.track(&other.sk, json!({ "event": "visible" }));
    let stranger = strangers_project(&server);
    let ak = account_key(&server, &["--env", "test"]);
    let nobody = "prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5".to_owned();

    let strategy = (0..CALLS.len(), 0..TEXTS.len(), "[a-z]{1,6}", any::<bool>());
    let config = Config { cases: 120, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::default()));
    runner
        .run(&strategy, |(call, name, suffix, stateless)| {
            let (call, name) = (CALLS[call], TEXTS[name]);
            let text = format!("{MARK}{suffix}");
            let event = json!({ "event": text, "event_id": text, "anonymous_id": text, "user_id": text, "session_id": text,
                "url": format!("https://{text}.example/{text}?utm_source={text}&utm_campaign={text}"),
                "properties": { "note": text, text.as_str(): 1 } });
            let sent = server.post("/v1/batch", &mine.sk, &json!({ "events": [event] })).status;
            prop_assert_eq!(sent, 202);
            let era = if stateless { Era::Stateless } else { Era::Handshake };
            // What is there for somebody else is answered like what is nowhere.
            let texts = (text, format!("{NOWHERE}{suffix}"));
            let foreign = [texts, (stranger.0.clone(), nobody.clone()), (stranger.1.clone(), "nobodies-shop".to_owned())];
            for (there, nowhere) in &foreign {
                for client in [
                    Client::new(&server, &other.rk).speaking(era),
                    Client::new(&server, &my_test_reader).speaking(era),
                    Client::of_account(&server, &ak).speaking(era),
                ] {
                    let seen = response(&client, call, name, there);
                    let expected = response(&client, call, name, nowhere);
                    prop_assert_eq!(&seen, &expected, "{} {} {}", call, name, there);
                    prop_assert!(!seen.contains(MARK), "{} {} {}: {}", call, name, there, seen);
                }
            }
            Ok(())
        })
        .unwrap();

    let always = json!({ "from": "2000-01-01", "to": "2100-01-01" });
    let own = Client::new(&server, &mine.rk).rows("query_events", always);
    assert!(own.to_string().contains(MARK), "the events are really there");
    for era in ERAS {
        let other = Client::new(&server, &other.rk).speaking(era);
        let names = other.rows("describe_schema", json!({ "period": "24h" }));
        assert_eq!(names["rows"].as_array().unwrap().len(), 1, "{names}");
    }
}
