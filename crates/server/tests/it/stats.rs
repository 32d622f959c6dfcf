//! `/v1/stats` and the buckets of `/v1/sessions`: aggregates of numbers, currencies, hours of the day, labels,
//! and series that are not cut.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, ask, server_with};

/// An event of a visitor in May 2026.
fn event(id: &str, visitor: &str, at: &str, properties: Value) -> Value {
    json!({ "event": "purchase", "event_id": id, "anonymous_id": visitor,
        "timestamp": format!("2026-05-{at}Z"), "properties": properties })
}

/// Amounts without a currency, and what is no amount.
fn amounts() -> Vec<Value> {
    let amounts = [
        json!(4),
        json!(1),
        json!(2.5),
        json!(30),
        json!("12"),
        json!(true),
        json!({ "eur": 5 }),
        json!(null),
    ];
    let amounts = amounts.into_iter().enumerate();
    let mut events: Vec<Value> = amounts
        .map(|(number, amount)| {
            let plan = if number < 2 { "pro" } else { "free" };
            event(&format!("e{number}"), "anna", "16T08:00:00", json!({ "amount": amount, "plan": plan }))
        })
        .collect();
    events.push(event("none", "ben", "16T09:00:00", json!({ "currency": "EUR" })));
    events
}

/// The response, without its warnings.
fn stats(server: &Instance, project: &Project, query: &str) -> Value {
    let mut response = ask(server, project, &format!("/v1/stats?{query}"));
    response.as_object_mut().unwrap().remove("warnings");
    response
}

fn field_errors(server: &Instance, project: &Project, path: &str) -> Value {
    let response = server.get(path, &project.rk);
    assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{path}: {}", response.text);
    response.json()["details"]["fieldErrors"].clone()
}

#[test]
fn numbers_of_a_property_are_aggregated_and_the_rest_is_counted_as_skipped() {
    let (server, project) = server_with(&amounts());
    let skipped = json!({ "missing": 2, "not_numeric": 3 });
    for flushed in [false, true] {
        if flushed {
            server.flush();
        }
        for (metric, value) in [
            ("sum", 37.5),
            ("avg", 9.375),
            ("min", 1.0),
            ("max", 30.0),
            // Of 1, 2.5, 4 and 30.
            ("median", 3.25),
            ("p95", 26.1),
        ] {
            let response = stats(&server, &project, &format!("{ALWAYS}&metric={metric}&property=amount"));
            let own = response["rows"][0]["value"].as_f64().unwrap();
            assert!((own - value).abs() < 1e-9, "{metric}: {response}");
            assert_eq!(
                response,
                json!({ "metric": metric, "rows": [{ "value": own }], "skipped": skipped }),
                "a currency without an amount splits nothing"
            );
        }
    }
    let by_plan =
        stats(&server, &project, &format!("{ALWAYS}&metric=median&property=amount&group_by=properties.plan"));
    let expected = json!([{ "properties.plan": "free", "value": 16.25 }, { "properties.plan": "pro", "value": 2.5 },
        { "properties.plan": null, "value": null }]);
    assert_eq!((&by_plan["rows"], &by_plan["skipped"]), (&expected, &skipped), "of all groups");
    for (metric, value) in [("sum", json!(0.0)), ("median", Value::Null), ("min", Value::Null)] {
        let nothing =
            stats(&server, &project, &format!("{ALWAYS}&metric={metric}&property=amount&event=nothing"));
        let skipped = json!({ "missing": 0, "not_numeric": 0 });
        assert_eq!(nothing, json!({ "metric": metric, "rows": [{ "value": value }], "skipped": skipped }));
    }
    assert_eq!(stats(&server, &project, ALWAYS).get("skipped"), None, "a count leaves nothing out");
}

#[test]
fn amounts_in_different_currencies_are_never_put_together() {
    let (server, project) = server_with(&[
        event("a", "anna", "16T08:00:00", json!({ "amount": 20, "currency": "EUR" })),
        event("b", "anna", "16T09:00:00", json!({ "amount": 30, "currency": "eur" })),
        event("c", "ben", "17T08:00:00", json!({ "amount": 9.5, "currency": "USD" })),
        event("d", "ben", "17T09:00:00", json!({ "amount": 1 })),
        event("e", "cleo", "17T10:00:00", json!({ "amount": "7", "currency": "CHF" })),
        event("f", "cleo", "17T11:00:00", json!({})),
    ]);
    let rows =
        |query: &str| stats(&server, &project, &format!("{ALWAYS}&property=amount&{query}"))["rows"].clone();
    assert_eq!(
        rows("metric=sum"),
        json!([{ "currency": "EUR", "value": 50.0 }, { "currency": "USD", "value": 9.5 }, { "currency": null, "value": 1.0 }])
    );
    assert_eq!(rows("metric=median&event=purchase&limit=1"), json!([{ "currency": "EUR", "value": 25.0 }]));
    assert_eq!(
        rows("metric=max&interval=day"),
        json!([{ "bucket": "2026-05-16T00:00:00Z", "currency": "EUR", "value": 30.0 },
            { "bucket": "2026-05-17T00:00:00Z", "currency": "USD", "value": 9.5 },
            { "bucket": "2026-05-17T00:00:00Z", "currency": null, "value": 1.0 }])
    );
    let four = rows("metric=sum&group_by=source,medium,country,os");
    assert_eq!(
        four[0],
        json!({ "source": "direct", "medium": "direct", "country": "", "os": "", "currency": "EUR", "value": 50.0 })
    );
    // Of those without a currency alone, there is no such column.
    let mixed = stats(&server, &project, &format!("{ALWAYS}&metric=sum&property=amount&anonymous_id=cleo"));
    assert_eq!(
        mixed,
        json!({ "metric": "sum", "rows": [{ "value": 0.0 }], "skipped": { "missing": 1, "not_numeric": 1 } })
    );
}

#[test]
fn hours_of_the_day_are_local_and_have_a_mean() {
    let visit = |id: &str, visitor: &str, at: &str| event(id, visitor, at, json!({ "amount": 2 }));
    let (server, project) = server_with(&[
        visit("a", "anna", "16T06:30:00"),
        visit("b", "anna", "16T06:40:00"),
        visit("c", "ben", "16T06:50:00"),
        visit("d", "anna", "17T06:10:00"),
        visit("e", "anna", "18T21:59:59"),
    ]);
    // Four days of Berlin.
    let days = "from=2026-05-16&to=2026-05-20&timezone=Europe/Berlin";
    let hours = |query: &str| stats(&server, &project, &format!("{days}&interval=hour_of_day&{query}"));
    let response = hours("");
    let rows = response["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 24);
    assert_eq!(rows[0], json!({ "hour_of_day": 0, "value": 0, "mean": 0.0 }));
    assert_eq!(rows[8], json!({ "hour_of_day": 8, "value": 4, "mean": 1.0 }));
    assert_eq!(rows[23], json!({ "hour_of_day": 23, "value": 1, "mean": 0.25 }));
    // Two visitors on the first day, one on the second.
    assert_eq!(hours("metric=uniques")["rows"][8], json!({ "hour_of_day": 8, "value": 2, "mean": 0.75 }));
    assert_eq!(
        hours("metric=sum&property=amount")["rows"][8],
        json!({ "hour_of_day": 8, "value": 8.0, "mean": 2.0 })
    );
    assert_eq!(
        hours("metric=median&property=amount")["rows"][8],
        json!({ "hour_of_day": 8, "value": 2.0, "mean": null })
    );
    assert_eq!(
        hours("metric=uniques&group_by=source")["rows"],
        json!([{ "hour_of_day": 8, "source": "direct", "value": 2, "mean": 0.75 },
            { "hour_of_day": 23, "source": "direct", "value": 1, "mean": 0.25 }])
    );
    assert_eq!(
        (hours("limit=9")["rows"].as_array().unwrap().len(), &hours("limit=9")["truncated"]),
        (9, &json!(true))
    );
    let week = stats(&server, &project, &format!("{days}&interval=day_of_week"));
    assert_eq!(
        week["rows"],
        json!([{ "day_of_week": 1, "value": 1, "mean": 1.0 }, { "day_of_week": 2, "value": 0, "mean": 0.0 },
            { "day_of_week": 6, "value": 3, "mean": 3.0 }, { "day_of_week": 7, "value": 1, "mean": 1.0 }]),
        "days that occur in the range"
    );
    let utc = stats(&server, &project, "from=2026-05-16&to=2026-05-17&interval=hour_of_day");
    assert_eq!(utc["rows"][6], json!({ "hour_of_day": 6, "value": 3, "mean": 3.0 }));
    let coming = stats(&server, &project, "from=2090-01-01&to=2090-01-02&interval=hour_of_day");
    assert_eq!(coming["rows"][6], json!({ "hour_of_day": 6, "value": 0, "mean": null }), "none has begun");
}

#[test]
fn a_bucket_has_its_local_time_and_says_whether_it_is_whole() {
    let view = |id: &str, at: &str| {
        json!({ "event": "$pageview", "event_id": id, "anonymous_id": id,
        "timestamp": format!("2026-05-{at}Z"), "url": "https://shop.example/" })
    };
    let (server, project) = server_with(&[view("a", "15T22:00:00"), view("b", "17T12:00:00")]);
    for (route, value) in [("stats", "value"), ("sessions", "sessions")] {
        let rows = |query: &str| -> Vec<Value> {
            let response = ask(&server, &project, &format!("/v1/{route}?{query}&interval=day"));
            let rows = response["rows"].as_array().unwrap().iter();
            rows.map(|row| json!([row["bucket"], row["label"], row["partial"], row[value]])).collect()
        };
        assert_eq!(
            rows("from=2026-05-16&to=2026-05-18&timezone=Europe/Berlin"),
            [
                json!(["2026-05-15T22:00:00Z", "2026-05-16T00:00:00+02:00", null, 1]),
                json!(["2026-05-16T22:00:00Z", "2026-05-17T00:00:00+02:00", null, 1])
            ],
            "{route}"
        );
        assert_eq!(
            rows("from=2026-05-15T22:00:00Z&to=2026-05-17T12:00:01Z"),
            [json!(["2026-05-15T00:00:00Z", null, true, 1]), json!(["2026-05-17T00:00:00Z", null, true, 1])],
            "{route}: cut at both ends, and no time zone named"
        );
        assert_eq!(
            rows("from=2026-05-15&to=2026-05-16&timezone=UTC"),
            [json!(["2026-05-15T00:00:00Z", "2026-05-15T00:00:00+00:00", null, 1])],
            "{route}"
        );
        let row = &ask(&server, &project, &format!("/v1/{route}?{ALWAYS}"))["rows"][0];
        assert_eq!((row.get("label"), row.get("partial")), (None, None), "{route}: without buckets");
    }
    server.track(&project.sk, json!({ "event": "now" }));
    let month = stats(&server, &project, &format!("{ALWAYS}&interval=month&event=now"));
    assert_eq!(month["rows"][0]["partial"], true, "this month is not over: {month}");
}

#[test]
fn a_series_is_cut_by_a_limit_that_was_sent_alone() {
    // Pages with higher numbers have views on more days.
    let view = |page: usize, day: usize| {
        json!({ "event": "$pageview", "event_id": format!("{page}-{day}"),
        "anonymous_id": format!("{page}-{day}"), "timestamp": format!("2026-05-{day:02}T12:00:00Z"),
        "url": format!("https://shop.example/{page:03}") })
    };
    let views: Vec<Value> =
        (0..110).flat_map(|page| (1..=2 + page / 55).map(move |day| view(page, day))).collect();
    let (server, project) = server_with(&views);
    for (route, group, value) in [("stats", "path", "value"), ("sessions", "entry_path", "sessions")] {
        let asked = |query: &str| {
            ask(&server, &project, &format!("/v1/{route}?{ALWAYS}&interval=day&group_by={group}&{query}"))
        };
        let response = asked("");
        let rows = response["rows"].as_array().unwrap();
        let of = |path: &str| rows.iter().filter(|row| row[group] == path).count();
        assert_eq!((rows.len(), &response["truncated"]), (55 * 3 + 45 * 2, &json!(true)), "{route}");
        assert_eq!((of("/109"), of("/044"), of("/045")), (3, 2, 0), "{route}: each series is whole");
        let cut = asked("limit=100");
        assert_eq!(
            (cut["rows"].as_array().unwrap().len(), &cut["truncated"]),
            (100, &json!(true)),
            "{route}"
        );
        let all = ask(&server, &project, &format!("/v1/{route}?{ALWAYS}&interval=day"));
        assert_eq!((all.get("truncated"), all["rows"].as_array().unwrap().len()), (None, 3), "{route}");
        assert_eq!(all["rows"][0][value], 110, "{route}");
    }
    let filtered = format!("/v1/stats?{ALWAYS}&interval=hour_of_day&group_by=path&metric=uniques");
    let filtered = ask(&server, &project, &filtered);
    assert_eq!((filtered["rows"].as_array().unwrap().len(), &filtered["truncated"]), (100, &json!(true)));
}

#[test]
fn what_is_wrong_with_a_metric_or_an_interval_is_said_by_name() {
    let (server, project) = server_with(&amounts());
    let intervals = "must be one of hour, day, week, month";
    for (path, field, sentence) in [
        (
            "/v1/stats?metric=median",
            "property",
            "is required: the numeric property to work on, or a goal with a value",
        ),
        ("/v1/stats?metric=p95&property=", "property", "must be the name of a property, 1 to 128 bytes long"),
        (
            "/v1/stats?metric=mode&property=amount",
            "metric",
            "must be count, uniques, conversions, conversion_rate, sum, avg, min, max, median or p95",
        ),
        (
            "/v1/stats?metric=uniques&property=amount",
            "property",
            "goes with metric=sum, avg, min, max, median or p95",
        ),
        (
            "/v1/stats?interval=hour_of_day&timezone=Europe/Atlantis",
            "timezone",
            "must be an IANA time zone like Europe/Berlin",
        ),
        ("/v1/stats?interval=hourofday", "interval", &format!("{intervals}, hour_of_day, day_of_week")),
        ("/v1/sessions?interval=hour_of_day", "interval", intervals),
        ("/v1/retention?interval=day_of_week", "interval", "must be day, week or month"),
    ] {
        let range = if path.contains("retention") { "from=2026-05-01&to=2026-06-01" } else { ALWAYS };
        let errors = field_errors(&server, &project, &format!("{path}&{range}"));
        assert_eq!(errors[field][0], *sentence, "{path}: {errors}");
    }
}

#[test]
fn aggregates_of_a_goals_value_have_its_currency() {
    let (server, project) = server_with(&[
        event("a", "anna", "16T08:00:00", json!({ "amount": 20 })),
        event("b", "ben", "16T09:00:00", json!({ "amount": 40 })),
        event("c", "ben", "16T09:00:00", json!({ "amount": 9, "currency": "USD" })),
        event("d", "ben", "16T10:00:00", json!({ "amount": "12" })),
    ]);
    let slug = project.slug.as_str();
    let sale = ["goal", "create", "sale", "--project", slug, "--event", "purchase", "--value", "amount"];
    server.cli(&[&sale[..], &["--currency", "EUR"]].concat());
    let asked = |query: &str| stats(&server, &project, &format!("{ALWAYS}&goal=sale&{query}"));
    for (metric, eur) in [("median", 30.0), ("p95", 39.0), ("min", 20.0), ("max", 40.0), ("sum", 60.0)] {
        let response = asked(&format!("metric={metric}"));
        assert_eq!(
            response,
            json!({ "metric": metric, "rows": [{ "currency": "EUR", "value": eur }, { "currency": "USD", "value": 9.0 }],
                "skipped": { "missing": 0, "not_numeric": 1 } })
        );
    }
    let errors = field_errors(
        &server,
        &project,
        &format!("/v1/stats?{ALWAYS}&goal=sale&metric=p95&group_by=source,medium,country,os"),
    );
    assert_eq!(
        errors["group_by"][0],
        "takes at most 3 columns here, since the value of a goal is split by currency"
    );
    // Of another property, the currencies are those of its events.
    assert_eq!(asked("metric=p95&property=other")["rows"], json!([{ "value": null }]));
    let body = json!({ "from": "2026-05-01", "to": "2026-06-01", "metric": "p95", "property": "amount", "interval": "day_of_week" });
    let posted = server.post("/v1/stats", &project.rk, &body).json();
    let query = "from=2026-05-01&to=2026-06-01&metric=p95&property=amount&interval=day_of_week";
    let got = ask(&server, &project, &format!("/v1/stats?{query}"));
    assert_eq!(posted, got);
}
