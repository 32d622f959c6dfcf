//! Clients that send slowly, or never read: they lose their own connection, and nobody else
//! notices.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::raw::{Heard, connect, exchange, write_while_taken};
use crate::support::{CHROME, Instance, Project, Server, eventually, shorter_timeouts};

/// The head of a request with a pk of a page at `https://shop.example`.
fn head(path: &str, pk: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {pk}\r\norigin: https://shop.example\r\n\
         user-agent: {CHROME}\r\n{more}\r\n"
    )
}

/// Every route of somebody else still answers.
fn all_is_well(server: &Instance, project: &Project) {
    server.track(&project.sk, json!({ "event": "a" }));
    let batch = server.post("/v1/batch", &project.sk, &json!({ "events": [{ "event": "b" }] }));
    assert_eq!(batch.status, 202, "{}", batch.text);
    let forget = server.post("/v1/forget", &project.sk, &json!({ "user_id": "nobody" }));
    assert_eq!(forget.status, 200, "{}", forget.text);
    let ping = server.post("/mcp", &project.rk, &json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }));
    assert_eq!(ping.status, 200, "{}", ping.text);
}

/// Whether the server has sent something, or has closed.
fn is_readable(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_body_in_one_byte_chunks_then_silence_holds_nobody_up_and_is_closed() {
    let server = Server::start();
    let attacked = server.project("Attacked", &["https://shop.example"]);
    let other = server.project("Other", &["https://other.example"]);
    let mut stream = connect(&server);
    stream.write_all(head("/v1/batch", &attacked.pk, "transfer-encoding: chunked\r\n").as_bytes()).unwrap();
    stream.write_all(&b"1\r\n \r\n".repeat(98_304)).unwrap();
    while !is_readable(&stream) {
        all_is_well(&server, &other);
        all_is_well(&server, &attacked);
    }
    let heard = Heard::to_the_end(&mut stream);
    assert_eq!(heard.error(), (408, "request_timeout".to_owned()), "{}", heard.text);
    // Where a body is one event, the same is too large long before.
    let mut stream = connect(&server);
    stream.write_all(head("/v1/track", &attacked.pk, "transfer-encoding: chunked\r\n").as_bytes()).unwrap();
    let _ = stream.write_all(&b"1\r\n \r\n".repeat(98_304));
    let heard = Heard::to_the_end(&mut stream);
    assert_eq!(heard.error(), (413, "payload_too_large".to_owned()), "{}", heard.text);
}

/// Sends all of a large batch but its last byte.
fn held(server: &Instance, pk: &str, from: &str) -> TcpStream {
    let mut stream = connect(server);
    let more = format!("x-forwarded-for: {from}\r\ncontent-length: {}\r\n", 10 << 20);
    stream.write_all(head("/v1/batch", pk, &more).as_bytes()).unwrap();
    stream.write_all(&vec![b' '; (10 << 20) - 1]).unwrap();
    stream
}

/// A whole batch with so much white space that it needs ten mebibytes of memory.
fn large_batch(server: &Instance, pk: &str, from: &str) -> u16 {
    let mut body = br#"{"events":[{"event":"large"}]}"#.to_vec();
    body.resize(10 << 20, b' ');
    let more = format!("x-forwarded-for: {from}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    exchange(server, [head("/v1/batch", pk, &more).as_bytes(), &body].concat()).status()
}

#[test]
fn no_key_and_no_address_takes_more_than_its_share_of_the_memory_for_bodies() {
    let server = Server::start_with(&["--rate-limit-batch", "off", "--trusted-proxies", "127.0.0.0/8"]);
    let [shop, blog] = ["Shop", "Blog"].map(|name| server.project(name, &["https://shop.example"]));
    let _held = [held(&server, &shop.pk, "203.0.113.1"), held(&server, &shop.pk, "203.0.113.1")];
    eventually("the key's share is used up, from wherever it is used", || {
        (large_batch(&server, &shop.pk, "203.0.113.2") == 503).then_some(())
    });
    assert_eq!(large_batch(&server, &blog.pk, "203.0.113.1"), 503, "so is the address's, for any key");
    assert_eq!(large_batch(&server, &blog.pk, "203.0.113.2"), 202, "everybody else has room");
    let mut body = br#"{"events":[{"event":"large"}]}"#.to_vec();
    body.resize(10 << 20, b' ');
    let bearer = format!("Bearer {}", shop.sk);
    let own = [("authorization", bearer.as_str()), ("x-forwarded-for", "203.0.113.3")];
    assert_eq!(server.send("POST", "/v1/batch", &own, &body).status, 202, "the project's servers too");
}

#[test]
fn a_client_that_never_reads_loses_its_connection() {
    let flags = ["--metrics-token", "metrics-metrics-metrics"];
    let server = Server::start_within(&flags, shorter_timeouts(10));
    let mut stream = connect(&server);
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    write_while_taken(&mut stream, &request, 64 << 20, Duration::from_millis(500));
    stream.set_nonblocking(true).unwrap();
    let error = eventually("the server closes a connection whose responses nobody reads", || {
        stream.write(b"G").err().filter(|error| error.kind() != ErrorKind::WouldBlock)
    });
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    let page = server.get("/metrics", "metrics-metrics-metrics").text;
    assert!(page.contains("\nconnections_closed_total{reason=\"write_timeout\"} 1\n"), "{page}");
}

#[cfg(target_os = "linux")]
#[test]
fn few_requests_are_worked_on_for_a_client_that_never_reads() {
    let server = Server::start_with(&["--metrics-token", "metrics-metrics-metrics"]);
    let mut stream = connect(&server);
    let request = b"GET /v1/a.js HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    write_while_taken(&mut stream, &request, 64 << 20, Duration::from_millis(500));
    let page = server.get("/metrics", "metrics-metrics-metrics").text;
    let served = page
        .lines()
        .find_map(|line| line.strip_prefix("http_requests_total{route=\"/v1/a.js\",status=\"200\"} "));
    let served: usize = served.expect("requests are counted").parse().unwrap();
    // About 200 KiB of responses, 3 KiB each; the system alone would take several MiB.
    assert!((1..300).contains(&served), "{served} requests");
}

#[test]
fn requests_are_not_read_ahead_of_answers_that_are_not_taken() {
    let server = Server::start();
    let mut stream = connect(&server);
    // Answers without a body cost the server only their heads: they too must be bounded.
    let request = b"OPTIONS /v1/track HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    let most = 256 << 20;
    let taken = write_while_taken(&mut stream, &request, most, Duration::from_secs(2));
    assert!(taken < most, "{taken} bytes of requests were read although no response was");
    all_is_well(&server, &server.default_project());
}
