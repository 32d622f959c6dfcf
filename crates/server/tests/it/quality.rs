//! What is wrong with the events.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Server, ask, server_with, shop};

fn quality(server: &Instance, project: &Project, query: &str) -> Value {
    ask(server, project, &format!("/v1/quality?{ALWAYS}&{query}"))
}

/// The row of a fault.
fn row(response: &Value, code: &str) -> Value {
    let found = response["rows"].as_array().unwrap().iter().find(|row| row["code"] == code);
    found.unwrap_or_else(|| panic!("no {code}: {response}")).clone()
}

fn codes(response: &Value) -> Vec<String> {
    let rows = response["rows"].as_array().unwrap().iter();
    rows.map(|row| row["code"].as_str().unwrap().to_owned()).collect()
}

/// Events with these members, two days long.
fn events(of: &[(usize, Value)]) -> Vec<Value> {
    let mut all = Vec::new();
    for (count, members) in of {
        for _ in 0..*count {
            let number = all.len();
            let mut event = json!({ "event": "$pageview", "event_id": format!("e{number:03}"),
                "anonymous_id": format!("visitor-{number}"), "timestamp": format!("2026-05-16T12:{:02}:{:02}Z", number / 60, number % 60) });
            event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            all.push(event);
        }
    }
    all
}

#[test]
fn nothing_is_wrong_with_clean_events() {
    let server = Server::start();
    let project = server.default_project();
    let empty = quality(&server, &project, "");
    assert_eq!((&empty["rows"], &empty["warnings"][0]["code"]), (&json!([]), &json!("no_events")));
    shop(&server, &project);
    assert_eq!(quality(&server, &project, ""), json!({ "events": 6, "rows": [] }));
}

#[test]
fn every_planted_fault_is_found_and_nothing_else() {
    let page = |url: &str| json!({ "url": format!("https://shop.example{url}") });
    let bought = |properties: Value| json!({ "event": "purchase", "properties": properties });
    let (server, project) = server_with(&events(&[
        (40, page("/")),
        (4, page("/?utm_source=news&utm_medium=email&utm_campaign=Spring%20Sale")),
        (2, page("/?utm_source=news&utm_medium=E-Mail&utm_campaign=spring_sale")),
        (1, page("/?utm_source=news&utm_medium=newsletter")),
        (
            3,
            json!({ "url": "https://shop.example/sale?utm_source=teaser", "referrer": "https://www.shop.example/" }),
        ),
        (2, json!({ "url": "https://shop.example/thanks", "referrer": "https://pay.bank.example/" })),
        (5, bought(json!({ "amount": 20, "currency": "EUR", "order": "1001" }))),
        (2, bought(json!({ "amount": "19.99", "currency": "EUR" }))),
        (1, bought(json!({ "amount": 30, "currency": "USD" }))),
        (1, bought(json!({ "amount": 40 }))),
        (1, json!({ "event": "purchse" })),
        (3, json!({ "event": "login", "user_id": "undefined" })),
        (2, json!({ "event": "login", "anonymous_id": "null" })),
    ]));
    let found = quality(&server, &project, "");
    assert_eq!(found["events"], 67);
    let expected = [
        "tagging_variants",
        "own_campaign_links",
        "payment_and_sign_in_hosts",
        "numbers_as_text",
        "mixed_currencies",
        "event_names_seen_once",
        "similar_event_names",
        "placeholder_ids",
    ];
    assert_eq!(codes(&found), expected);
    let value =
        |column: &str, value: &str, count: u32| json!({ "column": column, "value": value, "count": count });
    let instead = |column: &str, value: &str, of: &str, count: u32| json!({ "column": column, "value": value, "instead_of": of, "count": count });
    let of_purchase = |column: &str, value: Value, count: u32| json!({ "event_name": "purchase", "column": column, "value": value, "count": count });
    let mut currencies = [Value::Null, "USD".into()].map(|code| of_purchase("properties.currency", code, 1));
    for row in &mut currencies {
        row["instead_of"] = "EUR".into();
    }
    for (code, count, values) in [
        (
            "tagging_variants",
            3,
            json!([
                instead("utm_medium", "E-Mail", "email", 2),
                instead("utm_campaign", "spring_sale", "Spring Sale", 2),
                instead("utm_medium", "newsletter", "email", 1),
            ]),
        ),
        ("own_campaign_links", 3, json!([value("hostname", "shop.example", 3)])),
        ("payment_and_sign_in_hosts", 2, json!([value("source", "pay.bank.example", 2)])),
        ("numbers_as_text", 2, json!([of_purchase("properties.amount", Value::Null, 2)])),
        ("mixed_currencies", 2, json!(currencies)),
        ("event_names_seen_once", 1, json!([value("event_name", "purchse", 1)])),
        ("similar_event_names", 1, json!([instead("event_name", "purchse", "purchase", 1)])),
        ("placeholder_ids", 5, json!([value("user_id", "undefined", 3), value("anonymous_id", "null", 2)])),
    ] {
        let row = row(&found, code);
        assert_eq!((&row["count"], &row["values"]), (&json!(count), &values), "{code}");
        assert_eq!(row["share"], json!(f64::from(count) / 67.0), "{code}");
        assert!(row["advice"].as_str().unwrap().ends_with('.'), "{code}");
        assert!(row["truncated"].is_null(), "{code}");
    }
    let example = &row(&found, "numbers_as_text")["example"];
    assert_eq!((&example["event_name"], &example["event_id"]), (&json!("purchase"), &json!("e058")));
    assert_eq!(row(&found, "own_campaign_links")["example"]["referrer"], "https://www.shop.example/");
    let cut = row(&quality(&server, &project, "limit=1"), "tagging_variants");
    assert_eq!(
        (cut["values"].as_array().unwrap().len(), &cut["truncated"], &cut["count"]),
        (1, &json!(true), &json!(3))
    );
    let later = "/v1/quality?from=2026-05-17&to=2026-05-18";
    let later = ask(&server, &project, later);
    assert_eq!((&later["rows"], &later["warnings"][0]["code"]), (&json!([]), &json!("range_outside_data")));
}

#[test]
fn what_is_meant_is_no_fault() {
    let (server, project) = server_with(&events(&[
        // Ids are texts on purpose, amounts in one currency, steps with numbers of their own.
        (
            3,
            json!({ "event": "order", "properties": { "order_id": "1001", "zip": "10115", "amount": 5, "currency": "EUR" } }),
        ),
        (2, json!({ "event": "step_1" })),
        (2, json!({ "event": "step_2" })),
        (
            2,
            json!({ "url": "https://shop.example/?utm_source=a&utm_campaign=sale-1", "referrer": "https://www.google.com/" }),
        ),
        (2, json!({ "url": "https://shop.example/?utm_source=b&utm_campaign=sale-2" })),
    ]));
    let found = quality(&server, &project, "");
    let rows = found["rows"].as_array().unwrap().iter().filter(|row| row["code"] != "low_confidence");
    assert_eq!(rows.count(), 0, "{found}");
}

#[test]
fn the_value_and_currency_of_a_goal_are_known() {
    let (server, project) = server_with(&events(&[
        (2, json!({ "event": "order", "properties": { "worth": "12" } })),
        (2, json!({ "event": "order", "properties": { "worth": 12, "currency": "EUR" } })),
        (2, json!({ "event": "visit", "properties": { "worth_seeing": "12" } })),
    ]));
    let slug = project.slug.as_str();
    let goal = ["goal", "create", "order", "--project", slug, "--event", "order", "--value", "worth"];
    assert_eq!(codes(&quality(&server, &project, "")), ["numbers_as_text", "mixed_currencies"]);
    server.cli(&[&goal[..], &["--currency", "EUR"]].concat());
    assert_eq!(codes(&quality(&server, &project, "")), ["numbers_as_text"], "the goal says the currency");
}

#[test]
fn a_name_of_another_time_is_not_seen_once() {
    let (server, project) = server_with(&[
        json!({ "event": "renewal", "timestamp": "2026-04-01T12:00:00Z" }),
        json!({ "event": "renewal", "timestamp": "2026-05-01T12:00:00Z" }),
        json!({ "event": "click on 4711", "timestamp": "2026-05-01T12:00:00Z" }),
    ]);
    let found = ask(&server, &project, "/v1/quality?from=2026-05-01&to=2026-05-02");
    assert_eq!(codes(&found), ["event_names_seen_once"]);
    assert_eq!(found["rows"][0]["values"][0]["value"], "click on 4711");
}

#[test]
fn many_sessions_that_are_credited_by_guess_are_a_fault() {
    let from = |referrer: &str| json!({ "url": "https://shop.example/", "referrer": referrer });
    let (server, project) =
        server_with(&events(&[(3, from("https://blog.example/")), (7, from("https://www.google.com/"))]));
    let found = quality(&server, &project, "");
    assert_eq!(codes(&found), ["low_confidence"]);
    let row = &found["rows"][0];
    assert_eq!((&row["count"], &row["share"]), (&json!(3), &json!(0.3)));
    assert_eq!(row["values"], json!([{ "column": "session_source", "value": "blog.example", "count": 3 }]));
}
