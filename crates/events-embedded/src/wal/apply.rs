//! How the writer makes the changes of `change.rs`: first on disk, then in memory, so that
//! readers never see what a crash could take back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use sqlx::SqliteConnection;

use crate::columns::cache::Part;
use crate::maintenance::backup;
use crate::segment::Segment;
use crate::state::shared::ErasureState;
use crate::state::tombstones::Person;
use crate::wal::commands::{Change, Changed, Frozen, Swap};
use crate::wal::manifest::SwapRows;
use crate::wal::stored::StoredErasure;
use crate::wal::writer::Writer;
use millimetric_events::StoreError;

impl Writer {
    pub(crate) fn apply(&mut self, change: Change) -> Result<Changed, StoreError> {
        match change {
            Change::Freeze(scope) => return Ok(Changed::Frozen(self.freeze(scope))),
            Change::Swap(swap) => self.swap(swap)?,
            Change::Purge { scope, from, to } => {
                self.runtime.block_on(self.manifest.purge(scope, from, to))?;
            }
            Change::PurgeAll => self.runtime.block_on(self.manifest.purge_all())?,
            Change::EmptyLog => self.runtime.block_on(self.manifest.empty_log())?,
            Change::Shrink { spare } => {
                return Ok(Changed::Shrunk(self.runtime.block_on(self.manifest.shrink(spare))?));
            }
            Change::DropKnownIds(segments) => self.drop_known_ids(&segments)?,
            Change::Erase(erasure) => self.erase(erasure)?,
            Change::Link(id, linked) => self.link(id, linked)?,
            Change::Finish(id, at) => self.finish(id, at)?,
            Change::Floor(scope, before) => self.floor(scope, before)?,
            Change::Pin(connection) => return self.pin(connection),
        }
        Ok(Changed::Done)
    }

    fn pin(&mut self, mut connection: SqliteConnection) -> Result<Changed, StoreError> {
        self.runtime.block_on(backup::pin(&mut connection))?;
        let scopes = self.shared.scopes.all();
        let segments = scopes.iter().flat_map(|scope| scope.live.read().segments.clone()).collect();
        Ok(Changed::Pinned(connection, segments))
    }

    fn freeze(&mut self, id: EventScope) -> Frozen {
        let scope = self.shared.scopes.get_or_new(id);
        let mut live = scope.live.write();
        let before = live.hot_size();
        live.freeze_tail(self.shared.next_block());
        self.shared.count_hot(before, live.hot_size());
        self.ids.entry(id).or_default().freeze();
        let first_seq = live.first_seq.unwrap_or(live.last_seq + 1);
        Frozen { blocks: live.blocks.clone(), first_seq, last_seq: live.last_seq }
    }

    fn swap(&mut self, swap: Swap) -> Result<(), StoreError> {
        let removed: Vec<i64> = swap.removed.iter().map(|segment| segment.id).collect();
        let rows = SwapRows {
            scope: swap.scope,
            sealed_seq: swap.frozen.as_ref().map(|frozen| frozen.last_seq),
            removed: &removed,
            added: &swap.added,
            erased: &swap.erased,
        };
        match self.runtime.block_on(self.manifest.swap(&rows)) {
            Ok(()) => self.show_swap(swap),
            Err(error) => {
                // Unless nobody knows whether the manifest names them now, the new files go.
                if !matches!(error, StoreError::NotWritable(_)) {
                    swap.added.iter().for_each(|new| new.segment.replaced.store(true, Ordering::Release));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn show_swap(&mut self, swap: Swap) {
        let scope = self.shared.scopes.get_or_new(swap.scope);
        let mut live = scope.live.write();
        let before = live.hot_size();
        if let Some(frozen) = &swap.frozen {
            live.blocks.drain(..frozen.blocks.len());
            let emptied = live.hot_rows() == 0;
            live.first_seq = (!emptied).then_some(frozen.last_seq + 1);
            live.oldest = (!emptied).then(|| self.shared.now());
            self.ids.entry(swap.scope).or_default().drop_frozen();
        }
        live.segments.retain(|segment| !swap.removed.iter().any(|removed| removed.id == segment.id));
        for new in swap.added {
            if let Some(made_ids) = new.made_ids {
                // Whoever sends something again does it soon.
                self.shared.columns.cache.put(new.segment.number(), Part::MadeIds, made_ids);
            }
            live.segments.push(Arc::new(new.segment));
        }
        live.segments.sort_unstable_by_key(|segment| segment.id);
        self.shared.count_hot(before, live.hot_size());
        drop(live);
        let mut replaced = self.shared.replaced.lock();
        replaced.retain(|(_, segment)| segment.strong_count() > 0);
        for segment in &swap.removed {
            segment.replaced.store(true, Ordering::Release);
            replaced.push((swap.scope, Arc::downgrade(segment)));
            self.shared.columns.cache.forget(segment.number());
        }
        drop(replaced);
        for block in swap.frozen.iter().flat_map(|frozen| &frozen.blocks) {
            block.number.iter().for_each(|number| self.shared.columns.cache.forget(*number));
        }
        let mut erasures = self.shared.erasures.write();
        for (id, count) in swap.erased {
            if let Some(erasure) = erasures.get_mut(&id) {
                erasure.stored.events_deleted += count;
            }
        }
    }

    fn drop_known_ids(&mut self, segments: &[Arc<Segment>]) -> Result<(), StoreError> {
        let ids: Vec<i64> = segments.iter().map(|segment| segment.id).collect();
        self.runtime.block_on(self.manifest.drop_known_ids(&ids))?;
        for segment in segments {
            *segment.known_ids.write() = None;
        }
        Ok(())
    }

    fn erase(&mut self, erasure: StoredErasure) -> Result<(), StoreError> {
        if self.shared.erasures.read().contains_key(&erasure.id) {
            return Ok(());
        }
        self.runtime.block_on(self.manifest.insert_erasure(&erasure))?;
        let scope = erasure.scope;
        let state = ErasureState { stored: erasure, running: false, failed: false };
        self.shared.erasures.write().insert(state.stored.id, state);
        self.shared.hide(scope);
        Ok(())
    }

    /// The first to tell the linked visitors is right: after that their traces may be gone.
    fn link(&mut self, id: ErasureId, linked: Vec<u128>) -> Result<(), StoreError> {
        if self.shared.erasures.read().get(&id).is_none_or(|erasure| erasure.stored.linked.is_some()) {
            return Ok(());
        }
        self.runtime.block_on(self.manifest.link_erasure(id, &linked))?;
        let mut erasures = self.shared.erasures.write();
        let Some(erasure) = erasures.get_mut(&id) else { return Ok(()) };
        erasure.stored.linked = Some(linked);
        let scope = erasure.stored.scope;
        drop(erasures);
        self.shared.hide(scope);
        Ok(())
    }

    fn finish(&mut self, id: ErasureId, at: i64) -> Result<(), StoreError> {
        self.runtime.block_on(self.manifest.finish_erasure(id, at))?;
        let mut erasures = self.shared.erasures.write();
        let Some(erasure) = erasures.get_mut(&id) else { return Ok(()) };
        erasure.stored.finished_at = Some(at);
        erasure.running = false;
        let scope = erasure.stored.scope;
        drop(erasures);
        self.shared.hide(scope);
        Ok(())
    }

    /// Raises the floor; lowers it only when nothing is left below it that would come back.
    fn floor(&mut self, id: EventScope, before: i64) -> Result<(), StoreError> {
        let scope = self.shared.scopes.get_or_new(id);
        let floor = scope.live.read().hiding.floor;
        let hidden = floor == i64::MAX || scope.live.read().earliest().is_some_and(|time| time < floor);
        if before == floor || (before < floor && hidden) {
            return Ok(());
        }
        self.runtime.block_on(self.manifest.set_floor(id, before))?;
        scope.live.write().hiding.floor = before;
        Ok(())
    }
}

impl crate::state::shared::Shared {
    /// Hides exactly the people of a scope whose erasures are not finished.
    pub(crate) fn hide(&self, id: EventScope) {
        let erasures = self.erasures.read();
        let of_scope =
            || erasures.values().map(|erasure| &erasure.stored).filter(|erasure| erasure.scope == id);
        let mut people: Vec<Person> =
            of_scope().filter(|erasure| erasure.finished_at.is_none()).map(person).collect();
        people.sort_unstable_by_key(|person| person.erasure);
        let scope = self.scopes.get_or_new(id);
        let mut live = scope.live.write();
        let forgotten = Arc::make_mut(&mut live.forgotten);
        of_scope().for_each(|erasure| forgotten.add(&person(erasure)));
        live.hiding.people = Arc::new(people);
    }
}

/// Whom an erasure means.
fn person(erasure: &StoredErasure) -> Person {
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
