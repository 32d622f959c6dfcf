//! One call, from HTTP to the protocol's SDK (rmcp) and back.
//!
//! Here is what the SDK leaves open or sends as plain text: bounds, JSON-RPC errors for bodies
//! that are none, which era a message belongs to, a narrow `Accept`. Knows no tool.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonRpcError, ProtocolVersion, RequestId};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};

use super::clean;
use super::hosts::Refusal;
use super::session::{Agent, SUPPORTED, Session, instructions};
use crate::body::{self, MAX_SMALL_BODY, Source};
use crate::client_info::ClientInfo;
use crate::error::{ApiError, ErrorCode as Code};
use crate::state::App;
use crate::wire::repair;

/// The most bytes of a refusal of the SDK that are passed on.
const MAX_REFUSAL: usize = 1024;
/// The header that names the revision of a call.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The same in the message itself, from revision 2026-07-28 on.
const VERSION_IN_META: &str = "io.modelcontextprotocol/protocolVersion";

/// A call that goes no further, and the id of its message where it has one.
struct Refused {
    status: StatusCode,
    id: Option<RequestId>,
    error: Box<ErrorData>,
}

/// Responses one message of somebody whose key was checked.
pub(super) async fn serve(app: Arc<App>, agent: Agent, client: ClientInfo, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let from = Source { traffic: agent.traffic(), address: client.ip };
    let message = match receive(&app, &parts.headers, body, from).await {
        Ok(message) => message,
        Err(refused) => return refused.into_response(),
    };
    prepare(&mut parts.headers);
    // A client that may see no project learns so from its first call.
    let instructions = if message.opens { instructions(&app, &agent).await } else { String::new() };
    let session = Session::new(app, agent, client, instructions);
    let sdk = StreamableHttpService::new(
        move || Ok(session.clone()),
        Arc::new(NeverSessionManager::default()),
        config(),
    );
    let (response, body) =
        sdk.handle(Request::from_parts(parts, Body::from(message.text))).await.into_parts();
    let response = Response::from_parts(response, Body::new(body));
    tidied(response, message.id).await
}

/// The refusal of a call from elsewhere.
pub(super) fn refused_host(refusal: Refusal) -> Response {
    let data = json!({ "error": Code::OriginNotAllowed.as_str(), "details": {} });
    let error = ErrorData::new(ErrorCode::INVALID_REQUEST, refusal, Some(data));
    Refused::new(StatusCode::FORBIDDEN, None, error).into_response()
}

/// Stateless, plain JSON. Hosts and origins were checked by our own rules, which also know
/// addresses; the SDK's list would refuse those.
fn config() -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_SMALL_BODY * 2)
        .disable_allowed_hosts()
}

/// A message that is JSON-RPC as far as its outer shape goes.
struct Message {
    text: String,
    id: Option<RequestId>,
    /// Whether its response has instructions.
    opens: bool,
}

async fn receive(app: &App, headers: &HeaderMap, body: Body, from: Source) -> Result<Message, Refused> {
    if !is_json(headers) {
        let words = "Send the message as Content-Type: application/json.";
        return Err(Refused::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, words));
    }
    let mut request = Request::new(body);
    *request.headers_mut() = headers.clone();
    let body = body::receive(request, &app.limits, from, MAX_SMALL_BODY).await.map_err(unreadable)?;
    let read = body.parse(&app.limits, |text| Ok(repair::escapes(text).into_owned()));
    let text = read.await.map_err(unreadable)?.value;
    let message: Value = serde_json::from_str(&text).map_err(|error| {
        let words = format!("The body is not JSON (line {}, column {}).", error.line(), error.column());
        Refused::new(StatusCode::BAD_REQUEST, None, ErrorData::parse_error(words, None))
    })?;
    let id = check_shape(&message)?;
    check_era(&message, headers, id.as_ref())?;
    let opens = matches!(message["method"].as_str(), Some("initialize" | "server/discover"));
    Ok(Message { text, id, opens })
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
    };
    headers.get(CONTENT_TYPE).is_some_and(essence)
}

/// A body that cannot be read, as a JSON-RPC error.
fn unreadable(error: ApiError) -> Refused {
    let (code, status, message) = error.code.row();
    let message = match error.code {
        Code::PayloadTooLarge => "The message is larger than 64 KiB.",
        Code::InvalidPayload => "The body is not UTF-8 text, or not what Content-Encoding says.",
        _ => message,
    };
    let kind =
        if error.code == Code::InvalidPayload { ErrorCode::PARSE_ERROR } else { ErrorCode::INVALID_REQUEST };
    let details = if error.code == Code::PayloadTooLarge { error.details } else { serde_json::Map::new() };
    let data = json!({ "error": code, "details": details });
    Refused::new(status, None, ErrorData::new(kind, message, Some(data)))
}

/// One JSON-RPC message with an id that is a number or a text, when it has one.
fn check_shape(message: &Value) -> Result<Option<RequestId>, Refused> {
    let invalid = |words| Refused::invalid(StatusCode::BAD_REQUEST, None, words);
    let Value::Object(members) = message else {
        return Err(invalid(match message {
            Value::Array(_) => "Batches are not supported: send one message at a time.",
            _ => "A message is a JSON object.",
        }));
    };
    let id = match members.get("id") {
        None => None,
        Some(Value::String(id)) => Some(RequestId::String(id.as_str().into())),
        Some(Value::Number(id)) if id.is_i64() => id.as_i64().map(RequestId::Number),
        Some(_) => return Err(invalid("The id is a text or a whole number.")),
    };
    let invalid = |words| Refused::invalid(StatusCode::BAD_REQUEST, id.clone(), words);
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("A message carries `\"jsonrpc\":\"2.0\"`."));
    }
    match members.get("method") {
        Some(Value::String(_)) => {}
        None if members.contains_key("result") || members.contains_key("error") => {}
        _ => return Err(invalid("A message names its `method`, a text.")),
    }
    match members.get("params") {
        None | Some(Value::Null | Value::Object(_)) => Ok(id),
        Some(_) => Err(invalid("The params are a JSON object.")),
    }
}

/// Which revision a request is of, where the SDK would report something else or nothing.
fn check_era(message: &Value, headers: &HeaderMap, id: Option<&RequestId>) -> Result<(), Refused> {
    let (Some(_), Some(method)) = (id, message["method"].as_str()) else { return Ok(()) };
    let named = headers.get(PROTOCOL_VERSION).and_then(|value| value.to_str().ok());
    let in_meta =
        message.get("params").and_then(|params| params.get("_meta")?.get(VERSION_IN_META)?.as_str());
    match wrong_era(method, in_meta, named) {
        None => Ok(()),
        Some((status, error)) => Err(Refused::new(status, id.cloned(), error)),
    }
}

/// What is wrong with the revision that a request names of itself and in its head.
fn wrong_era(method: &str, in_meta: Option<&str>, named: Option<&str>) -> Option<(StatusCode, ErrorData)> {
    let stateless = ProtocolVersion::V_2026_07_28.as_str();
    let opens = method == "initialize";
    Some(match (in_meta, named) {
        (Some(version), Some(named)) if version != named => {
            let words = "The header MCP-Protocol-Version and the message name different revisions.";
            (StatusCode::BAD_REQUEST, ErrorData::header_mismatch(words, None))
        }
        (Some(version), _) if !is_supported(version) => {
            let data = json!({ "requested": clean::word(version), "supported": SUPPORTED });
            let words = "This server does not speak that revision of the protocol.";
            let error = ErrorData::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, words, Some(data));
            (StatusCode::BAD_REQUEST, error)
        }
        (Some(version), _) if opens && version >= stateless => {
            let words = format!("Revision {version} has no initialize: ask server/discover.");
            (StatusCode::NOT_FOUND, ErrorData::new(ErrorCode::METHOD_NOT_FOUND, words, None))
        }
        (None, Some(version)) if !opens && version >= stateless => {
            let words =
                format!("Requests of revision {version} name it in params._meta[\"{VERSION_IN_META}\"].");
            (StatusCode::BAD_REQUEST, ErrorData::invalid_params(words, None))
        }
        _ => return None,
    })
}

fn is_supported(version: &str) -> bool {
    SUPPORTED.iter().any(|supported| supported.as_str() == version)
}

/// The head as the SDK wants it. A client that accepts JSON, or names no type, gets JSON. The key was
/// checked and goes no further.
fn prepare(headers: &mut HeaderMap) {
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(AUTHORIZATION);
    headers.remove(COOKIE);
}

/// The SDK refuses some heads in plain text; a client of JSON-RPC reads JSON-RPC.
async fn tidied(response: Response, id: Option<RequestId>) -> Response {
    let status = response.status();
    if (!status.is_client_error() && !status.is_server_error()) || is_json(response.headers()) {
        return response;
    }
    let text = http_body_util::Limited::new(response.into_body(), MAX_REFUSAL).collect().await;
    let text = text.map(|text| String::from_utf8_lossy(&text.to_bytes()).into_owned()).unwrap_or_default();
    let (status, code, words) = match status {
        // The type of the body was checked: what the SDK cannot read is no message of the protocol.
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, "This is no message of the protocol.")
        }
        status if status.is_server_error() => {
            (status, ErrorCode::INTERNAL_ERROR, "The message could not be processed.")
        }
        status => (status, ErrorCode::INVALID_REQUEST, text.trim_start_matches("Bad Request: ")),
    };
    // The SDK may repeat a header.
    let words = clean::text(words, MAX_REFUSAL);
    Refused::new(status, id, ErrorData::new(code, words, None)).into_response()
}

impl Refused {
    fn new(status: StatusCode, id: Option<RequestId>, error: ErrorData) -> Self {
        Self { status, id, error: Box::new(error) }
    }

    fn invalid(status: StatusCode, id: Option<RequestId>, words: &'static str) -> Self {
        Self::new(status, id, ErrorData::invalid_request(words, None))
    }

    fn into_response(self) -> Response {
        (self.status, axum::Json(JsonRpcError::new(self.id, *self.error))).into_response()
    }
}
