//! Which group of a funnel a visitor is in, and times from the start of an attempt.

use serde_json::{Value, json};

use super::act;
use crate::support::{ALWAYS, Project, Server, ask, server_with};

/// A page view that an ad of this network brought.
fn ad(visitor: &str, at: &str, network: &str) -> Value {
    let url = format!("https://shop.example/?utm_source={network}&utm_medium=cpc");
    act(visitor, "$pageview", at, json!({ "url": url }))
}

/// Anna comes by two ads before she buys; Ben by one, and directly before he buys; Cleo only looks, twice.
fn shop() -> (Server, Project) {
    let own = json!({ "url": "https://shop.example/" });
    server_with(&[
        ad("anna", "04T10:00", "facebook"),
        ad("anna", "05T10:00", "google"),
        act("anna", "cart", "05T10:05", own.clone()),
        act("anna", "purchase", "05T10:15", own.clone()),
        ad("ben", "04T10:00", "facebook"),
        act("ben", "cart", "04T10:10", own.clone()),
        act("ben", "$pageview", "20T10:00", own.clone()),
        act("ben", "cart", "20T10:01", own.clone()),
        act("ben", "purchase", "20T10:04", own),
        ad("cleo", "04T10:00", "google"),
        ad("cleo", "06T10:00", "facebook"),
    ])
}

fn rows(server: &Server, project: &Project, query: &str) -> Vec<(String, u64)> {
    let path = format!("/v1/funnel?{ALWAYS}&steps=$pageview,cart,purchase&window=1d&group_by={query}");
    let column = query.split('&').next().unwrap();
    let response = ask(server, project, &path);
    let row = |row: &Value| (row[column].as_str().unwrap().to_owned(), row["uniques"].as_u64().unwrap());
    response["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_visitor_is_in_the_group_of_their_first_event_for_all_steps() {
    let (server, project) = shop();
    let owned = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|(source, visitors)| ((*source).to_owned(), *visitors)).collect()
    };
    let first =
        [("facebook", 2), ("facebook", 2), ("facebook", 2), ("google", 1), ("google", 0), ("google", 0)];
    for query in ["source", "source&group_at=first", "session_source"] {
        assert_eq!(rows(&server, &project, query), owned(&first), "{query}");
    }
    let attempt = [("google", 2), ("google", 1), ("google", 1), ("direct", 1), ("direct", 1), ("direct", 1)];
    for query in ["source&group_at=attempt", "session_source&group_at=attempt"] {
        assert_eq!(rows(&server, &project, query), owned(&attempt), "{query}");
    }
    assert_eq!(
        rows(&server, &project, "source&source=google"),
        owned(&[("google", 2), ("google", 1), ("google", 1)]),
        "an event that fails the filters decides nothing"
    );
}

#[test]
fn in_any_order_the_first_event_of_any_step_decides_on_the_group() {
    let own = json!({ "url": "https://shop.example/" });
    let (server, project) = server_with(&[
        act("anna", "cart", "04T09:00", own.clone()),
        ad("anna", "05T10:00", "google"),
        act("anna", "cart", "05T10:05", own),
    ]);
    let funnel = |more: &str| {
        let query = format!("{ALWAYS}&steps=$pageview,cart&order=any&window=1h&group_by=source{more}");
        let response = ask(&server, &project, &format!("/v1/funnel?{query}"));
        json!([response["rows"][0]["source"], response["rows"][1]["uniques"]])
    };
    assert_eq!(funnel(""), json!(["direct", 1]));
    assert_eq!(funnel("&group_at=attempt"), json!(["google", 1]));
    assert_eq!(funnel("&source=google"), json!(["google", 1]));
}

#[test]
fn times_from_the_start_are_those_of_the_attempt() {
    let (server, project) = shop();
    let path = format!("/v1/funnel?{ALWAYS}&steps=$pageview,cart,purchase&window=1d");
    for (more, expected) in [
        // Anna 5 and 15 minutes, Ben 10 (his first cart) and 4.
        ("", [json!(null), json!(450.0), json!(570.0)]),
        ("&source=google", [json!(null), json!(300.0), json!(900.0)]),
        ("&source=nobody", [json!(null), json!(null), json!(null)]),
    ] {
        let response = ask(&server, &project, &format!("{path}{more}"));
        let times: Vec<Value> = response["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["median_seconds_from_start"].clone())
            .collect();
        assert_eq!(times, expected, "{more}");
    }
}

#[test]
fn an_unknown_word_is_refused_with_the_known_ones() {
    let (server, project) = shop();
    for (path, field, said) in [
        ("/v1/funnel?steps=a,b&group_at=foo", "group_at", "must be first or attempt"),
        ("/v1/funnel?steps=a,b&group_at=", "group_at", "must be first or attempt"),
        ("/v1/retention?from=2026-05-01&to=2026-06-01&new=foo", "new", "must be ever or range"),
    ] {
        let range = if path.contains("from=") { String::new() } else { format!("&{ALWAYS}") };
        let response = server.get(&format!("{path}{range}"), &project.rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{path}");
        assert_eq!(response.json()["details"]["fieldErrors"], json!({ (field): [said] }), "{path}");
    }
}
