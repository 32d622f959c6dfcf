//! The OpenAPI 3.1 document: generated from the handlers, completed with what all of them share.
//!
//! `spec/openapi.json` is its checked copy.

use serde_json::json;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, ResponseBuilder};
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
    /// The code: the part that programs may rely on.
    pub error: String,
    /// One sentence for people.
    pub message: String,
    /// Facts; of a validation error `fieldErrors` and `formErrors`.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// With 429: when to come back, in seconds.
    pub retry_after_s: Option<u64>,
}

struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
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
    }
}

/// The whole document.
pub fn document() -> Document {
    let (_, mut document) = super::routes().split_for_parts();
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let error = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Error"))));
            let response = ResponseBuilder::new()
                .description("Any error: see the codes.")
                .content("application/json", error)
                .build();
            if path.starts_with("/v1/") {
                operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
            }
        }
    }
    let codes: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let (name, status, message) = code.row();
            json!({ "code": name, "status": status.as_u16(), "message": message, "fix": code.fix() })
        })
        .collect();
    document.extensions.get_or_insert_default().insert("x-error-codes".to_owned(), json!(codes));
    document
}
