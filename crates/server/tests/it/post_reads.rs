//! Every query also takes its parameters as the JSON body of a `POST`: the same rows, the same refusals.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Server, shop};

const FROM: &str = "2000-01-01";
const TO: &str = "2100-01-01";

/// A body with the range of [`ALWAYS`].
fn body(mut more: Value) -> Value {
    more["from"] = FROM.into();
    more["to"] = TO.into();
    more
}

fn server_with_shop() -> (Server, Project) {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    server.cli(&[
        "goal",
        "create",
        "sale",
        "--project",
        "default",
        "--event",
        "purchase",
        "--value",
        "amount",
    ]);
    (server, project)
}

/// Asserts that a body gets a 400 of this code, and returns the details.
fn refused(server: &Instance, project: &Project, path: &str, body: &Value, code: &str) -> Value {
    let response = server.post(path, &project.rk, body);
    assert_eq!(response.error(), (400, code.to_owned()), "{path} {body}: {}", response.text);
    response.json()["details"].clone()
}

#[test]
fn a_body_gets_the_rows_of_the_query_string() {
    let (server, project) = server_with_shop();
    for (path, query, more) in [
        ("query", "limit=2", json!({ "limit": 2 })),
        ("query", "event=purchase&limit=1", json!({ "event": "purchase", "limit": "1" })),
        (
            "query",
            "goal=sale&session_source=facebook",
            json!({ "goal": "sale", "session_source": "facebook" }),
        ),
        ("stats", "group_by=source,medium", json!({ "group_by": ["source", "medium"] })),
        ("stats", "group_by=source,medium", json!({ "group_by": "source, medium" })),
        (
            "stats",
            "metric=sum&property=amount&interval=day&timezone=Europe/Berlin",
            json!({ "metric": "sum", "property": "amount", "interval": "day", "timezone": "Europe/Berlin" }),
        ),
        ("stats", "metric=conversion_rate&goal=sale", json!({ "metric": "conversion_rate", "goal": "sale" })),
        (
            "sources",
            "breakdown=source&path=/sale",
            json!({ "breakdown": "source", "path": "/sale", "limit": null }),
        ),
        ("events", "", json!({})),
        (
            "funnel",
            "steps=$pageview,purchase&window=7d",
            json!({ "steps": ["$pageview", "purchase"], "window": "7d" }),
        ),
        ("pages", "sort=entries&timezone=UTC", json!({ "sort": "entries", "timezone": "UTC" })),
        ("sessions", "group_by=session_source", json!({ "group_by": ["session_source"] })),
        (
            "journeys",
            "start=page:/*&direction=backwards&steps=5&pageviews=false",
            json!({ "start": "page:/*", "direction": "backwards", "steps": 5, "pageviews": false }),
        ),
        ("journeys", "start=purchase", json!({ "start": "purchase", "steps": "3", "pageviews": "true" })),
        (
            "attribution",
            "goal=sale&models=first,linear",
            json!({ "goal": "sale", "models": ["first", "linear"] }),
        ),
        (
            "attribution/paths",
            "event=purchase&value=amount",
            json!({ "event": "purchase", "value": "amount" }),
        ),
        ("schema", "kind=values&property=plan", json!({ "kind": "values", "property": "plan" })),
        (
            "changes",
            "compare=year&columns=source,os",
            json!({ "compare": "year", "columns": ["source", "os"] }),
        ),
        ("quality", "limit=2", json!({ "limit": 2 })),
        ("usage", "", json!({})),
        ("export", "", json!({})),
        ("export", "format=csv&event=purchase", json!({ "format": "csv", "event": "purchase" })),
    ] {
        let path = format!("/v1/{path}");
        let read = server.get(&format!("{path}?{ALWAYS}&{query}"), &project.rk);
        assert_eq!(read.status, 200, "{path}?{query}: {}", read.text);
        let posted = server.post(&path, &project.rk, &body(more));
        assert_eq!((posted.status, &posted.text), (200, &read.text), "{path}?{query}");
        assert_eq!(posted.header("content-type"), read.header("content-type"), "{path}");
    }
    let retention = server.get("/v1/retention?from=2026-05-01&to=2026-06-01", &project.rk);
    let body = json!({ "from": "2026-05-01", "to": "2026-06-01" });
    assert_eq!(server.post("/v1/retention", &project.sk, &body).text, retention.text);
    assert_eq!(
        server.post("/v1/schema", &project.rk, &json!({ "kind": "goals" })).json()["rows"][0]["slug"],
        "sale"
    );
}

#[test]
fn a_text_of_a_list_may_have_a_comma() {
    let server = Server::start();
    let project = server.default_project();
    for event in ["a,b", "c"] {
        server.track(&project.sk, json!({ "event": event, "anonymous_id": "anna" }));
    }
    let funnel =
        server.post("/v1/funnel", &project.rk, &body(json!({ "steps": ["a,b", "c"], "order": "any" })));
    assert_eq!(funnel.json()["rows"][1]["uniques"], 1, "{}", funnel.text);
}

#[test]
fn a_body_that_is_no_object_is_an_invalid_payload() {
    let server = Server::start();
    let project = server.default_project();
    let bearer = format!("Bearer {}", project.rk);
    let deep = format!("{}{}", "[".repeat(4096), "]".repeat(4096));
    let nested = format!(r#"{{"from":{deep}}}"#);
    for text in [
        "",
        "{",
        "null",
        "7",
        "[]",
        r#"[{"from":"2026-05-01","to":"2026-06-01"}]"#,
        r#""{\"from\":\"2026-05-01\"}""#,
        r#"{"from":"2026-05-01","to":"2026-06-01"} {}"#,
        r#"{"from":"2026-05-01","from":"2026-05-02","to":"2026-06-01"}"#,
        "from=2026-05-01&to=2026-06-01",
        &deep,
        &nested,
    ] {
        let response = server.send("POST", "/v1/stats", &[("authorization", &bearer)], text.as_bytes());
        let shown = &text[..text.len().min(60)];
        assert_eq!(response.error(), (400, "invalid_payload".to_owned()), "{shown}");
        assert!(response.json()["details"]["formErrors"][0].is_string(), "{shown}: {}", response.text);
        assert!(response.text.len() < 1000, "{shown}: {}", response.text);
    }
}

#[test]
fn wrong_values_are_told_by_their_names() {
    let server = Server::start();
    let project = server.default_project();
    let (text, list) = ("must be a text, in quotes", "must be a list of texts, or one text with commas");
    for (path, more, field, said) in [
        ("stats", json!({ "timezone": 2 }), "timezone", text),
        ("pages", json!({ "timezone": ["UTC"] }), "timezone", text),
        ("stats", json!({ "metric": true }), "metric", text),
        ("stats", json!({ "country": ["DE"] }), "country", text),
        ("query", json!({ "user_id": 42 }), "user_id", text),
        ("query", json!({ "goal": { "slug": "sale" } }), "goal", text),
        ("query", json!({ "limit": [10] }), "limit", "must be a number, like 10"),
        ("query", json!({ "limit": 10.5 }), "limit", "must be a whole number from 1 to 1000"),
        ("query", json!({ "limit": "ten" }), "limit", "must be a whole number from 1 to 1000"),
        ("stats", json!({ "group_by": ["os", 1] }), "group_by", list),
        ("stats", json!({ "group_by": { "os": true } }), "group_by", list),
        ("funnel", json!({ "steps": 2 }), "steps", list),
        ("journeys", json!({ "start": 2 }), "start", text),
        ("journeys", json!({ "start": "a", "steps": [2] }), "steps", "must be a number, like 10"),
        ("journeys", json!({ "start": "a", "pageviews": 1 }), "pageviews", "must be true or false"),
        ("export", json!({ "format": ["csv"] }), "format", text),
        ("usage", json!({ "timezone": "Mars" }), "timezone", "must be an IANA time zone like Europe/Berlin"),
    ] {
        let details = refused(&server, &project, &format!("/v1/{path}"), &body(more), "invalid_params");
        assert_eq!(details["fieldErrors"][field], json!([said]), "{path} {field}: {details}");
    }
    let details =
        refused(&server, &project, "/v1/query", &json!({ "from": 20_260_501, "to": TO }), "invalid_params");
    assert_eq!(details["fieldErrors"]["from"], json!([text]));
    let details = refused(&server, &project, "/v1/sources", &json!({ "from": FROM }), "invalid_params");
    assert_eq!(details["fieldErrors"]["to"], json!(["is required"]));
    refused(&server, &project, "/v1/stats", &body(json!({ "group_by": ["ip_hash"] })), "invalid_group_by");
    for path in ["stats", "export", "usage", "schema"] {
        let details = refused(
            &server,
            &project,
            &format!("/v1/{path}"),
            &body(json!({ "cuntry": "DE" })),
            "invalid_params",
        );
        assert!(details["formErrors"][0].as_str().unwrap().contains("`cuntry`"), "{details}");
    }
}

#[test]
fn parameters_are_in_the_body_or_in_the_query_string_not_in_both() {
    let server = Server::start();
    let project = server.default_project();
    for query in [ALWAYS, "limit=1", "key="] {
        let response = server.post(&format!("/v1/query?{query}"), &project.rk, &body(json!({})));
        let expected = if query == "key=" { (401, "malformed_api_key") } else { (400, "invalid_params") };
        assert_eq!(response.error(), (expected.0, expected.1.to_owned()), "{query}: {}", response.text);
    }
    assert_eq!(server.post("/v1/query?", &project.rk, &body(json!({}))).status, 200);
}

#[test]
fn a_post_takes_the_keys_of_the_get_and_small_bodies_of_json() {
    let server = Server::start();
    let project = server.default_project();
    let stats = body(json!({}));
    assert_eq!(server.post("/v1/stats", &project.sk, &stats).status, 200);
    assert_eq!(server.post("/v1/stats", &project.pk, &stats).error(), (403, "insufficient_scope".to_owned()));
    assert_eq!(
        server.send("POST", "/v1/stats", &[], b"{}").error(),
        (401, "missing_bearer_token".to_owned())
    );
    let bearer = format!("Bearer {}", project.rk);
    let text = stats.to_string();
    for (kind, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 200),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        assert_eq!(server.send("POST", "/v1/stats", &headers, text.as_bytes()).status, status, "{kind}");
    }
    let long = format!("{text}{}", " ".repeat(64 * 1024 - text.len()));
    let send = |text: &str| server.send("POST", "/v1/stats", &[("authorization", &bearer)], text.as_bytes());
    assert_eq!(send(&long).status, 200);
    let refused = send(&format!("{long} "));
    assert_eq!(refused.error(), (413, "payload_too_large".to_owned()));
    assert_eq!(refused.json()["details"]["max_bytes"], 65_536);
}

#[test]
fn the_document_describes_the_body_by_the_parameters() {
    let server = Server::start();
    let document = server.send("GET", "/openapi.json", &[], b"").json();
    let mut described = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let (get, post) = (&item["get"], &item["post"]);
        let named = get["operationId"].as_str().map(|id| format!("{id}ByPost"));
        if named.is_none() || post["operationId"].as_str() != named.as_deref() {
            continue;
        }
        let content = &post["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema =
            &document["components"]["schemas"][content.as_str().unwrap().rsplit('/').next().unwrap()];
        let members: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let parameters = get["parameters"].as_array().unwrap();
        let names: Vec<&str> = parameters.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(members, names, "{path}");
        let required = parameters.iter().filter(|one| one["required"] == true).map(|one| one["name"].clone());
        assert_eq!(schema["required"].as_array().cloned().unwrap_or_default(), required.collect::<Vec<_>>());
        assert!(schema["properties"]["from"]["description"].is_string(), "{schema}");
        assert_eq!(schema["additionalProperties"], false);
        for list in ["group_by", "steps", "models", "columns", "filters"] {
            let member = &schema["properties"][list];
            assert!(
                member.is_null()
                    || member["type"] == "array" && member["items"].is_object()
                    // Of journeys, it is how many there are.
                    || path == "/v1/journeys" && list == "steps",
                "{path}: {member}"
            );
        }
        assert!(post["parameters"].is_null() && post["security"] == get["security"], "{path}");
        described += 1;
    }
    assert_eq!(described, 16, "every query but /v1/explain and /v1/goals");
}
