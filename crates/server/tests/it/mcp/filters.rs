//! `filters` of the read tools: an object of exact values, or a list of conditions.

use serde_json::{Value, json};

use super::client::{Client, in_may};
use crate::support::{Server, ask, shop};

#[test]
fn filters_are_one_object_and_each_is_also_taken_by_its_name() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    let ids_of = |filter: Value| {
        let mut arguments = json!({ "event": "purchase" });
        arguments.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        let rows = client.rows("query_events", in_may(arguments))["rows"].clone();
        rows.as_array().unwrap().iter().map(|row| row["event_id"].clone()).collect::<Vec<_>>()
    };
    let expected = [json!("e6")];
    for filter in [
        json!({ "filters": { "session_source": "facebook", "path": "/cart" } }),
        json!({ "filters": r#"{"session_source":"facebook"}"# }),
        json!({ "filters": { "session_source": "facebook", "country": "" } }),
        json!({ "session_source": "facebook" }),
    ] {
        assert_eq!(ids_of(filter.clone()), expected, "{filter}");
    }
    for (filter, sentence) in [
        (json!({ "filters": { "sesion_source": "facebook" } }), "did you mean `session_source`?"),
        (
            json!({ "filters": { "source": { "is": "facebook" } } }),
            r#"`source` must be a text or a list of texts, any of which fits: {"country":"DE","medium":["paid","social"]}"#,
        ),
        (json!({ "filters": { "source": [] } }), "`source` must be a text or a list of texts"),
        (json!({ "filters": { "source": ["a", "b"] }, "source": "b" }), "send it once"),
        (
            json!({ "filters": ["facebook"] }),
            "`filters[0]` must be a list of an operator, a column and values",
        ),
        (json!({ "filters": "facebook" }), "or an object like"),
        (json!({ "filters": { "source": "a" }, "source": "b" }), "send it once"),
    ] {
        let lesson = client.lesson("query_events", in_may(filter.clone()));
        assert!(lesson.contains(sentence), "{filter}: {lesson}");
        assert!(lesson.chars().count() <= 480, "more than 120 tokens: {lesson}");
    }
    let lesson =
        client.lesson("query_events", json!({ "filters": { "sesion_source": "facebook", "os": "ios" } }));
    let right = r#"A call that works: query_events {"filters":{"session_source":"facebook","os":"ios"}}"#;
    assert!(lesson.ends_with(right), "{lesson}");
}

#[test]
fn a_column_may_have_one_of_several_values() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    let ids_of = |filters: &Value| {
        let rows = client.rows("query_events", in_may(json!({ "filters": filters })))["rows"].clone();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["event_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for (filters, expected) in [
        (json!({ "source": ["facebook", "google"] }), vec!["e5", "e3", "e1"]),
        (json!(r#"{"source":["facebook","google"]}"#), vec!["e5", "e3", "e1"]),
        (json!({ "source": r#"["facebook","google"]"# }), vec!["e5", "e3", "e1"]),
        (json!({ "source": ["facebook", "google"], "path": "/" }), vec!["e5", "e3"]),
        (
            json!({ "path": ["/cart", "/?x=1"], "os": null, "country": "", "browser": [""] }),
            vec!["e6", "e5", "e3", "e2"],
        ),
        (json!({ "event": ["purchase", "signup"], "source": "internal" }), vec!["e6", "e2"]),
        (json!({ "properties.amount": 20 }), vec!["e2"]),
        (json!({ "properties.plan": ["pro", "free"], "properties.amount": [5.5, 7] }), vec!["e6"]),
        (json!({ "hostname": "shop.example", "path": "/sale" }), vec!["e4", "e1"]),
    ] {
        assert_eq!(ids_of(&filters), expected, "{filters}");
    }
    let several =
        client.rows("query_events", in_may(json!({ "filters": { "source": ["facebook", "google"] } })));
    let url = several["url"].as_str().unwrap().split_once("/v1/").unwrap().1;
    assert_eq!(ask(&server, &project, &format!("/v1/{url}"))["rows"], several["rows"]);

    let funnel = |filters: Value| {
        let steps = json!([{ "event": "$pageview", "filters": filters }, "purchase"]);
        client.rows("funnel", in_may(json!({ "steps": steps })))["rows"].clone()
    };
    let paid = funnel(json!([["is", "source", ["facebook", "google"]]]));
    assert_eq!(paid[0]["uniques"], 3);
    assert_eq!(funnel(json!({ "source": ["facebook", "google"], "os": "" })), paid);
    let wrong = json!({ "steps": ["$pageview", { "event": "purchase", "filters": { "medum": "paid" } }] });
    let lesson = client.lesson("funnel", wrong);
    assert!(lesson.contains("`steps[1].filters` has no column `medum`: did you mean `medium`?"), "{lesson}");
    assert!(lesson.chars().count() <= 480, "more than 120 tokens: {lesson}");
}

#[test]
fn no_column_of_filters_is_ignored_however_many_there_are() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    let mut filters: serde_json::Map<String, Value> =
        (0..64).map(|number| (format!("properties.p{number}"), Value::from(""))).collect();
    assert_eq!(client.call("get_stats", json!({ "filters": filters }))["isError"], false);
    filters.insert("country".to_owned(), "DE".into());
    let lesson = client.lesson("get_stats", json!({ "filters": filters }));
    assert!(lesson.contains("`filters` must have at most 64 columns"), "{lesson}");
}
