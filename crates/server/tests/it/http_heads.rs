//! Heads of requests that two servers could read in two ways: refused, whatever the route.

use std::io::Write as _;

use serde_json::json;

use crate::raw::{Heard, connect, exchange};
use crate::support::Server;

#[test]
fn a_request_has_one_host() {
    let server = Server::start();
    for (version, hosts, status) in [
        ("1.1", "host: localhost\r\n", 200),
        ("1.1", "Host:localhost:8787\r\n", 200),
        ("1.1", "host: [::1]:8787\r\n", 200),
        ("1.1", "host: \r\n", 200),
        ("1.0", "", 200),
        ("1.0", "host: localhost\r\n", 200),
        ("1.1", "", 400),
        ("1.1", "host: localhost\r\nhost: localhost\r\n", 400),
        ("1.1", "host: localhost\r\nHOST: evil.example\r\n", 400),
        ("1.0", "host: localhost\r\nhost: evil.example\r\n", 400),
        ("1.1", "host: a, b\r\n", 400),
        ("1.1", "host: a b\r\n", 400),
        ("1.1", "host: user@localhost\r\n", 400),
        ("1.1", "host: localhost/path\r\n", 400),
        ("1.1", "host: \u{e9}.example\r\n", 400),
    ] {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        let heard = exchange(&server, &request);
        assert_eq!(heard.status(), status, "{request:?}: {}", heard.text);
        if status == 400 {
            assert_eq!(heard.json()["error"], "invalid_request", "{request:?}");
            assert!(heard.text.contains("x-request-id: req_"), "{request:?}");
        }
    }
}

#[test]
fn a_head_that_could_be_read_in_two_ways_is_refused() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let rest = format!("host: localhost\r\nauthorization: Bearer {sk}\r\nconnection: close\r\n");
    let body = r#"{"event":"a"}"#;
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (framing, body, status) in [
        (format!("content-length: {}\r\n", body.len()), body, 202),
        ("transfer-encoding: chunked\r\n".to_owned(), &chunked, 202),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n".to_owned(), &chunked, 400),
        ("content-length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(), &chunked, 400),
        (format!("content-length: {0}\r\ncontent-length: {0}\r\n", body.len()), body, 400),
        ("content-length: 5\r\ncontent-length: 13\r\n".to_owned(), body, 400),
        ("content-length: 13, 13\r\n".to_owned(), body, 400),
        ("content-length: +13\r\n".to_owned(), body, 400),
        ("transfer-encoding: gzip, chunked\r\n".to_owned(), &chunked, 202),
        ("transfer-encoding: chunked, gzip\r\n".to_owned(), &chunked, 400),
        ("transfer-encoding : chunked\r\n".to_owned(), &chunked, 400),
        (format!("x: 1\ncontent-length: {}\r\n", body.len()), body, 400),
        (format!("content-length: {}\r\nx: 1\n y: 2\r\n", body.len()), body, 400),
        (format!("content-length: {}\r\nx: 1\r\r\n", body.len()), body, 400),
    ] {
        let request = format!("POST /v1/track HTTP/1.1\r\n{rest}{framing}\r\n{body}");
        let heard = exchange(&server, &request);
        assert_eq!(heard.status(), status, "{framing:?}: {}", heard.text);
    }
    for bare in [
        "GET /healthz HTTP/1.1\nhost: localhost\nconnection: close\n\n",
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\n",
        "GET /healthz HTTP/1.1\nhost: localhost\r\nconnection: close\r\n\r\n",
    ] {
        assert_eq!(exchange(&server, bare).status(), 400, "{bare:?}");
    }
}

#[test]
fn bare_line_feeds_in_bodies_and_after_them_do_no_harm() {
    let server = Server::start();
    let sk = server.default_project().sk;
    let post = |framing: &str, body: &str| {
        format!("POST /v1/track HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {sk}\r\n{framing}\r\n{body}")
    };
    let body = "{\n\"event\":\n\n\"a\"\n}\n\n";
    let sized = post(&format!("content-length: {}\r\n", body.len()), body);
    let (one, two) = body.split_at(7);
    let chunks =
        format!("{:X};x=\"y\"\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\nx-trailer: 1\r\n\r\n", one.len(), two.len());
    let chunked = post("transfer-encoding: chunked\r\n", &chunks);
    let last = post(&format!("connection: close\r\ncontent-length: {}\r\n", body.len()), body);
    // What some clients send after a body belongs to nothing (RFC 9112, 2.2).
    let all = [&*sized, &chunked, "\r\n", &sized, "\n\n", &chunked, &last].concat();
    for piece in [all.len(), 1, 7, 64] {
        let mut stream = connect(&server);
        stream.set_nodelay(true).unwrap();
        for bytes in all.as_bytes().chunks(piece) {
            stream.write_all(bytes).unwrap();
        }
        let heard = Heard::to_the_end(&mut stream);
        assert_eq!(heard.text.matches("HTTP/1.1 202 ").count(), 5, "in pieces of {piece}: {}", heard.text);
    }
    let rk = server.default_project().rk;
    let count = server.get(&format!("/v1/stats?{}", crate::support::ALWAYS), &rk).json();
    assert_eq!(count["rows"], json!([{ "value": 20 }]));
}

#[test]
fn a_smuggled_request_is_not_answered() {
    let server = Server::start();
    let inner = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for outer in [
        format!(
            "POST /v1/track HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
            inner.len() + 5
        ),
        format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: y\n\n{inner}"),
        format!(
            "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: {}\r\n\r\n{inner}",
            inner.len()
        ),
    ] {
        let heard = exchange(&server, &outer);
        assert_eq!(
            (heard.status(), heard.text.matches("HTTP/1.1 ").count()),
            (400, 1),
            "{outer:?}: {}",
            heard.text
        );
    }
}
