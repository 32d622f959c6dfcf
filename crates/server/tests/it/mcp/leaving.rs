//! Agents that leave before they are answered.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;

use super::client::{Client, may};
use crate::support::{Instance, ServerProcess, files, shop};

/// The only segment becomes a pipe that nobody writes to, and a query that reads it lasts until
/// somebody does.
#[test]
fn a_query_ends_when_its_client_disconnects() {
    let server = ServerProcess::start_with(&["--log", "millimetric=debug"]);
    let project = server.default_project();
    shop(&server, &project);
    server.flush();
    let [segment] = &files(&server.dir.join("segments"))[..] else { panic!("one month is one segment") };
    let events = fs::read(segment).unwrap();
    fs::remove_file(segment).unwrap();
    assert!(Command::new("mkfifo").arg(segment).status().unwrap().success());

    let asker = asks_for_sources(&server, &project.rk);
    server.logged(&["an agent calls", "top_sources"]);
    drop(asker);
    server.logged(&["an agent has gone; its query is stopped"]);

    let writer = File::options().read(true).write(true).open(segment).unwrap();
    fs::remove_file(segment).unwrap();
    fs::write(segment, events).unwrap();
    drop(writer);
    let others = Client::new(&server, &project.rk).rows("top_sources", may());
    assert_ne!(others["rows"], json!([]), "who stays is answered");
}

/// Sends the query and waits for nothing.
fn asks_for_sources(server: &Instance, key: &str) -> TcpStream {
    let params = json!({ "name": "top_sources", "arguments": may() });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
}
