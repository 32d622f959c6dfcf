//! Tombstones: which rows are hidden although they are still on disk, because they are expired or belong
//! to a person whose erasure is not finished. A rewrite drops the same rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use millimetric_core::ids::ErasureId;

use crate::columns::{Chunk, Columns};
use crate::encoding::keyed_hash::IdKind;
use crate::encoding::text::TextColumn;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// The person of one erasure, by keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) erasure: ErasureId,
    /// Events before this time are erased; milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) user: Option<u128>,
    pub(crate) visitors: HashSet<u128>,
    /// Whether all visitors linked to the user are known. Until then the user's events are hidden but
    /// stay on disk, because the linked visitors are found in them.
    pub(crate) complete: bool,
}

/// The hidden rows of a scope.
#[derive(Debug, Clone)]
pub(crate) struct Tombstones {
    /// Events before this time are expired; milliseconds since 1970. `i64::MIN`: none; `i64::MAX`: all.
    pub(crate) retention_watermark: i64,
    /// People whose erasure is not finished.
    pub(crate) people: Arc<Vec<Person>>,
}

impl Default for Tombstones {
    fn default() -> Self {
        Self { retention_watermark: i64::MIN, people: Arc::default() }
    }
}

impl Tombstones {
    /// The tombstones that a rewrite may apply: without people whose linked visitors are not known yet.
    pub(crate) fn complete(&self) -> Self {
        let people = self.people.iter().filter(|person| person.complete).cloned().collect();
        Self { retention_watermark: self.retention_watermark, people: Arc::new(people) }
    }

    /// Whether a chunk may contain events of a person.
    pub(crate) fn concerns(&self, chunk: &Chunk) -> bool {
        self.people.iter().any(|person| chunk.earliest() < person.at)
    }

    /// Returns for each row 0, or 1 + the index of its person in `people`; `None` if no row of the chunk
    /// belongs to any of them. Expired rows are not marked.
    pub(crate) fn marks(&self, columns: &Columns, chunk: &Chunk) -> Result<Option<Vec<u32>>, StoreError> {
        if !self.concerns(chunk) {
            return Ok(None);
        }
        let users = Ids::of(columns, chunk, IdKind::User)?;
        let visitors = if self.people.iter().all(|person| person.visitors.is_empty()) {
            None
        } else {
            Some(Ids::of(columns, chunk, IdKind::Visitor)?)
        };
        let times = columns.times(chunk)?;
        let mut marks: Option<Vec<u32>> = None;
        for (person, number) in self.people.iter().zip(1..) {
            let user = users.codes(person.user.as_slice());
            let theirs =
                visitors.as_ref().map(|visitors| visitors.codes(&person.visitors)).unwrap_or_default();
            if user.is_empty() && theirs.is_empty() {
                continue;
            }
            let is_theirs = |row: usize| {
                user.contains(&users.column.codes.get(row))
                    || visitors.as_ref().is_some_and(|ids| theirs.contains(&ids.column.codes.get(row)))
            };
            for (row, mark) in marks.get_or_insert_with(|| vec![0; chunk.rows()]).iter_mut().enumerate() {
                if *mark == 0 && times.at(row) < person.at && is_theirs(row) {
                    *mark = number;
                }
            }
        }
        Ok(marks)
    }
}

/// The users or visitors of a chunk, with their dictionary codes by hash.
struct Ids {
    column: Arc<TextColumn>,
    by_hash: HashMap<u128, u32>,
}

impl Ids {
    fn of(columns: &Columns, chunk: &Chunk, kind: IdKind) -> Result<Self, StoreError> {
        let column =
            columns.text(chunk, if kind == IdKind::User { Column::UserId } else { Column::AnonymousId })?;
        let by_hash = columns.codes_by_hash(&column, kind);
        Ok(Self { column, by_hash })
    }

    /// The dictionary codes of the hashes that occur in the chunk.
    fn codes<'a>(&self, hashes: impl IntoIterator<Item = &'a u128>) -> HashSet<u32> {
        hashes.into_iter().filter_map(|hash| self.by_hash.get(hash).copied()).collect()
    }
}

/// The people of all erasures of a scope, finished ones included: their late events are not stored.
/// Maps each hash to the time before which events are erased.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErasedIds {
    users: HashMap<u128, i64>,
    visitors: HashMap<u128, i64>,
}

impl ErasedIds {
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.visitors.is_empty()
    }

    pub(crate) fn add(&mut self, person: &Person) {
        let later = |known: &mut HashMap<u128, i64>, hash: u128| {
            let at = known.entry(hash).or_insert(person.at);
            *at = person.at.max(*at);
        };
        person.user.iter().for_each(|user| later(&mut self.users, *user));
        person.visitors.iter().for_each(|visitor| later(&mut self.visitors, *visitor));
    }

    /// Whether an event with this time belongs to a person whose erasure was requested later.
    pub(crate) fn covers(&self, timestamp: i64, user: Option<u128>, visitor: u128) -> bool {
        let before = |at: Option<&i64>| at.is_some_and(|at| timestamp < *at);
        before(self.visitors.get(&visitor)) || user.is_some_and(|user| before(self.users.get(&user)))
    }
}
