//! Nothing of one project is ever visible to another: a property over every route, with two
//! projects on one server, live and test.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use crate::support::{ALWAYS, Server, eventually};

/// What the sending side writes into every field that can carry a text.
const MARK: &str = "onlymine";

/// How many paths [`read_path`] knows.
const ROUTES: usize = 28;

/// Every read route, with a parameter from the other side put in where one fits.
fn read_path(route: usize, filter: &str) -> String {
    let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    match route {
        0 => format!("/v1/query?{ALWAYS}&limit=1000"),
        1 => format!("/v1/query?{ALWAYS}&anonymous_id={filter}"),
        2 => format!("/v1/query?{ALWAYS}&user_id={filter}"),
        3 => format!("/v1/query?{ALWAYS}&event={filter}"),
        4 => format!("/v1/stats?{ALWAYS}&group_by=event_name,source,path&limit=1000"),
        5 => format!("/v1/stats?{ALWAYS}&group_by=properties.note&user_id={filter}"),
        6 => format!("/v1/stats?{ALWAYS}&metric=uniques&source={filter}"),
        7 => format!("/v1/sources?{ALWAYS}"),
        8 => format!("/v1/events?{ALWAYS}"),
        9 => format!("/v1/funnel?{ALWAYS}&steps=visible,$identify&group_by=path,properties.note"),
        10 => format!("/v1/funnel?{ALWAYS}&steps={filter},visible&order=any&source={filter}"),
        11 => "/v1/retention?from=2026-05-01&to=2026-06-01".to_owned(),
        12 => format!("/v1/pages?{ALWAYS}&user_id={filter}"),
        13 => format!("/v1/pages?{ALWAYS}&sort=entries"),
        14 => format!("/v1/export?{ALWAYS}"),
        15 => format!("/v1/sources?{ALWAYS}&source={filter}"),
        16 => format!("/v1/schema?{ALWAYS}&search={filter}"),
        17 => format!("/v1/schema?{ALWAYS}&kind=properties"),
        18 => format!("/v1/schema?{ALWAYS}&kind=values&property=note&event={filter}"),
        19 => format!("/v1/schema?{ALWAYS}&kind=values&property=source"),
        20 => format!("/v1/sessions?{ALWAYS}&interval=month&path=/{filter}"),
        21 => format!("/v1/events?{ALWAYS}&filters={}", contains("path", &filter)),
        22 => format!("/v1/stats?{ALWAYS}&group_by=hostname&filters={}", contains("hostname", &filter)),
        23 => format!("/v1/journeys?{ALWAYS}&start=page:*&steps=5&limit=1000"),
        24 => format!(
            "/v1/changes?{ALWAYS}&compare=1990-01-01/2000-01-01&columns=path,properties.note,event_name"
        ),
        25 => format!("/v1/changes?{ALWAYS}&metric=uniques&source={filter}"),
        26 => format!("/v1/quality?{ALWAYS}&limit=100"),
        _ => format!("/v1/usage?{ALWAYS}"),
    }
}

/// A list of one condition, as a query string carries it.
fn contains(column: &str, encoded: &str) -> String {
    format!("%5B%5B%22contains%22,%22{column}%22,%5B%22{encoded}%22%5D%5D%5D")
}

#[test]
fn no_route_shows_another_projects_events() {
    let server = Server::start();
    let (mine, other) = (server.project("Mine", &[]), server.project("Other", &[]));
    let (_, my_test_reader) = server.create_key(&mine, &["--kind", "rk", "--env", "test"]);
    server.track(&other.sk, json!({ "event": "visible" }));
    let responses = |key: &str| -> Vec<String> {
        (0..ROUTES).map(|route| server.get(&read_path(route, MARK), key).text).collect()
    };
    let (baseline, nothing) = (responses(&other.rk), responses(&my_test_reader));

    let events = (0..ROUTES, "[a-z]{1,6}", any::<bool>());
    let config = Config { cases: 80, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::default()));
    runner
        .run(&events, |(route, suffix, identify)| {
            let text = format!("{MARK}{suffix}");
            let event = json!({ "event": text, "anonymous_id": text, "user_id": text, "session_id": text,
                "url": format!("https://{text}.example/{text}?utm_source={text}&utm_campaign={text}"),
                "properties": { "note": text } });
            let sent = if identify {
                let link =
                    json!({ "anonymous_id": text, "user_id": text, "traits": { "note": text, text.as_str(): 1 } });
                server.post("/v1/identify", &mine.sk, &link).status
            } else {
                server.post("/v1/batch", &mine.sk, &json!({ "events": [event] })).status
            };
            prop_assert!(sent == 200 || sent == 202);
            for path in [read_path(route, &text), read_path(route, MARK)] {
                for reader in [&other.rk, &my_test_reader] {
                    let seen = server.get(&path, reader);
                    prop_assert_eq!(seen.status, 200);
                    // A warning repeats the value that was asked for.
                    let asked = [MARK, text.as_str()].into_iter().flat_map(|text| [format!("`{text}`"), format!("`/{text}`")]);
                    let others = asked.fold(seen.text.clone(), |seen, asked| seen.replace(&asked, ""));
                    prop_assert!(!others.contains(MARK), "{}: {}", path, seen.text);
                }
            }
            Ok(())
        })
        .unwrap();

    assert_eq!(responses(&other.rk), baseline);
    assert_eq!(responses(&my_test_reader), nothing);
    assert!(server.get(&read_path(0, MARK), &mine.rk).text.contains(MARK), "the events are really there");
}

#[test]
fn forgetting_reaches_no_other_project_and_its_requests_are_private() {
    let server = Server::start();
    let (mine, other) = (server.project("Mine", &[]), server.project("Other", &[]));
    for project in [&mine, &other] {
        server.track(
            &project.sk,
            json!({ "event": "a", "user_id": "shared", "timestamp": "2026-05-16T19:00:00Z" }),
        );
    }
    let request = server.post("/v1/forget", &mine.sk, &json!({ "user_id": "shared" })).json();
    let path = format!("/v1/forget/{}", request["request_id"].as_str().unwrap());
    assert_eq!(server.get(&path, &other.sk).error(), (404, "not_found".to_owned()));
    eventually("the erasure is done", || {
        (server.get(&path, &mine.sk).json()["status"] == "done").then_some(())
    });
    let count =
        |key: &str| server.get(&format!("/v1/stats?{ALWAYS}"), key).json()["rows"][0]["value"].clone();
    assert_eq!((count(&mine.rk), count(&other.rk)), (json!(0), json!(1)));
}

#[test]
fn a_cursor_of_another_project_shows_nothing_of_it() {
    let server = Server::start();
    let (mine, other) = (server.project("Mine", &[]), server.project("Other", &[]));
    for n in 0..3 {
        server.track(&mine.sk, json!({ "event": MARK, "event_id": format!("{MARK}-{n}") }));
    }
    let page = server.get(&format!("/v1/query?{ALWAYS}&limit=1"), &mine.rk).json();
    let path = format!("/v1/query?{ALWAYS}&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(server.get(&path, &other.rk).json(), json!({ "rows": [] }));
}
