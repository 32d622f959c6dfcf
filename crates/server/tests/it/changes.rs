//! What explains the difference between two ranges.

use serde_json::{Value, json};

use crate::support::{Project, Server, ask, server_with};

/// A purchase on a day of May 2026, by another visitor each time.
fn purchase(number: usize, day: u8, properties: &Value) -> Value {
    json!({ "event": "purchase", "event_id": format!("p-{day}-{number}"), "anonymous_id": format!("v-{day}-{number}"),
            "timestamp": format!("2026-05-{day:02}T12:00:00Z"), "properties": properties })
}

/// So many purchases a day for each country and device; on the twelfth, the app for phones in Germany is broken.
fn shop(each: usize) -> (Server, Project) {
    let mut events = Vec::new();
    for day in [11, 12] {
        for (country, device) in [("DE", "mobile"), ("DE", "desktop"), ("US", "mobile"), ("US", "desktop")] {
            if day == 12 && (country, device) == ("DE", "mobile") {
                continue;
            }
            for _ in 0..each {
                let properties =
                    json!({ "country": country, "device": device, "amount": 10, "currency": "EUR" });
                events.push(purchase(events.len(), day, &properties));
            }
        }
    }
    server_with(&events)
}

const DAY: &str = "/v1/changes?from=2026-05-12&to=2026-05-13&columns=properties.country,properties.device";

/// Sums of whole numbers are exact.
fn assert_same(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} in place of {expected}");
}

#[test]
fn a_fault_of_one_device_in_one_country_is_found() {
    let (server, project) = shop(30);
    let row = |columns: Value, value: u32, previous: u32, percent: f64| {
        json!({ "columns": columns, "value": value, "previous": previous, "change": -30, "contribution_pct": 100.0,
                "change_pct": percent })
    };
    let same = |columns: Value| json!({ "columns": columns, "value": 60, "previous": 60 });
    let expected = json!({
        "metric": "count",
        "from": "2026-05-12T00:00:00.000Z",
        "to": "2026-05-13T00:00:00.000Z",
        "compared_with": { "from": "2026-05-11T00:00:00.000Z", "to": "2026-05-12T00:00:00.000Z" },
        "value": 90,
        "previous": 120,
        "change": -30,
        "change_pct": -25.0,
        "rows": [
            row(json!({ "properties.country": "DE", "properties.device": "mobile" }), 0, 30, -100.0),
            row(json!({ "properties.country": "DE" }), 30, 60, -50.0),
            row(json!({ "properties.device": "mobile" }), 30, 60, -50.0),
        ],
        "unchanged": [same(json!({ "properties.country": "US" })), same(json!({ "properties.device": "desktop" }))],
    });
    assert_eq!(ask(&server, &project, DAY), expected);
    let uniques = ask(&server, &project, &format!("{DAY}&metric=uniques"));
    assert_eq!(uniques["rows"], expected["rows"], "every visitor has one event");
    let sum = ask(&server, &project, &format!("{DAY}&metric=sum&property=amount&event=purchase"));
    assert_eq!(sum["currency"], "EUR");
    assert_eq!(sum["rows"][0]["change"], -300.0);
    assert_eq!(sum["rows"][0]["contribution_pct"], 100.0);
}

#[test]
fn small_changes_are_noise_and_come_last() {
    let (server, project) = shop(3);
    let rows = ask(&server, &project, DAY)["rows"].clone();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2, "a pair that may be chance is no row");
    assert!(rows.iter().all(|row| row["noise"] == true && row["change"] == -3), "{rows:?}");
}

#[test]
fn contributions_of_a_column_sum_to_the_whole_change() {
    let mut events = Vec::new();
    for (day, factor) in [(11, 1), (12, 2)] {
        for plan in 0..20_usize {
            for _ in 0..plan * factor {
                events.push(purchase(events.len(), day, &json!({ "plan": format!("plan-{plan:02}") })));
            }
        }
    }
    let (server, project) = server_with(&events);
    let of = |limit: u8| {
        let path = format!(
            "/v1/changes?from=2026-05-12&to=2026-05-13&columns=properties.plan&event=purchase&limit={limit}"
        );
        ask(&server, &project, &path)
    };
    let sum = |rows: &Value, key: &str| {
        rows.as_array().unwrap().iter().map(|row| row[key].as_f64().unwrap()).sum::<f64>()
    };
    let whole = of(100);
    assert_eq!((&whole["change"], &whole["other"]), (&json!(190), &Value::Null));
    assert_same(sum(&whole["rows"], "change"), 190.0);
    assert!((sum(&whole["rows"], "contribution_pct") - 100.0).abs() < 1e-9);
    assert_eq!(
        (&whole["rows"][0]["columns"]["properties.plan"], whole["truncated"].as_bool()),
        (&json!("plan-19"), None)
    );
    let cut = of(3);
    assert_eq!((cut["rows"].as_array().unwrap().len(), &cut["truncated"]), (3, &json!(true)));
    assert_eq!(cut["other"][0]["column"], "properties.plan");
    assert_same(sum(&cut["rows"], "change") + sum(&cut["other"], "change"), 190.0);
    assert_same(sum(&cut["rows"], "value") + sum(&cut["other"], "value"), 380.0);
}

#[test]
fn any_two_ranges_are_compared() {
    let (server, project) = server_with(&[
        purchase(1, 12, &json!({})),
        purchase(2, 12, &json!({})),
        json!({ "event": "purchase", "anonymous_id": "b", "timestamp": "2025-05-12T12:00:00Z" }),
        json!({ "event": "purchase", "anonymous_id": "b", "timestamp": "2026-04-30T22:30:00Z" }),
    ]);
    let compared = |query: &str| {
        let response = ask(&server, &project, &format!("/v1/changes?from=2026-05-12&to=2026-05-13&{query}"));
        let range = &response["compared_with"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&range["from"]), text(&range["to"]), response["value"].clone(), response["previous"].clone())
    };
    for (query, from, to, previous) in [
        ("", "2026-05-11T00:00:00.000Z", "2026-05-12T00:00:00.000Z", 0),
        (
            "compare=previous&timezone=Europe/Berlin",
            "2026-05-10T22:00:00.000Z",
            "2026-05-11T22:00:00.000Z",
            0,
        ),
        ("compare=year", "2025-05-12T00:00:00.000Z", "2025-05-13T00:00:00.000Z", 1),
        ("compare=2026-04-01/2026-05-01", "2026-04-01T00:00:00.000Z", "2026-05-01T00:00:00.000Z", 1),
        (
            "compare=2026-04-01/2026-05-01&timezone=Europe/Berlin",
            "2026-03-31T22:00:00.000Z",
            "2026-04-30T22:00:00.000Z",
            0,
        ),
        (
            "compare=2026-04-01T00:00:00+02:00/2026-05-01",
            "2026-03-31T22:00:00.000Z",
            "2026-05-01T00:00:00.000Z",
            1,
        ),
    ] {
        let expected = (from.to_owned(), to.to_owned(), json!(2), json!(previous));
        assert_eq!(compared(query), expected, "{query}");
    }
}

#[test]
fn conversions_are_those_of_a_goal_and_amounts_of_one_currency() {
    let mut events = Vec::new();
    for day in [11, 12] {
        for number in 0..40_usize {
            let currency = if number < 30 { "EUR" } else { "USD" };
            let amount = if day == 12 && number < 30 { 5 } else { 20 };
            events.push(purchase(number, day, &json!({ "amount": amount, "currency": currency })));
        }
        events.push(json!({ "event": "visit", "timestamp": format!("2026-05-{day}T12:00:00Z") }));
    }
    let (server, project) = server_with(&events);
    let slug = project.slug.as_str();
    server.cli(&["goal", "create", "sale", "--project", slug, "--event", "purchase", "--value", "amount"]);
    let changes = |query: &str| {
        ask(&server, &project, &format!("/v1/changes?from=2026-05-12&to=2026-05-13&goal=sale&{query}"))
    };
    let conversions = changes("metric=conversions");
    assert_eq!([&conversions["value"], &conversions["previous"]], [&json!(40), &json!(40)]);
    assert_eq!((&conversions["rows"], &conversions["change_pct"]), (&json!([]), &json!(0.0)));
    let sum = changes("metric=sum&columns=properties.amount");
    assert_eq!(
        [&sum["value"], &sum["previous"], &sum["change"]],
        [&json!(150.0), &json!(600.0), &json!(-450.0)]
    );
    assert_eq!((&sum["currency"], &sum["other_currencies"]), (&json!("EUR"), &json!(["USD"])));
    let rows: Vec<_> = sum["rows"].as_array().unwrap().iter().map(|row| row["change"].clone()).collect();
    assert_eq!(rows, [json!(-600.0), json!(150.0)]);
    let dollars = changes(
        "metric=sum&columns=properties.amount&filters=%5B%5B%22is%22,%22properties.currency%22,%5B%22USD%22%5D%5D%5D",
    );
    assert_eq!((&dollars["value"], &dollars["currency"]), (&json!(200.0), &json!("USD")));
    assert_eq!(dollars["other_currencies"], Value::Null);
}

#[test]
fn without_columns_the_usual_ones_are_looked_at() {
    let page = |number: usize, day: u8, url: &str, referrer: &str| {
        json!({ "event": "$pageview", "event_id": format!("e-{day}-{number}"), "anonymous_id": format!("v-{day}-{number}"),
                "timestamp": format!("2026-05-{day}T12:00:00Z"), "url": format!("https://shop.example{url}"),
                "referrer": referrer })
    };
    let mut events: Vec<Value> =
        (0..20).map(|number| page(number, 11, "/", "https://www.google.com/")).collect();
    events.extend(
        (0..20).map(|number| page(number, 12, "/sale?utm_source=news&utm_medium=email&utm_campaign=May", "")),
    );
    let (server, project) = server_with(&events);
    let changes = ask(&server, &project, "/v1/changes?from=2026-05-12&to=2026-05-13");
    let mut columns: Vec<&String> = changes["rows"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row["columns"].as_object().unwrap().keys())
        .collect();
    columns.sort_unstable();
    columns.dedup();
    assert_eq!(columns, ["path", "session_campaign", "session_medium", "session_source"]);
    assert_eq!(changes["rows"][0]["contribution_pct"], Value::Null, "there is no difference in all");
}

#[test]
fn wrong_parameters_are_named() {
    let server = Server::start();
    let rk = server.default_project().rk;
    for (query, field) in [
        ("compare=week", "compare"),
        ("compare=2026-05-01", "compare"),
        ("compare=2026-05-02/2026-05-01", "compare"),
        ("timezone=Mars", "timezone"),
        ("metric=avg&property=amount", "metric"),
        ("metric=sum", "property"),
        ("property=amount", "property"),
        ("metric=conversions", "goal"),
        ("goal=nothing", "goal"),
        ("columns=cuntry", "columns"),
        ("columns=ip_hash", "columns"),
        ("columns=os,os", "columns"),
        ("columns=,", "columns"),
        ("columns=os,path,source,medium,campaign,country,browser,device_type,event_name,hostname", "columns"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
    ] {
        let response = server.get(&format!("/v1/changes?from=2026-05-12&to=2026-05-13&{query}"), &rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{query}");
        assert!(response.json()["details"]["fieldErrors"][field].is_array(), "{query}: {}", response.text);
        assert!(response.text.len() < 1500, "{query}: {}", response.text);
    }
    let misspelt = server.get("/v1/changes?from=2026-05-12&to=2026-05-13&columns=cuntry", &rk);
    assert!(misspelt.text.contains("did you mean `country`"), "{}", misspelt.text);
    let first = server.get("/v1/changes?from=0001-01-01&to=0001-01-02", &rk);
    assert!(first.json()["details"]["fieldErrors"]["compare"].is_array(), "{}", first.text);
}
