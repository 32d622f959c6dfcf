//! Journeys: what visitors do after, or before, a page or an event of the same session.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Project, Server, ask, server_with};

/// An event in May 2026, without the `$pageview` of its page.
fn event(visitor: &str, name: &str, at: &str, path: &str) -> Value {
    json!({ "event": name, "event_id": format!("{visitor}-{at}"), "anonymous_id": visitor,
        "timestamp": format!("2026-05-{at}Z"), "url": format!("https://shop.example{path}") })
}

fn view(visitor: &str, at: &str, path: &str) -> Value {
    event(visitor, "$pageview", at, path)
}

/// Anna and Ben come by an ad, look at the prices and sign up; Anna does so again two days later. Cleo only looks
/// at the prices, Dora reads the documentation before she signs up.
fn signups() -> (Server, Project) {
    server_with(&[
        view("anna", "04T10:00:00", "/?gclid=abc"),
        view("anna", "04T10:02:00", "/pricing"),
        view("anna", "04T10:03:00", "/pricing"),
        event("anna", "signup", "04T10:05:00", "/join"),
        event("anna", "$identify", "04T10:05:01", "/join"),
        view("anna", "04T10:06:00", "/welcome"),
        view("ben", "04T11:00:00", "/?gclid=abd"),
        view("ben", "04T11:01:00", "/pricing"),
        event("ben", "signup", "04T11:04:00", "/join"),
        view("ben", "04T11:05:00", "/welcome"),
        view("cleo", "04T12:00:00", "/pricing"),
        view("dora", "05T09:00:00", "/pricing"),
        event("dora", "search", "05T09:01:00", "/pricing"),
        view("dora", "05T09:02:00", "/docs"),
        event("dora", "signup", "05T09:03:00", "/join"),
        view("anna", "06T10:00:00", "/pricing"),
        event("anna", "signup", "06T10:01:00", "/join"),
        view("anna", "06T10:02:00", "/welcome"),
    ])
}

/// The path and the number of sessions of each row.
fn paths(response: &Value) -> Vec<(Value, u64)> {
    let rows = response["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["path"].clone(), row["sessions"].as_u64().unwrap())).collect()
}

#[test]
fn most_visitors_of_the_prices_sign_up() {
    let (server, project) = signups();
    let journeys = |query: &str| ask(&server, &project, &format!("/v1/journeys?{ALWAYS}&{query}"));
    assert_eq!(
        journeys("start=page:/pricing*"),
        json!({ "start": "page:/pricing*", "direction": "forwards", "sessions": 5, "rows": [
            { "path": ["/pricing", "signup", "/welcome"], "sessions": 3, "visitors": 2, "share": 0.6 },
            { "path": ["/pricing"], "ended": true, "sessions": 1, "visitors": 1, "share": 0.2 },
            { "path": ["/pricing", "search", "/docs"], "sessions": 1, "visitors": 1, "share": 0.2 },
        ] })
    );
    assert_eq!(
        paths(&journeys("start=page:/pricing&pageviews=false")),
        [
            (json!(["/pricing", "signup"]), 3),
            (json!(["/pricing"]), 1),
            (json!(["/pricing", "search", "signup"]), 1),
        ],
        "without page views, but for the start"
    );
    assert_eq!(
        paths(&journeys("start=$pageview&steps=4&session_source=google")),
        [(json!(["/", "/pricing", "signup", "/welcome"]), 2)],
        "filters select the start"
    );
    let first = journeys("start=page:/pricing*&limit=1");
    assert_eq!((paths(&first).len(), &first["sessions"]), (1, &json!(5)));
    assert_eq!((&first["truncated"], &first["other"]), (&json!(true), &json!(2)));
    let nothing = journeys("start=page:/nothing");
    assert_eq!((&nothing["sessions"], &nothing["rows"]), (&json!(0), &json!([])));
    assert_eq!(nothing["warnings"][0]["code"], "unknown_value", "{nothing}");
}

#[test]
fn most_visitors_who_sign_up_looked_at_the_prices_before() {
    let (server, project) = signups();
    let journeys =
        |query: &str| ask(&server, &project, &format!("/v1/journeys?{ALWAYS}&direction=backwards&{query}"));
    assert_eq!(
        journeys("start=signup&steps=2"),
        json!({ "start": "signup", "direction": "backwards", "sessions": 4, "rows": [
            { "path": ["/pricing", "signup"], "sessions": 3, "visitors": 2, "share": 0.75 },
            { "path": ["/docs", "signup"], "sessions": 1, "visitors": 1, "share": 0.25 },
        ] })
    );
    let whole = journeys("start=signup&steps=5");
    assert_eq!(
        paths(&whole),
        [
            (json!(["/", "/pricing", "signup"]), 2),
            (json!(["/pricing", "search", "/docs", "signup"]), 1),
            (json!(["/pricing", "signup"]), 1),
        ]
    );
    assert!(whole["rows"].as_array().unwrap().iter().all(|row| row["ended"] == true));
    assert_eq!(
        paths(&journeys("start=$identify")),
        [(json!(["/pricing", "signup", "$identify"]), 1)],
        "a system event is a step as a start only"
    );
}

#[test]
fn a_path_is_that_of_the_start_in_the_range() {
    let (server, project) = signups();
    let journeys = |from: &str, to: &str, query: &str| {
        paths(&ask(&server, &project, &format!("/v1/journeys?from=2026-05-{from}Z&to=2026-05-{to}Z&{query}")))
    };
    let before = journeys("04T10:02:30", "04T10:05:30", "start=$pageview&direction=backwards");
    assert_eq!(before, [(json!(["/", "/pricing"]), 1)], "what came before the range is read");
    let after = journeys("04T10:02:30", "04T10:05:30", "start=$pageview");
    assert_eq!(after, [(json!(["/pricing", "signup"]), 1)], "what comes after it is not");
    let last = journeys("04T10:00:00", "04T10:04:00", "start=$pageview&direction=backwards&steps=2");
    assert_eq!(last, [(json!(["/", "/pricing"]), 1)], "backwards, the last start counts");
}

#[test]
fn a_page_is_told_from_an_event() {
    let (server, project) = server_with(&[
        json!({ "event": "/pricing", "anonymous_id": "anna", "timestamp": "2026-05-04T10:00:00Z" }),
        view("anna", "04T10:01:00", "/pricing"),
        json!({ "event": "$pageview", "anonymous_id": "anna", "timestamp": "2026-05-04T10:02:00Z" }),
        json!({ "event": "page:1", "anonymous_id": "anna", "timestamp": "2026-05-04T10:03:00Z" }),
    ]);
    let journeys = |query: &str| ask(&server, &project, &format!("/v1/journeys?{ALWAYS}&{query}"));
    let from_event = journeys("start=event:/pricing&steps=5");
    assert_eq!(from_event["start"], "event:/pricing");
    assert_eq!(paths(&from_event), [(json!(["event:/pricing", "/pricing", "$pageview", "event:page:1"]), 1)]);
    assert_eq!(paths(&journeys("start=page:/pricing&steps=2")), [(json!(["/pricing", "$pageview"]), 1)]);
}

#[test]
fn what_is_wrong_is_named_with_what_is_right() {
    let server = Server::start();
    let project = server.default_project();
    for (query, field, said) in [
        ("steps=3", "start", "is required: the name of an event, like signup, or a page"),
        ("start=", "start", "must be the name of an event, 1 to 128 characters long, like signup"),
        ("start=page:", "start", "after `page:`, it must be 1 to 512 characters long"),
        ("start=page:pricing", "start", "must begin with `/`"),
        ("start=/pricing", "start", "must have `page:` before the path of a page, like page:/pricing*"),
        ("start=goal:sale", "start", "a goal cannot be a start"),
        ("start=a&steps=1", "steps", "must be a whole number from 2 to 5"),
        ("start=a&steps=6", "steps", "must be a whole number from 2 to 5"),
        ("start=a&steps=two", "steps", "must be a whole number from 2 to 5"),
        ("start=a&direction=back", "direction", "must be forwards or backwards"),
        ("start=a&pageviews=maybe", "pageviews", "must be true or false"),
        ("start=a&limit=1001", "limit", "must be a whole number from 1 to 1000"),
    ] {
        let response = server.get(&format!("/v1/journeys?{ALWAYS}&{query}"), &project.rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{query}: {}", response.text);
        let fields = &response.json()["details"]["fieldErrors"];
        assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), [field], "{query}: {fields}");
        assert!(fields[field][0].as_str().unwrap().contains(said), "{query}: {fields}");
    }
    let unknown = server.get(&format!("/v1/journeys?{ALWAYS}&start=a&event=a"), &project.rk);
    assert!(
        unknown.json()["details"]["formErrors"][0].as_str().unwrap().contains("`event`"),
        "{}",
        unknown.text
    );
}
