//! Sessions and attribution: what a visit is credited to, over pages, sign-in and payment, and how the credit for a
//! conversion is divided.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Project, Server, ask, server_with};

const SHOP: &str = "https://shop.example";

/// An event in May 2026, on a page and with the page before.
fn event(visitor: &str, name: &str, at: &str, page: &str, referrer: &str) -> Value {
    json!({ "event": name, "event_id": format!("{visitor}-{name}-{at}"), "anonymous_id": visitor,
        "timestamp": format!("2026-05-{at}Z"), "url": format!("{SHOP}{page}"), "referrer": referrer })
}

/// An ad, two pages, a sign-in with Google and a payment with Stripe, as a browser sends them.
fn purchase_after_an_ad() -> Vec<Value> {
    let own = format!("{SHOP}/");
    let mut purchase = event("anna", "purchase", "04T10:09:00", "/thanks", "https://checkout.stripe.com/");
    purchase["properties"] = json!({ "amount": 80, "currency": "EUR" });
    vec![
        event(
            "anna",
            "$pageview",
            "04T10:00:00",
            "/?gclid=abc&utm_campaign=Spring",
            "https://www.google.com/",
        ),
        event("anna", "$pageview", "04T10:02:00", "/pricing", &own),
        event("anna", "$pageview", "04T10:04:00", "/welcome", "https://accounts.google.com/"),
        event("anna", "$pageview", "04T10:08:00", "/thanks", "https://checkout.stripe.com/"),
        purchase,
    ]
}

#[test]
fn a_purchase_after_sign_in_and_payment_is_credited_to_the_ad() {
    let (server, project) = server_with(&purchase_after_an_ad());
    let sources = ask(&server, &project, &format!("/v1/sources?{ALWAYS}&attribution=session&event=purchase"));
    assert_eq!(
        sources["rows"],
        json!([{ "source": "google", "medium": "paid", "events": 1, "uniques": 1, "paid_share": 1.0 }])
    );
    let by_event = ask(&server, &project, &format!("/v1/sources?{ALWAYS}&event=purchase"));
    assert_ne!(by_event["rows"][0]["medium"], "paid", "by default each event counts under its own source");
    let columns = "session_source,session_campaign,session_rule_id,exit_path";
    let stats = ask(&server, &project, &format!("/v1/stats?{ALWAYS}&event=purchase&group_by={columns}"));
    assert_eq!(
        stats["rows"],
        json!([{ "session_source": "google", "session_campaign": "Spring",
            "session_rule_id": "google_click_id", "exit_path": "/thanks", "value": 1 }])
    );
    let events = ask(&server, &project, &format!("/v1/query?{ALWAYS}&session_medium=paid&event=purchase"));
    assert_eq!(events["rows"].as_array().unwrap().len(), 1);
    let none = ask(&server, &project, &format!("/v1/query?{ALWAYS}&session_medium=organic"));
    assert_eq!(none["rows"], json!([]));
    let export = server.get(&format!("/v1/export?{ALWAYS}&session_medium=paid&event=purchase"), &project.rk);
    assert_eq!((export.status, export.text.lines().count()), (200, 1), "{}", export.text);
    let sessions = ask(&server, &project, &format!("/v1/sessions?{ALWAYS}"));
    assert_eq!(
        sessions["rows"],
        json!([{ "sessions": 1, "bounces": 0, "bounce_rate": 0.0, "views_per_session": 4.0,
            "median_duration_seconds": 540.0 }])
    );
}

#[test]
fn two_page_views_around_the_half_hour_are_one_session_without_a_bounce() {
    let own = format!("{SHOP}/");
    let (server, project) = server_with(&[
        event("anna", "$pageview", "04T09:59:50", "/", ""),
        event("anna", "$pageview", "04T10:00:10", "/pricing", &own),
    ]);
    let sessions = ask(&server, &project, &format!("/v1/sessions?{ALWAYS}"));
    assert_eq!((&sessions["rows"][0]["sessions"], &sessions["rows"][0]["bounces"]), (&json!(1), &json!(0)));
    let later = ask(&server, &project, "/v1/sessions?from=2026-05-04T10:00:00Z&to=2026-05-05");
    assert_eq!(later["rows"][0]["sessions"], 0, "it belongs to the range of its first event");
    let pages = ask(&server, &project, "/v1/pages?from=2026-05-04T10:00:00Z&to=2026-05-05");
    let row = &pages["rows"][0];
    assert_eq!((&row["path"], &row["views"], &row["entries"]), (&json!("/pricing"), &json!(1), &json!(0)));
}

/// Ben comes by an ad, by a mail, and directly, and buys twice; Cleo buys at once, without a source.
fn several_touches() -> (Server, Project) {
    let mail = "/?utm_source=news&utm_medium=email";
    let buy = |visitor: &str, at: &str, properties: Value| {
        let mut event = event(visitor, "purchase", at, "/thanks", "");
        event["properties"] = properties;
        event
    };
    server_with(&[
        event("ben", "$pageview", "01T10:00:00", "/?gclid=1", "https://www.google.com/"),
        event("ben", "$pageview", "08T10:00:00", mail, ""),
        event("ben", "$pageview", "15T10:00:00", "/", ""),
        buy("ben", "15T10:01:00", json!({ "amount": 100, "currency": "EUR" })),
        buy("ben", "15T10:02:00", json!({ "amount": 50, "currency": "USD" })),
        event("cleo", "$pageview", "15T10:00:00", "/", ""),
        buy("cleo", "15T10:01:00", json!({ "amount": "a lot", "currency": "EUR" })),
    ])
}

/// Compares numbers with those expected, to a millionth.
fn is_near(found: &Value, expected: &[(&str, f64)]) -> bool {
    let names = found.as_object().unwrap().len() == expected.len();
    names && expected.iter().all(|(name, number)| (found[*name].as_f64().unwrap() - number).abs() < 1e-6)
}

#[test]
fn conversions_are_divided_among_touches_under_every_model() {
    let (server, project) = several_touches();
    let attribution =
        |query: &str| ask(&server, &project, &format!("/v1/attribution?{ALWAYS}&event=purchase{query}"));
    let all = attribution("");
    assert_eq!(
        (&all["event"], &all["conversions"], &all["value"]),
        (&json!("purchase"), &json!(3), &Value::Null)
    );
    // Seven days apart: the mail weighs twice as much as the ad.
    let expected = [
        ("news", "email", 2, 1, [0.0, 0.0, 2.0, 1.0, 1.0, 4.0 / 3.0]),
        ("direct", "direct", 3, 2, [1.0, 3.0, 1.0, 1.0, 1.0, 1.0]),
        ("google", "paid", 2, 1, [2.0, 0.0, 0.0, 1.0, 1.0, 2.0 / 3.0]),
    ];
    let rows = all["rows"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{all}");
    for (row, (source, medium, touches, visitors, credit)) in rows.iter().zip(expected) {
        assert_eq!((&row["session_source"], &row["session_medium"]), (&json!(source), &json!(medium)));
        assert_eq!((&row["touches"], &row["visitors"]), (&json!(touches), &json!(visitors)), "{row}");
        let names = ["first", "last", "last_non_direct", "linear", "position", "time_decay"];
        let credit: Vec<_> = names.into_iter().zip(credit).collect();
        assert!(is_near(&row["conversions"], &credit), "{row}");
    }
    let valued = attribution("&value=amount&models=last_non_direct&session_source=direct");
    assert_eq!(
        valued["currencies"],
        json!([{ "currency": "EUR", "conversions": 2, "value": 100.0 }, { "currency": "USD", "conversions": 1, "value": 50.0 }])
    );
    assert_eq!(valued.get("value"), None, "amounts in two currencies are not added up");
    assert_eq!(
        valued["rows"][0],
        json!({ "session_source": "direct", "session_medium": "direct", "currency": "EUR",
            "conversions": { "last_non_direct": 1.0 }, "value": { "last_non_direct": 0.0 }, "touches": 2, "visitors": 2 })
    );
    let short = attribution("&lookback=10d&models=first&limit=1");
    assert_eq!(short["rows"][0]["conversions"], json!({ "first": 2.0 }));
    assert_eq!(short["other"], json!({ "conversions": { "first": 1.0 }, "touches": 3 }));
    assert_eq!(attribution("&count=once")["conversions"], 2);
    assert_eq!(attribution("&session_source=google")["conversions"], 0, "filters select conversions");
}

#[test]
fn the_sequences_of_touches_are_listed_by_their_number() {
    let (server, project) = several_touches();
    let paths = ask(
        &server,
        &project,
        &format!("/v1/attribution/paths?{ALWAYS}&event=purchase&count=once&value=amount"),
    );
    let days = 14.0 + 1.0 / 1440.0;
    let rows = paths["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{paths}");
    assert_eq!(rows[0]["path"], json!(["direct / direct"]), "ties by the path");
    assert_eq!(rows[1]["path"], json!(["google / paid", "news / email", "direct / direct"]));
    assert!((rows[1]["median_days"].as_f64().unwrap() - days).abs() < 1e-9, "{paths}");
    assert_eq!((&rows[1]["currency"], &rows[1]["value"]), (&json!("EUR"), &json!(100.0)));
}

#[test]
fn an_event_is_explained_by_its_session_and_the_ledger_of_its_touches() {
    let (server, project) = several_touches();
    let explained = ask(&server, &project, "/v1/explain?event_id=ben-purchase-15T10:01:00");
    assert_eq!(
        explained["session"],
        json!({ "first_event_id": "ben-$pageview-15T10:00:00", "first_event_time": "2026-05-15T10:00:00.000Z",
            "source": "direct", "medium": "direct", "campaign": null, "rule": "direct", "confidence": "high" })
    );
    let touches = explained["touches"].as_array().unwrap();
    let seen: Vec<_> =
        touches.iter().map(|touch| json!([touch["time"], touch["source"], touch["rule"]])).collect();
    assert_eq!(
        seen,
        [
            json!(["2026-05-01T10:00:00.000Z", "google", "google_click_id"]),
            json!(["2026-05-08T10:00:00.000Z", "news", "utm_source"]),
            json!(["2026-05-15T10:00:00.000Z", "direct", "direct"]),
        ]
    );
    for model in ["first", "last", "last_non_direct", "linear", "position", "time_decay"] {
        let sum: f64 = touches.iter().map(|touch| touch["weight"][model].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{model}: {sum}");
    }
    assert_eq!(touches[1]["weight"]["last_non_direct"], 1.0);
    assert_eq!(ask(&server, &project, "/v1/explain?url=https://shop.example/").get("touches"), None);
}

#[test]
fn what_is_wrong_with_a_query_is_said_by_name() {
    let server = Server::start();
    let project = server.default_project();
    for (query, field, sentence) in [
        ("", "event", "is required: the event that is a conversion, like purchase; or send a `goal`"),
        ("&event=a&lookback=2w", "lookback", "must be a number of days from 1d to 366d, like 30d"),
        ("&event=a&lookback=367d", "lookback", "must be a number of days from 1d to 366d, like 30d"),
        (
            "&event=a&models=best",
            "models",
            "must be one of first, last, last_non_direct, linear, position, time_decay",
        ),
        ("&event=a&models=first,first", "models", "names first twice"),
        ("&event=a&count=twice", "count", "must be all or once"),
        ("&event=a&value=", "value", "must be the name of a property, 1 to 128 bytes long"),
    ] {
        let response = server.get(&format!("/v1/attribution?{ALWAYS}{query}"), &project.rk);
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_params")), "{query}");
        assert_eq!(response.json()["details"]["fieldErrors"][field], json!([sentence]), "{query}");
    }
    let group = server.get(&format!("/v1/attribution?{ALWAYS}&event=a&group_by=source"), &project.rk).json();
    assert_eq!(
        (&group["error"], &group["details"]["allowed"][0]),
        (&json!("invalid_group_by"), &json!("session_source"))
    );
    let sources = server.get(&format!("/v1/sources?{ALWAYS}&attribution=visit"), &project.rk).json();
    assert_eq!(sources["details"]["fieldErrors"]["attribution"], json!(["must be event or session"]));
}
