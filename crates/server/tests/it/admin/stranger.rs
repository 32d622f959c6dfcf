//! Somebody who has only the address of the reference and a token: finds the routes in it, creates a project and a
//! key, sends events, filters them by a property, and revokes the key.

use serde_json::{Value, json};

use super::client::{Script, person};
use crate::support::{ALWAYS, Server, eventually};

/// The method and path of an operation of the API description, and the members that its example body has.
fn operation(document: &Value, id: &str) -> (String, String) {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    });
    let (method, path, operation) =
        operations.into_iter().find(|(_, _, operation)| operation["operationId"] == id).unwrap();
    assert_eq!(operation["security"], json!([{ "access_token": [] }]), "{id}");
    (method.to_uppercase(), path.strip_prefix("/v1/admin").unwrap().to_owned())
}

#[test]
fn a_stranger_gets_from_the_reference_to_a_filtered_count() {
    let server = Server::start();
    person(&server, "ann@example.com", "admin");
    let stranger = Script::of(&server, "ann@example.com", "write");
    let reference = server.send("GET", "/docs", &[], b"").text;
    for route in ["/v1/admin/projects", "invalid_session"] {
        assert!(reference.contains(route), "{route}");
    }
    let document = server.send("GET", "/openapi.json", &[], b"").json();
    let (method, path) = operation(&document, "createProject");
    let project = stranger.send(&method, &path, &[], &json!({ "name": "Client A" })).json();
    let project = project["slug"].as_str().unwrap();
    let (method, path) = operation(&document, "createKey");
    let path = path.replace("{project}", project);
    let key = stranger.send(&method, &path, &[], &json!({ "kind": "sk" })).json();
    let text = key["key"].as_str().unwrap();
    for (plan, count) in [("pro", 3), ("free", 2)] {
        for _ in 0..count {
            server.track(text, json!({ "event": "signup", "properties": { "plan": plan } }));
        }
    }
    let stats = server.get(&format!("/v1/stats?{ALWAYS}&event=signup&group_by=properties.plan"), text).json();
    assert_eq!(
        stats["rows"],
        json!([{ "properties.plan": "pro", "value": 3 }, { "properties.plan": "free", "value": 2 }])
    );
    let (method, path) = operation(&document, "revokeKey");
    let path = path.replace("{project}", project).replace("{key}", key["id"].as_str().unwrap());
    assert_eq!(stranger.send(&method, &path, &[], &Value::Null).json()["was_live"], true);
    eventually("the key stops", || {
        (server.post("/v1/track", text, &json!({ "event": "a" })).status == 401).then_some(())
    });
}
