//! Answers come out: raw events, counts, sources, names, use.

use serde_json::{Value, json};

use crate::support::{ALWAYS, CHROME, Instance, Project, Server, ask};

/// The week of the shop, and a purchase whose amount is no number.
fn shop(server: &Instance) -> Project {
    let project = server.default_project();
    crate::support::shop(server, &project);
    server.track(
        &project.sk,
        json!({ "event": "purchase", "event_id": "e7", "timestamp": "2026-05-16T11:00:00Z", "anonymous_id": "cleo",
                "url": "https://shop.example/cart", "referrer": "https://shop.example/",
                "properties": { "amount": "not a number" } }),
    );
    project
}

#[test]
fn raw_events_come_newest_first_and_page_by_page() {
    let server = Server::start();
    let project = shop(&server);
    let ids = |response: &Value| -> Vec<String> {
        response["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["event_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = ask(&server, &project, &format!("/v1/query?{ALWAYS}&limit=3"));
    assert_eq!(ids(&first), ["e7", "e6", "e5"]);
    server.track(&project.sk, json!({ "event": "newer", "event_id": "e8" }));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ask(&server, &project, &format!("/v1/query?{ALWAYS}&limit=4&cursor={cursor}"));
    assert_eq!(ids(&second), ["e4", "e3", "e2", "e1"]);
    assert_eq!(second["next_cursor"], Value::Null);
    for (filter, expected) in [
        ("event=purchase", vec!["e7", "e6", "e2"]),
        ("source=facebook&medium=paid", vec!["e1"]),
        ("anonymous_id=ben", vec!["e4", "e3"]),
        ("campaign=May", vec!["e1"]),
        ("source_confidence=high&source=facebook", vec!["e1"]),
        ("path=/cart&anonymous_id=anna", vec!["e2"]),
        ("country=DE", vec![]),
        ("user_id=nobody", vec![]),
    ] {
        assert_eq!(
            ids(&ask(&server, &project, &format!("/v1/query?{ALWAYS}&{filter}"))),
            expected,
            "{filter}"
        );
    }
    let day = ask(&server, &project, "/v1/query?from=2026-05-15&to=2026-05-16");
    assert_eq!(ids(&day), ["e1"], "from is inclusive, to is not");
}

#[test]
fn raw_events_are_filtered_by_device_browser_and_system() {
    let server = Server::start();
    let project = server.default_project();
    server.track(&project.sk, json!({ "event": "a", "event_id": "a1", "context": { "user_agent": CHROME } }));
    server.track(&project.sk, json!({ "event": "a", "event_id": "a2" }));
    for (filter, expected) in [
        ("device_type=desktop", 1),
        ("browser=chrome", 1),
        ("os=windows", 1),
        ("os=linux", 0),
        ("event=a", 2),
    ] {
        let rows = ask(&server, &project, &format!("/v1/query?{ALWAYS}&{filter}"));
        assert_eq!(rows["rows"].as_array().unwrap().len(), expected, "{filter}");
    }
}

#[test]
fn counts_come_by_group_and_over_time() {
    let server = Server::start();
    let project = shop(&server);
    let stats = |query: &str| ask(&server, &project, &format!("/v1/stats?{ALWAYS}&{query}"));
    let rows = |query: &str| stats(query)["rows"].clone();
    assert_eq!(stats(""), json!({ "metric": "count", "rows": [{ "value": 7 }] }));
    assert_eq!(rows("metric=uniques"), json!([{ "value": 3 }]));
    assert_eq!(rows("metric=uniques&event=purchase"), json!([{ "value": 2 }]));
    assert_eq!(
        rows("group_by=source,medium"),
        json!([
            { "source": "internal", "medium": "direct", "value": 4 },
            { "source": "facebook", "medium": "paid", "value": 1 },
            { "source": "facebook", "medium": "social", "value": 1 },
            { "source": "google", "medium": "organic", "value": 1 },
        ])
    );
    assert_eq!(
        rows("interval=day&group_by=event_name"),
        json!([
            { "bucket": "2026-05-15T00:00:00Z", "event_name": "$pageview", "value": 1 },
            { "bucket": "2026-05-16T00:00:00Z", "event_name": "$pageview", "value": 3 },
            { "bucket": "2026-05-16T00:00:00Z", "event_name": "purchase", "value": 3 },
        ])
    );
    assert_eq!(
        rows("interval=day&timezone=Europe/Berlin"),
        json!([{ "bucket": "2026-05-15T22:00:00Z", "label": "2026-05-16T00:00:00+02:00", "value": 7 }])
    );
    assert_eq!(rows("interval=week"), json!([{ "bucket": "2026-05-11T00:00:00Z", "value": 7 }]));
    assert_eq!(rows("interval=month"), json!([{ "bucket": "2026-05-01T00:00:00Z", "value": 7 }]));
    assert_eq!(
        rows("interval=hour&event=purchase&limit=1"),
        json!([{ "bucket": "2026-05-16T08:00:00Z", "value": 1 }])
    );
    assert_eq!(stats("group_by=path&limit=1")["truncated"], true);
    assert_eq!(
        rows("group_by=properties.plan&event=purchase"),
        json!([
            { "properties.plan": null, "value": 1 },
            { "properties.plan": "free", "value": 1 },
            { "properties.plan": "pro", "value": 1 },
        ])
    );
    let left_out =
        "1 value of `amount` is no JSON number (a text such as \"12\") and left out: send numbers.";
    assert_eq!(
        stats("metric=sum&property=amount"),
        json!({ "metric": "sum", "rows": [{ "value": 25.5 }], "skipped": { "missing": 4, "not_numeric": 1 },
            "warnings": [{ "code": "not_numeric", "message": left_out }] })
    );
    assert_eq!(rows("metric=avg&property=amount"), json!([{ "value": 12.75 }]));
    assert_eq!(rows("metric=avg&property=none"), json!([{ "value": null }]));
    assert_eq!(rows("event=nothing&group_by=source"), json!([]));
    assert_eq!(rows("event=nothing"), json!([{ "value": 0 }]));
}

#[test]
fn sources_tell_events_visitors_and_the_paid_share() {
    let server = Server::start();
    let project = shop(&server);
    let by_source = ask(&server, &project, &format!("/v1/sources?{ALWAYS}&breakdown=source&event=$pageview"));
    let expected = json!({ "breakdown": "source", "rows": [
        { "source": "facebook", "events": 2, "uniques": 2, "paid_share": 0.5 },
        { "source": "google", "events": 1, "uniques": 1, "paid_share": 0.0 },
        { "source": "internal", "events": 1, "uniques": 1, "paid_share": 0.0 },
    ] });
    assert_eq!(by_source, expected);
    let top = ask(&server, &project, &format!("/v1/sources?{ALWAYS}&limit=1"));
    assert_eq!(
        top["rows"],
        json!([{ "source": "internal", "medium": "direct", "events": 4, "uniques": 3, "paid_share": 0.0 }])
    );
    assert_eq!(top["truncated"], true);
    let split = ask(&server, &project, &format!("/v1/sources?{ALWAYS}&source=facebook"));
    let media: Vec<_> = split["rows"].as_array().unwrap().iter().map(|row| row["medium"].clone()).collect();
    assert_eq!(media, ["paid", "social"]);
}

#[test]
fn event_names_come_with_their_properties() {
    let server = Server::start();
    let project = shop(&server);
    let names = ask(&server, &project, &format!("/v1/events?{ALWAYS}"));
    let expected = json!({ "rows": [
        { "event_name": "$pageview", "count": 4, "uniques": 3, "first_seen": "2026-05-15T23:30:00.000Z",
          "last_seen": "2026-05-16T10:00:00.000Z", "properties": [] },
        { "event_name": "purchase", "count": 3, "uniques": 2, "first_seen": "2026-05-16T08:00:00.000Z",
          "last_seen": "2026-05-16T11:00:00.000Z",
          "properties": [{ "name": "amount", "count": 3 }, { "name": "plan", "count": 2 }] },
    ] });
    assert_eq!(names, expected);
}

#[test]
fn the_schema_tells_names_types_values_columns_and_rules() {
    let server = Server::start();
    let project = shop(&server);
    let rows = |query: &str| ask(&server, &project, &format!("/v1/schema?{ALWAYS}&{query}"))["rows"].clone();
    assert_eq!(rows(""), ask(&server, &project, &format!("/v1/events?{ALWAYS}"))["rows"]);
    assert_eq!(rows("search=PURCH").as_array().unwrap().len(), 1);
    assert_eq!(
        rows("kind=properties&event=purchase"),
        json!([
            { "event_name": "purchase", "name": "amount", "count": 3, "types": ["string", "number"], "samples": ["not a number", "5.5", "20"] },
            { "event_name": "purchase", "name": "plan", "count": 2, "types": ["string"], "samples": ["free", "pro"] },
        ])
    );
    assert_eq!(
        rows("kind=values&property=plan&event=purchase&search=r"),
        json!([{ "value": "free", "count": 1 }, { "value": "pro", "count": 1 }])
    );
    assert_eq!(rows("kind=values&property=medium&limit=1"), json!([{ "value": "direct", "count": 4 }]));
    let rules = ask(&server, &project, "/v1/schema?kind=rules");
    assert_eq!(rules["rows"][0]["rule_id"], "google_click_id");
    let columns = ask(&server, &project, "/v1/schema?kind=columns&search=country");
    assert_eq!(
        columns["rows"],
        json!([{ "name": "country", "groups": true, "filters": true, "text": "ISO 3166-1 alpha-2, or empty" }])
    );
}

#[test]
fn the_schema_names_exactly_the_columns_that_filter_and_group() {
    let server = Server::start();
    let project = shop(&server);
    let columns = ask(&server, &project, "/v1/schema?kind=columns&limit=100");
    let rows = columns["rows"].as_array().unwrap();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let name = if name == "properties.<name>" { "properties.plan" } else { name };
        let filters = format!("%5B%5B%22is%22,%22{name}%22,%5B%22x%22%5D%5D%5D");
        let filtered =
            server.get(&format!("/v1/query?{ALWAYS}&filters={filters}"), &project.rk).status == 200;
        assert_eq!(row["filters"], json!(filtered), "{name}");
        let grouped = server.get(&format!("/v1/stats?{ALWAYS}&group_by={name}"), &project.rk).status == 200;
        assert_eq!(row["groups"], json!(grouped), "{name}");
    }
}

#[test]
fn an_attribution_is_explained_with_the_rules_that_were_tried() {
    let server = Server::start();
    let project = shop(&server);
    let explain = |query: &str| ask(&server, &project, &format!("/v1/explain?{query}"));
    let stored = explain("event_id=e1");
    assert_eq!(
        stored["attribution"],
        json!({ "source": "facebook", "medium": "paid", "campaign": "May", "source_confidence": "high", "source_rule_id": "paid_utm_facebook" })
    );
    assert_eq!(
        (&stored["event"]["stored"], &stored["event"]["agrees"]),
        (&stored["attribution"], &json!(true))
    );
    let tried = stored["rows"].as_array().unwrap();
    assert_eq!(tried.last().unwrap()["fired"], true);
    assert!(tried[..tried.len() - 1].iter().all(|row| row["fired"] == false && row["reason"].is_string()));
    let search = explain("referrer=https://www.google.com/&url=https://shop.example/");
    assert_eq!(search["attribution"]["medium"], "organic");
    assert_eq!(search["event"], Value::Null);
    assert_eq!(server.get("/v1/explain?event_id=e1&from=2026-05-16&to=2026-05-17", &project.rk).status, 404);
}

#[test]
fn use_is_told_by_month_and_counts_each_event_once() {
    let server = Server::start();
    let project = shop(&server);
    shop(&server);
    let usage = ask(&server, &project, &format!("/v1/usage?{ALWAYS}"));
    assert_eq!((&usage["plan"], &usage["monthly_limit"]), (&json!("self_hosted"), &Value::Null));
    assert_eq!(usage["rows"].as_array().unwrap().len(), 1);
    assert_eq!(usage["rows"][0]["events"], 7);
}

#[test]
fn what_retention_does_not_keep_is_unqueryable_at_once() {
    let server = Server::start();
    let project = shop(&server);
    server.track(&project.sk, json!({ "event": "fresh" }));
    server.cli(&["project", "update", "default", "--retention-days", "1"]);
    crate::support::eventually("the old events are gone", || {
        let response = ask(&server, &project, &format!("/v1/stats?{ALWAYS}&group_by=event_name"));
        (response["rows"] == json!([{ "event_name": "fresh", "value": 1 }])).then_some(())
    });
    assert_eq!(ask(&server, &project, "/v1/query?from=2026-05-01&to=2026-06-01")["rows"], json!([]));
}
