//! What makes the first call the right one: days of the project, whole days, warnings in words, CSV, comparisons.

use serde_json::{Value, json};

use super::client::{Client, account_key, in_may, may};
use crate::support::{Instance, Project, Server, shop};

fn server_with_shop() -> (Server, Project) {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    (server, project)
}

/// The texts of a result: the rows, and what is said about them.
fn texts(client: &Client<'_>, tool: &str, arguments: Value) -> [String; 2] {
    let result = client.call(tool, arguments);
    assert_eq!(result["isError"], false, "{result}");
    [0, 1].map(|index| result["content"][index]["text"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn days_are_those_of_the_projects_time_zone() {
    let (server, project) = server_with_shop();
    let client = Client::new(&server, &project.rk);
    // The first page view is of 23:30 UTC, which is the next day in Berlin.
    let days = || client.rows("get_stats", in_may(json!({ "event": "$pageview", "interval": "day" })));
    assert_eq!(days()["rows"].as_array().unwrap().len(), 2, "{}", days());
    server.cli(&["project", "update", "default", "--timezone", "Europe/Berlin"]);
    crate::support::eventually("the time zone is known", || {
        (days()["range"]["timezone"] == "Europe/Berlin").then_some(())
    });
    let berlin = days();
    assert_eq!(berlin["rows"].as_array().unwrap().len(), 1, "{berlin}");
    assert_eq!(berlin["rows"][0]["label"], "2026-05-16T00:00:00+02:00");
    assert_eq!(berlin["range"]["from"], "2026-04-30T22:00:00.000Z");
    let utc = client.rows("get_stats", in_may(json!({ "timezone": "UTC" })));
    assert_eq!(utc["range"]["from"], "2026-05-01T00:00:00.000Z");
}

#[test]
fn a_range_with_today_in_it_says_so() {
    let (server, project) = server_with_shop();
    let client = Client::new(&server, &project.rk);
    for period in millimetric_core::query::Period::WORDS {
        let [_, said] = texts(&client, "get_stats", json!({ "period": period }));
        let is_whole = period.starts_with("last_") || *period == "yesterday";
        assert_eq!(said.contains("Today is not over"), !is_whole, "{period}: {said}");
    }
}

#[test]
fn warnings_are_said_in_words_too() {
    let (server, project) = server_with_shop();
    let sent = json!({ "event": "purchase", "anonymous_id": "dan", "timestamp": "2026-05-16T11:00:00Z",
        "properties": { "amount": "12" } });
    server.track(&project.sk, sent);
    let ak = account_key(&server, &[]);
    server.project("other", &[]);
    let sum = in_may(json!({ "metric": "sum", "property": "amount" }));
    let left_out = "1 value of `amount` is no JSON number";
    for client in [Client::new(&server, &project.rk), Client::of_account(&server, &ak)] {
        let [_, said] = texts(&client, "get_stats", sum.clone());
        assert!(said.contains(left_out), "{said}");
        assert_eq!(client.rows("get_stats", sum.clone())["warnings"][0]["code"], "not_numeric");
    }
    let client = Client::new(&server, &project.rk);
    let [_, said] = texts(&client, "funnel", in_may(json!({ "steps": ["$pageview", "purchse"] })));
    assert!(said.contains("No event is called `purchse`: did you mean `purchase`?"), "{said}");
}

#[test]
fn rows_come_as_csv() {
    let (server, project) = server_with_shop();
    let client = Client::new(&server, &project.rk);
    let by_day = in_may(json!({ "interval": "day", "group_by": "source", "format": "csv" }));
    let [csv, _] = texts(&client, "get_stats", by_day);
    assert_eq!(
        csv,
        "bucket,facebook,internal,google\n2026-05-15T00:00:00Z,1,,\n2026-05-16T00:00:00Z,1,3,1\n"
    );
    let [csv, _] = texts(&client, "top_pages", in_may(json!({ "format": "csv", "limit": 2 })));
    assert!(csv.starts_with("path,views,uniques,entries,exits,bounces,bounce_rate\n/"), "{csv}");
    assert!(client.lesson("top_pages", json!({ "format": "xml" })).contains("must be one of json, csv"));
}

#[test]
fn rows_are_compared_as_over_rest() {
    let (server, project) = server_with_shop();
    let client = Client::new(&server, &project.rk);
    let days =
        json!({ "from": "2026-05-16", "to": "2026-05-17", "event": "$pageview", "compare": "previous" });
    let compared = client.rows("get_stats", days);
    assert_eq!(compared["rows"], json!([{ "value": 3, "previous": 1, "change_pct": 200.0 }]));
    assert!(compared["summary"].as_str().unwrap().starts_with("count: 3 after 1, +200 %"), "{compared}");
    let path = "/v1/stats?from=2026-05-16&to=2026-05-17&event=$pageview&compare=previous";
    assert_eq!(server.get(path, &project.rk).json()["rows"], compared["rows"]);
    assert!(
        client.lesson("get_stats", in_may(json!({ "compare": "week" }))).contains("must be previous, year")
    );
}

#[test]
fn a_wrong_call_is_answered_with_the_callers_own_call_put_right() {
    let (server, project) = server_with_shop();
    let client = Client::new(&server, &project.rk);
    for (tool, wrong, right) in [
        ("get_stats", json!({ "metrc": "uniques" }), json!({ "metric": "uniques" })),
        ("get_stats", json!({ "metric": "unique", "limit": 5 }), json!({ "metric": "uniques", "limit": 5 })),
        ("get_stats", json!({ "group_by": ["sorce", "os"] }), json!({ "group_by": ["source", "os"] })),
        ("top_pages", json!({ "limit": 0, "by": "entry" }), json!({ "by": "entry" })),
        ("top_sources", json!({ "period": "last_7_day" }), json!({ "period": "last_7_days" })),
    ] {
        let lesson = client.lesson(tool, wrong.clone());
        let (_, call) = lesson.split_once(&format!("A call that works: {tool} ")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(call).unwrap(), right, "{wrong}");
        assert!(lesson.chars().count() <= 480, "more than 120 tokens: {lesson}");
    }
}

#[test]
fn an_account_learns_which_projects_it_sees() {
    let (server, _) = server_with_shop();
    server.project("Blog", &[]);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let opened = client.ask(
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } }),
    );
    let instructions = opened["instructions"].as_str().unwrap();
    assert!(instructions.contains("its visible projects: 2"), "{instructions}");
    for (slug, said) in [("blgo", "did you mean `blog`?"), ("zzzz", "There are `default`, `blog`")] {
        let refused = client.call("get_stats", json!({ "project_slug": slug }));
        assert!(refused["error"]["message"].as_str().unwrap().contains(said), "{refused}");
    }
    let hours = may();
    let hours = json!({ "from": hours["from"], "to": hours["to"], "interval": "hour_of_day" });
    let rows = client.rows("get_stats", hours)["rows"].as_array().unwrap().clone();
    let order: Vec<_> = rows.iter().map(|row| row["hour_of_day"].as_u64().unwrap()).collect();
    assert!(order.is_sorted() && order.len() >= 24, "{order:?}");
}

/// A name that exists is known however many others there are.
#[test]
fn a_rare_name_among_many_is_known() {
    let server = Server::start();
    let project = server.default_project();
    let names: Vec<Value> = (0..1100).flat_map(|number| vec![named(&format!("name-{number}")); 2]).collect();
    for batch in names.chunks(1000) {
        send(&server, &project, batch);
    }
    send(&server, &project, &[named("zebra")]);
    let client = Client::new(&server, &project.rk);
    let several = json!({ "filters": [["is", "event", ["name-1", "zebra"]]], "period": "30d" });
    assert_eq!(client.rows("get_stats", several)["warnings"], Value::Null);
    let none = json!({ "filters": [["is", "event", ["name-1", "zebr"]]], "period": "30d" });
    assert_eq!(client.rows("get_stats", none)["warnings"][0]["code"], "unknown_event");
}

fn named(name: &str) -> Value {
    json!({ "event": name, "anonymous_id": "v" })
}

fn send(server: &Instance, project: &Project, events: &[Value]) {
    let response = server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    assert_eq!(response.status, 202, "{}", response.text);
}
