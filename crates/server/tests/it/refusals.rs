//! Bad input: each gets its exact code, a sentence, and leaves nothing behind.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Server};

#[test]
fn bodies_that_are_not_what_they_should_be() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let bearer = format!("Bearer {sk}");
    let send = |path: &str, body: &[u8]| server.send("POST", path, &[("authorization", &bearer)], body);
    let deep = format!(r#"{{"event":"a","properties":{}{}}}"#, r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    let shallow_but_too_deep =
        format!(r#"{{"event":"a","properties":{}1{}}}"#, r#"{"a":"#.repeat(33), "}".repeat(33));
    let wide = format!(r#"{{"event":"a","properties":{{"a":"{}"}}}}"#, "x".repeat(8192));
    for (path, body) in [
        ("/v1/track", &b""[..]),
        ("/v1/track", b"{"),
        ("/v1/track", b"null"),
        ("/v1/track", b"[]"),
        ("/v1/track", b"{}"),
        ("/v1/track", b"\xff\xfe"),
        ("/v1/track", br#"{"event":1}"#),
        ("/v1/track", br#"{"event":"a","properties":"x"}"#),
        ("/v1/track", br#"{"event":"a","url":"javascript:alert(1)"}"#),
        ("/v1/track", br#"{"event":"a","timestamp":"2026-05-16"}"#),
        ("/v1/track", deep.as_bytes()),
        ("/v1/track", shallow_but_too_deep.as_bytes()),
        ("/v1/track", wide.as_bytes()),
        ("/v1/batch", b"{}"),
        ("/v1/batch", br#"{"events":[]}"#),
        ("/v1/batch", br#"{"events":[[]]}"#),
        ("/v1/identify", b"{}"),
    ] {
        let response = send(path, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(response.error(), (400, "invalid_payload".to_owned()), "{path} {shown}");
        let details = &response.json()["details"];
        assert!(details["fieldErrors"].is_object() && details["formErrors"].is_array(), "{path} {shown}");
        assert!(response.json()["message"].as_str().unwrap().ends_with('.'));
    }
    let stats = server.get(&format!("/v1/stats?{ALWAYS}"), &server.default_project().rk).json();
    assert_eq!(stats["rows"], json!([{ "value": 0 }]));
}

#[test]
fn a_batch_of_a_thousand_is_taken_and_one_more_is_not() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let batch = |count: usize| json!({ "events": vec![json!({ "event": "a" }); count] });
    let response = server.post("/v1/batch", &sk, &batch(1000));
    assert_eq!((response.status, response.json()["count"].clone()), (202, json!(1000)));
    let refused = server.post("/v1/batch", &sk, &batch(1001)).json();
    assert_eq!(refused["details"]["fieldErrors"]["events"], json!(["must hold 1 to 1000 events, not 1001"]));
}

#[test]
fn other_content_types_are_named() {
    let server = Server::start();
    let bearer = format!("Bearer {}", server.default_project().sk);
    let send = |kind: &str| {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        server.send("POST", "/v1/track", &headers, br#"{"event":"a"}"#)
    };
    assert_eq!(send("application/x-www-form-urlencoded").error(), (415, "unsupported_media_type".to_owned()));
    for kind in ["application/json", "Application/JSON; charset=utf-8", "text/plain;charset=UTF-8"] {
        assert_eq!(send(kind).status, 202, "{kind}");
    }
}

#[test]
fn query_strings_are_checked_by_name() {
    let server = Server::start();
    let rk = server.default_project().rk;
    for (path, field) in [
        ("/v1/query", "from"),
        ("/v1/query?from=2026-05-16&to=2026-05-16", "from"),
        ("/v1/query?from=2000-01-01&to=2100-01-01&limit=1001", "limit"),
        ("/v1/query?from=2000-01-01&to=2100-01-01&cursor=!!", "cursor"),
        ("/v1/stats?from=2000-01-01&to=2100-01-01&metric=mode", "metric"),
        ("/v1/stats?from=2000-01-01&to=2100-01-01&interval=minute", "interval"),
        ("/v1/sources?from=2000-01-01&to=2100-01-01&limit=201", "limit"),
        ("/v1/sources?from=2000-01-01&to=2100-01-01&breakdown=campaign", "breakdown"),
        ("/v1/events?to=2100-01-01", "from"),
        ("/v1/usage?from=later&to=2100-01-01", "from"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01", "steps"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=one", "steps"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=one,,two", "steps"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=1,2,3,4,5,6,7,8,9", "steps"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=a,b&window=1y", "window"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=a,b&order=loose", "order"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=a,b&group_at=foo", "group_at"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=page:,b", "steps[0]"),
        ("/v1/funnel?from=2000-01-01&to=2100-01-01&steps=a,goal:b", "steps[1]"),
        ("/v1/retention?from=2026-01-01&to=2026-05-02&interval=day", "to"),
        ("/v1/retention?from=2026-01-01&to=2026-02-01&interval=hour", "interval"),
        ("/v1/retention?from=2026-01-01&to=2026-02-01&timezone=Mars", "timezone"),
        ("/v1/retention?from=2026-01-01&to=2026-02-01&new=foo", "new"),
        ("/v1/pages?from=2000-01-01&to=2100-01-01&sort=bounces", "sort"),
        ("/v1/sessions?from=2000-01-01&to=2100-01-01&interval=year", "interval"),
        ("/v1/sessions?from=2000-01-01&to=2100-01-01&limit=1001", "limit"),
        ("/v1/schema?kind=events", "from"),
        ("/v1/schema?from=2000-01-01&to=2100-01-01&kind=tables", "kind"),
        ("/v1/schema?from=2000-01-01&to=2100-01-01&kind=values", "property"),
        ("/v1/schema?from=2000-01-01&to=2100-01-01&property=plan", "property"),
        ("/v1/explain?event_id=e&from=2000-01-01", "to"),
        ("/v1/changes", "from"),
        ("/v1/quality?from=2026-05-16&to=2026-05-16", "from"),
        ("/v1/quality?from=2000-01-01&to=2100-01-01&limit=101", "limit"),
    ] {
        let response = server.get(path, &rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{path}");
        assert!(response.json()["details"]["fieldErrors"][field].is_array(), "{path}: {}", response.text);
    }
    for query in
        ["", "event_id=e&url=https://a.example/", "url=https://a.example/&from=2000-01-01&to=2100-01-01"]
    {
        let response = server.get(&format!("/v1/explain?{query}"), &rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{query}");
        assert_eq!(response.json()["details"]["formErrors"].as_array().unwrap().len(), 1, "{query}");
    }
    assert_eq!(server.get("/v1/explain?event_id=none", &rk).error(), (404, "not_found".to_owned()));
    for path in ["stats?", "funnel?steps=a,b&", "pages?", "sessions?", "sources?"] {
        let unknown = server.get(&format!("/v1/{path}{ALWAYS}&cuntry=DE"), &rk).json();
        let words = unknown["details"]["formErrors"][0].as_str().unwrap();
        assert!(words.contains("`cuntry`") && words.contains("`country`"), "{unknown}");
    }
    for path in ["stats?", "funnel?steps=a,b&"] {
        let response = server.get(&format!("/v1/{path}{ALWAYS}&group_by=ip_hash"), &rk);
        assert_eq!(response.error(), (400, "invalid_group_by".to_owned()));
        assert!(response.json()["details"]["allowed"].as_array().unwrap().contains(&json!("source")));
    }
}

#[test]
fn unknown_addresses_and_methods_are_json_too() {
    let server = Server::start();
    assert_eq!(server.send("GET", "/v1/nothing", &[], b"").error(), (404, "not_found".to_owned()));
    let response = server.send("DELETE", "/v1/query", &[], b"");
    assert_eq!(response.error(), (405, "method_not_allowed".to_owned()));
    assert_eq!(response.header("allow"), Some("GET,HEAD,POST"));
    for response in [response, server.send("GET", "/healthz", &[], b"")] {
        assert!(response.header("x-request-id").unwrap().starts_with("req_"));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn the_buckets_answer_429_and_say_when() {
    let server = Server::start_with(&["--rate-limit-track", "1/2", "--rate-limit-batch", "1/1"]);
    let project = server.default_project();
    let event = json!({ "event": "a" });
    let responses: Vec<_> = (0..5).map(|_| server.post("/v1/track", &project.sk, &event)).collect();
    let refused = responses
        .iter()
        .find(|response| response.status == 429)
        .expect("five at once do not fit a burst of two");
    assert_eq!(refused.error(), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["retry_after_s"], 1);
    let batch = json!({ "events": [event] });
    let statuses: Vec<_> = (0..3).map(|_| server.post("/v1/batch", &project.sk, &batch).status).collect();
    assert_eq!(statuses[0], 202, "batches have a bucket of their own");
    assert!(statuses.contains(&429));
    let invalid = (0..3)
        .map(|_| server.post("/v1/batch", &project.sk, &json!({})).status)
        .find(|status| *status == 429);
    assert_eq!(invalid, Some(429), "the limit comes before validation");
    for _ in 0..5 {
        assert_eq!(
            server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk).status,
            200,
            "reads are not limited"
        );
    }
}

#[test]
fn an_error_never_repeats_a_key() {
    let server = Server::start();
    let project = server.default_project();
    for key in [&project.pk, &project.sk, &project.rk] {
        for path in ["/v1/track", "/v1/query", "/v1/forget", "/nowhere"] {
            for response in [server.get(path, key), server.post(path, key, &Value::Null)] {
                assert!(!response.text.contains(key.as_str()), "{path}");
            }
        }
    }
}

#[test]
fn a_request_refused_by_its_head_gets_its_answer_although_nobody_reads_the_body() {
    let server = Server::start();
    let body = vec![b' '; 8 << 20];
    assert_eq!(
        server.send("POST", "/v1/track", &[], &body).error(),
        (401, "missing_bearer_token".to_owned())
    );
    assert_eq!(server.send("POST", "/nowhere", &[], &body).error(), (404, "not_found".to_owned()));
}

#[test]
fn a_long_list_of_columns_is_refused_in_few_words() {
    let server = Server::start();
    let rk = server.default_project().rk;
    let range = "from=2026-05-01&to=2026-06-01";
    let distinct: Vec<String> = (0..3000).map(|n| format!("properties.p{n}")).collect();
    for list in [vec!["os"; 15_000].join(","), distinct.join(","), "properties.x,".repeat(3000)] {
        let refused = server.get(&format!("/v1/stats?{range}&group_by={list}"), &rk);
        assert_eq!(refused.error(), (400, "invalid_params".to_owned()));
        assert!(refused.text.len() < 1000, "{} bytes: {}", refused.text.len(), &refused.text[..300]);
    }
}
