//! Slots: how many of something may run at once, in all and for one project.
//!
//! Used for queries, exports and live streams. Knows none of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millimetric_core::ids::ProjectId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots that all projects share, of which one project has a part at the most.
#[derive(Debug)]
pub struct Slots {
    all: Arc<Semaphore>,
    count: usize,
    of_one: usize,
    by_project: Mutex<HashMap<ProjectId, Arc<Semaphore>>>,
    waiting: AtomicUsize,
}

/// A slot that is taken, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_project: OwnedSemaphorePermit,
}

/// Counts one who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    /// So many in all, and so many of them for one project; at least one each.
    pub fn new(count: usize, of_one: usize) -> Self {
        let count = count.max(1);
        Self {
            all: Arc::new(Semaphore::new(count)),
            count,
            of_one: of_one.clamp(1, count),
            by_project: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes a slot if one is free; `None` otherwise.
    pub fn try_take(&self, project: ProjectId) -> Option<Slot> {
        let of_project = self.of_project(project).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Slot { _of_all: of_all, _of_project: of_project })
    }

    /// Waits for a slot, first come first served; `None` when none became free in time. One project that
    /// waits for many slots keeps no other project waiting for its own.
    pub async fn take(&self, project: ProjectId, within: Duration) -> Option<Slot> {
        if let Some(slot) = self.try_take(project) {
            return Some(slot);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let both = async {
            let of_project = self.of_project(project).acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Slot { _of_all: of_all, _of_project: of_project })
        };
        tokio::time::timeout(within, both).await.ok().flatten()
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.count - self.all.available_permits()
    }

    /// How many wait for one.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn of_project(&self, project: ProjectId) -> Arc<Semaphore> {
        let mut by_project = self.by_project.lock();
        if !by_project.contains_key(&project) {
            // Only projects that hold a slot or wait for one are remembered.
            by_project.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.of_one));
        Arc::clone(by_project.entry(project).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const SOON: Duration = Duration::from_secs(10);

    fn project(number: u128) -> ProjectId {
        ProjectId::new(Uuid::from_u128(number))
    }

    #[test]
    fn one_project_leaves_slots_to_the_others() {
        let slots = Slots::new(4, 2);
        let held: Vec<_> = (0..2).filter_map(|_| slots.try_take(project(1))).collect();
        assert_eq!((held.len(), slots.taken()), (2, 2));
        assert!(slots.try_take(project(1)).is_none());
        let others: Vec<_> = [2, 3].into_iter().filter_map(|other| slots.try_take(project(other))).collect();
        assert_eq!(others.len(), 2);
        assert!(slots.try_take(project(4)).is_none(), "all are taken");
        drop(held);
        assert!(slots.try_take(project(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_waited_for_and_not_for_ever() {
        let slots = Arc::new(Slots::new(2, 1));
        let held = slots.try_take(project(1)).unwrap();
        let started = tokio::time::Instant::now();
        assert!(slots.take(project(1), SOON).await.is_none());
        assert_eq!((started.elapsed(), slots.waiting()), (SOON, 0));
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(project(1), SOON).await.is_some() }
        });
        while slots.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(slots.take(project(2), SOON).await.is_some(), "another project does not wait behind it");
        drop(held);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn only_projects_with_slots_are_remembered() {
        let slots = Slots::new(4, 2);
        let held = slots.try_take(project(0)).unwrap();
        for other in 1..1000 {
            slots.try_take(project(other)).unwrap();
        }
        assert_eq!(slots.by_project.lock().len(), 2);
        drop(held);
    }
}
