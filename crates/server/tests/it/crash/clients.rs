//! A client of the campaign: sends batches and wishes to be forgotten until the server is killed.
//! Takes every response down in the ledger; decides nothing about what must be there.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, ensure};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::folder::Side;
use super::kill_targets::pause;
use super::ledger::{Ledger, Person, SCOPES, events, person_id};
use super::process::Connection;
use super::random::Random;

/// One of those who write at once.
pub(super) struct Client<'a> {
    pub(super) server: Connection,
    pub(super) sides: &'a [Side; SCOPES],
    pub(super) ledger: &'a Mutex<Ledger>,
    /// Set right before the server is killed: from then on a broken connection is no surprise.
    pub(super) is_over: &'a AtomicBool,
    pub(super) random: Random,
    /// Every so manieth request is one to forget somebody.
    pub(super) forgets_once_in: u64,
}

impl Client<'_> {
    /// Sends until it is over.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        while !self.is_over.load(Ordering::SeqCst) {
            if self.random.once_in(self.forgets_once_in) {
                self.forget()?;
            } else {
                self.send()?;
            }
            pause(&mut self.random, 20_000);
        }
        Ok(())
    }

    fn send(&mut self) -> anyhow::Result<()> {
        let (sending, batch) = {
            let mut ledger = self.ledger.lock();
            let sending = ledger.next(&mut self.random);
            let batch = ledger.batches[sending.number].clone();
            (sending, batch)
        };
        let mut events = events(sending.number, &batch);
        let key = &self.sides[batch.scope].key;
        let response = match events.len() {
            1 => self.server.post("/v1/track", key, &events.remove(0)),
            _ => self.server.post("/v1/batch", key, &json!({ "events": events })),
        };
        let Some((status, response)) = self.unless_over(response)? else { return Ok(()) };
        self.ledger.lock().answered(&sending, status, &response)
    }

    fn forget(&mut self) -> anyhow::Result<()> {
        let Some((scope, person)) = self.ledger.lock().forget(&mut self.random) else { return Ok(()) };
        let response = ask_to_forget(&self.server, &self.sides[scope], scope, person);
        let Some(response) = self.unless_over(response)? else { return Ok(()) };
        self.ledger.lock().people[scope][person] = forgotten(response)?;
        Ok(())
    }

    fn unless_over<T>(&self, response: Result<T, ureq::Error>) -> anyhow::Result<Option<T>> {
        match response {
            Err(_) if self.is_over.load(Ordering::SeqCst) => Ok(None),
            response => response.map(Some).context("a connection broke before the server was killed"),
        }
    }
}

/// Sends a person's wish.
pub(super) fn ask_to_forget(
    server: &Connection,
    side: &Side,
    scope: usize,
    person: usize,
) -> Result<(u16, Value), ureq::Error> {
    server.post("/v1/forget", &side.key, &json!({ "user_id": person_id(scope, person) }))
}

/// What the response to such a wish makes of the person.
pub(super) fn forgotten((status, response): (u16, Value)) -> anyhow::Result<Person> {
    ensure!(status == 200, "a request to forget is answered with {status}: {response}");
    let id = response["request_id"].as_str().context("a request to forget has no id")?;
    Ok(Person::Erased(id.to_owned()))
}
