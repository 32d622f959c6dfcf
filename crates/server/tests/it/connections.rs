//! Connections: so many for an address, so many in all, and none for ever.

use std::io::Write as _;
use std::net::TcpStream;

use crate::raw::{Heard, connect, connect_from, is_closed, response};
use crate::support::{Server, ServerProcess, eventually, shorter_timeouts};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Whether a connection is served.
fn is_served(stream: &mut TcpStream) -> bool {
    if stream.write_all(HEALTH).is_err() || is_closed_soon(stream) {
        return false;
    }
    response(stream).status() == 200
}

/// Waits for either a response or the end.
fn is_closed_soon(stream: &mut TcpStream) -> bool {
    let mut first = [0];
    !matches!(stream.peek(&mut first), Ok(1))
}

/// How many of the connections the server has not closed.
fn still_open(streams: &[TcpStream]) -> usize {
    streams.iter().filter(|stream| !is_closed(stream)).count()
}

#[test]
fn an_address_has_so_many_connections_and_others_have_theirs() {
    let server = Server::start();
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(&server);
        assert!(is_served(&mut stream), "a new connection is served: an idle one gives way");
        open.push(stream);
    }
    eventually("so many are left", || (still_open(&open) == 256).then_some(()));
    assert_eq!(still_open(&open[44..]), 256, "the longest idle ones gave way");
    let mut other = connect_from(&server, "127.0.0.2");
    assert!(is_served(&mut other) && still_open(&open) == 256, "another address has its own");
}

#[test]
fn connections_at_work_do_not_give_way() {
    let server = Server::start_with(&["--connections-per-address", "2"]);
    let sk = server.default_project().sk;
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {sk}\r\nexpect: 100-continue\r\n\
         content-length: 26\r\n\r\n"
    );
    let mut working = [connect(&server), connect(&server)];
    for stream in &mut working {
        stream.write_all(head.as_bytes()).unwrap();
        assert!(!is_closed_soon(stream), "the server asks for the body");
    }
    assert!(!is_served(&mut connect(&server)), "one more of the same address is closed");
    for stream in &mut working {
        stream.write_all(br#"{"events":[{"event":"a"}]}"#).unwrap();
        assert!(response(stream).text.starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
        assert_eq!(response(stream).status(), 202);
    }
    assert!(is_served(&mut connect(&server)), "idle again, one gives way");
}

#[test]
fn a_trusted_proxy_may_open_more() {
    let flags = ["--connections-per-address", "2", "--trusted-proxies", "127.0.0.2"];
    let server = Server::start_with(&flags);
    let served = |source: &str| {
        let opened = (0..5).map(|_| {
            let mut stream = connect_from(&server, source);
            assert!(is_served(&mut stream));
            stream
        });
        opened.collect::<Vec<TcpStream>>()
    };
    let (proxy, plain) = (served("127.0.0.2"), served("127.0.0.3"));
    eventually("the others give way", || (still_open(&plain) == 2).then_some(()));
    assert_eq!(still_open(&proxy), 5);
}

#[test]
fn when_every_slot_is_taken_the_longest_silent_connections_give_way() {
    // 400 handles: 256 of them are kept for the store's files.
    let server = ServerProcess::start_through("ulimit -n 400; exec \"$0\" \"$@\"", &[]);
    let mut open: Vec<TcpStream> = (0..144).map(|_| connect(&server)).collect();
    for stream in &mut open {
        stream.write_all(HEALTH).unwrap();
        response(stream);
    }
    let mut late = connect(&server);
    late.write_all(HEALTH).unwrap();
    assert_eq!(response(&mut late).status(), 200);
    // One in 64 gives way at once.
    eventually("the longest silent ones are closed", || open[..2].iter().all(is_closed).then_some(()));
    assert_eq!(still_open(&open), 142, "no other");
}

#[test]
fn the_soft_limit_of_handles_is_raised_to_the_hard_one() {
    let server = ServerProcess::start_through("ulimit -S -n 200; exec \"$0\" \"$@\"", &[]);
    eventually("the limit is raised", || {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns[3] == columns[4]).then_some(())
    });
}

#[test]
fn a_connection_that_has_lived_long_is_ended_after_an_answer() {
    let server = Server::start_within(&[], shorter_timeouts(600));
    eventually("a response says that it is the last", || {
        let mut stream = connect(&server);
        // Between two requests a connection may end too; then another one is tried.
        while stream.write_all(HEALTH).is_ok() && !is_closed_soon(&mut stream) {
            let heard = response(&mut stream);
            assert_eq!(heard.status(), 200);
            if heard.text.contains("connection: close") {
                assert_eq!(Heard::to_the_end(&mut stream).text, "");
                return Some(());
            }
        }
        None
    });
}

#[test]
fn what_connections_do_is_counted() {
    let flags = ["--connections-per-address", "2", "--metrics-token", "metrics-metrics-metrics"];
    let server = Server::start_with(&flags);
    let mut open: Vec<TcpStream> = (0..3).map(|_| connect_from(&server, "127.0.0.2")).collect();
    assert!(open.iter_mut().rev().take(2).all(is_served));
    let page = server.get("/metrics", "metrics-metrics-metrics").text;
    for line in ["connections_open 3", "connections_closed_total{reason=\"evicted\"} 1", "body_bytes 0"] {
        assert!(page.contains(&format!("\n{line}\n")), "{line}: {page}");
    }
}
