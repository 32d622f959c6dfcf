//! Warnings: a response says what its query names and the data do not contain.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Server, ask, shop};

const MAY: &str = "from=2026-05-01&to=2026-06-01";

fn server_with_shop() -> (Server, Project) {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    (server, project)
}

/// Code and message of every warning.
fn warnings(server: &Instance, project: &Project, query: &str) -> Vec<(String, String)> {
    let text = |warning: &Value, name: &str| warning[name].as_str().unwrap().to_owned();
    let (report, query) = query.split_once('?').unwrap();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let body = ask(server, project, &format!("/v1/{report}?{query}"));
    let warnings = body["warnings"].as_array().cloned().unwrap_or_default();
    warnings.iter().map(|warning| (text(warning, "code"), text(warning, "message"))).collect()
}

#[test]
fn every_report_warns_of_an_event_that_does_not_exist() {
    let (server, project) = server_with_shop();
    let message = "No event is called `purchse`: did you mean `purchase`? There are `$pageview`, `purchase`.";
    for query in [
        "stats?event=purchse",
        "stats?event=purchse&interval=day",
        "stats?event=purchse&compare=previous",
        "query?event=purchse",
        "sources?event=purchse",
        "funnel?steps=$pageview,purchse",
        "retention?event=purchse&interval=month",
        "retention?return_event=purchse&interval=month",
        "attribution?event=purchse",
        "attribution/paths?event=purchse",
        r#"events?filters=[["is","event",["purchse"]]]"#,
        r#"stats?filters=[["is","event",["purchase","purchse"]]]"#,
        r#"stats?filters=[["is_not","event",["purchse"]]]"#,
    ] {
        let said = warnings(&server, &project, &format!("{query}&{MAY}"));
        assert_eq!(said, [("unknown_event".to_owned(), message.to_owned())], "{query}");
    }
}

#[test]
fn a_response_whose_names_all_exist_has_no_warnings() {
    let (server, project) = server_with_shop();
    for query in [
        "stats?",
        "stats?event=purchase&group_by=properties.plan",
        "stats?metric=sum&property=amount",
        "query?source=facebook",
        "funnel?steps=$pageview,purchase",
        "sources?",
        "sessions?",
        "pages?",
        "events?",
        "retention?interval=month",
        "attribution?event=purchase&value=amount",
        r#"stats?filters=[["is","source",["facebook","google"]],["is_not","event",["purchase"]]]"#,
    ] {
        assert_eq!(warnings(&server, &project, &format!("{query}&{MAY}")), [], "{query}");
    }
}

#[test]
fn an_unknown_property_or_value_names_the_closest_and_the_most_frequent() {
    let (server, project) = server_with_shop();
    for (query, code, message) in [
        (
            "stats?metric=sum&property=amuont",
            "unknown_property",
            "No event in this range has the property `amuont`: did you mean `amount`? There are `amount`, `plan`.",
        ),
        (
            "stats?metric=avg&property=price&event=purchase",
            "unknown_property",
            "No `purchase` event in this range has the property `price`. There are `amount`, `plan`.",
        ),
        (
            "stats?group_by=properties.pln",
            "unknown_property",
            "No event in this range has the property `pln`: did you mean `plan`? There are `amount`, `plan`.",
        ),
        (
            "stats?source=facebok",
            "unknown_value",
            "No event in this range has source=`facebok`: did you mean `facebook`? \
             There are `internal`, `facebook`, `google`.",
        ),
        (
            r#"stats?filters=[["is","session_source",["google","gogle"]]]"#,
            "unknown_value",
            "No event in this range has session_source=`gogle`: did you mean `google`? \
             There are `facebook`, `google`, `direct`.",
        ),
        ("stats?country=DE", "unknown_value", "No event in this range has country=`DE`, nor any other."),
        ("query?user_id=anna", "unknown_value", "No event in this range has user_id=`anna`."),
    ] {
        let said = warnings(&server, &project, &format!("{query}&{MAY}"));
        assert_eq!(said.len(), 1, "{query}: {said:?}");
        assert_eq!(said[0].0, code, "{query}");
        assert_eq!(said[0].1, message, "{query}");
    }
}

#[test]
fn a_range_outside_the_data_and_an_event_outside_the_range_are_told_apart() {
    let (server, project) = server_with_shop();
    let outside = "The range is outside the data: events are from 2026-05-15 to 2026-05-16 (UTC).";
    for query in ["stats?from=2026-06-01&to=2026-06-02", "sessions?from=2025-06-01&to=2025-06-02"] {
        let said = warnings(&server, &project, query);
        assert_eq!(said, [("range_outside_data".to_owned(), outside.to_owned())], "{query}");
    }
    let said = warnings(&server, &project, "stats?event=purchase&from=2026-05-15&to=2026-05-16");
    let message = "No `purchase` event is in this range: the newest one is of 2026-05-16T10:30:00.000Z.";
    assert_eq!(said, [("event_not_in_range".to_owned(), message.to_owned())]);
    let query = format!("stats?event=purchase&source=google&{MAY}");
    assert_eq!(warnings(&server, &project, &query)[0].0, "nothing_matches");
}

#[test]
fn a_project_without_events_says_so() {
    let server = Server::start();
    let project = server.default_project();
    for query in ["stats?", "funnel?steps=a,b&", "sessions?group_by=session_source&"] {
        let said = warnings(&server, &project, &format!("{query}{ALWAYS}"));
        assert_eq!(said.len(), 1, "{query}: {said:?}");
        assert_eq!(said[0].0, "no_events", "{query}");
    }
}

#[test]
fn what_one_of_two_ranges_has_is_no_reason_to_warn() {
    let (server, project) = server_with_shop();
    let query = "stats?event=purchase&from=2026-05-17&to=2026-05-18&compare=2026-05-16/2026-05-17";
    assert_eq!(warnings(&server, &project, query), []);
}

#[test]
fn a_compared_range_before_the_first_event_is_said() {
    let (server, project) = server_with_shop();
    let message = "The compared range is outside the data, so `previous` counts nothing: the first event is of 2026-05-15 (UTC).";
    let said = [("range_outside_data".to_owned(), message.to_owned())];
    for query in [
        "stats?from=2026-05-15&to=2026-05-17&compare=previous",
        "stats?from=2026-05-15T22:00:00Z&to=2026-05-16T00:00:00Z&compare=previous",
        "stats?from=2026-05-15&to=2026-05-17&compare=year&event=purchase&interval=day",
        "sources?from=2026-05-01&to=2026-06-01&compare=2025-01-01/2025-02-01",
        "funnel?steps=$pageview,purchase&from=2026-05-01&to=2026-06-01&compare=previous",
        r#"stats?filters=[["is","source",["facebook","google"]]]&from=2026-05-01&to=2026-06-01&compare=previous"#,
    ] {
        assert_eq!(warnings(&server, &project, query), said, "{query}");
    }
    for query in [
        // The other range has the first event, but no purchase.
        "stats?from=2026-05-16&to=2026-05-17&event=purchase&compare=previous",
        // The other range is after the last event.
        "stats?from=2026-05-15&to=2026-05-17&compare=2026-05-20/2026-05-22",
    ] {
        assert_eq!(warnings(&server, &project, query), [], "{query}");
    }
    let both = warnings(&server, &project, "stats?from=2026-04-01&to=2026-05-01&compare=previous");
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(both[0].1.starts_with("The range is outside the data: events are from"), "{both:?}");
}

#[test]
fn amounts_sent_as_text_are_said_wherever_amounts_are_added_up() {
    let (server, project) = server_with_shop();
    let sums = [
        "stats?metric=sum&property=amount&event=purchase&from=2026-05-16&to=2026-05-17",
        "changes?metric=sum&property=amount&event=purchase&from=2026-05-16&to=2026-05-17",
        "attribution?event=purchase&value=amount&from=2026-05-16&to=2026-05-17",
        "attribution?event=purchase&value=amount&from=2026-05-16&to=2026-05-17&compare=2026-05-01/2026-05-16",
    ];
    let codes = |query: &str| -> Vec<String> {
        warnings(&server, &project, query).into_iter().map(|(code, _)| code).collect()
    };
    for query in sums {
        assert!(!codes(query).contains(&"not_numeric".to_owned()), "{query}");
    }
    let text = json!({ "event": "purchase", "anonymous_id": "dan", "timestamp": "2026-05-16T11:00:00Z",
        "properties": { "amount": "12" } });
    server.track(&project.sk, text);
    for query in sums {
        let said = warnings(&server, &project, query);
        let found = said.iter().find(|(code, _)| code == "not_numeric");
        assert!(found.is_some_and(|(_, text)| text.starts_with("1 value of `amount`")), "{query}: {said:?}");
    }
}

#[test]
fn warnings_are_few_and_name_nothing_of_another_project() {
    let server = Server::start();
    let (mine, other) = (server.default_project(), server.project("other", &[]));
    shop(&server, &other);
    let sent = json!({ "event": "mine", "anonymous_id": "v", "url": "https://mine.example/" });
    server.track(&mine.sk, sent);
    let many: Vec<String> = (0..100).map(|number| format!("name-{number}")).collect();
    let filters = json!([["is", "event", many], ["is", "path", many]]).to_string();
    let said = warnings(&server, &mine, &format!("stats?filters={filters}&{ALWAYS}"));
    assert_eq!(said.len(), 16);
    assert!(said.iter().all(|(_, message)| !message.contains("purchase")), "{said:?}");
    let long = "x".repeat(2048);
    let said = warnings(&server, &mine, &format!("stats?event={long}&{ALWAYS}"));
    assert!(said[0].1.len() < 300, "{said:?}");
}
