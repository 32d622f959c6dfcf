//! What reports take from events outside their range: who is new in a cohort, and when a name was seen first and last.

use serde_json::{Value, json};

use super::act;
use crate::support::{Project, Server, ask, server_with};

/// Anna signs up in the first week of May and again in the third; Ben in the third; Cleo visits in the first and signs
/// up in the third.
fn visits() -> (Server, Project) {
    let (none, news) =
        (json!({}), json!({ "url": "https://shop.example/?utm_source=news&utm_medium=email" }));
    server_with(&[
        act("anna", "signup", "05T10:00", none.clone()),
        act("anna", "signup", "19T10:00", news.clone()),
        act("anna", "visit", "26T10:00", none.clone()),
        act("ben", "signup", "20T10:00", news),
        act("ben", "visit", "27T10:00", none.clone()),
        act("cleo", "visit", "06T10:00", none.clone()),
        act("cleo", "signup", "21T10:00", none),
    ])
}

fn cohort(start: &str, visitors: u64, returned: &[u64]) -> Value {
    json!({ "cohort": format!("2026-05-{start}T00:00:00Z"), "visitors": visitors, "returned": returned })
}

#[test]
fn a_cohort_has_those_whose_first_event_of_all_lies_in_it() {
    let (server, project) = visits();
    let retention = |query: &str| {
        ask(&server, &project, &format!("/v1/retention?from=2026-05-18&to=2026-06-01&{query}"))["rows"]
            .clone()
    };
    for ever in ["", "&new=ever"] {
        assert_eq!(
            retention(&format!("event=signup{ever}")),
            json!([cohort("18", 2, &[2, 1])]),
            "Anna signed up before"
        );
        assert_eq!(
            retention(&format!("event=signup&return_event=visit{ever}")),
            json!([cohort("18", 2, &[0, 1])]),
            "Cleo's visit was before the range"
        );
        assert_eq!(
            retention(ever.trim_start_matches('&')),
            json!([cohort("18", 1, &[1, 1])]),
            "only Ben is new"
        );
        assert_eq!(
            retention(&format!("event=signup&source=news{ever}")),
            json!([cohort("18", 2, &[2, 2])]),
            "Anna's first signup did not pass the filter"
        );
        assert_eq!(
            retention(&format!("event=signup&session_source=direct{ever}")),
            json!([cohort("18", 1, &[1, 0])])
        );
    }
    assert_eq!(retention("event=signup&new=range"), json!([cohort("18", 3, &[3, 2])]));
    assert_eq!(retention("new=range"), json!([cohort("18", 3, &[3, 2])]));
    assert_eq!(retention("event=signup&session_source=direct&new=range"), json!([cohort("18", 1, &[1, 0])]));
}

#[test]
fn a_cohort_does_not_know_events_that_were_deleted() {
    let (server, project) = visits();
    let retention = "/v1/retention?from=2026-05-18&to=2026-06-01&event=signup";
    assert_eq!(ask(&server, &project, retention)["rows"], json!([cohort("18", 2, &[2, 1])]));
    let oldest = chrono::NaiveDate::from_ymd_opt(2026, 5, 10).unwrap();
    let kept = (chrono::Utc::now().date_naive() - oldest).num_days();
    server.cli(&["project", "update", &project.slug, "--retention-days", &kept.to_string()]);
    crate::support::eventually("the retention applies", || {
        (ask(&server, &project, retention)["rows"] == json!([cohort("18", 3, &[3, 2])])).then_some(())
    });
}

#[test]
fn a_name_was_seen_first_and_last_at_any_time() {
    let (server, project) = visits();
    let names = |query: &str| -> Value {
        let response = ask(&server, &project, &format!("/v1/events?{query}"));
        let row = |row: &Value| {
            let day = |time: &Value| time.as_str().unwrap()[8..10].to_owned();
            json!([
                row["event_name"],
                row["count"],
                row["uniques"],
                day(&row["first_seen"]),
                day(&row["last_seen"])
            ])
        };
        response["rows"].as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(
        names("from=2026-05-19&to=2026-05-21"),
        json!([["signup", 2, 2, "05", "21"]]),
        "a name that does not occur in the range is not listed"
    );
    assert_eq!(
        names("from=2026-05-01&to=2026-06-01"),
        json!([["signup", 4, 3, "05", "21"], ["visit", 3, 3, "06", "27"]])
    );
    assert_eq!(names("from=2026-05-18&to=2026-06-01&source=news"), json!([["signup", 2, 2, "19", "20"]]));
    assert_eq!(
        names("from=2026-05-20&to=2026-06-01&session_source=news"),
        json!([["signup", 1, 1, "19", "20"]])
    );
    assert_eq!(names("from=2026-05-07&to=2026-05-08"), json!([]));
}
