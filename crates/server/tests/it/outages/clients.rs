//! The clients of the campaign: senders that repeat the same ids at the other server until they are acknowledged, a
//! reader of one report, and a client that polls `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Addresses, Client};
use super::ledger::Ledger;
use crate::crash::random::Random;
use crate::support::Project;

/// Pause before a request is repeated, and between two looks at `/readyz`.
const PAUSE: Duration = Duration::from_millis(100);
/// Most milliseconds between two requests of a sender, and of the reader.
const BREATH_MS: u64 = 60;

/// A client that sends.
pub(super) struct Sender<'a> {
    ledger: &'a Ledger,
    client: Client<'a>,
    /// Events of a request.
    size: u64,
    random: Random,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        ledger: &'a Ledger,
        addresses: &'a Addresses,
        project: &'a Project,
        size: u64,
        random: Random,
    ) -> Self {
        Self { ledger, client: Client::new(addresses, project), size, random }
    }

    /// Sends until it is over.
    pub(super) fn run(&mut self, is_over: &AtomicBool) {
        while !is_over.load(Ordering::SeqCst) {
            let sending = self.ledger.sending();
            let numbers = self.ledger.take(self.size);
            let events: Vec<Value> = numbers.map(event).collect();
            let server = self.random.below(2) as usize;
            self.until_acknowledged(server, &events, is_over);
            if self.random.once_in(8) {
                self.repeat(1 - server, events);
            }
            drop(sending);
            sleep(Duration::from_millis(self.random.below(BREATH_MS)));
        }
    }

    /// Sends the same at one server and the other.
    fn until_acknowledged(&mut self, mut server: usize, events: &[Value], is_over: &AtomicBool) {
        loop {
            let reply = self.client.send(server, events.to_vec());
            if reply.status == 202 {
                return self.ledger.acknowledge(self.size);
            }
            self.ledger.failed("a write", &reply);
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            server = 1 - server;
            sleep(PAUSE);
        }
    }

    /// Sends once more what was acknowledged: all of it must be known.
    fn repeat(&self, server: usize, events: Vec<Value>) {
        let first = events[0]["event_id"].clone();
        let reply = self.client.send(server, events);
        match reply.status {
            202 if reply.body["duplicates"].as_u64() == Some(self.size) => {}
            202 => self
                .ledger
                .break_promise(format!("{first} was acknowledged and stored again: {}", reply.body)),
            _ => self.ledger.failed("a repeated write", &reply),
        }
    }
}

/// An event with this number. Some have the time of their client, and some that of the server.
pub(super) fn event(number: u64) -> Value {
    let mut event = json!({ "event": "$pageview", "event_id": format!("e{number}"),
        "anonymous_id": format!("visitor-{}", number % 500), "url": "https://shop.example/?utm_source=news" });
    if !number.is_multiple_of(3) {
        event["timestamp"] = json!("2026-05-16T19:00:00Z");
    }
    event
}

/// Reads one report at one server and the other. It must have what was acknowledged before, and nothing else than
/// what was sent.
pub(super) fn read(ledger: &Ledger, addresses: &Addresses, project: &Project, is_over: &AtomicBool) {
    let (client, mut server) = (Client::new(addresses, project), 0);
    while !is_over.load(Ordering::SeqCst) {
        let at_least = ledger.acknowledged();
        let reply = client.count(server);
        let at_most = ledger.sent();
        match (reply.status, reply.body["rows"][0]["value"].as_u64()) {
            (200, Some(count)) if (at_least..=at_most).contains(&count) => {}
            // Of no events, there is no row.
            (200, None) if at_least == 0 => {}
            (200, count) => ledger
                .break_promise(format!("a report has {count:?} events, not {at_least} to {at_most} of them")),
            _ => ledger.failed("a report", &reply),
        }
        server = 1 - server;
        sleep(Duration::from_millis(BREATH_MS));
    }
}

/// Looks at `/readyz` of a server.
pub(super) fn watch(
    ledger: &Ledger,
    (addresses, project): (&Addresses, &Project),
    server: usize,
    is_over: &AtomicBool,
) {
    let client = Client::new(addresses, project);
    while !is_over.load(Ordering::SeqCst) {
        ledger.ready(&client.get(server, "/readyz"));
        sleep(PAUSE);
    }
}
