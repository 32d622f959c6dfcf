//! The outer shape of MCP messages, for the description of the API alone: reading and writing
//! them is the business of the protocol's SDK.

use serde_json::Value;
use utoipa::ToSchema;

use super::choices::JsonRpcVersionName;
use super::shapes::JsonRpcId;

/// A JSON-RPC request or notification.
#[derive(Debug, ToSchema)]
#[schema(as = McpMessage, example = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "get_stats",
    "arguments": { "from": "2026-05-01", "to": "2026-06-01", "group_by": ["source"] } } }))]
#[allow(dead_code, reason = "describes what rmcp reads")]
pub struct Message {
    /// Always `2.0`.
    #[schema(value_type = JsonRpcVersionName, inline)]
    jsonrpc: String,
    /// A whole number or a text of the client's; a notification has none.
    #[schema(value_type = Option<JsonRpcId>, inline)]
    id: Option<Value>,
    /// Such as `initialize`, `server/discover`, `tools/list`, `tools/call`.
    method: String,
    /// What the method takes.
    #[schema(value_type = Option<Object>, nullable = false)]
    params: Option<Value>,
}

/// A JSON-RPC response: `result` or `error`.
#[derive(Debug, ToSchema)]
#[schema(as = McpResponse)]
#[allow(dead_code, reason = "describes what rmcp writes")]
pub struct MessageResponse {
    /// Always `2.0`.
    #[schema(value_type = JsonRpcVersionName, inline)]
    jsonrpc: String,
    /// That of the request.
    #[schema(value_type = Option<JsonRpcId>, inline)]
    id: Option<Value>,
    /// The result of the method.
    #[schema(value_type = Option<Object>, nullable = false)]
    result: Option<Value>,
    /// What went wrong: `code`, `message`, `data`.
    #[schema(value_type = Option<JsonRpcError>, nullable = false)]
    error: Option<Value>,
}

/// What went wrong with a JSON-RPC request.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes what rmcp writes")]
pub struct JsonRpcError {
    /// The number of JSON-RPC or MCP, such as -32600: the message is not valid.
    code: i32,
    /// One sentence for people.
    message: String,
    /// Facts: of refusals of ours, the code of the contract in `error`.
    #[schema(value_type = Option<Object>, nullable = false)]
    data: Option<Value>,
}
