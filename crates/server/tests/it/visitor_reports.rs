//! What visitors do one after the other: funnels, retention, pages, sessions.

mod all_times;
mod groups;
mod steps;

use serde_json::{Value, json};

use crate::support::{ALWAYS, Project, Server, ask, server_with};

/// A visitor does something in May 2026.
fn act(visitor: &str, event: &str, at: &str, more: Value) -> Value {
    let mut sent = json!({ "event": event, "event_id": format!("{visitor}-{event}-{at}"),
        "anonymous_id": visitor, "timestamp": format!("2026-05-{at}:00Z") });
    sent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sent
}

/// Anna buys at once, Ben after a detour, Cleo too late, Dora the wrong way round; Emil only looks.
fn shop() -> (Server, Project) {
    let ad = json!({ "url": "https://shop.example/?utm_source=facebook&utm_medium=cpc" });
    let search = json!({ "referrer": "https://www.google.com/", "url": "https://shop.example/" });
    let (cart, other) = (json!({ "url": "https://shop.example/cart" }), json!({}));
    server_with(&[
        act("anna", "$pageview", "04T10:00", ad.clone()),
        act("anna", "add_to_cart", "04T10:02", cart.clone()),
        act("anna", "purchase", "04T10:10", cart.clone()),
        act("ben", "$pageview", "04T10:00", search.clone()),
        act("ben", "search", "04T10:01", other.clone()),
        act("ben", "$pageview", "05T10:00", cart.clone()),
        act("ben", "add_to_cart", "05T10:04", cart.clone()),
        act("ben", "purchase", "06T10:04", cart.clone()),
        act("cleo", "$pageview", "04T10:00", search.clone()),
        act("cleo", "add_to_cart", "04T10:06", cart.clone()),
        act("cleo", "purchase", "20T10:00", cart.clone()),
        act("dora", "purchase", "04T10:00", ad.clone()),
        act("dora", "add_to_cart", "04T11:00", cart.clone()),
        act("dora", "$pageview", "04T12:00", cart),
        act("emil", "$pageview", "04T10:00", ad),
        act("felix", "search", "04T10:00", other),
    ])
}

#[test]
fn a_funnel_tells_how_many_visitors_get_how_far_and_how_long_it_takes() {
    let (server, project) = shop();
    let funnel = |query: &str| ask(&server, &project, &format!("/v1/funnel?{ALWAYS}&{query}"));
    let steps = "steps=$pageview,add_to_cart,purchase";
    assert_eq!(
        funnel(steps),
        json!({ "order": "strict", "rows": [
            { "step": 1, "event": "$pageview", "uniques": 5, "from_previous_pct": 100.0, "from_start_pct": 100.0, "median_seconds": null, "median_seconds_from_start": null },
            { "step": 2, "event": "add_to_cart", "uniques": 3, "from_previous_pct": 60.0, "from_start_pct": 60.0, "median_seconds": 240.0, "median_seconds_from_start": 240.0 },
            { "step": 3, "event": "purchase", "uniques": 2, "from_previous_pct": 66.67, "from_start_pct": 40.0, "median_seconds": 43440.0, "median_seconds_from_start": 43620.0 },
        ] })
    );
    let visitors = |query: &str| -> Vec<Value> {
        funnel(query)["rows"].as_array().unwrap().iter().map(|row| row["uniques"].clone()).collect()
    };
    assert_eq!(visitors(&format!("{steps}&window=30d")), [5, 3, 3], "Cleo is in time");
    assert_eq!(visitors(&format!("{steps}&window=30m")), [5, 3, 1], "Ben is not");
    assert_eq!(visitors("steps=$pageview,$pageview"), [5, 1], "one event is one step only");
    assert_eq!(visitors("steps=nothing,purchase"), [0, 0]);
    assert_eq!(visitors(&format!("{steps}&source=google")), [2, 2, 1], "the first step's source counts");
    let short = "/v1/funnel?from=2026-05-04&to=2026-05-05&steps=$pageview,add_to_cart,purchase";
    assert_eq!(ask(&server, &project, short)["rows"][2]["uniques"], 1, "outside of the range nothing counts");
}

#[test]
fn a_funnel_in_any_order_counts_whoever_does_all_of_it() {
    let (server, project) = shop();
    let path = format!("/v1/funnel?{ALWAYS}&steps=$pageview,add_to_cart,purchase&order=any&window=3h");
    assert_eq!(
        ask(&server, &project, &path),
        json!({ "order": "any", "rows": [
            { "step": 1, "uniques": 5, "from_previous_pct": 100.0, "from_start_pct": 100.0, "median_seconds": null, "median_seconds_from_start": null },
            { "step": 2, "uniques": 4, "from_previous_pct": 80.0, "from_start_pct": 80.0, "median_seconds": 300.0, "median_seconds_from_start": 300.0 },
            { "step": 3, "uniques": 2, "from_previous_pct": 50.0, "from_start_pct": 40.0, "median_seconds": 2040.0, "median_seconds_from_start": 3900.0 },
        ] })
    );
}

#[test]
fn a_funnel_is_told_apart_by_what_the_attempt_starts_with_if_that_is_asked_for() {
    let (server, project) = shop();
    let path =
        format!("/v1/funnel?{ALWAYS}&steps=$pageview,purchase&group_by=source,medium&group_at=attempt");
    let response = ask(&server, &project, &path);
    let rows: Vec<_> = response["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["source"], row["medium"], row["step"], row["uniques"]]))
        .collect();
    assert_eq!(
        Value::from(rows),
        json!([
            ["direct", "direct", 1, 2],
            ["direct", "direct", 2, 1],
            ["facebook", "paid", 1, 2],
            ["facebook", "paid", 2, 1],
            ["google", "organic", 1, 1],
            ["google", "organic", 2, 0],
        ]),
        "Ben's purchase follows his second visit, which came from nowhere"
    );
    let cut = ask(&server, &project, &format!("{path}&limit=1"));
    assert_eq!((cut["rows"].as_array().unwrap().len(), &cut["truncated"]), (2, &json!(true)));
}

#[test]
fn retention_tells_who_comes_back_in_which_period() {
    let none = json!({});
    let (server, project) = server_with(&[
        act("anna", "signup", "04T10:00", none.clone()),
        act("anna", "visit", "12T10:00", none.clone()),
        act("anna", "visit", "25T10:00", none.clone()),
        act("ben", "signup", "05T10:00", none.clone()),
        act("ben", "visit", "05T11:00", none.clone()),
        act(
            "ben",
            "signup",
            "18T10:00",
            json!({ "url": "https://shop.example/?utm_source=news&utm_medium=email" }),
        ),
        act("cleo", "visit", "04T10:00", none.clone()),
        act("cleo", "signup", "10T23:30", none),
    ]);
    let retention =
        |query: &str| ask(&server, &project, &format!("/v1/retention?from=2026-05-04&to=2026-06-01&{query}"));
    assert_eq!(
        retention("event=signup"),
        json!({ "interval": "week", "rows": [{ "cohort": "2026-05-04T00:00:00Z", "visitors": 3, "returned": [3, 1, 1, 1] }] })
    );
    assert_eq!(
        retention("event=signup&return_event=visit")["rows"],
        json!([{ "cohort": "2026-05-04T00:00:00Z", "visitors": 3, "returned": [2, 1, 0, 1] }])
    );
    assert_eq!(
        retention("event=signup&timezone=Europe/Berlin")["rows"],
        json!([
            { "cohort": "2026-05-03T22:00:00Z", "visitors": 2, "returned": [2, 1, 1, 1] },
            { "cohort": "2026-05-10T22:00:00Z", "visitors": 1, "returned": [1, 0, 0] },
        ]),
        "in Berlin Cleo's Sunday night is Monday"
    );
    assert_eq!(
        retention("event=signup&source=news")["rows"],
        json!([{ "cohort": "2026-05-18T00:00:00Z", "visitors": 1, "returned": [1, 0] }]),
        "filters are about the beginning"
    );
    assert_eq!(
        retention("interval=month")["rows"],
        json!([{ "cohort": "2026-05-01T00:00:00Z", "visitors": 3, "returned": [3] }])
    );
    assert_eq!(retention("interval=day&event=nothing")["rows"], json!([]));
}

/// Anna comes twice, and sees three pages and then one; Ben, Cleo and Dora come once.
fn visits() -> (Server, Project) {
    let view = |visitor: &str, session: &str, at: &str, path: &str, referrer: &str| {
        let page = json!({ "session_id": session, "url": format!("https://shop.example{path}"), "referrer": referrer });
        act(visitor, "$pageview", at, page)
    };
    let (search, own) = ("https://www.google.com/", "https://shop.example/");
    server_with(&[
        view("anna", "a1", "04T10:00", "/", search),
        view("anna", "a1", "04T10:01", "/pricing", own),
        view("anna", "a1", "04T10:02", "/", own),
        view("anna", "a2", "05T10:00", "/pricing", ""),
        view("ben", "b1", "04T10:00", "/", ""),
        act("ben", "purchase", "04T10:01", json!({ "session_id": "b1" })),
        view("cleo", "c1", "04T10:00", "/", search),
        view("cleo", "c1", "04T10:05", "/docs", own),
        act("dora", "$pageview", "04T10:00", json!({ "session_id": "d1" })),
    ])
}

#[test]
fn pages_tell_where_sessions_begin_end_and_bounce() {
    let (server, project) = visits();
    let pages = |query: &str| ask(&server, &project, &format!("/v1/pages?{ALWAYS}&{query}"));
    assert_eq!(
        pages(""),
        json!({ "sessions": 5, "bounce_rate": 0.4, "rows": [
            { "path": "/", "views": 4, "uniques": 3, "entries": 3, "exits": 2, "bounces": 0, "bounce_rate": 0.0 },
            { "path": "/pricing", "views": 2, "uniques": 1, "entries": 1, "exits": 1, "bounces": 1, "bounce_rate": 1.0 },
            { "path": null, "views": 1, "uniques": 1, "entries": 1, "exits": 1, "bounces": 1, "bounce_rate": 1.0 },
            { "path": "/docs", "views": 1, "uniques": 1, "entries": 0, "exits": 1, "bounces": 0, "bounce_rate": 0.0 },
        ] })
    );
    let google = pages("source=google&sort=exits");
    assert_eq!(google["sessions"], 2);
    let paths = |response: &Value| -> Vec<Value> {
        response["rows"].as_array().unwrap().iter().map(|row| json!([row["path"], row["exits"]])).collect()
    };
    assert_eq!(paths(&google), [json!(["/", 1]), json!(["/docs", 1]), json!(["/pricing", 0])]);
    assert_eq!(pages("limit=1&sort=entries")["truncated"], true);
    let nothing = pages("source=bing");
    assert_eq!((&nothing["sessions"], &nothing["rows"]), (&json!(0), &json!([])));
}

#[test]
fn sessions_are_told_over_time_with_those_that_bounce() {
    let (server, project) = visits();
    let sessions = |query: &str| ask(&server, &project, &format!("/v1/sessions?{ALWAYS}&{query}"));
    let row = |sessions: u64, bounces: u64, views: f64, duration: f64| {
        json!({ "sessions": sessions, "bounces": bounces,
            "bounce_rate": if sessions == 0 { 0.0 } else { bounces as f64 / sessions as f64 },
            "views_per_session": views, "median_duration_seconds": duration })
    };
    let in_bucket = |bucket: &str, mut row: Value| {
        row["bucket"] = bucket.into();
        row
    };
    assert_eq!(sessions(""), json!({ "rows": [row(5, 2, 1.6, 60.0)] }), "Ben's purchase is no bounce");
    assert_eq!(
        sessions("interval=day"),
        json!({ "rows": [
            in_bucket("2026-05-04T00:00:00Z", row(4, 1, 1.75, 90.0)),
            in_bucket("2026-05-05T00:00:00Z", row(1, 1, 1.0, 0.0)),
        ] })
    );
    let mut labelled = in_bucket("2026-05-05T09:30:00Z", row(1, 1, 1.0, 0.0));
    labelled["label"] = "2026-05-05T15:00:00+05:30".into();
    assert_eq!(
        sessions("interval=hour&timezone=Asia/Kolkata&path=/pricing"),
        json!({ "rows": [labelled] }),
        "a session counts by its first page"
    );
    assert_eq!(sessions("interval=day&limit=1")["truncated"], true);
    assert_eq!(sessions("source=bing")["rows"], json!([row(0, 0, 0.0, 0.0)]));
    assert_eq!(sessions("source=bing&interval=day")["rows"], json!([]));
    let by_source = sessions("group_by=session_source,entry_path");
    let groups: Vec<Value> = by_source["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["session_source"], row["entry_path"], row["sessions"]]))
        .collect();
    let expected = [
        json!(["google", "/", 2]),
        json!(["direct", null, 1]),
        json!(["direct", "/", 1]),
        json!(["direct", "/pricing", 1]),
    ];
    assert_eq!(groups, expected);
    let refused = server.get(&format!("/v1/sessions?{ALWAYS}&group_by=event_name"), &project.rk);
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_group_by")));
    assert_eq!(refused.json()["details"]["allowed"][0], "session_source");
}
