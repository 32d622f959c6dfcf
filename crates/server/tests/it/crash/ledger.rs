//! What the campaign itself knows: every batch it ever sent and what it was answered, and every
//! person and whether they asked to be forgotten. Never asks a server.

use anyhow::ensure;
use serde_json::{Value, json};

use super::random::Random;
use super::reclassifying::Requested;

/// Sides of projects that are written to; the first gets half of everything.
pub(super) const SCOPES: usize = 3;
/// Events name one of so many of the newest people, some of them forgotten.
const PEOPLE_IN_USE: usize = 60;
/// Midnight of the first of January 2025 (UTC) in milliseconds, and days from there on, so that
/// every flush is split by month.
const FIRST_INSTANT: i64 = 1_735_689_600_000;
const DAYS: u64 = 100;

/// What is known of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Sent; if the server dies now it may be there or not, but only whole.
    InDoubt,
    /// Answered with 202, or seen in a response: there for good.
    Stored,
    /// Refused, or not there after a restart: never there unless it is sent again.
    Absent,
}

/// The events of one request: each names a person of the scope, or nobody.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) scope: usize,
    pub(super) people: Vec<Option<usize>>,
    pub(super) state: State,
}

/// A user of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Person {
    Known,
    /// Asked to be forgotten, without a response so far: gone altogether or not at all.
    Asked,
    /// Answered with 200, under this request id: never in any response again.
    Erased(String),
}

/// A batch that is about to be sent.
pub(super) struct Sending {
    pub(super) number: usize,
    pub(super) before: State,
    /// Events that were not dropped for a forgotten person when it was sent.
    most: usize,
}

/// Everything that was ever sent to one data folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub(super) batches: Vec<Batch>,
    pub(super) people: [Vec<Person>; SCOPES],
    /// Batches that were in doubt when the server died, to be sent again.
    pub(super) again: Vec<usize>,
    /// Events of batches when they were first answered with 202.
    pub(super) acknowledged: u64,
    /// Batches that were sent once more: since they were in doubt, or though they were there.
    pub(super) repeated: u64,
    /// The last re-classification that was asked for.
    pub(super) reclassified: Option<Requested>,
}

impl Ledger {
    /// Chooses what to send: what was in doubt, or a batch that is there already, or a new one.
    pub(super) fn next(&mut self, random: &mut Random) -> Sending {
        if let Some(number) = self.again.pop() {
            self.repeated += 1;
            return self.sending(number);
        }
        if !self.batches.is_empty() && random.once_in(20) {
            let number = random.below(self.batches.len() as u64) as usize;
            if self.batches[number].state == State::Stored {
                self.repeated += 1;
                return self.sending(number);
            }
        }
        let scope = random.of_these(&[0, 0, 1, 2]);
        let most = if random.once_in(8) { 500 } else { 20 };
        let events = 1 + random.below(most);
        let people = (0..events).map(|_| (!random.once_in(3)).then(|| self.person(scope, random))).collect();
        self.batches.push(Batch { scope, people, state: State::Absent });
        self.sending(self.batches.len() - 1)
    }

    fn sending(&mut self, number: usize) -> Sending {
        let before = self.batches[number].state;
        if before == State::Absent {
            self.batches[number].state = State::InDoubt;
        }
        let forgotten = |person: &Person| matches!(person, Person::Erased(_));
        Sending { number, before, most: self.events_without(number, forgotten) }
    }

    fn events_without(&self, number: usize, leave_out: impl Fn(&Person) -> bool) -> usize {
        let batch = &self.batches[number];
        let person = |person: &usize| &self.people[batch.scope][*person];
        batch.people.iter().filter(|of| of.as_ref().is_none_or(|of| !leave_out(person(of)))).count()
    }

    /// One of the people in use.
    fn person(&mut self, scope: usize, random: &mut Random) -> usize {
        let people = &mut self.people[scope];
        people.resize(people.len().max(PEOPLE_IN_USE), Person::Known);
        people.len() - 1 - random.below(PEOPLE_IN_USE as u64) as usize
    }

    /// Chooses somebody who now asks to be forgotten; somebody new takes their place.
    pub(super) fn forget(&mut self, random: &mut Random) -> Option<(usize, usize)> {
        let scope = random.below(SCOPES as u64) as usize;
        let person = self.person(scope, random);
        (self.people[scope][person] == Person::Known).then(|| {
            self.people[scope][person] = Person::Asked;
            self.people[scope].push(Person::Known);
            (scope, person)
        })
    }

    /// Takes down a response and checks what it says of duplicates.
    pub(super) fn answered(&mut self, sent: &Sending, status: u16, response: &Value) -> anyhow::Result<()> {
        if status == 503 {
            // Nothing of the request was stored.
            self.batches[sent.number].state = sent.before;
            return Ok(());
        }
        ensure!(status == 202, "batch {} is answered with {status}: {response}", sent.number);
        let duplicates = response["duplicates"].as_u64().unwrap_or(0) as usize;
        let expected = match sent.before {
            State::Stored => {
                let least = self.events_without(sent.number, |person| *person != Person::Known);
                least..=sent.most
            }
            _ => 0..=0,
        };
        ensure!(
            expected.contains(&duplicates),
            "batch {} ({:?} before): {duplicates} duplicates instead of {expected:?}",
            sent.number,
            sent.before
        );
        if sent.before != State::Stored {
            self.acknowledged += self.batches[sent.number].people.len() as u64;
        }
        self.batches[sent.number].state = State::Stored;
        Ok(())
    }

    /// Batches without a response.
    pub(super) fn in_doubt(&self) -> usize {
        self.batches.iter().filter(|batch| batch.state == State::InDoubt).count()
    }

    /// What must hold of a copy that was begun when this was known, now that `later` is.
    pub(super) fn of_copy(&self, later: &Self) -> Self {
        let mut copy = later.clone();
        for (number, batch) in copy.batches.iter_mut().enumerate() {
            let stored = self.batches.get(number).is_some_and(|before| before.state == State::Stored);
            if batch.state != State::Absent {
                batch.state = if stored { State::Stored } else { State::InDoubt };
            }
        }
        for (scope, people) in copy.people.iter_mut().enumerate() {
            for (number, person) in people.iter_mut().enumerate() {
                let before = self.people[scope].get(number).unwrap_or(&Person::Known);
                if *person != *before {
                    *person = Person::Asked;
                }
            }
        }
        copy
    }
}

/// The text of a person's id; all are equally long, so that none is part of another.
pub(super) fn person_id(scope: usize, person: usize) -> String {
    format!("person-{scope}-{person:06}")
}

/// The body of a request that sends a batch.
pub(super) fn events(number: usize, batch: &Batch) -> Vec<Value> {
    let event = |(place, person): (usize, &Option<usize>)| {
        let mut random = Random::of(&[number as u64, place as u64]);
        let at = FIRST_INSTANT + random.below(DAYS * 86_400_000) as i64;
        let at = chrono::DateTime::from_timestamp_millis(at).map(|at| at.to_rfc3339());
        json!({
            "event": random.of_these(&["$pageview", "signup", "purchase", "search"]),
            "event_id": format!("{number:07}-{place:03}"),
            "timestamp": at,
            "anonymous_id": format!("visitor-{}", random.below(5000)),
            "user_id": person.map(|person| person_id(batch.scope, person)),
            "url": format!("https://shop.example/{}?utm_source=news&ref=acme", random.below(300)),
            "properties": { "amount": random.below(1000) },
        })
    };
    batch.people.iter().enumerate().map(event).collect()
}
