//! Divides the batches that wait into groups, and has several of them stored at once.
//!
//! An insert costs nearly the same for few events and for many. So few events wait until the group before them is
//! stored; many do not.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::Batch;
use super::group::{Earlier, Group, Outcome, Writer};

// `cargo xtask bench scaling` has a model of these rules, with the same numbers.

/// Most groups that are stored at once.
const MAX_GROUPS: usize = 4;
/// Most events of a group. A larger batch is a group of its own.
const GROUP_EVENTS: usize = 20_000;
/// So many events do not wait for other groups.
const MANY_EVENTS: usize = 2_000;
/// How long batches wait for those of the clients that were just answered, which often send again at once.
const GATHERED_FOR: Duration = Duration::from_millis(5);
/// How long few events wait for other groups.
const PATIENCE: Duration = Duration::from_millis(100);

/// The batches that wait, and the groups that are being stored.
pub(super) struct Groups {
    writer: Arc<Writer>,
    waiting: VecDeque<Batch>,
    waiting_events: usize,
    /// Since when the batches wait, or no group is being stored.
    since: Instant,
    /// How many batches wait if every client sends again that was answered last.
    expected: usize,
    hasher: RandomState,
    being_stored: Vec<BeingStored>,
    tasks: JoinSet<usize>,
}

/// A group that is being stored.
struct BeingStored {
    /// Hashes of its ids. If two ids have the same hash, one group waits for another without need.
    ids: HashSet<u64>,
    outcome: Outcome,
}

impl Groups {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer: Arc::new(writer),
            waiting: VecDeque::new(),
            waiting_events: 0,
            since: Instant::now(),
            expected: 0,
            hasher: RandomState::new(),
            being_stored: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Stores all batches that are sent, and returns when the channel is closed and all are answered.
    pub(super) async fn store(mut self, mut receiver: mpsc::UnboundedReceiver<Batch>) {
        let mut is_open = true;
        while is_open || !self.tasks.is_empty() {
            let due = self.due();
            tokio::select! {
                batch = receiver.recv(), if is_open => match batch {
                    Some(batch) => self.add(batch),
                    None => is_open = false,
                },
                Some(result) = self.tasks.join_next() => self.ended(result),
                () = tokio::time::sleep_until(due), if self.may_start() => {}
            }
            while let Ok(batch) = receiver.try_recv() {
                self.add(batch);
            }
            while self.may_start() && (!is_open || self.due() <= Instant::now()) {
                self.start();
            }
        }
    }

    fn add(&mut self, batch: Batch) {
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        self.waiting_events += batch.events.len();
        self.waiting.push_back(batch);
    }

    fn ended(&mut self, batches: Result<usize, JoinError>) {
        self.since = Instant::now();
        match batches {
            Ok(answered) => self.expected = self.waiting.len() + answered,
            Err(error) => tracing::error!(%error, "a group of batches was not stored"),
        }
    }

    fn may_start(&self) -> bool {
        !self.waiting.is_empty() && self.tasks.len() < MAX_GROUPS
    }

    /// When the batches that wait become a group.
    fn due(&self) -> Instant {
        let (is_enough, waits_for) = if self.tasks.is_empty() {
            let is_enough = self.waiting.len() >= self.expected || self.waiting_events >= GROUP_EVENTS;
            (is_enough, GATHERED_FOR)
        } else {
            (self.waiting_events >= MANY_EVENTS, PATIENCE)
        };
        if is_enough { self.since } else { self.since + waits_for }
    }

    /// Begins to store the batches that wait longest.
    fn start(&mut self) {
        let (mut batches, mut ids, mut events) = (Vec::new(), Vec::new(), 0);
        while let Some(next) = self.waiting.front()
            && (batches.is_empty() || events + next.events.len() <= GROUP_EVENTS)
            && let Some(batch) = self.waiting.pop_front()
        {
            events += batch.events.len();
            ids.push(self.ids(&batch));
            batches.push(batch);
        }
        self.waiting_events -= events;
        self.since = Instant::now();
        self.being_stored.retain(|group| group.outcome.borrow().is_none());
        let after = self.being_stored.iter().filter_map(|earlier| earlier.of(&ids)).collect();
        let (ended, outcome) = watch::channel(None);
        self.being_stored.push(BeingStored { ids: ids.into_iter().flatten().collect(), outcome });
        let (writer, group) = (Arc::clone(&self.writer), Group { batches, after });
        self.tasks.spawn(async move {
            let batches = group.batches.len();
            ended.send_replace(Some(writer.store(group).await));
            batches
        });
    }

    /// The hashes of a batch's ids.
    fn ids(&self, batch: &Batch) -> Vec<u64> {
        batch.events.iter().map(|event| self.hasher.hash_one((batch.scope, &event.event_id))).collect()
    }
}

impl BeingStored {
    /// This group, if it has some of the ids of the batches of a later one.
    fn of(&self, batches: &[Vec<u64>]) -> Option<Earlier> {
        let is_dependent = |ids: &Vec<u64>| ids.iter().any(|id| self.ids.contains(id));
        let all = batches.iter().enumerate();
        let dependents: BTreeSet<usize> =
            all.filter(|(_, ids)| is_dependent(ids)).map(|(index, _)| index).collect();
        (!dependents.is_empty()).then(|| Earlier { outcome: self.outcome.clone(), dependents })
    }
}
