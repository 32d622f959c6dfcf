//! The re-classifications of a store, and the files that they have written and not yet swapped in.

use hashbrown::HashMap;
use millimetric_core::classify::ProjectRules;
use millimetric_core::event::EventScope;
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::RuleChanges;
use parking_lot::RwLock;

/// A re-classification as it is stored. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReclassificationRecord {
    pub(crate) id: ReclassificationId,
    pub(crate) scope: EventScope,
    /// The first time of the range, and the first after it.
    pub(crate) range: (i64, i64),
    pub(crate) rules: ProjectRules,
    pub(crate) at: i64,
    pub(crate) finished_at: Option<i64>,
    /// What it changed, once it is finished.
    pub(crate) changes: RuleChanges,
}

/// What it did with a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    /// The new file, relative to the folder `segments`; `None` if nothing changes in the segment.
    pub(crate) path: Option<String>,
    pub(crate) changes: RuleChanges,
}

/// What a re-classification did with the segment of this id.
pub(crate) type StagedRow = (i64, ReclassificationId, Staged);

/// A re-classification with its progress.
#[derive(Debug, Clone)]
pub(crate) struct ReclassificationState {
    pub(crate) record: ReclassificationRecord,
    /// By the id of the segment.
    pub(crate) staged: HashMap<i64, Staged>,
    pub(crate) failed: bool,
}

/// All re-classifications, finished ones included.
#[derive(Debug, Default)]
pub(crate) struct Reclassifications {
    pub(crate) by_id: RwLock<HashMap<ReclassificationId, ReclassificationState>>,
}

impl Reclassifications {
    /// Adds a re-classification as it is stored.
    pub(crate) fn insert(&self, record: ReclassificationRecord, staged: HashMap<i64, Staged>) {
        let state = ReclassificationState { record, staged, failed: false };
        self.by_id.write().insert(state.record.id, state);
    }

    /// The unfinished ones, in the order of their requests.
    pub(crate) fn pending(&self) -> Vec<ReclassificationRecord> {
        let by_id = self.by_id.read();
        let records = by_id.values().map(|state| &state.record);
        let mut pending: Vec<_> = records.filter(|record| record.finished_at.is_none()).cloned().collect();
        pending.sort_unstable_by_key(|record| (record.at, record.id));
        pending
    }

    /// Whether the scope has an unfinished one. Its segments are not merged meanwhile, since that would undo
    /// what is done.
    pub(crate) fn is_pending(&self, scope: EventScope) -> bool {
        let by_id = self.by_id.read();
        by_id.values().any(|state| state.record.scope == scope && state.record.finished_at.is_none())
    }

    /// Marks one as finished; its files are segments now.
    pub(crate) fn finish(&self, record: ReclassificationRecord) {
        self.insert(record, HashMap::new());
    }

    /// Adds what one did with a segment.
    pub(crate) fn stage(&self, (segment, id, staged): StagedRow) {
        if let Some(state) = self.by_id.write().get_mut(&id) {
            state.staged.insert(segment, staged);
        }
    }

    /// What unfinished ones did with a segment.
    pub(crate) fn staged(&self, segment: i64) -> Vec<(ReclassificationId, Staged)> {
        let by_id = self.by_id.read();
        let staged = by_id.iter().filter_map(|(id, state)| Some((*id, state.staged.get(&segment)?.clone())));
        staged.collect()
    }

    /// Removes what was staged for segments that are replaced; returns the files, which nothing names any
    /// more.
    pub(crate) fn unstage(&self, segments: &[i64]) -> Vec<String> {
        let mut by_id = self.by_id.write();
        let all = by_id.values_mut().flat_map(|state| {
            segments.iter().filter_map(|segment| state.staged.remove(segment)).collect::<Vec<_>>()
        });
        all.filter_map(|staged| staged.path).collect()
    }
}
