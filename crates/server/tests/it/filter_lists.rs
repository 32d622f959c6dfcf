//! Lists of conditions: the same events by each operator over every interface.

mod refused;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{ALWAYS, Project, Response, Server};

const FROM: &str = "2000-01-01";
const TO: &str = "2100-01-01";

/// Seven events of four visitors.
fn server_with_events() -> (Server, Project) {
    let server = Server::start();
    let project = server.default_project();
    let event = |id: &str, minute: u32, visitor: &str, name: &str, more: Value| {
        let mut event = json!({ "event": name, "event_id": id, "anonymous_id": visitor,
            "timestamp": format!("2026-05-16T10:{minute:02}:00Z") });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let page = |url: &str, referrer: &str| json!({ "url": format!("https://{url}"), "referrer": referrer });
    let news = "www.shop.example/blog/rust?utm_source=News&utm_medium=email&utm_campaign=May&utm_term=b&utm_content=Top";
    let bought = |properties: Value| json!({ "url": "https://shop.example/cart", "properties": properties });
    let events = json!({ "events": [
        event("e1", 0, "anna", "$pageview", page(news, "")),
        event("e2", 5, "anna", "purchase", bought(json!({ "amount": 20, "plan": "pro" }))),
        event("e3", 10, "ben", "$pageview", page("shop.example/Blog/%C3%9Cber", "https://www.google.com/")),
        event("e4", 15, "ben", "purchase", bought(json!({ "amount": "20", "plan": "free" }))),
        event("e5", 20, "cleo", "$pageview", page("docs.shop.example/blog-archive", "https://forum.example/t/1")),
        event("e6", 25, "cleo", "signup", json!({ "properties": { "amount": 5.5, "plan": null } })),
        event("e7", 30, "dora", "signup", json!({ "path": "/join", "properties": { "amount": 100, "beta": true } })),
    ] });
    let response = server.post("/v1/batch", &project.sk, &events);
    assert_eq!(response.status, 202, "{}", response.text);
    (server, project)
}

/// Conditions, and the numbers of the events that pass them, counted by hand.
fn cases() -> Vec<(Value, &'static [u8])> {
    let insensitive = json!({ "case_sensitive": false });
    vec![
        (json!([]), &[1, 2, 3, 4, 5, 6, 7]),
        (json!([["is", "path", ["/cart"]]]), &[2, 4]),
        (json!([["is", "path", ["/cart", "/join"]]]), &[2, 4, 7]),
        (json!([["is", "path", ["/blog/%C3%BCber"]]]), &[]),
        (json!([["is", "path", ["/blog/über"], insensitive]]), &[3]),
        (json!([["is", "event", ["signup", "purchase"]]]), &[2, 4, 6, 7]),
        (json!([["is", "user_id", ["nobody"]]]), &[]),
        (json!([["is_not", "path", ["/cart"]]]), &[1, 3, 5, 6, 7]),
        (json!([["is_not", "event_name", ["$pageview", "signup"]]]), &[2, 4]),
        (json!([["contains", "path", ["/blog"]]]), &[1, 5]),
        (json!([["contains", "path", ["/blog"], insensitive]]), &[1, 3, 5]),
        (json!([["contains", "path", ["rust", "oi"]]]), &[1, 7]),
        (json!([["contains_not", "path", ["/blog", "cart"]]]), &[3, 6, 7]),
        (json!([["starts_with", "path", ["/blog/"]]]), &[1]),
        (json!([["ends_with", "path", ["rust", "archive"]]]), &[1, 5]),
        (json!([["matches", "path", ["^/blog[/-]"]]]), &[1, 5]),
        (json!([["matches", "path", ["^/BLOG"], insensitive]]), &[1, 3, 5]),
        (json!([["matches", "url", ["utm_term=.$", "^https://docs"]]]), &[5]),
        (json!([["greater", "properties.amount", [10]]]), &[2, 7]),
        (json!([["less", "properties.amount", [10]]]), &[6]),
        (json!([["exists", "properties.plan"]]), &[2, 4]),
        (json!([["missing", "properties.plan"]]), &[1, 3, 5, 6, 7]),
        (json!([["is", "properties.plan", ["pro"]]]), &[2]),
        (json!([["is", "properties.beta", [true]]]), &[7]),
        (json!([["is", "properties.amount", [20]]]), &[2, 4]),
        (json!([["is", "hostname", ["shop.example"]]]), &[1, 2, 3, 4]),
        (json!([["contains", "hostname", ["docs."]]]), &[5]),
        (json!([["is", "referrer_host", ["www.google.com"]]]), &[3]),
        (json!([["is", "utm_source", ["News"]]]), &[1]),
        (json!([["is", "utm_source", ["news"]]]), &[]),
        (json!([["is", "utm_medium", ["EMAIL"], insensitive], ["is", "utm_term", ["b"]]]), &[1]),
        (json!([["exists", "utm_content"], ["exists", "utm_campaign"]]), &[1]),
        (json!([["is", "entry_path", ["/blog/rust"]]]), &[1, 2]),
        (json!([["is_not", "entry_path", ["/blog/rust"]], ["exists", "session_source"]]), &[3, 4, 5, 6, 7]),
        (json!([["is", "event", ["purchase"]], ["is", "properties.plan", ["pro"]]]), &[2]),
        (json!([["not", ["is", "event", ["$pageview"]]]]), &[2, 4, 6, 7]),
        (json!([["not", ["or", [["contains", "path", ["blog"]], ["missing", "path"]]]]]), &[2, 3, 4, 7]),
        (
            json!([[
                "or",
                [
                    ["is", "path", ["/cart"]],
                    ["and", [["is", "event", ["signup"]], ["greater", "properties.amount", [50]]]]
                ]
            ]]),
            &[2, 4, 7],
        ),
    ]
}

/// A list as a query string carries it.
fn encoded(filters: &Value) -> String {
    url::form_urlencoded::byte_serialize(filters.to_string().as_bytes()).collect()
}

/// The numbers of the events with these ids.
fn numbers<'a>(rows: impl Iterator<Item = &'a Value>) -> Vec<u8> {
    let number = |row: &Value| row["event_id"].as_str().unwrap()[1..].parse().unwrap();
    rows.map(number).collect::<BTreeSet<u8>>().into_iter().collect()
}

fn body(mut more: Value) -> Value {
    more["from"] = FROM.into();
    more["to"] = TO.into();
    more
}

/// The response to a tool's call.
fn call(server: &Server, project: &Project, tool: &str, arguments: &Value) -> Response {
    let bearer = format!("Bearer {}", project.rk);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments } });
    server.send("POST", "/mcp", &headers, message.to_string().as_bytes())
}

#[test]
fn a_list_selects_the_same_events_over_every_interface() {
    let (server, project) = server_with_events();
    for stored in ["in memory", "in a segment"] {
        for (filters, expected) in cases() {
            let shown = format!("{stored}: {filters}");
            let query = format!("{ALWAYS}&filters={}", encoded(&filters));
            let read = server.get(&format!("/v1/query?{query}"), &project.rk);
            assert_eq!(read.status, 200, "{shown}: {}", read.text);
            let rows = read.json()["rows"].as_array().unwrap().clone();
            assert_eq!(numbers(rows.iter()), expected, "{shown}");

            let posted = server.post("/v1/query", &project.rk, &body(json!({ "filters": filters })));
            assert_eq!(posted.text, read.text, "{shown}");
            let as_text = body(json!({ "filters": filters.to_string() }));
            assert_eq!(server.post("/v1/query", &project.rk, &as_text).text, read.text, "{shown}");

            for sent in [filters.clone(), filters.to_string().into()] {
                let called =
                    call(&server, &project, "query_events", &body(json!({ "filters": sent }))).json();
                assert_eq!(called["result"]["isError"], false, "{shown}: {called}");
                assert_eq!(
                    called["result"]["structuredContent"]["rows"],
                    Value::Array(rows.clone()),
                    "{shown}"
                );
            }

            let file = server.get(&format!("/v1/export?{query}"), &project.rk).text;
            let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(numbers(lines.iter()), expected, "{shown}");

            let stats = server.get(&format!("/v1/stats?{query}"), &project.rk).json();
            assert_eq!(stats["rows"][0]["value"], expected.len(), "{shown}");
        }
        server.flush();
    }
}

#[test]
fn every_query_takes_the_list_beside_the_exact_filters() {
    let (server, project) = server_with_events();
    let filters = json!([["contains", "path", ["/blog"], { "case_sensitive": false }]]);
    let retained = json!({ "from": "2026-05-01", "to": "2026-06-01", "interval": "month" });
    for (path, more, pointer, expected) in [
        ("query", body(json!({})), "/rows/2/event_id", json!("e1")),
        ("stats", body(json!({ "metric": "uniques" })), "/rows/0/value", json!(3)),
        ("stats", body(json!({ "hostname": "x" })), "", Value::Null),
        ("stats", body(json!({ "source": "google" })), "/rows/0/value", json!(1)),
        ("events", body(json!({})), "/rows/0/count", json!(3)),
        ("schema", body(json!({ "kind": "events" })), "/rows/0/uniques", json!(3)),
        ("sources", body(json!({ "attribution": "session" })), "/rows/2/events", json!(1)),
        ("funnel", body(json!({ "steps": "$pageview,purchase" })), "/rows/1/uniques", json!(2)),
        ("retention", retained, "/rows/0/visitors", json!(3)),
        ("pages", body(json!({})), "/sessions", json!(3)),
        ("sessions", body(json!({ "source": "google" })), "/rows/0/sessions", json!(1)),
        ("journeys", body(json!({ "start": "$pageview" })), "/sessions", json!(3)),
        (
            "schema",
            body(json!({ "kind": "values", "property": "hostname" })),
            "/rows/0/value",
            json!("shop.example"),
        ),
    ] {
        let mut sent = more;
        sent["filters"] = filters.clone();
        let posted = server.post(&format!("/v1/{path}"), &project.rk, &sent);
        if pointer.is_empty() {
            assert_eq!(posted.error(), (400, "invalid_params".to_owned()), "{path}");
            continue;
        }
        assert_eq!(posted.status, 200, "{path}: {}", posted.text);
        assert_eq!(posted.json().pointer(pointer), Some(&expected), "{path}: {}", posted.text);
        let pairs = sent.as_object().unwrap().iter().map(|(name, value)| {
            (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        assert_eq!(server.get(&format!("/v1/{path}?{query}"), &project.rk).text, posted.text, "{path}");
    }
    let bought = json!([["is", "properties.plan", ["pro", "free"]], ["greater", "properties.amount", [1]]]);
    for path in ["attribution", "attribution/paths"] {
        let sent = body(json!({ "event": "purchase", "filters": bought }));
        let posted = server.post(&format!("/v1/{path}"), &project.rk, &sent).json();
        assert_eq!(posted["rows"].as_array().unwrap().len(), 1, "{posted}");
    }
    let names = server.post("/v1/events", &project.rk, &body(json!({ "filters": bought }))).json();
    let expected = json!([{ "name": "amount", "count": 1 }, { "name": "plan", "count": 1 }]);
    assert_eq!(
        (&names["rows"][0]["event_name"], &names["rows"][0]["properties"]),
        (&json!("purchase"), &expected)
    );
    let refused = server.post("/v1/usage", &project.rk, &body(json!({ "filters": [] })));
    assert_eq!(refused.error(), (400, "invalid_params".to_owned()));
    let names = body(json!({ "kind": "columns", "filters": [["exists", "os"]] }));
    let refused = server.post("/v1/schema", &project.rk, &names).json();
    assert_eq!(
        refused["details"]["fieldErrors"]["filters"],
        json!(["go with kind=events, properties and values"]),
        "{refused}"
    );
}

#[test]
fn events_are_grouped_by_what_is_read_out_of_their_urls() {
    let (server, project) = server_with_events();
    let stats = server.get(&format!("/v1/stats?{ALWAYS}&group_by=hostname,utm_source"), &project.rk).json();
    let row = |host: Value, source: Value, value: u8| json!({ "hostname": host, "utm_source": source, "value": value });
    let expected = [
        row(json!("shop.example"), Value::Null, 3),
        row(Value::Null, Value::Null, 2),
        row(json!("docs.shop.example"), Value::Null, 1),
        row(json!("shop.example"), json!("News"), 1),
    ];
    assert_eq!(stats["rows"], json!(expected), "{stats}");
    let columns = server.get("/v1/schema?kind=columns&search=utm_", &project.rk).json();
    for row in columns["rows"].as_array().unwrap() {
        assert_eq!((&row["groups"], &row["filters"]), (&json!(true), &json!(true)), "{row}");
    }
    assert_eq!(columns["rows"].as_array().unwrap().len(), 5, "{columns}");
    let funnel = format!("/v1/funnel?{ALWAYS}&steps=$pageview,purchase&group_by=referrer_host");
    let funnel = server.get(&funnel, &project.rk).json();
    assert_eq!(funnel["rows"].as_array().unwrap().len(), 6, "{funnel}");
}

#[test]
fn a_step_of_a_funnel_may_have_conditions() {
    let (server, project) = server_with_events();
    let blog = json!({ "event": "$pageview", "filters": [["contains", "path", ["/blog"]]] });
    let pro = json!({ "event": "purchase", "filters": [["is", "properties.plan", ["pro"]]] });
    for (steps, expected) in [
        (json!(["$pageview", "purchase"]), [3, 2]),
        (json!([blog, "purchase"]), [2, 1]),
        (json!(["$pageview", pro]), [3, 1]),
        (json!([blog, pro]), [2, 1]),
        (
            json!([{ "event": "$pageview" }, { "event": "signup", "filters": [["greater", "properties.amount", [6]]] }]),
            [3, 0],
        ),
        (json!([{ "event": "purchase", "filters": null }, pro]), [2, 0]),
    ] {
        let sent = body(json!({ "steps": steps }));
        let posted = server.post("/v1/funnel", &project.rk, &sent);
        assert_eq!(posted.status, 200, "{steps}: {}", posted.text);
        let rows = posted.json()["rows"].clone();
        assert_eq!([&rows[0]["uniques"], &rows[1]["uniques"]], expected, "{steps}: {rows}");
        assert_eq!(rows[1]["event"], steps[1].as_str().or(steps[1]["event"].as_str()).unwrap());
        let read = server.get(&format!("/v1/funnel?{ALWAYS}&steps={}", encoded(&steps)), &project.rk);
        assert_eq!(read.text, posted.text, "{steps}");
        let called = call(&server, &project, "funnel", &sent).json()["result"]["structuredContent"].take();
        assert_eq!(called["rows"], rows, "{steps}: {called}");
        let url = called["url"].as_str().unwrap().strip_prefix(&server.url).unwrap();
        assert_eq!(server.get(url, &project.rk).json()["rows"], rows, "{steps}: {url}");
    }
}

#[test]
fn a_goal_may_have_any_condition() {
    let (server, project) = server_with_events();
    let filters = r#"[["matches","hostname",["^shop"]],["not",["is","properties.plan",["free"]]]]"#;
    server.cli(&[
        "goal",
        "create",
        "sale",
        "--project",
        "default",
        "--event",
        "purchase",
        "--filters",
        filters,
    ]);
    let goals = server.get("/v1/goals", &project.rk).json();
    assert_eq!(goals["goals"][0]["filters"].to_string(), filters, "{goals}");
    let rows = server.get(&format!("/v1/query?{ALWAYS}&goal=sale"), &project.rk).json()["rows"].clone();
    assert_eq!(numbers(rows.as_array().unwrap().iter()), [2]);
    let wrong = r#"[["is","contry",["DE"]]]"#;
    let output = crate::support::command(&server.dir)
        .args(["goal", "create", "b", "--project", "default", "--event", "a", "--filters", wrong])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("filters[0][1] `contry` is not a column: did you mean `country`?"), "{said}");
}

#[test]
fn an_empty_result_names_the_value_that_was_meant() {
    let (server, project) = server_with_events();
    for (filters, said) in [
        (
            json!([["is", "hostname", ["shop.exmple"]]]),
            "hostname=`shop.exmple`: did you mean `shop.example`?",
        ),
        (json!([["is", "properties.plan", ["prro"]]]), "properties.plan=`prro`: did you mean `pro`?"),
        (json!([["is", "event", ["purchases"]]]), "did you mean `purchase`?"),
        (json!([["is", "utm_term", ["zzz"]]]), "There are `b`"),
        (json!([["not", ["exists", "event"]]]), "No event in this range fits all that the query asks for."),
    ] {
        let called = call(&server, &project, "get_stats", &body(json!({ "filters": filters }))).json();
        let notes = called["result"]["structuredContent"]["warnings"].to_string();
        assert!(notes.contains(said), "{filters}: {called}");
    }
}
