//! Errors are those that the document lists for the operation, with the headers that it says.

use super::description::{Description, error_schema};
use super::seed::{Keys, ORIGIN};
use crate::support::Response;

/// Whether an error is documented: its status, its code, its body and its headers.
fn check(description: &Description, id: &str, response: &Response, status: u16, code: &str) {
    let operation = description.operation(id);
    assert_eq!(response.error(), (status, code.to_owned()), "{id}");
    assert!(operation.codes().contains(&code), "{id}: {code}");
    let documented = operation.response(status).unwrap_or_else(|| panic!("{id}: {status}"));
    assert!(documented["description"].as_str().unwrap().contains(code), "{id}: {documented}");
    description.validate(&error_schema(), &response.json()).unwrap();
    for name in documented["headers"].as_object().unwrap().keys().filter(|name| *name != "Retry-After") {
        assert!(response.header(name).is_some(), "{id}: {name}");
    }
}

#[test]
fn errors_are_those_that_the_document_lists() {
    let server = super::server();
    let keys = Keys::of(&server);
    let description = Description::of(&server);
    let bearer = |scheme: &str| format!("Bearer {}", keys.of_scheme(scheme));
    let send = |method: &str, path: &str, scheme: Option<&str>, body: &str| {
        let key = scheme.map(bearer);
        let mut headers: Vec<_> = key.iter().map(|key| ("authorization", key.as_str())).collect();
        if method == "POST" {
            headers.push(("content-type", "application/json"));
        }
        server.send(method, path, &headers, body.as_bytes())
    };
    let range = "from=2026-05-01&to=2026-06-01";
    let grouped = format!("/v1/stats?{range}&group_by=colour");
    let url = format!("/v1/track?key={}", keys.of_scheme("sk"));
    let large = " ".repeat(70_000);
    for (id, method, path, scheme, body, status, code) in [
        ("trackEvent", "POST", "/v1/track", Some("sk"), "{", 400, "invalid_payload"),
        ("trackEvent", "POST", url.as_str(), None, "{}", 400, "secret_key_in_url"),
        ("trackEvent", "POST", "/v1/track", None, "{}", 401, "missing_bearer_token"),
        ("trackEvent", "POST", "/v1/track", Some("rk"), "{}", 403, "insufficient_scope"),
        ("trackEvent", "POST", "/v1/track", Some("pk"), "{}", 403, "origin_not_allowed"),
        ("trackEvent", "PUT", "/v1/track", Some("sk"), "{}", 405, "method_not_allowed"),
        ("trackEvent", "POST", "/v1/track", Some("sk"), large.as_str(), 413, "payload_too_large"),
        ("getStats", "GET", "/v1/stats", Some("rk"), "", 400, "invalid_params"),
        ("getStats", "GET", grouped.as_str(), Some("rk"), "", 400, "invalid_group_by"),
        ("getStats", "GET", "/v1/stats", Some("ak"), "", 403, "key_kind_not_allowed"),
        ("getStats", "GET", "/v1/stats", Some("pk"), "", 403, "insufficient_scope"),
        ("getStatsByPost", "POST", "/v1/stats", Some("rk"), "[]", 400, "invalid_payload"),
        ("getStatsByPost", "POST", "/v1/stats", Some("rk"), "{}", 400, "invalid_params"),
        ("explainAttribution", "GET", "/v1/explain?event_id=none", Some("rk"), "", 404, "not_found"),
        ("forgetPerson", "POST", "/v1/forget", Some("pk"), "{}", 403, "forget_requires_secret_key"),
        ("forgetPerson", "POST", "/v1/forget", Some("rk"), "{}", 403, "insufficient_scope"),
        ("getForgetStatus", "GET", "/v1/forget/none", Some("sk"), "", 404, "not_found"),
        ("callMcp", "POST", "/mcp", None, "{}", 401, "missing_bearer_token"),
        ("callMcp", "POST", "/mcp", Some("ak"), "{}", 403, "key_kind_not_allowed"),
        ("callAccountMcp", "POST", "/mcp/account", Some("sk"), "{}", 403, "account_key_required"),
        ("getMetrics", "GET", "/metrics", None, "", 401, "missing_bearer_token"),
        ("getMetrics", "GET", "/metrics", Some("sk"), "", 401, "invalid_api_key"),
        ("checkHealth", "PUT", "/healthz", None, "", 405, "method_not_allowed"),
    ] {
        check(&description, id, &send(method, path, scheme, body), status, code);
    }
}

#[test]
fn errors_over_mcp_are_messages_of_json_rpc() {
    let server = super::server();
    let keys = Keys::of(&server);
    let description = Description::of(&server);
    let key = format!("Bearer {}", keys.of_scheme("sk"));
    let large = " ".repeat(70_000);
    for (media_type, origin, body, status) in [
        ("application/json", None, "{", 400),
        ("application/json", None, "[]", 400),
        ("application/json", Some(ORIGIN), "{}", 403),
        ("application/json", None, large.as_str(), 413),
        ("text/plain", None, "{}", 415),
    ] {
        let mut headers = vec![("authorization", key.as_str()), ("content-type", media_type)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let response = server.send("POST", "/mcp", &headers, body.as_bytes());
        assert_eq!(response.status, status, "{}", response.text);
        let documented = description.operation("callMcp").response(status).unwrap();
        let schema = &documented["content"]["application/json"]["schema"];
        description.validate(schema, &response.json()).unwrap();
        assert!(response.json()["error"]["message"].is_string(), "{}", response.text);
    }
}
