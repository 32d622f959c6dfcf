//! Strangers who send new names all the time: a response stays small, and what matters is in it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{ALWAYS, CHROME, Instance, Project, Server};

/// Sends a batch as a page on the shop's site does.
fn send(server: &Instance, project: &Project, events: Vec<Value>) {
    let headers = [
        ("authorization", &*format!("Bearer {}", project.pk)),
        ("origin", "https://shop.example"),
        ("user-agent", CHROME),
        ("content-type", "application/json"),
    ];
    let response =
        server.send("POST", "/v1/batch", &headers, json!({ "events": events }).to_string().as_bytes());
    assert_eq!(response.status, 202, "{}", response.text);
}

#[test]
fn new_property_names_do_not_grow_a_response() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    for batch in 0..20 {
        let event = |number: usize| {
            let mut properties = json!({ "plan": "pro" });
            for name in 0..40 {
                properties[format!("n{batch}-{number}-{name}")] = name.into();
            }
            json!({ "event": "signup", "properties": properties })
        };
        send(&server, &project, (0..100).map(event).collect());
    }
    // From the memtable, and from a segment.
    for _ in 0..2 {
        let names = server.get(&format!("/v1/events?{ALWAYS}"), &project.rk);
        assert_eq!(names.status, 200, "{}", names.text);
        let row = names.json()["rows"][0].clone();
        assert_eq!(row["properties"][0], json!({ "name": "plan", "count": 2000 }));
        let listed = row["properties"].as_array().unwrap();
        let listed: u64 = listed.iter().map(|property| property["count"].as_u64().unwrap()).sum();
        assert_eq!(listed + row["other_properties"].as_u64().unwrap_or(0), 2000 * 41, "{}", names.text);
        let schema = server.get(&format!("/v1/schema?{ALWAYS}&kind=properties"), &project.rk);
        assert_eq!(schema.json()["rows"][0]["name"], "plan", "{}", schema.text);
        server.flush();
    }
}

#[test]
fn of_too_many_groups_the_most_frequent_are_counted_and_the_others_together() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let event = |path: String| {
        json!({ "event": "$pageview", "anonymous_id": "a", "session_id": "s",
                "url": format!("https://shop.example{path}") })
    };
    for batch in 0..70 {
        let rare = (0..990).map(|number| format!("/{batch}/{number}"));
        let frequent = (0..10).map(|_| "/pricing".to_owned());
        send(&server, &project, rare.chain(frequent).map(event).collect());
    }
    let all = 70 * 1000;
    let response = server.get(&format!("/v1/stats?{ALWAYS}&group_by=path&limit=1"), &project.rk).json();
    assert_eq!(response["rows"], json!([{ "path": "/pricing", "value": 700 }]));
    assert_eq!(response["truncated"], true);
    let other = response["other"].as_u64().unwrap();
    assert!(other > all / 2 && other < all, "{other}");
    let pages = server.get(&format!("/v1/pages?{ALWAYS}&limit=1"), &project.rk).json();
    assert_eq!((&pages["rows"][0]["path"], &pages["rows"][0]["views"]), (&json!("/pricing"), &json!(700)));
    assert!(pages["other"].as_u64().unwrap() > all / 2);
    let total = server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk).json();
    assert_eq!(total["rows"][0]["value"], all, "nothing is lost");
}

#[test]
fn a_query_beyond_its_memory_says_how_to_narrow_it() {
    let flags = ["--query-mib", "1", "--rate-limit-batch", "off"];
    let server = Server::start_with(&flags);
    let project = server.project("Shop", &["https://shop.example"]);
    let event = |number: usize| json!({ "event": "a", "properties": { "plan": number.to_string() } });
    send(&server, &project, (0..1000).map(event).collect());
    let uniques = |group: &str| {
        let path = format!("/v1/stats?{ALWAYS}&metric=uniques&group_by={group}");
        server.get(&path, &project.rk)
    };
    let refused = uniques("properties.plan");
    assert_eq!(refused.error(), (503, "query_too_large".to_owned()));
    let details = &refused.json()["details"];
    assert_eq!(details["exceeded"], "memory");
    let mut narrow = String::new();
    write!(narrow, "{}", details["narrow"]).unwrap();
    assert!(narrow.contains("group_by"), "{narrow}");
    assert_eq!(uniques("event_name").status, 200, "a smaller query is answered");
}
