//! Wrong lists of conditions: errors name the position and what was probably meant, without delay.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{body, call, server_with_events};
use crate::support::{ALWAYS, Response, Server};

/// Wrong lists, where they are wrong, and a part of what is said there.
const WRONG: &[(&str, &str, &str)] = &[
    ("", "filters", "must be a JSON list of conditions, like"),
    ("country=DE", "filters", "must be a JSON list of conditions, like"),
    ("7", "filters", "must be a JSON list of conditions, like"),
    ("[1]", "filters[0]", "must be a list of an operator, a column and values"),
    (r#"["is","os",["ios"]]"#, "filters", "put the condition in a list"),
    (r#"["[\"is\",\"os\",[\"ios\"]]"]"#, "filters[0]", "not JSON inside a text"),
    (r#"[["is","os","[\"ios\"]"]]"#, "filters[0][2]", "not JSON inside a text"),
    (r#"[["is","os",["ios"]],["contain","path",["/a"]]]"#, "filters[1][0]", "did you mean `contains`?"),
    (r#"[["!=","os",["ios"]]]"#, "filters[0][0]", "did you mean `is_not`?"),
    (r#"[["is","contry",["DE"]]]"#, "filters[0][1]", "did you mean `country`?"),
    (r#"[["is","plan",["pro"]]]"#, "filters[0][1]", "is not a column: there are"),
    (r#"[["is","os","ios"]]"#, "filters[0][2]", "write [\"ios\"]"),
    (r#"[["is","os",[]]]"#, "filters[0][2]", "must be a list of 1 to 100 values, and has 0"),
    (r#"[["is","os",[["ios"]]]]"#, "filters[0][2][0]", "must be a text"),
    (r#"[["is","os",[{"a":1}]]]"#, "filters[0][2][0]", "must be a text"),
    (r#"[["greater","path",[1]]]"#, "filters[0][1]", "must be a property"),
    (
        r#"[["less","properties.amount",["1"]]]"#,
        "filters[0][2][0]",
        "must be a number, like 100, without quotes",
    ),
    (r#"[["or",["is","os",["ios"]]]]"#, "filters[0][1]", "must be a list of at least one condition"),
    (
        r#"[["or",[["is","os",["a"]],["not",["is","oss",["b"]]]]]]"#,
        "filters[0][1][1][1][1]",
        "did you mean `os`?",
    ),
    (
        r#"[["not",["not",["not",["not",["not",["exists","os"]]]]]]]"#,
        "filters[0][1][1][1][1]",
        "more than 4 of",
    ),
    (r#"[["matches","path",["(a"]]]"#, "filters[0][2][0]", "is no regular expression (unclosed group)"),
    (
        r#"[["matches","path",["((a{99}){99}){99}"]]]"#,
        "filters[0][2][0]",
        "is too large a regular expression",
    ),
    (r#"[["matches","path",["(?:a(?=b))"]]]"#, "filters[0][2][0]", "look-ahead"),
];

#[test]
fn a_wrong_list_is_told_by_its_position() {
    let server = Server::start();
    let project = server.default_project();
    for (sent, at, said) in WRONG {
        let query: String = url::form_urlencoded::byte_serialize(sent.as_bytes()).collect();
        let mut responses = vec![server.get(&format!("/v1/stats?{ALWAYS}&filters={query}"), &project.rk)];
        for path in ["query", "sources", "pages", "sessions", "export"] {
            responses.push(server.post(
                &format!("/v1/{path}"),
                &project.rk,
                &body(json!({ "filters": sent })),
            ));
        }
        if let Ok(list @ Value::Array(_)) = serde_json::from_str(sent) {
            responses.push(server.post("/v1/stats", &project.rk, &body(json!({ "filters": list }))));
        }
        for response in responses {
            assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{sent}: {}", response.text);
            let fields = &response.json()["details"]["fieldErrors"];
            assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), [at], "{sent}: {fields}");
            assert!(fields[at][0].as_str().unwrap().contains(said), "{sent}: {fields}");
        }
    }
    let step = json!(["$pageview", { "event": "a", "filters": [["is", "oss", ["ios"]]] }]);
    for (steps, at, said) in [
        (step.clone(), "steps[1].filters[0][1]", "did you mean `os`?"),
        (json!(["a", { "event": "b", "filter": [] }]), "steps[1]", "did you mean `filters`?"),
        (json!(["a", { "filters": [] }]), "steps[1].event", "must be the name of an event"),
        (json!(["a", { "event": "" }]), "steps[1].event", "1 to 128 characters"),
        (json!(["a", 5]), "steps[1]", "must be the name of an event, or an object"),
        (json!(["a", r#"{"event":"b"}"#]), "steps[1]", "not JSON inside a text"),
        (json!(["a", step]), "steps[1]", "must be the name of an event, or an object"),
        (json!({ "event": "a" }), "steps", "must be a list"),
    ] {
        let posted = server.post("/v1/funnel", &project.rk, &body(json!({ "steps": steps })));
        assert_eq!(posted.error(), (400, "invalid_params".to_owned()), "{steps}: {}", posted.text);
        let fields = &posted.json()["details"]["fieldErrors"];
        assert!(fields[at][0].as_str().unwrap_or_default().contains(said), "{steps}: {fields}");
    }
}

#[test]
fn an_agent_is_shown_the_call_that_was_meant() {
    let (server, project) = server_with_events();
    for (sent, at, said) in WRONG.iter().filter(|(sent, ..)| !sent.is_empty()) {
        let list = serde_json::from_str(sent).ok().filter(Value::is_array);
        for filters in [Some(json!(sent)), list].into_iter().flatten() {
            let called =
                call(&server, &project, "get_stats", &body(json!({ "filters": filters, "limit": 3 }))).json();
            let result = &called["result"];
            assert_eq!(result["isError"], true, "{sent}: {called}");
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.contains(&format!("`{at}`")) || at == &"filters", "{sent}: {text}");
            assert!(text.contains(said) || at == &"filters", "{sent}: {text}");
            let (_, example) = text.split_once("A call that works: get_stats ").unwrap();
            let again: Value = serde_json::from_str(example).unwrap_or_else(|_| panic!("{example}"));
            assert!(again["filters"].is_array(), "{sent}: {again}");
            let meant = call(&server, &project, "get_stats", &again).json();
            assert_eq!(meant["result"]["isError"], false, "{sent}: {again}: {meant}");
            if *at == "filters[1][0]" {
                let expected = json!([["is", "os", ["ios"]], ["contains", "path", ["/a"]]]);
                assert_eq!((&again["filters"], &again["limit"]), (&expected, &json!(3)));
            }
        }
    }
}

#[test]
fn no_list_takes_long_to_refuse() {
    let server = Server::start();
    let project = server.default_project();
    let deep = format!("{}{}", "[".repeat(4096), "]".repeat(4096));
    let nested = (0..60).fold(json!(["exists", "os"]), |inner, _| json!(["not", inner]));
    let many = json!(vec![json!(["exists", "os"]); 3000]);
    let strange = json!(vec![json!(1); 10_000]);
    let hostile: Vec<Value> =
        (0..32).map(|n| json!(["matches", "path", [format!("(\\pL|\\pN|{n}){{1,40}}x{{30}}$")]])).collect();
    let started = Instant::now();
    let get = |filters: &str| {
        let query: String = url::form_urlencoded::byte_serialize(filters.as_bytes()).collect();
        server.get(&format!("/v1/stats?{ALWAYS}&filters={query}"), &project.rk)
    };
    let field = |response: &Response| {
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{}", response.text);
        assert!(response.text.len() < 2000, "{}", response.text.len());
        response.json()["details"]["fieldErrors"].as_object().unwrap().keys().next().unwrap().clone()
    };
    assert_eq!(field(&get(&deep)), "filters");
    assert_eq!(field(&get(&json!([nested]).to_string())), "filters[0][1][1][1][1]");
    assert_eq!(field(&get(&"9".repeat(20_000))), "filters");
    // About as long as the test's client can send an address.
    let too_long = get(&"[".repeat(20_000));
    assert!((400..500).contains(&too_long.status), "{}", too_long.status);
    let post = |filters: &Value| server.post("/v1/stats", &project.rk, &body(json!({ "filters": filters })));
    assert_eq!(field(&post(&deep.clone().into())), "filters");
    assert_eq!(field(&post(&many)), "filters");
    assert_eq!(field(&post(&strange)), "filters[0]");
    assert_eq!(field(&post(&"x".repeat(60_000).into())), "filters");
    assert_eq!(post(&"x".repeat(1_000_000).into()).status, 413);
    let refused = post(&json!(hostile));
    assert!(matches!(refused.status, 200 | 400), "{}", refused.text);
    for filters in [json!([nested]), many, strange, json!(deep), json!("x".repeat(60_000)), json!(hostile)] {
        let called = call(&server, &project, "get_stats", &body(json!({ "filters": filters })));
        assert!(
            called.status < 500 && called.text.len() < 32 * 1024,
            "{} {}",
            called.status,
            called.text.len()
        );
    }
    assert!(call(&server, &project, "get_stats", &json!({ "filters": "x".repeat(1_000_000) })).status < 500);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
