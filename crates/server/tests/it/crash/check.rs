//! Compares what is there with what must be there: every acknowledged event once, batches in
//! doubt whole or not at all, of forgotten people nothing.

use std::collections::HashSet;
use std::io::BufRead;

use anyhow::{Context as _, bail, ensure};

use super::ledger::{Ledger, Person, SCOPES, State, person_id};

/// What was found of each batch.
pub(super) struct Found {
    /// How often each event.
    counts: Vec<Vec<u8>>,
    /// The oldest and the newest rules that its events were classified with.
    versions: Vec<Option<(u32, u32)>>,
}

impl Found {
    /// Nothing so far.
    pub(super) fn none(ledger: &Ledger) -> Self {
        let counts: Vec<_> = ledger.batches.iter().map(|batch| vec![0; batch.people.len()]).collect();
        Self { versions: vec![None; counts.len()], counts }
    }

    /// The oldest and the newest rules of a batch's events, if any are there.
    pub(super) fn versions(&self, batch: usize) -> Option<(u32, u32)> {
        self.versions[batch]
    }

    /// Adds the events of an export in NDJSON; returns how many.
    pub(super) fn add(
        &mut self,
        ledger: &Ledger,
        scope: usize,
        mut lines: impl BufRead,
    ) -> anyhow::Result<u64> {
        let (mut line, mut events) = (String::new(), 0);
        while lines.read_line(&mut line)? > 0 {
            let (number, place) = event(&line).with_context(|| format!("an export has the line {line}"))?;
            let known = ledger.batches.get(number).is_some_and(|batch| batch.scope == scope);
            ensure!(known, "scope {scope} holds what was never sent to it: {line}");
            let version = version(&line);
            let (oldest, newest) = self.versions[number].unwrap_or((version, version));
            self.versions[number] = Some((oldest.min(version), newest.max(version)));
            let count = self.counts[number].get_mut(place).with_context(|| format!("never sent: {line}"))?;
            *count = count.saturating_add(1);
            events += 1;
            line.clear();
        }
        Ok(events)
    }
}

/// Batch and place from the id in a line of NDJSON.
fn event(line: &str) -> Option<(usize, usize)> {
    let (_, rest) = line.split_once("\"event_id\":\"")?;
    let (number, place) = rest.split_once('"')?.0.split_once('-')?;
    Some((number.parse().ok()?, place.parse().ok()?))
}

/// The number of the rules that an event was classified with; 0 before the first ones.
fn version(line: &str) -> u32 {
    let source = line.split_once("\"source\":\"v").and_then(|(_, rest)| rest.split_once('"'));
    source.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

/// Every way to break the promise, with examples.
#[derive(Debug, Default)]
struct Damage {
    lost: Vec<String>,
    doubled: Vec<String>,
    torn: Vec<String>,
    returned: Vec<String>,
}

impl Damage {
    fn none(&self) -> anyhow::Result<()> {
        let kinds = [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("torn", &self.torn),
            ("came back", &self.returned),
        ];
        let words: Vec<String> = kinds
            .iter()
            .filter(|(_, cases)| !cases.is_empty())
            .map(|(kind, cases)| {
                format!("{} {kind}: {}", cases.len(), cases[..cases.len().min(5)].join("; "))
            })
            .collect();
        if words.is_empty() { Ok(()) } else { bail!("{}", words.join("\n")) }
    }
}

impl Ledger {
    /// Compares, and decides what was in doubt; gives the batches that were.
    pub(super) fn settle(&mut self, found: &Found) -> anyhow::Result<Vec<usize>> {
        let mut damage = Damage::default();
        let gone = self.gone(found, &mut damage);
        let mut decided = Vec::new();
        for (number, batch) in self.batches.iter_mut().enumerate() {
            let counts = &found.counts[number];
            damage.doubled.extend(counts.iter().any(|count| *count > 1).then(|| format!("batch {number}")));
            let stays = |person: &Option<usize>| person.is_none_or(|of| !gone[batch.scope].contains(&of));
            let expected = batch.people.iter().filter(|person| stays(person)).count();
            let there = counts.iter().filter(|count| **count > 0).count();
            let words = || format!("batch {number}: {there} of {expected} events");
            match batch.state {
                State::Stored if there < expected => damage.lost.push(words()),
                State::Absent if there > 0 => damage.returned.push(words()),
                State::InDoubt if there > 0 && there < expected => damage.torn.push(words()),
                State::InDoubt => {
                    batch.state = if there > 0 { State::Stored } else { State::Absent };
                    decided.push(number);
                }
                _ => {}
            }
        }
        damage.none()?;
        Ok(decided)
    }

    /// Whoever is forgotten, and whoever asked and is in no event any more.
    fn gone(&self, found: &Found, damage: &mut Damage) -> [HashSet<usize>; SCOPES] {
        let mut seen: [HashSet<usize>; SCOPES] = Default::default();
        for (batch, counts) in self.batches.iter().zip(&found.counts) {
            let there = batch.people.iter().zip(counts).filter(|(_, count)| **count > 0);
            seen[batch.scope].extend(there.filter_map(|(person, _)| *person));
        }
        let mut gone: [HashSet<usize>; SCOPES] = Default::default();
        for (scope, people) in self.people.iter().enumerate() {
            for (number, person) in people.iter().enumerate() {
                let is_seen = seen[scope].contains(&number);
                match person {
                    Person::Erased(_) if is_seen => damage.returned.push(person_id(scope, number)),
                    Person::Asked | Person::Erased(_) if !is_seen => drop(gone[scope].insert(number)),
                    _ => {}
                }
            }
        }
        gone
    }
}

mod tests {
    use super::super::ledger::Batch;
    use super::*;

    /// A ledger of one batch of three events, the last of them of person 0, and what was found.
    fn settled(state: State, person: Person, lines: &[&str]) -> Result<State, String> {
        let batch = Batch { scope: 0, people: vec![None, None, Some(0)], state };
        let people = [vec![person], Vec::new(), Vec::new()];
        let mut ledger = Ledger { batches: vec![batch], people, ..Ledger::default() };
        let mut found = Found::none(&ledger);
        for place in lines {
            let line = format!("{{\"event_id\":\"0000000-{place}\"}}\n");
            found.add(&ledger, 0, line.as_bytes()).map_err(|error| error.to_string())?;
        }
        ledger.settle(&found).map_err(|error| error.to_string())?;
        Ok(ledger.batches[0].state)
    }

    #[test]
    fn every_kind_of_damage_is_told() {
        let (all, forgotten) = (["000", "001", "002"], || Person::Erased("fgt_1".to_owned()));
        for (state, person, lines, words) in [
            (State::Stored, Person::Known, &all[..2], "1 lost: batch 0: 2 of 3 events"),
            (State::Stored, Person::Asked, &all[1..], "1 lost: batch 0: 2 of 3 events"),
            (State::InDoubt, Person::Known, &all[..1], "1 torn: batch 0: 1 of 3 events"),
            (State::InDoubt, Person::Asked, &all[..1], "1 torn: batch 0: 1 of 2 events"),
            (State::Absent, Person::Known, &all[..], "1 came back: batch 0: 3 of 3 events"),
            (State::Stored, forgotten(), &all[..], "1 came back: person-0-000000"),
            (State::Stored, Person::Known, &["000", "001", "002", "001"], "1 doubled: batch 0"),
        ] {
            assert_eq!(settled(state, person, lines), Err(words.to_owned()));
        }
        assert!(settled(State::Stored, Person::Known, &["003"]).unwrap_err().contains("never sent"));
    }

    #[test]
    fn what_is_in_doubt_is_decided_by_what_is_there() {
        let (all, forgotten) = (["000", "001", "002"], || Person::Erased("fgt_1".to_owned()));
        for (state, person, lines, then) in [
            (State::InDoubt, Person::Known, &all[..], State::Stored),
            (State::InDoubt, Person::Known, &[], State::Absent),
            (State::InDoubt, Person::Asked, &all[..2], State::Stored),
            (State::InDoubt, Person::Asked, &all[..], State::Stored),
            (State::Stored, forgotten(), &all[..2], State::Stored),
            (State::Absent, Person::Known, &[], State::Absent),
        ] {
            assert_eq!(settled(state, person, lines), Ok(then));
        }
    }
}
