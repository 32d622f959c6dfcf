//! A client of either era, as small as can be. Asserts nothing about what is answered.

use serde_json::{Value, json};

use crate::support::{Instance, Response};

/// Which revision a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Opens with `initialize`; 2025-11-25.
    Handshake,
    /// Names the revision in each message; 2026-07-28.
    Stateless,
}

pub(crate) const ERAS: [Era; 2] = [Era::Handshake, Era::Stateless];

/// Somebody with a key at one of the endpoints.
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Instance,
    pub(crate) path: &'static str,
    pub(crate) key: &'a str,
    pub(crate) era: Era,
}

impl<'a> Client<'a> {
    /// At `/mcp`, of the handshake era.
    pub(crate) const fn new(server: &'a Instance, key: &'a str) -> Self {
        Self { server, path: "/mcp", key, era: Era::Handshake }
    }

    /// At `/mcp/account`.
    pub(crate) const fn of_account(server: &'a Instance, key: &'a str) -> Self {
        Self { server, path: "/mcp/account", key, era: Era::Handshake }
    }

    /// The same one in another era.
    pub(crate) const fn speaking(self, era: Era) -> Self {
        Self { era, ..self }
    }

    /// Sends a request and gives the whole HTTP response.
    pub(crate) fn send(&self, method: &str, params: Value) -> Response {
        let mut params = params;
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let name =
            params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
        match self.era {
            Era::Handshake => headers.push(("mcp-protocol-version", "2025-11-25")),
            Era::Stateless => {
                params["_meta"] = meta("2026-07-28");
                headers.push(("mcp-protocol-version", "2026-07-28"));
                headers.push(("mcp-method", method));
                headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
            }
        }
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.server.send("POST", self.path, &headers, message.to_string().as_bytes())
    }

    /// The result of a request, or of a failed one the whole message.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        let response = self.send(method, params);
        let mut message = response.json();
        assert_eq!((&message["jsonrpc"], &message["id"]), (&json!("2.0"), &json!(7)), "{message}");
        match message["result"].take() {
            Value::Null => message,
            result => result,
        }
    }

    /// The whole message that answers a request, whatever it says. The name of what is asked for stands in
    /// a header only where a header can hold it.
    pub(crate) fn send_raw(&self, method: &str, params: Value) -> Value {
        let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str);
        let in_header = method.is_ascii() && name.is_none_or(str::is_ascii);
        let client = Self { era: if in_header { self.era } else { Era::Handshake }, ..*self };
        client.send(method, params).json()
    }

    /// The result of a tool.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// The structure of a tool's result; the call must not fail.
    pub(crate) fn rows(&self, tool: &str, arguments: Value) -> Value {
        let mut result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result["structuredContent"].take()
    }

    /// The responses of `query_events`, from the first page to the last.
    pub(crate) fn pages(&self, mut arguments: Value) -> Vec<Response> {
        let mut pages = Vec::new();
        loop {
            let page = self.send("tools/call", json!({ "name": "query_events", "arguments": arguments }));
            let next = page.json()["result"]["structuredContent"]["next_cursor"].take();
            pages.push(page);
            if next.is_null() {
                return pages;
            }
            arguments["cursor"] = next;
        }
    }

    /// The text of a tool's result that is an error.
    pub(crate) fn lesson(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert_eq!(result["structuredContent"]["rows"], json!([]));
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The names of a list, in its order.
    pub(crate) fn names(&self, method: &str, list: &str) -> Vec<String> {
        let listed = self.ask(method, json!({}));
        let name = |item: &Value| item["uri"].as_str().or(item["name"].as_str()).unwrap().to_owned();
        listed[list].as_array().unwrap_or_else(|| panic!("{listed}")).iter().map(name).collect()
    }
}

/// What a message of the stateless era says of itself.
pub(crate) fn meta(version: &str) -> Value {
    json!({ "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {} })
}

/// A key of the account that all projects of the command line belong to.
pub(crate) fn account_key(server: &Instance, args: &[&str]) -> String {
    let created = [&["key", "mint", "--account", "default", "--kind", "ak"], args].concat();
    server.cli(&created)["key"].as_str().unwrap().to_owned()
}

/// A range that holds the shop's week.
pub(crate) fn may() -> Value {
    json!({ "from": "2026-05-01", "to": "2026-06-01" })
}

/// Arguments in the shop's week.
pub(crate) fn in_may(mut arguments: Value) -> Value {
    arguments["from"] = "2026-05-01".into();
    arguments["to"] = "2026-06-01".into();
    arguments
}

/// The ids of the events on some pages.
pub(crate) fn ids(pages: &[Response]) -> Vec<String> {
    let rows =
        |page: &Response| page.json()["result"]["structuredContent"]["rows"].as_array().unwrap().clone();
    pages.iter().flat_map(rows).map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
}
