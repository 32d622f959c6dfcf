//! `compare`: the rows of a report beside those of another range.

use serde_json::{Value, json};

use crate::support::{Instance, Project, Server, ask, server_with};

/// A page view or another event of 2025 or 2026.
fn event(name: &str, at: &str, visitor: &str, source: &str) -> Value {
    json!({ "event": name, "event_id": format!("{visitor}-{name}-{at}"), "anonymous_id": visitor,
        "timestamp": format!("{at}:00Z"),
        "url": format!("https://shop.example/{source}?utm_source={source}&utm_medium=email") })
}

/// Two days of May 2026, the two days before them, and one of the same days a year earlier.
fn two_weeks() -> (Server, Project) {
    server_with(&[
        event("$pageview", "2026-05-03T10:00", "anna", "news"),
        event("$pageview", "2026-05-03T11:00", "ben", "news"),
        event("$pageview", "2026-05-04T09:00", "cleo", "partner"),
        event("signup", "2026-05-04T09:01", "cleo", "partner"),
        event("$pageview", "2026-05-01T10:00", "dora", "news"),
        event("$pageview", "2026-05-02T23:30", "emil", "old"),
        event("$pageview", "2025-05-03T10:00", "anna", "news"),
    ])
}

const THIS_WEEK: &str = "from=2026-05-03&to=2026-05-05";

fn rows(server: &Instance, project: &Project, query: &str) -> Value {
    ask(server, project, &format!("/v1/{query}"))["rows"].clone()
}

#[test]
fn rows_have_the_figures_of_the_range_before() {
    let (server, project) = two_weeks();
    let query = format!("/v1/stats?{THIS_WEEK}&event=$pageview&group_by=source&compare=previous");
    assert_eq!(
        ask(&server, &project, &query),
        json!({ "metric": "count",
            "rows": [
                { "source": "news", "value": 2, "previous": 1, "change_pct": 100.0 },
                { "source": "partner", "value": 1, "previous": 0, "change_pct": null },
                { "source": "old", "value": 0, "previous": 1, "change_pct": -100.0 },
            ],
            "compared_with": { "from": "2026-05-01T00:00:00.000Z", "to": "2026-05-03T00:00:00.000Z" },
        })
    );
    let whole = rows(&server, &project, &format!("stats?{THIS_WEEK}&metric=uniques&compare=previous"));
    assert_eq!(whole, json!([{ "value": 3, "previous": 2, "change_pct": 50.0 }]));
}

#[test]
fn another_range_is_a_year_earlier_or_given() {
    let (server, project) = two_weeks();
    for (compare, previous) in [
        ("year", 1),
        ("2026-05-01/2026-05-02", 1),
        ("2025-01-01/2026-05-03", 3),
        ("2024-01-01/2024-01-02", 0),
    ] {
        let rows = rows(&server, &project, &format!("stats?{THIS_WEEK}&event=$pageview&compare={compare}"));
        assert_eq!((&rows[0]["value"], &rows[0]["previous"]), (&json!(3), &json!(previous)), "{compare}");
    }
}

#[test]
fn buckets_are_paired_by_their_position() {
    let (server, project) = two_weeks();
    let query = format!("stats?{THIS_WEEK}&event=$pageview&interval=day&compare=previous");
    let rows_of_days = rows(&server, &project, &query);
    assert_eq!(
        rows_of_days,
        json!([
            { "bucket": "2026-05-03T00:00:00Z", "value": 2, "previous": 1, "change_pct": 100.0 },
            { "bucket": "2026-05-04T00:00:00Z", "value": 1, "previous": 1, "change_pct": 0.0 },
        ])
    );
    // Of the second day of the other range, by Berlin's clocks, is nothing left: it was 01:30 on the third.
    let berlin = format!("{query}&timezone=Europe/Berlin");
    let of_berlin = rows(&server, &project, &berlin);
    assert_eq!(of_berlin[0]["previous"], 1, "{of_berlin}");
    assert_eq!(of_berlin[1]["previous"], 0, "{of_berlin}");
}

#[test]
fn reports_with_several_figures_compare_each() {
    let (server, project) = two_weeks();
    let query = format!("sources?{THIS_WEEK}&breakdown=source&event=$pageview&compare=previous");
    let sources = rows(&server, &project, &query);
    assert_eq!(sources[0]["previous"], json!({ "events": 1, "uniques": 1, "paid_share": 0.0 }));
    assert_eq!(sources[0]["change_pct"], json!({ "events": 100.0, "uniques": 100.0, "paid_share": null }));
    for (report, figure, previous) in [
        ("sessions?", "sessions", 2),
        ("pages?", "views", 1),
        ("events?", "count", 2),
        ("funnel?steps=$pageview,signup&", "uniques", 2),
    ] {
        let rows = rows(&server, &project, &format!("{report}{THIS_WEEK}&compare=previous"));
        assert_eq!(rows[0]["previous"][figure], previous, "{report} {rows}");
    }
}

#[test]
fn credit_is_compared_under_each_model() {
    let sale = |at: &str, visitor: &str, source: &str, amount: f64| {
        let mut sale = event("sale", at, visitor, source);
        sale["properties"] = json!({ "amount": amount, "currency": "EUR" });
        sale
    };
    let (server, project) = server_with(&[
        sale("2026-05-03T10:00", "anna", "news", 30.0),
        sale("2026-05-04T09:00", "cleo", "partner", 5.0),
        sale("2026-05-01T10:00", "dora", "news", 20.0),
        sale("2026-05-02T11:00", "emil", "old", 1.0),
    ]);
    let query = format!(
        "/v1/attribution?{THIS_WEEK}&event=sale&value=amount&models=first,linear&group_by=session_source&compare=previous"
    );
    let credit = |conversions: Value, value: Value, number: Value| {
        json!({ "conversions": { "first": conversions, "linear": conversions },
            "value": { "first": value, "linear": value }, "touches": number, "visitors": number })
    };
    let row = |source: &str, now: Value, previous: Value, change: Value| {
        let mut row = json!({ "session_source": source, "currency": "EUR" });
        row.as_object_mut().unwrap().extend(now.as_object().unwrap().clone());
        row["previous"] = previous;
        row["change_pct"] = change;
        row
    };
    let one = |value: f64| credit(json!(1.0), json!(value), json!(1));
    let none = || credit(json!(0), json!(0), json!(0));
    let news = row("news", one(30.0), one(20.0), credit(json!(0.0), json!(50.0), json!(0.0)));
    let compared = ask(&server, &project, &query);
    assert_eq!(
        compared["rows"],
        json!([
            news,
            row("partner", one(5.0), none(), credit(json!(null), json!(null), json!(null))),
            row("old", none(), one(1.0), credit(json!(-100.0), json!(-100.0), json!(-100.0))),
        ])
    );
    assert_eq!((&compared["conversions"], compared.get("other")), (&json!(2), None));
    assert_eq!(compared["compared_with"]["to"], "2026-05-03T00:00:00.000Z");

    let cut = ask(&server, &project, &format!("{query}&limit=1"));
    let other = json!({ "conversions": { "first": 1.0, "linear": 1.0 }, "value": { "first": 5.0, "linear": 5.0 }, "touches": 1 });
    assert_eq!((&cut["rows"], &cut["other"], cut.get("truncated")), (&json!([news]), &other, None));

    let counted = ask(&server, &project, &query.replace("&value=amount", ""));
    let previous = json!({ "conversions": { "first": 1.0, "linear": 1.0 }, "touches": 1, "visitors": 1 });
    assert_eq!(counted["rows"][0]["previous"], previous, "no value without one");
}

#[test]
fn a_limit_cuts_rows_after_they_were_compared() {
    let (server, project) = two_weeks();
    let query = "/v1/stats?from=2026-05-01&to=2026-05-03&event=$pageview&group_by=source&limit=1";
    // `news` and `old` have one view each; of the other range, `news` leads.
    let compared = ask(&server, &project, &format!("{query}&compare=2026-05-03/2026-05-05"));
    assert_eq!(
        compared["rows"],
        json!([{ "source": "news", "value": 1, "previous": 2, "change_pct": -50.0 }])
    );
    assert_eq!(compared["truncated"], true);
}

#[test]
fn a_wrong_comparison_is_refused_with_its_reason() {
    let (server, project) = two_weeks();
    for (query, field, reason) in [
        (format!("stats?{THIS_WEEK}&compare=week"), "compare", "must be previous, year"),
        (format!("stats?{THIS_WEEK}&compare="), "compare", "must be previous, year"),
        (format!("stats?{THIS_WEEK}&compare=2026-05-05/2026-05-05"), "compare", "begins before its end"),
        ("stats?from=0001-01-01&to=9999-01-01&compare=previous".to_owned(), "compare", "begins before"),
        (
            "stats?from=2000-01-01&to=2026-01-01&interval=hour&compare=previous".to_owned(),
            "compare",
            "at most 20000 buckets",
        ),
    ] {
        let response = server.get(&format!("/v1/{query}"), &project.rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{query}");
        let said = response.json()["details"]["fieldErrors"][field][0].to_string();
        assert!(said.contains(reason), "{query}: {said}");
    }
    for query in [
        format!("stats?{THIS_WEEK}&compare=previous&compare=year"),
        format!("query?{THIS_WEEK}&compare=previous"),
    ] {
        let response = server.get(&format!("/v1/{query}"), &project.rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{query}");
    }
    let body = json!({ "from": "2026-05-03", "to": "2026-05-05", "compare": 7 });
    assert_eq!(server.post("/v1/stats", &project.rk, &body).error(), (400, "invalid_params".to_owned()));
}
