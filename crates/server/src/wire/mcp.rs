//! The outer shape of MCP messages, for the description of the API alone: reading and writing
//! them is the business of the protocol's SDK.

use serde_json::Value;
use utoipa::ToSchema;

/// A JSON-RPC request or notification.
#[derive(Debug, ToSchema)]
#[schema(as = McpMessage)]
#[allow(dead_code, reason = "describes what rmcp reads")]
pub struct Message {
    /// Always `2.0`.
    #[schema(example = "2.0")]
    jsonrpc: String,
    /// A number or a text of the client's; a notification has none.
    #[schema(value_type = Option<u64>)]
    id: Option<Value>,
    /// Such as `initialize`, `server/discover`, `tools/list`, `tools/call`.
    #[schema(example = "tools/list")]
    method: String,
    /// What the method takes.
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
}

/// A JSON-RPC response: `result` or `error`.
#[derive(Debug, ToSchema)]
#[schema(as = McpResponse)]
#[allow(dead_code, reason = "describes what rmcp writes")]
pub struct MessageResponse {
    /// Always `2.0`.
    jsonrpc: String,
    /// That of the request.
    #[schema(value_type = Option<u64>)]
    id: Option<Value>,
    /// The result of the method.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// What went wrong: `code`, `message`, `data`.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}
