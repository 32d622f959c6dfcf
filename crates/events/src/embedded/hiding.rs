//! Which rows no answer may hold although they are still on disk: expired ones, and those of
//! people whose erasure is not finished. The same rule decides what a rewrite leaves out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use millimetric_core::ids::ErasureId;

use super::columns::{Chunk, Columns};
use super::field::Field;
use super::hash::Kind;
use super::text::TextColumn;
use crate::StoreError;

/// The person of one erasure, by hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) erasure: ErasureId,
    /// Only events before this are meant; milliseconds.
    pub(super) at: i64,
    pub(super) user: Option<u128>,
    pub(super) visitors: HashSet<u128>,
}

/// What is hidden in a scope now.
#[derive(Debug, Clone)]
pub(super) struct Hiding {
    /// Events before this are expired; milliseconds.
    pub(super) floor: i64,
    /// People whose erasure is not finished.
    pub(super) people: Arc<Vec<Person>>,
}

impl Default for Hiding {
    fn default() -> Self {
        Self { floor: i64::MIN, people: Arc::default() }
    }
}

impl Hiding {
    /// For each row 0, or the place of its person in `people` counted from 1; `None` when the
    /// chunk holds nothing of any of them. Expired rows are not marked.
    pub(super) fn marks(&self, columns: &Columns, chunk: &Chunk) -> Result<Option<Vec<u32>>, StoreError> {
        if !self.people.iter().any(|person| chunk.earliest() < person.at) {
            return Ok(None);
        }
        let users = columns.text_once(chunk, Field::UserId)?;
        let visitors = columns.text_once(chunk, Field::AnonymousId)?;
        let user_codes = columns.codes_by_hash(&users, Kind::User);
        let visitor_codes = columns.codes_by_hash(&visitors, Kind::Visitor);
        let times = columns.times(chunk)?;
        let mut marks: Option<Vec<u32>> = None;
        for (person, number) in self.people.iter().zip(1..) {
            let Some(found) = Found::of(person, &user_codes, &visitor_codes) else { continue };
            let marks = marks.get_or_insert_with(|| vec![0; chunk.rows()]);
            found.mark(marks, number, &times, &users, &visitors);
        }
        Ok(marks)
    }
}

/// A person's codes in one chunk.
struct Found {
    at: i64,
    user: Option<u32>,
    visitors: HashSet<u32>,
}

impl Found {
    fn of(person: &Person, users: &HashMap<u128, u32>, visitors: &HashMap<u128, u32>) -> Option<Self> {
        let found = Self {
            at: person.at,
            user: person.user.and_then(|user| users.get(&user).copied()),
            visitors: person.visitors.iter().filter_map(|visitor| visitors.get(visitor).copied()).collect(),
        };
        (found.user.is_some() || !found.visitors.is_empty()).then_some(found)
    }

    fn mark(&self, marks: &mut [u32], number: u32, times: &[i64], users: &TextColumn, visitors: &TextColumn) {
        for (row, mark) in marks.iter_mut().enumerate() {
            let theirs = || {
                self.user == Some(users.codes.get(row)) || self.visitors.contains(&visitors.codes.get(row))
            };
            if *mark == 0 && times[row] < self.at && theirs() {
                *mark = number;
            }
        }
    }
}

/// People of every erasure ever asked for in a scope, so that late events do not bring them back.
#[derive(Debug, Clone, Default)]
pub(super) struct Forgotten {
    users: HashMap<u128, i64>,
    visitors: HashMap<u128, i64>,
}

impl Forgotten {
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.visitors.is_empty()
    }

    pub(super) fn add(&mut self, person: &Person) {
        let later = |known: &mut HashMap<u128, i64>, hash: u128| {
            let at = known.entry(hash).or_insert(person.at);
            *at = person.at.max(*at);
        };
        person.user.iter().for_each(|user| later(&mut self.users, *user));
        person.visitors.iter().for_each(|visitor| later(&mut self.visitors, *visitor));
    }

    /// Whether an event of that time belongs to somebody who was to be forgotten after it.
    pub(super) fn covers(&self, timestamp: i64, user: Option<u128>, visitor: u128) -> bool {
        let before = |at: Option<&i64>| at.is_some_and(|at| timestamp < *at);
        before(self.visitors.get(&visitor)) || user.is_some_and(|user| before(self.users.get(&user)))
    }
}
