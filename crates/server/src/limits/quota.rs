//! The quota of a plan: events are reserved before they are stored, and counted afterwards.
//!
//! Counters live in the control database and are written in the background; a crash loses at most
//! the counts of the last second, never an event.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use millimetric_control::{Control, ControlError, Month, Plan, Project};
use millimetric_core::ids::ProjectId;
use millimetric_core::key::Env;
use millimetric_core::time::Timestamp;
use parking_lot::Mutex;

/// The counters of this process.
#[derive(Debug, Clone, Default)]
pub struct UsageMeter {
    counts: Arc<Mutex<Counts>>,
    /// Held while counts are on their way between here and the control database.
    exchange: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Events of a project in a month, live and test; only where a plan limits them.
    used: HashMap<(ProjectId, Month), Used>,
    /// Stored events that the control database has not heard of.
    unwritten: HashMap<(ProjectId, Env, Month), u64>,
}

/// Events that use up a plan.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    /// Those that the control database counts, as it was last read or written.
    total: u64,
    /// Those that were reserved or stored here and are not in the total yet.
    pending: u64,
}

/// A counter that grew, as the control database takes it.
type Row = (ProjectId, Env, Month, u64);

/// Room for some events within a plan. Dropped without being settled, it gives the room back.
#[derive(Debug)]
pub struct Reserved {
    counts: Arc<Mutex<Counts>>,
    project: ProjectId,
    env: Env,
    month: Month,
    events: u64,
}

/// Why no room was reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The plan's events of this month are used up.
    #[error("the plan's monthly event quota is used up")]
    UsedUp {
        /// The plan.
        plan: Plan,
        /// Its events of a month.
        monthly_events: u64,
        /// When the next month begins, in seconds from now.
        retry_after_s: u64,
    },
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl UsageMeter {
    /// Reserves room for so many events; an error if the plan's month has too little.
    pub async fn reserve(
        &self,
        control: &Control,
        project: &Project,
        env: Env,
        events: u64,
        now: Timestamp,
    ) -> Result<Reserved, ReserveError> {
        let month = Month::of(now);
        if let Some(limit) = project.plan.monthly_events() {
            self.learn(control, project.id, month).await?;
            let mut counts = self.counts.lock();
            let used = counts.used.entry((project.id, month)).or_default();
            if used.total + used.pending + events > limit {
                let retry_after_s = (month.next_start().millis() - now.millis()) as u64 / 1000 + 1;
                return Err(ReserveError::UsedUp {
                    plan: project.plan,
                    monthly_events: limit,
                    retry_after_s,
                });
            }
            used.pending += events;
        }
        Ok(Reserved { counts: Arc::clone(&self.counts), project: project.id, env, month, events })
    }

    /// Reads what was used before this process began to count.
    async fn learn(&self, control: &Control, project: ProjectId, month: Month) -> Result<(), ControlError> {
        if self.counts.lock().used.contains_key(&(project, month)) {
            return Ok(());
        }
        let _exchange = self.exchange.lock().await;
        let written = control.events_in_month(project, month).await?;
        let mut counts = self.counts.lock();
        let unwritten: u64 =
            Env::ALL.iter().filter_map(|env| counts.unwritten.get(&(project, *env, month))).sum();
        // Months that are over are not asked for again.
        counts.used.retain(|(_, known), _| *known >= month);
        counts.used.entry((project, month)).or_insert(Used { total: written, pending: unwritten });
        Ok(())
    }

    /// Reads the totals again, which contain what other servers have counted.
    pub async fn read_totals(&self, control: &Control) -> Result<(), ControlError> {
        let _exchange = self.exchange.lock().await;
        let months: BTreeSet<Month> = self.counts.lock().used.keys().map(|&(_, month)| month).collect();
        for month in months {
            for (project, total) in control.events_by_project(month).await? {
                if let Some(used) = self.counts.lock().used.get_mut(&(project, month)) {
                    used.total = total;
                }
            }
        }
        Ok(())
    }

    /// Writes what has been counted since the last call.
    pub async fn write(&self, control: &Control) -> Result<(), ControlError> {
        let _exchange = self.exchange.lock().await;
        let taken = std::mem::take(&mut self.counts.lock().unwritten);
        let rows: Vec<_> =
            taken.iter().map(|(&(project, env, month), &events)| (project, env, month, events)).collect();
        match control.add_usage(&rows).await {
            Err(ControlError::UnknownProject) => self.write_one_by_one(control, rows).await,
            Err(error) => {
                self.put_back(rows);
                Err(error)
            }
            Ok(()) => {
                self.note_written(&rows);
                Ok(())
            }
        }
    }

    fn note_written(&self, rows: &[Row]) {
        let mut counts = self.counts.lock();
        for &(project, _, month, events) in rows {
            if let Some(used) = counts.used.get_mut(&(project, month)) {
                used.total += events;
                used.pending = used.pending.saturating_sub(events);
            }
        }
    }

    /// A project whose row is gone keeps no other from being counted.
    async fn write_one_by_one(&self, control: &Control, rows: Vec<Row>) -> Result<(), ControlError> {
        let mut written = Ok(());
        for row in rows {
            match control.add_usage(&[row]).await {
                Err(ControlError::UnknownProject) => {
                    tracing::error!(project = %row.0, events = row.3, "usage of a project without a row is dropped");
                }
                Err(error) => {
                    self.put_back([row]);
                    written = Err(error);
                }
                Ok(()) => self.note_written(&[row]),
            }
        }
        written
    }

    fn put_back(&self, rows: impl IntoIterator<Item = Row>) {
        let mut counts = self.counts.lock();
        for (project, env, month, events) in rows {
            *counts.unwritten.entry((project, env, month)).or_default() += events;
        }
    }
}

impl Reserved {
    /// Ends the reservation: `stored` of its events were new, the others leave their room free.
    pub fn settle(mut self, stored: u64) {
        let mut counts = self.counts.lock();
        if stored > 0 {
            *counts.unwritten.entry((self.project, self.env, self.month)).or_default() += stored;
        }
        drop(counts);
        self.events = self.events.saturating_sub(stored);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(used) = counts.used.get_mut(&(self.project, self.month)) {
            used.pending = used.pending.saturating_sub(self.events);
        }
    }
}
