//! Nothing of the document is missing: a route without a description, an id or an example is named here.

use std::collections::HashSet;

use serde_json::Value;

use super::document;

/// With which ids of operations begin, so that they are good names of methods.
const VERBS: &[&str] = &[
    "call", "check", "create", "delete", "explain", "export", "forget", "get", "identify", "list", "preview",
    "query", "replace", "revoke", "rotate", "send", "track", "update",
];

/// Operations whose JSON response has no example, and why.
const WITHOUT_EXAMPLE: &[&str] = &[
    // The document itself.
    "getOpenApi",
];

/// What each operation lacks.
fn lacks(id: &str, operation: &Value) -> Vec<String> {
    let mut lacks = Vec::new();
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let mut check = |so: bool, what: String| {
        if !so {
            lacks.push(what);
        }
    };
    let verb = VERBS.iter().any(|verb| {
        let rest = id.strip_prefix(verb).and_then(|rest| rest.chars().next());
        rest.is_some_and(|letter| letter.is_ascii_uppercase())
    });
    let camel = id.chars().all(|letter| letter.is_ascii_alphanumeric());
    check(verb && camel, format!("an operation_id in camel case that begins with one of {VERBS:?}"));
    check(is_text(&operation["summary"]), "a summary: the first line of the handler's comment".to_owned());
    check(is_text(&operation["tags"][0]), "a tag".to_owned());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = &parameter["name"];
        check(is_text(&parameter["description"]), format!("a description of the parameter {name}"));
        let required = parameter["required"] == true && parameter["in"] == "query";
        check(!required || !parameter["example"].is_null(), format!("an example of the parameter {name}"));
    }
    if let Some(body) = operation.get("requestBody") {
        let json = &body["content"]["application/json"];
        check(!json["example"].is_null(), "an example of its body: on the members of the schema".to_owned());
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        check(is_text(&response["description"]), format!("a description of the response {status}"));
        let json = &response["content"]["application/json"];
        if status.starts_with('2') && json.is_object() && !WITHOUT_EXAMPLE.contains(&id) {
            check(!json["schema"].is_null(), format!("a schema of the response {status}"));
            check(
                !json["example"].is_null(),
                format!("an example of the response {status}: run `cargo xtask gen`"),
            );
        }
    }
    lacks
}

#[test]
fn every_operation_is_described_named_and_has_examples() {
    let document = document();
    let (mut seen, mut wrong) = (HashSet::new(), Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let mut lacks = lacks(id, operation);
            if !seen.insert(id) {
                lacks.push(format!("an operation_id of its own, not {id} again"));
            }
            let lines =
                lacks.into_iter().map(|what| format!("{} {path} lacks {what}", method.to_uppercase()));
            wrong.extend(lines);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_tag_is_described() {
    let document = document();
    let names = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let described: HashSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| names(&tag["name"])).collect();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(described.contains(&names(&operation["tags"][0])), "{path}");
        }
    }
}

#[test]
fn every_code_is_a_response_of_some_operation() {
    // Over MCP these are in results, with the status 200.
    let only_in_results = ["plan_limit", "unknown_project_id", "unknown_project_slug", "no_projects_visible"];
    let document = document();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let used: HashSet<_> = operations
        .flat_map(|operation| operation["x-error-codes"].as_array().unwrap())
        .map(|code| code.as_str().unwrap())
        .collect();
    for row in document["x-error-codes"].as_array().unwrap() {
        let code = row["code"].as_str().unwrap();
        assert!(used.contains(code) != only_in_results.contains(&code), "{code}");
    }
}
