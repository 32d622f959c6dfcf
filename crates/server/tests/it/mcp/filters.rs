//! `filters` of the read tools: an object of exact values, or a list of conditions.

use serde_json::{Value, json};

use super::client::{Client, in_may};
use crate::support::{Server, shop};

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
        (json!({ "filters": { "source": ["facebook", "google"] } }), "`source` must be a text"),
        (
            json!({ "filters": ["facebook"] }),
            "`filters[0]` must be a list of an operator, a column and values",
        ),
        (json!({ "filters": "facebook" }), "or an object like"),
        (json!({ "filters": { "source": "a" }, "source": "b" }), "send it once"),
    ] {
        let lesson = client.lesson("query_events", in_may(filter.clone()));
        assert!(lesson.contains(sentence), "{filter}: {lesson}");
    }
}
