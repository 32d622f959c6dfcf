//! The OpenAPI 3.1 document: generated from the handlers, completed with what all of them share.
//!
//! What follows from the rest of an operation is added here: the errors that it can return (`errors`), headers of
//! responses, and examples (`examples`). `spec/openapi.json` is the checked copy of the document.

mod errors;
mod examples;
mod schemas;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContactBuilder, OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::error::ErrorCode;

/// What no handler can say for itself.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Millimetric",
        description = "Privacy-respecting web and product analytics: events in, reports out. \
            Keys: `pk` sends from browsers on allowed origins, `sk` sends, reads and forgets from servers, `rk` reads, \
            `ak` reads every project of an account, over MCP. Scripts manage projects and keys with a personal access \
            token (`mmt_…`).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers(
        (url = "http://localhost:8787", description = "A server on this machine, as `millimetric serve` starts it.")
    ),
    tags(
        (name = "ingest", description = "Send events."),
        (name = "segment", description = "Send events with Segment's libraries."),
        (name = "read", description = "Query events."),
        (name = "admin", description = "Manage projects, keys, goals and rules from scripts, with a personal access token."),
        (name = "mcp", description = "Agents: the same queries over the Model Context Protocol."),
        (name = "privacy", description = "Erase people."),
        (name = "operation", description = "Run and discover the server.")
    ),
    components(schemas(ErrorResponse)),
    modifiers(&Shared)
)]
pub struct Description;

/// Every error, whatever its status.
#[derive(Debug, ToSchema)]
#[schema(as = Error)]
#[allow(dead_code, reason = "describes what http::response_headers writes")]
pub struct ErrorResponse {
    /// The code: the part that programs may rely on. `x-error-codes` lists all.
    #[schema(example = "invalid_params")]
    pub error: String,
    /// One sentence for people.
    #[schema(example = "The parameters are not valid; details lists each and what is expected.")]
    pub message: String,
    /// Facts; of a validation error `fieldErrors` and `formErrors`.
    #[schema(value_type = Object, example = json!({ "fieldErrors": { "from": ["is required"] }, "formErrors": [] }))]
    pub details: serde_json::Value,
    /// With 429: when to come back, in seconds.
    #[schema(nullable = false, minimum = 1)]
    pub retry_after_s: Option<u64>,
}

struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        document.info.contact = Some(
            ContactBuilder::new().name(Some("Millimetric")).url(Some(env!("CARGO_PKG_REPOSITORY"))).build(),
        );
        let components = document.components.get_or_insert_default();
        for (name, text) in [
            ("pk", "A publishable key, bound to the project's allowed origins."),
            ("sk", "A secret key, for servers."),
            ("rk", "A read key."),
            ("ak", "An account's key, for /mcp/account."),
            (
                "access_token",
                "A personal access token (`mmt_…`), created on the profile page, for /v1/admin.",
            ),
            ("metrics_token", "The operator's token for /metrics."),
        ] {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(text.to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let in_url = ApiKeyValue::with_description("key", "A pk in the URL, for sendBeacon; no other kind.");
        components.add_security_scheme("pk_in_url", SecurityScheme::ApiKey(ApiKey::Query(in_url)));
        let mut basic = Http::new(HttpAuthScheme::Basic);
        basic.description = Some("A pk or sk as the user name, without a password.".to_owned());
        components.add_security_scheme("write_key", SecurityScheme::Http(basic));
        // Whoever refers to a schema registers it, and with it what it refers to; each once is enough.
        components.schemas.retain(|_, schema| !matches!(schema, RefOr::Ref(_)));
    }
}

/// The whole document of a server on this machine.
pub fn document() -> Value {
    let (_, document) = super::routes().split_for_parts();
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    schemas::tidy(&mut document["components"]["schemas"]);
    schemas::tidy(&mut document["paths"]);
    document["components"]["headers"] = errors::headers();
    for_each_operation(&mut document, |schemas, path, method, operation| {
        if operation["security"].is_null() {
            operation["security"] = json!([]);
        }
        errors::add(schemas, path, method, operation);
        examples::add(schemas, operation);
    });
    let codes = ErrorCode::ALL.iter().map(|code| {
        let (name, status, message) = code.row();
        json!({ "code": name, "status": status.as_u16(), "message": message, "fix": code.fix() })
    });
    document["x-error-codes"] = codes.collect();
    document
}

/// Changes every operation; it is given the schemas, its path and its method.
fn for_each_operation(document: &mut Value, mut change: impl FnMut(&Value, &str, &str, &mut Value)) {
    let schemas = document["components"]["schemas"].take();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            change(&schemas, path, method, operation);
        }
    }
    document["components"]["schemas"] = schemas;
}

/// The schema that a reference to `schemas` means; any other schema is itself.
fn resolved<'a>(schemas: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &schemas[name])
}
