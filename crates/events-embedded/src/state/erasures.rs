//! The erasures of a store. People are identified by keyed hashes.

use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use millimetric_events::{LocalError, StoreError};
use parking_lot::RwLock;

use super::tombstones::Person;

/// An erasure as it is stored: keyed hashes, never an id in clear text. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErasureRecord {
    pub(crate) id: ErasureId,
    pub(crate) scope: EventScope,
    /// Whether the subject is a user; a visitor otherwise.
    pub(crate) is_user: bool,
    pub(crate) subject: u128,
    pub(crate) include_linked: bool,
    /// The hashes of the linked visitors, once they are known.
    pub(crate) linked: Option<Vec<u128>>,
    /// Events before this time are erased.
    pub(crate) at: i64,
    pub(crate) events_deleted: u64,
    pub(crate) finished_at: Option<i64>,
}

/// An erasure with its progress in this process.
#[derive(Debug, Clone)]
pub(crate) struct ErasureState {
    pub(crate) record: ErasureRecord,
    pub(crate) running: bool,
    pub(crate) failed: bool,
}

/// All erasures, finished ones included.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    pub(crate) by_id: RwLock<HashMap<ErasureId, ErasureState>>,
    /// Scopes with an erasure that cannot be read, and the reason.
    unreadable: RwLock<HashMap<EventScope, String>>,
}

impl Erasures {
    /// Adds an erasure as it is stored.
    pub(crate) fn insert(&self, record: ErasureRecord) {
        let state = ErasureState { record, running: false, failed: false };
        self.by_id.write().insert(state.record.id, state);
    }

    /// Refuses all queries to a scope, because the person of one of its erasures is unknown.
    pub(crate) fn refuse_queries(&self, scope: EventScope, why: String) {
        self.unreadable.write().insert(scope, why);
    }

    /// # Errors
    /// `Corrupt` if queries to the scope are refused.
    pub(crate) fn check_readable(&self, scope: EventScope) -> Result<(), StoreError> {
        self.unreadable
            .read()
            .get(&scope)
            .map_or(Ok(()), |why| Err(StoreError::Local(LocalError::Corrupt(why.clone()))))
    }

    /// Number of unfinished erasures.
    pub(crate) fn pending(&self) -> usize {
        self.by_id.read().values().filter(|erasure| erasure.record.finished_at.is_none()).count()
    }

    /// Whether there is an unfinished erasure whose last attempt did not fail.
    pub(crate) fn any_pending(&self) -> bool {
        let waits = |erasure: &ErasureState| erasure.record.finished_at.is_none() && !erasure.failed;
        self.by_id.read().values().any(waits)
    }
}

impl super::State {
    /// Rebuilds the tombstones of a scope from its unfinished erasures.
    pub(crate) fn update_tombstones(&self, id: EventScope) {
        let erasures = self.erasures.by_id.read();
        let of_scope =
            || erasures.values().map(|erasure| &erasure.record).filter(|record| record.scope == id);
        let mut people: Vec<Person> =
            of_scope().filter(|record| record.finished_at.is_none()).map(person).collect();
        people.sort_unstable_by_key(|person| person.erasure);
        let scope = self.scopes.get_or_new(id);
        let mut data = scope.data.write();
        let erased = std::sync::Arc::make_mut(&mut data.erased_ids);
        of_scope().for_each(|record| erased.add(&person(record)));
        data.tombstones.people = std::sync::Arc::new(people);
    }
}

/// The tombstone of an erasure.
fn person(erasure: &ErasureRecord) -> Person {
    let subject = erasure.subject;
    Person {
        erasure: erasure.id,
        at: erasure.at,
        user: erasure.is_user.then_some(subject),
        complete: !erasure.include_linked || erasure.linked.is_some(),
        visitors: (!erasure.is_user)
            .then_some(subject)
            .into_iter()
            .chain(erasure.linked.iter().flatten().copied())
            .collect(),
    }
}
