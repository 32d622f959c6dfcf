//! The server card: who this is and where to connect, for clients without a key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use super::session::SUPPORTED;
use crate::state::App;

const BRIEFLY: (HeaderName, &str) = (CACHE_CONTROL, "public, max-age=300");

/// This server's MCP card
///
/// Name, version and endpoints (SEP-2127), without a key.
#[utoipa::path(get, path = "/mcp/server-card", operation_id = "getMcpServerCard", tag = "mcp", responses((status = 200, description = "The card.", body = Object)))]
pub async fn server_card(State(app): State<Arc<App>>) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    let base = app.public_url.as_str();
    let remote = |path: &str, key: &str| {
        json!({
            "type": "streamable-http",
            "url": format!("{base}{path}"),
            "supportedProtocolVersions": SUPPORTED,
            "headers": [{ "name": "Authorization", "description": key, "isRequired": true, "isSecret": true }],
        })
    };
    let card = json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
        "name": "io.github.millimetric/millimetric",
        "title": "Millimetric",
        "description": "Privacy-respecting web and product analytics: agents read and write events",
        "version": env!("CARGO_PKG_VERSION"),
        "repository": { "url": env!("CARGO_PKG_REPOSITORY"), "source": "github" },
        "remotes": [
            remote("/mcp", "Bearer and a project's rk (reads) or sk (reads and sends) key"),
            remote("/mcp/account", "Bearer and an account's ak key, which reads every project"),
        ],
    });
    ([BRIEFLY], Json(card))
}
