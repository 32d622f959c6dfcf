//! Erasure of people, from the request to the last byte on disk.
//!
//! A tombstone hides the person at once; the maintenance thread then rewrites every segment with their
//! events and purges `events.db`. Only keyed hashes of the person's ids are stored.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;

use crate::columns::{Chunk, Columns};
use crate::encoding::column_set::ColumnSet;
use crate::encoding::keyed_hash::IdKind;
use crate::encoding::row::instant;
use crate::maintenance::flush::flush_scope;
use crate::maintenance::maintainer::Maintainer;
use crate::maintenance::rewrite::{on_a_background_thread, replace};
use crate::segment::Segment;
use crate::state::State;
use crate::state::erasures::ErasureRecord;
use crate::state::erasures::ErasureState;
use crate::state::scope::Scope;
use crate::state::tombstones::Tombstones;
use crate::wal::commands::Command;
use millimetric_core::column::Column;
use millimetric_core::ingest::placeholder::is_placeholder_id;
use millimetric_events::{Erasure, ErasureReport, ErasureStatus, LocalError, StoreError, Subject};

/// The name of the event that links a visitor to a user.
const IDENTIFY: &str = "$identify";
/// Interval of the checks whether queries still read a replaced segment.
const READER_CHECK: Duration = Duration::from_millis(10);

/// Builds the record of a request, which contains hashes only.
pub(crate) fn stored(columns: &Columns, scope: EventScope, request: &Erasure) -> ErasureRecord {
    let (is_user, subject, include_linked) = match &request.subject {
        Subject::User { user_id, include_linked } => {
            let include_linked = *include_linked && !is_placeholder_id(user_id);
            (true, columns.hash.of(IdKind::User, user_id), include_linked)
        }
        Subject::Visitor { anonymous_id } => (false, columns.hash.of(IdKind::Visitor, anonymous_id), false),
    };
    let at = request.at.millis();
    ErasureRecord {
        id: request.id,
        scope,
        is_user,
        subject,
        include_linked,
        linked: None,
        at,
        events_deleted: 0,
        finished_at: None,
    }
}

/// Returns the report of an erasure.
pub(crate) fn report(erasure: &ErasureState) -> ErasureReport {
    let status = match erasure {
        ErasureState { record: stored, .. } if stored.finished_at.is_some() => ErasureStatus::Done,
        ErasureState { failed: true, .. } => ErasureStatus::Failed,
        ErasureState { running: true, .. } => ErasureStatus::Running,
        _ => ErasureStatus::Queued,
    };
    ErasureReport {
        status,
        events_deleted: erasure.record.events_deleted,
        requested_at: instant(erasure.record.at),
        finished_at: erasure.record.finished_at.map(instant),
    }
}

/// Returns the hashes of the visitors that the user's `$identify` events before the request name, in
/// ascending order, without placeholders, which are nobody's. The request is recorded already, so no further such event is stored.
pub(crate) fn linked(state: &State, erasure: &ErasureRecord) -> Result<Vec<u128>, StoreError> {
    let fields = [Column::EventName, Column::UserId, Column::AnonymousId].into_iter().collect::<ColumnSet>();
    let scope = state.scopes.get_or_new(erasure.scope);
    let chunks = scope.data.read().chunks(i64::MIN, erasure.at, fields);
    let columns = &state.columns;
    let mut visitors = HashSet::new();
    for chunk in &chunks {
        let names = columns.text_once(chunk, Column::EventName)?;
        let users = columns.text_once(chunk, Column::UserId)?;
        let name = names.dictionary.find(IDENTIFY);
        let user = columns.codes_by_hash(&users, IdKind::User).get(&erasure.subject).copied();
        let (Some(name), Some(user)) = (name, user) else { continue };
        let anonymous = columns.text_once(chunk, Column::AnonymousId)?;
        let times = columns.times(chunk)?;
        let links = |row: &usize| {
            users.codes.get(*row) == user && names.codes.get(*row) == name && times.at(*row) < erasure.at
        };
        let visitor_of = |row: usize| anonymous.value(row).filter(|id| !is_placeholder_id(id));
        for id in (0..chunk.rows()).filter(links).filter_map(visitor_of) {
            visitors.insert(columns.hash.of(IdKind::Visitor, id));
        }
    }
    let mut visitors: Vec<u128> = visitors.into_iter().collect();
    visitors.sort_unstable();
    Ok(visitors)
}

impl Maintainer {
    /// Executes all unfinished erasures. A scope that fails, because one of its files is damaged, does
    /// not keep those of other scopes from being executed.
    pub(crate) fn erase_pending(&mut self) -> Result<(), StoreError> {
        let mut by_scope: BTreeMap<EventScope, Vec<ErasureRecord>> = BTreeMap::new();
        for erasure in self.work.state.erasures.by_id.read().values().map(|erasure| &erasure.record) {
            if erasure.finished_at.is_none() {
                by_scope.entry(erasure.scope).or_default().push(erasure.clone());
            }
        }
        let mut all = Ok(());
        for (scope, waiting) in by_scope {
            let erased = self.erase(&self.work.state.scopes.get_or_new(scope), &waiting);
            if erased.is_err() && !self.work.signal.is_closing() {
                self.each(&waiting, |erasure| erasure.failed = true);
            }
            all = all.and(erased);
        }
        all
    }

    fn erase(&self, scope: &Scope, waiting: &[ErasureRecord]) -> Result<(), StoreError> {
        self.each(waiting, |erasure| (erasure.running, erasure.failed) = (true, false));
        let mut whole = Ok(());
        for erasure in waiting.iter().filter(|erasure| erasure.include_linked && erasure.linked.is_none()) {
            match linked(&self.work.state, erasure) {
                Ok(visitors) => drop(self.work.queue.execute(Command::Link(erasure.id, visitors))?),
                Err(error) => whole = whole.and(Err(error)),
            }
        }
        self.work.counters.erasures.during(|| self.erase_in(scope, &mut whole))?;
        self.work.purge_deleted()?;
        self.wait_for_readers(scope.id)?;
        // No erasure is finished while a file that may contain the person cannot be read.
        whole?;
        let now = self.work.state.now();
        for erasure in waiting {
            self.work.queue.execute(Command::Finish(erasure.id, now))?;
        }
        Ok(())
    }

    /// Rewrites the segments with events of people who have a tombstone, and returns the number of events
    /// removed from segments. A damaged file does not keep the others from being rewritten; its error is
    /// stored in `whole`.
    fn erase_in(&self, scope: &Scope, whole: &mut Result<(), StoreError>) -> Result<u64, StoreError> {
        flush_scope(&self.work, scope)?;
        let (segments, tombstones) = {
            let data = scope.data.read();
            (data.segments.clone(), data.tombstones.complete())
        };
        let mut events = 0;
        for segment in segments {
            match on_a_background_thread(|| self.erase_from(scope, segment, &tombstones)) {
                Ok(erased) => events += erased,
                Err(error @ StoreError::Local(LocalError::Corrupt(_))) if whole.is_ok() => {
                    *whole = Err(error);
                }
                Err(StoreError::Local(LocalError::Corrupt(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(events)
    }

    fn erase_from(
        &self,
        scope: &Scope,
        segment: Arc<Segment>,
        tombstones: &Tombstones,
    ) -> Result<u64, StoreError> {
        let chunk = Chunk::Segment(Arc::clone(&segment));
        let marks = tombstones.marks(&self.work.state.columns, &chunk)?;
        if marks.is_none_or(|marks| marks.iter().all(|mark| *mark == 0)) {
            return Ok(0);
        }
        let halt = || self.work.signal.is_closing();
        replace(&self.work, scope, segment, &halt).map(|replaced| replaced.erased)
    }

    /// Waits until no query reads a replaced segment of the scope, merged ones included. The last reader
    /// deletes the file.
    fn wait_for_readers(&self, scope: EventScope) -> Result<(), StoreError> {
        while self.work.state.segments.has_readers(scope) {
            if self.work.signal.is_closing() {
                return Err(StoreError::Closing);
            }
            self.work.signal.wait(READER_CHECK);
        }
        // The waits above may have consumed a wake-up for other work.
        self.work.signal.wake();
        Ok(())
    }

    fn each(&self, waiting: &[ErasureRecord], change: impl Fn(&mut ErasureState)) {
        let mut erasures = self.work.state.erasures.by_id.write();
        let ids: HashSet<ErasureId> = waiting.iter().map(|erasure| erasure.id).collect();
        erasures.values_mut().filter(|erasure| ids.contains(&erasure.record.id)).for_each(change);
    }
}
