//! What is counted of sessions, by group.

use millimetric_core::query::SessionsRow;

use crate::query::groups::percentile::median;
use crate::query::sessions::Session;

/// Counts by group number.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    pub(super) groups: Vec<GroupCounts>,
    /// Number of durations in all groups.
    pub(super) sessions: usize,
}

/// The sessions of one group.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupCounts {
    bounces: u64,
    views: u64,
    /// Milliseconds from the first to the last event of each session.
    durations: Vec<i64>,
}

impl Accumulator {
    pub(super) fn add(&mut self, group: u32, session: &Session) {
        let counts = self.group(group as usize);
        counts.bounces += u64::from(session.bounce);
        counts.views += u64::from(session.views);
        counts.durations.push(session.last_at - session.first_at);
        self.sessions += 1;
    }

    fn group(&mut self, group: usize) -> &mut GroupCounts {
        if group >= self.groups.len() {
            self.groups.resize(group + 1, GroupCounts::default());
        }
        &mut self.groups[group]
    }

    pub(super) fn bytes(&self) -> usize {
        // Vectors have up to twice the capacity that they use.
        2 * (self.groups.len() * size_of::<GroupCounts>() + self.sessions * size_of::<i64>())
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.sessions += other.sessions;
        for (group, mut theirs) in other.groups.into_iter().enumerate() {
            let mine = self.group(group);
            mine.bounces += theirs.bounces;
            mine.views += theirs.views;
            mine.durations.append(&mut theirs.durations);
        }
    }
}

impl GroupCounts {
    /// Number of sessions.
    pub(super) fn sessions(&self) -> usize {
        self.durations.len()
    }

    /// The row, without bucket and keys.
    pub(super) fn row(&self) -> SessionsRow {
        SessionsRow {
            sessions: self.sessions() as u64,
            bounces: self.bounces,
            views: self.views,
            median_millis: median(self.durations.clone()),
            ..SessionsRow::default()
        }
    }
}
