//! The tools that look for something by themselves: `explain_change` and `data_quality`.

use serde_json::{Value, json};

use super::client::{Client, account_key};
use crate::support::{Instance, Project, Server};

/// Midnight before so many whole days, as the server counts them.
fn days_ago(days: i64) -> chrono::DateTime<chrono::Utc> {
    let today = chrono::Utc::now().date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    today - chrono::Duration::days(days)
}

/// Sends as many events of this name to a day, each of another visitor, with the source `utm_source`.
fn send(
    server: &Instance,
    project: &Project,
    day: chrono::DateTime<chrono::Utc>,
    count: usize,
    source: &str,
) {
    let event = |number: usize| {
        let at = day + chrono::Duration::seconds(number as i64);
        json!({ "event": "$pageview", "anonymous_id": format!("{source}-{}-{number}", day.timestamp()),
            "timestamp": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "url": format!("https://shop.example/?utm_source={source}&utm_medium=email") })
    };
    let events: Vec<Value> = (0..count).map(event).collect();
    let response = server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    assert_eq!(response.status, 202, "{}", response.text);
}

/// Words about the rows of a result.
fn said(client: &Client<'_>, tool: &str, arguments: Value) -> String {
    let result = client.call(tool, arguments);
    assert_eq!(result["isError"], false, "{result}");
    result["content"][1]["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_change_is_explained_by_the_values_that_made_it() {
    let server = Server::start();
    let project = server.default_project();
    send(&server, &project, days_ago(2), 60, "news");
    send(&server, &project, days_ago(2), 40, "partner");
    send(&server, &project, days_ago(1), 10, "news");
    send(&server, &project, days_ago(1), 41, "partner");
    let client = Client::new(&server, &project.rk);
    let call = json!({ "event": "$pageview", "period": "yesterday" });
    let explained = client.rows("explain_change", call.clone());
    assert_eq!([&explained["value"], &explained["previous"], &explained["change"]], [51, 100, -49]);
    let first = &explained["rows"][0];
    assert_eq!(first["columns"], json!({ "session_source": "news" }));
    assert_eq!([&first["value"], &first["previous"], &first["change"]], [10, 60, -50]);
    assert_eq!(explained["unchanged"][0]["columns"], json!({ "session_source": "partner" }));
    let words = said(&client, "explain_change", call);
    for part in [
        "count: 51 (",
        ") after 100 (",
        "), -49 %. Most of it: session_source=news with -50. Unchanged: session_source=partner",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn a_change_is_by_default_that_of_the_last_full_week() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    let explained = client.rows("explain_change", json!({}));
    let of_week = client.rows("get_stats", json!({ "period": "last_week", "compare": "previous" }));
    for range in ["range", "compared_with"] {
        for end in ["from", "to"] {
            assert!(explained[range][end].is_string(), "{explained}");
            assert_eq!(explained[range][end], of_week[range][end], "{range} {end}");
        }
    }
}

#[test]
fn small_changes_are_called_chance() {
    let server = Server::start();
    let project = server.default_project();
    send(&server, &project, days_ago(2), 4, "news");
    send(&server, &project, days_ago(1), 2, "news");
    send(&server, &project, days_ago(1), 2, "partner");
    let client = Client::new(&server, &project.rk);
    let words = said(&client, "explain_change", json!({ "period": "yesterday" }));
    assert!(words.contains("No change of a value is significant"), "{words}");
}

#[test]
fn the_changes_of_several_projects_are_side_by_side() {
    let server = Server::start();
    let (shop, blog) = (server.project("Shop", &[]), server.project("Blog", &[]));
    send(&server, &shop, days_ago(2), 10, "news");
    send(&server, &blog, days_ago(2), 60, "news");
    send(&server, &shop, days_ago(1), 30, "news");
    // What all events have explains nothing.
    for project in [&shop, &blog] {
        send(&server, project, days_ago(2), 1, "partner");
        send(&server, project, days_ago(1), 1, "partner");
    }
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let explained = client.rows("explain_change", json!({ "period": "yesterday" }));
    let totals: Vec<_> =
        explained["totals"].as_array().unwrap().iter().map(|total| total["change"].clone()).collect();
    assert_eq!(totals, [json!(-60), json!(20), json!(0)]);
    let summary = explained["summary"].as_str().unwrap();
    assert!(summary.contains("totals has the change of each project in 3 projects, from "), "{summary}");
    assert_eq!(explained["rows"][0]["change"], -60);
    assert_eq!(explained["rows"][0]["project_id"], explained["totals"][0]["project_id"]);
    let one = client.rows("explain_change", json!({ "period": "yesterday", "project_slug": "shop" }));
    assert_eq!([&one["value"], &one["previous"]], [31, 11]);
}

#[test]
fn wrong_columns_are_answered_with_the_closest() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    let result = client.call("explain_change", json!({ "columns": ["contry"], "metric": "sum" }));
    let words = result["content"][0]["text"].as_str().unwrap();
    assert!(result["isError"] == true && words.contains("did you mean `country`?"), "{words}");
    assert!(words.contains("`property`"), "{words}");
}

#[test]
fn faults_of_the_data_are_named_with_what_to_do() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    let nothing = client.rows("data_quality", json!({}));
    assert_eq!(nothing["warnings"][0]["code"], "no_events", "nothing is wrong with no events: {nothing}");
    send(&server, &project, days_ago(1), 3, "news");
    let clean = client.rows("data_quality", json!({}));
    assert_eq!((&clean["rows"], &clean["events"]), (&json!([]), &json!(3)), "{clean}");
    assert!(said(&client, "data_quality", json!({})).contains("Nothing is wrong with 3 events"));
    send(&server, &project, days_ago(1), 2, "News");
    let faulty = client.rows("data_quality", json!({}));
    let row = &faulty["rows"][0];
    assert_eq!((&row["code"], &row["count"]), (&json!("tagging_variants"), &json!(2)), "{faulty}");
    assert!(row["advice"].as_str().unwrap().contains("one spelling"));
    assert!(said(&client, "data_quality", json!({})).contains("1 fault: tagging_variants"));
    let before = client.rows("data_quality", json!({ "from": "2020-01-01", "to": "2020-02-01" }));
    assert_eq!(before["warnings"][0]["code"], "range_outside_data", "{before}");
    let rest = server.get("/v1/quality?from=2020-01-01&to=2020-02-01", &project.rk).json();
    assert_eq!(rest["warnings"], before["warnings"]);
}
