//! The MCP interface: agents read and write analytics over the operations that REST uses.
//!
//! Two addresses, one way: `endpoint` checks what every call must have and gives it to the
//! protocol's official SDK, `session` responds for one key, `tools`, `resources` and `prompts` say what
//! there is. No product rule stands here, and no response is counted here.

mod arguments;
pub mod card;
mod clean;
mod completions;
mod csv_rows;
mod endpoint;
mod failure;
mod hosts;
mod prompts;
mod resources;
mod response;
mod session;
mod tools;

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse as _, Response};

use crate::auth::agents::{AccountAgent, ProjectAgent};
use crate::client_info::ClientInfo;
use crate::error::ApiError;
use crate::state::App;
use crate::wire::mcp::{Message, MessageResponse};
use session::Agent;

/// MCP for one project
///
/// JSON-RPC 2.0 over Streamable HTTP, stateless: what an agent asks and sends with an rk or sk. Both the
/// handshake revisions (2025-06-18, 2025-11-25) and 2026-07-28 are served. How to connect: docs/mcp.md.
#[utoipa::path(post, path = "/mcp", operation_id = "callMcp", tag = "mcp", request_body = Message,
    responses((status = 200, description = "The response to a request.", body = MessageResponse),
        (status = 202, description = "A notification or a response was accepted; there is no body."),
        (status = 404, description = "The revision has no such method.", body = MessageResponse)), security(("rk" = []), ("sk" = [])))]
pub async fn project(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(refusal) = hosts::check(&parts.headers, &app) {
        return endpoint::refused_host(refusal);
    }
    let agent = match ProjectAgent::from_request_parts(&mut parts, &app).await {
        Ok(agent) => Agent::Project(agent),
        Err(error) => return unauthorized(error.into()),
    };
    let client = ClientInfo::of(&parts, &app);
    endpoint::serve(app, agent, client, Request::from_parts(parts, body)).await
}

/// MCP for every project of an account
///
/// As `/mcp`, with an ak: it reads all projects of the account, alone or side by side, and sends nothing.
#[utoipa::path(post, path = "/mcp/account", operation_id = "callAccountMcp", tag = "mcp", request_body = Message,
    responses((status = 200, description = "The response to a request.", body = MessageResponse),
        (status = 202, description = "A notification or a response was accepted; there is no body."),
        (status = 404, description = "The revision has no such method.", body = MessageResponse)), security(("ak" = [])))]
pub async fn account(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(refusal) = hosts::check(&parts.headers, &app) {
        return endpoint::refused_host(refusal);
    }
    let agent = match AccountAgent::from_request_parts(&mut parts, &app).await {
        Ok(agent) => Agent::Account(agent),
        Err(error) => return unauthorized(error.into()),
    };
    let client = ClientInfo::of(&parts, &app);
    endpoint::serve(app, agent, client, Request::from_parts(parts, body)).await
}

/// Refusals of a key look as everywhere else, and always say how to authenticate.
fn unauthorized(error: ApiError) -> Response {
    let mut response = error.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
