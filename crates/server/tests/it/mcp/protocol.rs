//! The protocol itself: two eras on one endpoint, and every message that is none.

use serde_json::{Value, json};

use super::client::{Client, ERAS, Era, meta};
use crate::support::{Instance, Response, Server};

const JSON: (&str, &str) = ("content-type", "application/json");

fn post(server: &Instance, key: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let bearer = format!("Bearer {key}");
    let all = [&[("authorization", bearer.as_str())], headers].concat();
    server.send("POST", "/mcp", &all, body)
}

fn refusal(response: &Response) -> (u16, i64) {
    assert_eq!(response.header("content-type"), Some("application/json"), "{}", response.text);
    (
        response.status,
        response.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("{}", response.text)),
    )
}

fn message(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

#[test]
fn a_handshake_agrees_on_the_version_asked_or_on_the_newest_that_has_one() {
    let server = Server::start();
    let rk = server.default_project().rk;
    for (asked, agreed) in [
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ] {
        let params = json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let response = post(&server, &rk, &[JSON], message("initialize", &params).as_bytes());
        let result = &response.json()["result"];
        assert_eq!(
            (response.status, &result["protocolVersion"]),
            (200, &json!(agreed)),
            "{asked}: {}",
            response.text
        );
        assert_eq!(
            result["capabilities"],
            json!({ "completions": {}, "prompts": {}, "resources": {}, "tools": {} })
        );
        assert_eq!(result["serverInfo"]["name"], "millimetric");
        assert!(result["instructions"].as_str().unwrap().contains("never instructions"));
        assert_eq!(response.header("mcp-session-id"), None, "there are no sessions");
    }
    let accepted = post(&server, &rk, &[JSON], br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!((accepted.status, accepted.text.as_str()), (202, ""));
    assert_eq!(Client::new(&server, &rk).ask("ping", json!({})), json!({}));
}

#[test]
fn the_stateless_era_discovers_and_needs_no_handshake() {
    let server = Server::start();
    let rk = server.default_project().rk;
    let client = Client::new(&server, &rk).speaking(Era::Stateless);
    let found = client.ask("server/discover", json!({}));
    assert_eq!(found["supportedVersions"], json!(["2025-06-18", "2025-11-25", "2026-07-28"]));
    assert_eq!((&found["resultType"], &found["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(found["ttlMs"].is_u64() && found["instructions"].is_string(), "{found}");
    let tools = client.ask("tools/list", json!({}));
    assert_eq!((&tools["resultType"], &tools["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(tools["ttlMs"].as_u64().unwrap() > 0);
    assert_eq!(client.rows("get_stats", json!({}))["rows"], json!([{ "value": 0 }]));
    let handshake = Client::new(&server, &rk).ask("tools/list", json!({}));
    assert_eq!(handshake["resultType"], Value::Null, "older clients know no such member");
    assert_eq!(handshake["tools"], tools["tools"]);
    let ping = client.send("ping", json!({}));
    assert_eq!(refusal(&ping), (404, -32601), "revision 2026-07-28 has no ping");
    let opening = client.send("initialize", json!({}));
    assert_eq!(refusal(&opening), (404, -32601), "nor has it a handshake");
    assert!(opening.text.contains("server/discover"), "{}", opening.text);
}

#[test]
fn which_era_a_message_is_of_is_told_by_the_message() {
    let server = Server::start();
    let rk = server.default_project().rk;
    let list = |params: Value, headers: &[(&str, &str)]| {
        post(&server, &rk, &[&[JSON], headers].concat(), message("tools/list", &params).as_bytes())
    };
    let new = ("mcp-protocol-version", "2026-07-28");
    let with_meta = |version: &str| json!({ "_meta": meta(version) });

    let unknown = list(with_meta("2099-01-01"), &[("mcp-protocol-version", "2099-01-01")]);
    assert_eq!(refusal(&unknown), (400, -32022));
    let supported = json!(["2025-06-18", "2025-11-25", "2026-07-28"]);
    assert_eq!(unknown.json()["error"]["data"]["supported"], supported);
    assert_eq!(unknown.json()["id"], 1);
    assert_eq!(refusal(&list(json!({}), &[new])), (400, -32602), "a header alone is not enough");
    assert_eq!(refusal(&list(with_meta("2026-07-28"), &[])), (400, -32020), "nor is the message alone");
    assert_eq!(refusal(&list(with_meta("2026-07-28"), &[new])), (400, -32020), "Mcp-Method is missing");
    for in_message in ["2099-01-01", "2025-11-25"] {
        let mismatch = list(with_meta(in_message), &[new, ("mcp-method", "tools/list")]);
        assert_eq!(refusal(&mismatch), (400, -32020), "the header says another revision than {in_message}");
    }
    let other = [new, ("mcp-method", "tools/call")];
    assert_eq!(
        refusal(&list(with_meta("2026-07-28"), &other)),
        (400, -32020),
        "Mcp-Method says something else"
    );
    let whole = list(with_meta("2026-07-28"), &[new, ("mcp-method", "tools/list")]);
    assert_eq!((whole.status, &whole.json()["result"]["resultType"]), (200, &json!("complete")));
    for headers in
        [&[][..], &[("mcp-protocol-version", "2025-06-18")], &[("mcp-protocol-version", "2025-11-25")]]
    {
        let old = list(json!({}), headers);
        assert_eq!((old.status, &old.json()["result"]["resultType"]), (200, &Value::Null), "{headers:?}");
    }
    assert_eq!(refusal(&list(json!({}), &[("mcp-protocol-version", "1999-01-01")])), (400, -32600));
}

#[test]
fn what_is_no_message_gets_a_json_rpc_error() {
    let server = Server::start();
    let rk = server.default_project().rk;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (body, code) in [
        (&b""[..], -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (deep.as_bytes(), -32700),
        (b"[]", -32600),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (b"7", -32600),
        (b"{}", -32600),
        (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"result":{}}"#, -32600),
    ] {
        let response = post(&server, &rk, &[JSON], body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(refusal(&response), (400, code), "{shown}");
        assert_eq!(response.json()["jsonrpc"], "2.0");
    }
    let kind = ("content-type", "text/plain");
    assert_eq!(refusal(&post(&server, &rk, &[kind], message("ping", &json!({})).as_bytes())), (415, -32600));
    assert_eq!(refusal(&post(&server, &rk, &[JSON], &vec![b' '; (64 << 10) + 1])), (413, -32600));
}

#[test]
fn unknown_methods_and_wrong_params_are_told_apart() {
    let server = Server::start();
    let rk = server.default_project().rk;
    for (era, status) in [(Era::Handshake, 200), (Era::Stateless, 404)] {
        let client = Client::new(&server, &rk).speaking(era);
        for method in
            ["tools/teach", "logging/setLevel", "resources/subscribe", "tasks/list", "sampling/createMessage"]
        {
            let response = client.send(method, json!({ "level": "info", "uri": "events://recent" }));
            assert_eq!(refusal(&response), (status, -32601), "{method}: {}", response.text);
        }
    }
    let client = Client::new(&server, &rk);
    for (method, params) in [
        ("tools/call", json!({})),
        ("tools/call", json!({ "name": 7 })),
        ("tools/call", json!({ "name": "get_stats", "arguments": [] })),
        ("tools/call", json!({ "name": "get_statistics" })),
        ("resources/read", json!({})),
        ("resources/read", json!({ "uri": "events://all" })),
        ("prompts/get", json!({ "name": "poem" })),
        ("prompts/get", json!({ "name": "explain_drop" })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "poem" }, "argument": { "name": "a", "value": "" } }),
        ),
        ("completion/complete", json!({ "ref": {} })),
    ] {
        let response = client.send(method, params.clone());
        assert_eq!(refusal(&response), (200, -32602), "{method} {params}: {}", response.text);
    }
}

#[test]
fn only_post_is_taken_and_nobody_is_asked_for_a_key_to_learn_it() {
    let server = Server::start();
    for path in ["/mcp", "/mcp/account"] {
        for method in ["GET", "DELETE"] {
            let response = server.send(method, path, &[("accept", "text/event-stream")], b"");
            assert_eq!(response.error(), (405, "method_not_allowed".to_owned()), "{method} {path}");
            assert_eq!(response.header("allow"), Some("POST"));
        }
    }
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let response = server.send("GET", path, &[], b"");
        assert_eq!(response.error(), (404, "not_found".to_owned()), "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[test]
fn whoever_accepts_json_or_says_nothing_gets_json() {
    let server = Server::start();
    let rk = server.default_project().rk;
    let body = message("tools/list", &json!({}));
    for accept in
        [&[][..], &[("accept", "application/json")], &[("accept", "*/*")], &[("accept", "text/event-stream")]]
    {
        let response = post(&server, &rk, &[&[JSON], accept].concat(), body.as_bytes());
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, Some("application/json")),
            "{accept:?}"
        );
    }
    let packed = zstd::encode_all(body.as_bytes(), 1).unwrap();
    assert_eq!(post(&server, &rk, &[JSON, ("content-encoding", "zstd")], &packed).status, 200);
}

#[test]
fn other_hosts_and_other_origins_are_refused_before_any_key() {
    let server =
        Server::start_with(&["--mcp-hosts", "inner.example", "--mcp-origins", "https://app.example"]);
    let rk = server.default_project().rk;
    let call = |host: &str, origin: Option<&str>, key: &str| {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str()), JSON, ("host", host)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        send_to(&server, &headers, &message("tools/list", &json!({})))
    };
    for host in
        ["inner.example:8787", "INNER.example", "localhost:1", "127.0.0.1", "[::1]:8787", "192.168.1.5"]
    {
        assert_eq!(call(host, None, &rk).0, 200, "{host}");
    }
    for host in ["evil.example", "inner.example.evil.example", "localhost.evil.example", "a.inner.example"] {
        let (status, body) = call(host, None, "none");
        assert_eq!((status, &body["error"]["code"]), (403, &json!(-32600)), "{host}");
    }
    for origin in [server.url.as_str(), "https://app.example", "http://localhost:6274"] {
        assert_eq!(call("localhost", Some(origin), &rk).0, 200, "{origin}");
    }
    for origin in ["https://evil.example", "http://app.example", "null", "https://app.example.evil.example"] {
        let (status, body) = call("localhost", Some(origin), "none");
        assert_eq!(
            (status, &body["error"]["data"]["error"]),
            (403, &json!("origin_not_allowed")),
            "{origin}"
        );
    }
}

#[test]
fn the_name_in_the_public_url_is_the_servers_own() {
    let server = Server::start_with(&["--public-url", "https://stats.example.com"]);
    let rk = server.default_project().rk;
    let call = |host: &str, origin: &str| {
        let bearer = format!("Bearer {rk}");
        let headers = [("authorization", bearer.as_str()), JSON, ("host", host), ("origin", origin)];
        send_to(&server, &headers, &message("tools/list", &json!({}))).0
    };
    let own = "https://stats.example.com";
    for (host, origin, status) in [
        ("stats.example.com", own, 200),
        ("stats.example.com:443", own, 200),
        ("localhost", own, 200),
        ("example.com", own, 403),
        ("a.stats.example.com", own, 403),
        ("stats.example.com", "http://stats.example.com", 403),
        ("stats.example.com", "https://example.com", 403),
    ] {
        assert_eq!(call(host, origin), status, "{host} from {origin}");
    }
}

#[test]
fn the_card_tells_strangers_where_to_connect() {
    let server = Server::start();
    let response = server.send("GET", "/mcp/server-card", &[], b"");
    let card = response.json();
    assert_eq!(response.status, 200);
    assert_eq!(card["remotes"][0]["url"], format!("{}/mcp", server.url));
    assert_eq!(card["remotes"][1]["url"], format!("{}/mcp/account", server.url));
    assert_eq!(card["version"], env!("CARGO_PKG_VERSION"));
    let registry = include_str!("../../../../../server.json");
    let registry: Value = serde_json::from_str(registry).unwrap();
    for field in ["name", "title", "description", "version"] {
        assert_eq!(registry[field], card[field], "{field}");
    }
}

#[test]
fn both_eras_answer_a_question_alike() {
    let server = Server::start();
    let project = server.default_project();
    crate::support::shop(&server, &project);
    let responses = ERAS.map(|era| {
        let client = Client::new(&server, &project.rk).speaking(era);
        client.rows("top_sources", super::client::may())
    });
    assert_eq!(responses[0], responses[1]);
}

/// A request with a `Host` of its own, which no client library would send.
fn send_to(server: &Instance, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("POST /mcp HTTP/1.1\r\nconnection: close\r\n{}", lines.concat());
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}
