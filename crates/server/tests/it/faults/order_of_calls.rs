//! A 2xx means stored: the system calls of a running server show that the sync to disk has
//! returned before the first byte of the 202 is written.
//!
//! strace writes a line when a call begins, and another when it returns if anything came in
//! between. The order of lines is the order of events: a thread does not go on before strace,
//! which is one thread, has seen it stop. No clock is compared.

use std::collections::HashMap;

use serde_json::json;

use super::Strace;
use crate::support::{Instance, ServerProcess};

/// Clients that send at the same time, so that requests share a sync.
const CLIENTS: usize = 3;
/// Requests of each.
const ROUNDS: usize = 6;

/// One system call of a trace.
#[derive(Debug)]
struct Call {
    name: String,
    /// Its arguments and what it returned.
    text: String,
    /// The line in which it begins, and that in which it has returned.
    began: usize,
    returned: Option<usize>,
}

impl Call {
    fn is_sync_of_the_log(&self) -> bool {
        let succeeded = self.text.rsplit(" = ").next().is_some_and(|result| result.trim() == "0");
        matches!(self.name.as_str(), "fsync" | "fdatasync") && self.is_on_the_log() && succeeded
    }

    fn is_write_to_the_log(&self, text: &str) -> bool {
        self.name.starts_with("pwrite") && self.is_on_the_log() && self.text.contains(text)
    }

    fn is_on_the_log(&self) -> bool {
        self.text.split('>').next().is_some_and(|file| file.ends_with("/events.db-wal"))
    }

    fn is_an_acknowledgement(&self) -> bool {
        self.text.contains("HTTP/1.1 202")
    }

    fn returned_before(&self, later: &Self) -> bool {
        self.returned.is_some_and(|line| line < later.began)
    }
}

/// The calls of a trace, in the order in which they begin.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: HashMap<&str, usize> = HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, text)) = text.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(rest) = text.strip_prefix("<... ") {
            if let Some(call) = open.remove(thread).map(|place| &mut calls[place]) {
                call.text += rest;
                call.returned = Some(line);
            }
        } else if let Some((name, rest)) = text.split_once('(') {
            let is_open = rest.ends_with("<unfinished ...>");
            if is_open {
                open.insert(thread, calls.len());
            }
            let returned = (!is_open).then_some(line);
            calls.push(Call { name: name.to_owned(), text: rest.to_owned(), began: line, returned });
        }
    }
    calls
}

/// Why the trace does not show that a request's events were synced before it was answered: `stored`
/// is a text of its last event, `answered` one that only its response holds.
fn doubt(calls: &[Call], stored: &str, answered: &str) -> Option<&'static str> {
    let Some(response) =
        calls.iter().find(|call| call.is_an_acknowledgement() && call.text.contains(answered))
    else {
        return Some("it is not answered");
    };
    let Some(write) = calls.iter().find(|call| call.is_write_to_the_log(stored)) else {
        return Some("its events are not written");
    };
    let Some(sync) = calls.iter().find(|call| call.is_sync_of_the_log() && write.returned_before(call))
    else {
        return Some("its events are not synced");
    };
    (!sync.returned_before(response)).then_some("it is answered before the sync has returned")
}

/// What each of the requests of a client is known by: in the log, and in its response.
fn marks(client: usize) -> impl Iterator<Item = (String, String)> {
    (0..ROUNDS).map(move |round| {
        let id = format!("marked-{client}-{round}-end");
        if round % 2 == 0 { (id.clone(), id) } else { (id, batch_mark(client, round)) }
    })
}

/// The response to a batch has no ids, but has the number of its events: a number of nobody else's.
fn batch_mark(client: usize, round: usize) -> String {
    format!(r#"\"count\":{},"#, batch_size(client, round))
}

fn batch_size(client: usize, round: usize) -> usize {
    2 + client * ROUNDS + round
}

fn send(server: &Instance, key: &str, client: usize) {
    let event = |id: &str| json!({ "event": "e", "event_id": id, "anonymous_id": "v" });
    for (round, (id, _)) in marks(client).enumerate() {
        if round % 2 == 0 {
            server.track(key, event(&id));
        } else {
            // One event many times over, so that the response goes on behind the count.
            let events = vec![event(&id); batch_size(client, round)];
            assert_eq!(server.post("/v1/batch", key, &json!({ "events": events })).status, 202);
        }
    }
}

#[test]
fn the_sync_returns_before_the_202_is_written() {
    let server = ServerProcess::start();
    let key = server.default_project().sk;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let traced = "trace=fsync,fdatasync,write,writev,sendto,sendmsg,pwrite64";
    let options = ["-y", "-s", "8192", "-e", traced, "-o", file.to_str().unwrap()];
    let Some(strace) = Strace::attach(server.pid(), &options) else { return };
    std::thread::scope(|threads| {
        for client in 0..CLIENTS {
            let (server, key) = (&server, &key);
            threads.spawn(move || send(server, key, client));
        }
    });
    strace.detach();
    let trace = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
    let calls = calls(&trace);
    assert_eq!(calls.iter().filter(|call| call.is_an_acknowledgement()).count(), CLIENTS * ROUNDS);
    for (stored, answered) in (0..CLIENTS).flat_map(marks) {
        assert_eq!(doubt(&calls, &stored, &answered), None, "{stored}");
    }
}

/// What is to be said against a made-up trace.
fn doubt_of(lines: &[&str]) -> Option<&'static str> {
    doubt(&calls(&lines.join("\n")), "evt_1", "evt_1")
}

const WRITE: &str = r#"7 pwrite64(9</d/events.db-wal>, "\r\0evt_1\2", 8, 32) = 8"#;
const SYNC: &str = "7 fsync(9</d/events.db-wal>) = 0";
const SYNC_BEGINS: &str = "7 fsync(9</d/events.db-wal> <unfinished ...>";
const SYNC_RETURNS: &str = "7 <... fsync resumed>) = 0";
const ANSWER: &str = r#"8 writev(5<socket:[1]>, [{iov_base="HTTP/1.1 202 Accepted\r\n"}, {iov_base="{\"event_id\":\"evt_1\"}"}], 2) = 60"#;

#[test]
fn a_trace_in_the_right_order_leaves_no_doubt() {
    assert_eq!(doubt_of(&[WRITE, SYNC, ANSWER]), None);
    let other = r#"8 write(2<pipe:[3]>, "x", 1) = 1"#;
    assert_eq!(doubt_of(&[WRITE, SYNC_BEGINS, other, SYNC_RETURNS, ANSWER]), None);
}

#[test]
fn a_trace_in_the_wrong_order_is_noticed() {
    let early = Some("it is answered before the sync has returned");
    assert_eq!(doubt_of(&[WRITE, ANSWER, SYNC]), early);
    assert_eq!(doubt_of(&[WRITE, SYNC_BEGINS, ANSWER, SYNC_RETURNS]), early);
    assert_eq!(doubt_of(&[WRITE, SYNC_BEGINS, ANSWER]), Some("its events are not synced"));
    let answer_begins = ANSWER.replace(" = 60", " <unfinished ...>");
    assert_eq!(doubt_of(&[WRITE, SYNC_BEGINS, &answer_begins, SYNC_RETURNS]), early);
    let unsynced = Some("its events are not synced");
    assert_eq!(doubt_of(&[SYNC, WRITE, ANSWER]), unsynced);
    assert_eq!(doubt_of(&[WRITE, &SYNC.replace("= 0", "= -1 EIO (Input/output error)"), ANSWER]), unsynced);
    assert_eq!(doubt_of(&[WRITE, &SYNC.replace("events.db-wal", "control.db-wal"), ANSWER]), unsynced);
    assert_eq!(doubt_of(&[SYNC, ANSWER]), Some("its events are not written"));
    assert_eq!(doubt_of(&[WRITE, SYNC]), Some("it is not answered"));
}
