//! The errors that an operation can return. They follow from its keys, its body, its parameters and its tag; what
//! is special to it, its handler lists in the extension `x-error-codes`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::resolved;
use crate::error::ErrorCode as Code;

/// Whatever is asked for.
const ANY: &[Code] = &[Code::InvalidRequest, Code::MethodNotAllowed];
/// Of operations that take a key.
const KEYED: &[Code] = &[
    Code::SecretKeyInUrl,
    Code::MissingBearerToken,
    Code::MalformedApiKey,
    Code::InvalidApiKey,
    Code::KeyKindMismatch,
    Code::IpNotAllowed,
    Code::InsufficientScope,
    Code::KeyKindNotAllowed,
    Code::RateLimited,
    Code::InternalError,
    Code::UpstreamFailed,
];
/// Of operations that take an access token.
const MANAGING: &[Code] = &[
    Code::InvalidParams,
    Code::SecretKeyInUrl,
    Code::InvalidSession,
    Code::InsufficientScope,
    Code::NotFound,
    Code::RateLimited,
    Code::InternalError,
    Code::UpstreamFailed,
];
/// Of operations that take a body.
const WITH_BODY: &[Code] = &[
    Code::InvalidPayload,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
    Code::InternalError,
    Code::Overloaded,
];
/// Of operations that store.
const STORING: &[Code] = &[Code::StorageFull, Code::Overloaded];
/// Of queries.
const QUERYING: &[Code] = &[Code::InvalidParams, Code::Overloaded, Code::QueryTooLarge];

/// Adds a response for each status of an error, and the headers of every response.
pub(super) fn add(schemas: &Value, path: &str, method: &str, operation: &mut Value) {
    let mut by_status = BTreeMap::<u16, Vec<&str>>::new();
    for code in codes(schemas, path, method, operation) {
        by_status.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    let all: Vec<_> = by_status.values().flatten().copied().collect();
    operation["x-error-codes"] = json!(all);
    let speaks_json_rpc = operation["tags"][0] == "mcp";
    let metered = all.contains(&Code::QuotaExceeded.as_str());
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, codes) in by_status {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({}));
        if response["description"].as_str().is_none_or(str::is_empty) {
            response["description"] = sentence(&codes).into();
        }
        response["content"] = json!({ "application/json": { "schema": schema(speaks_json_rpc, status) } });
    }
    for (status, response) in responses {
        for name in header_names(status, metered) {
            response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
}

/// What an operation can return, each once, in the order of the table.
fn codes(schemas: &Value, path: &str, method: &str, operation: &Value) -> Vec<Code> {
    let keys: Vec<&str> = list(&operation["security"])
        .iter()
        .filter_map(|scheme| scheme.as_object()?.keys().next().map(String::as_str))
        .collect();
    let takes_key = keys.iter().any(|key| *key != "metrics_token");
    let tag = operation["tags"][0].as_str().unwrap_or_default();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let has_body = !operation["requestBody"].is_null();
    let manages = keys.contains(&"access_token");
    let has_parameter =
        |name: &str| list(&operation["parameters"]).iter().any(|parameter| parameter["name"] == name);
    let groups = has_parameter("group_by") || resolved(schemas, body)["properties"].get("group_by").is_some();
    let also: Vec<&str> = list(&operation["x-error-codes"]).iter().filter_map(Value::as_str).collect();
    let applies = |code: &Code| {
        ANY.contains(code)
            || takes_key && KEYED.contains(code)
            || manages && MANAGING.contains(code)
            || has_body && WITH_BODY.contains(code)
            || takes_key && tag == "read" && QUERYING.contains(code)
            || takes_key && tag != "read" && tag != "mcp" && method != "get" && STORING.contains(code)
            || also.contains(&code.as_str())
            || match code {
                Code::OriginNotAllowed => keys.contains(&"pk") || takes_key && tag == "mcp",
                Code::QuotaExceeded => tag == "ingest" && takes_key,
                Code::InvalidGroupBy => groups,
                Code::PreconditionFailed => has_parameter("If-Match"),
                Code::IdempotencyKeyReused => has_parameter("Idempotency-Key"),
                Code::AccountKeyRequired => keys.contains(&"ak"),
                Code::NotFound => path.contains('{') || keys.contains(&"metrics_token"),
                Code::MissingBearerToken | Code::InvalidApiKey => keys.contains(&"metrics_token"),
                _ => false,
            }
    };
    Code::ALL.iter().copied().filter(applies).collect()
}

/// The body of an error. That of MCP is a message of JSON-RPC where the key was accepted.
fn schema(speaks_json_rpc: bool, status: u16) -> Value {
    let error = json!({ "$ref": "#/components/schemas/Error" });
    if speaks_json_rpc && !matches!(status, 401 | 405 | 429) {
        json!({ "anyOf": [error, { "$ref": "#/components/schemas/McpResponse" }] })
    } else {
        error
    }
}

/// `` `a`, `b` or `c`. ``
fn sentence(codes: &[&str]) -> String {
    let quoted: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("{last}."),
        Some((last, others)) => format!("{} or {last}.", others.join(", ")),
        None => String::new(),
    }
}

/// The headers of a response with this status that clients may need; `metered`: whether events take from a rate.
fn header_names(status: &str, metered: bool) -> impl Iterator<Item = &'static str> {
    let of_status = match status {
        "401" => Some("WWW-Authenticate"),
        "405" => Some("Allow"),
        "429" | "503" => Some("Retry-After"),
        _ => None,
    };
    let of_rate = (metered && (status.starts_with('2') || status == "429"))
        .then_some(["RateLimit", "RateLimit-Policy"]);
    ["X-Request-Id"].into_iter().chain(of_status).chain(of_rate.into_iter().flatten())
}

/// The headers, as components.
pub(super) fn headers() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "X-Request-Id": { "description": "Names the request in the server's log.", "schema": text },
        "WWW-Authenticate": { "description": "`Bearer`.", "schema": text },
        "Allow": { "description": "The methods that the route accepts.", "schema": text },
        "RateLimit": { "description": "What is left of the rate, and the seconds until there is more, like \
            `\"track\";r=199;t=1`; absent if the operator set no limit.", "schema": text },
        "RateLimit-Policy": { "description": "The rate: requests of a full bucket, and the seconds in which an \
            empty one fills, like `\"track\";q=200;w=4`; absent if the operator set no limit.", "schema": text },
        "Retry-After": { "description": "When to send the request again, in seconds.",
            "schema": { "type": "integer", "minimum": 1 } },
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
