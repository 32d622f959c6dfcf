//! The signal that events came in, for pages that show them as they happen.
//!
//! Costs nothing while nobody listens. Carries no event: a listener queries the store, so it never
//! shows what a query would not return.

use std::sync::atomic::{AtomicI64, Ordering};

use millimetric_core::ids::ProjectId;
use tokio::sync::watch;

use crate::limits::busy::Busy;
use crate::limits::slots::{Slot, Slots};

/// Streams at once, in all and of one project.
const STREAMS: (usize, usize) = (64, 16);

/// Signals listeners that events came in, or that the server stops.
#[derive(Debug)]
pub struct Live {
    /// How often events were stored.
    times: AtomicI64,
    /// The sum of this number over all servers, as last heard.
    everywhere: AtomicI64,
    news: watch::Sender<News>,
    streams: Slots,
}

/// What listeners see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// The server stops: nothing more will come.
    pub over: bool,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            times: AtomicI64::new(0),
            everywhere: AtomicI64::new(0),
            news: watch::Sender::default(),
            streams: Slots::new(STREAMS.0, STREAMS.1),
        }
    }
}

impl Live {
    /// Events were stored.
    pub fn came(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.signal();
    }

    /// How often events were stored by this server.
    pub fn times(&self) -> i64 {
        self.times.load(Ordering::Relaxed)
    }

    /// How often they were stored by all servers that share a control database, this one included.
    pub fn came_elsewhere(&self, times: i64) {
        if self.everywhere.swap(times, Ordering::Relaxed) != times {
            self.signal();
        }
    }

    fn signal(&self) {
        if self.news.receiver_count() > 0 {
            self.news.send_modify(|_| {});
        }
    }

    /// The server stops.
    pub fn stop(&self) {
        self.news.send_modify(|news| news.over = true);
    }

    /// A stream for a project, until it is dropped; an error if all are taken.
    pub fn watch(&self, project: ProjectId) -> Result<Watch, Busy> {
        let busy = Busy { what: "too many streams at once", retry_after_s: 30 };
        let slot = self.streams.try_take(project).ok_or(busy)?;
        Ok(Watch { news: self.news.subscribe(), _slot: slot })
    }
}

/// Somebody who looks.
#[derive(Debug)]
pub struct Watch {
    news: watch::Receiver<News>,
    _slot: Slot,
}

impl Watch {
    /// Waits for news; false when there will be no more.
    pub async fn next(&mut self) -> bool {
        // It may have stopped before anybody looked.
        let over = self.news.borrow().over;
        !over && self.news.changed().await.is_ok() && !self.news.borrow_and_update().over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_looks_hears_of_news_and_of_the_end() {
        let live = Live::default();
        live.came();
        let mut watch = live.watch(project(1)).unwrap();
        live.came();
        assert!(watch.next().await);
        live.stop();
        assert!(!watch.next().await);
    }

    #[tokio::test]
    async fn whoever_looks_hears_of_what_other_servers_stored() {
        let live = Live::default();
        live.came();
        let mut watch = live.watch(project(1)).unwrap();
        live.came_elsewhere(live.times() + 1);
        assert!(watch.next().await);
        live.came_elsewhere(live.times() + 1);
        assert!(!watch.news.has_changed().unwrap(), "the same number is no news");
    }

    #[test]
    fn a_project_has_so_many_streams_and_leaves_some_to_others() {
        let live = Live::default();
        let mut held: Vec<_> = (0..STREAMS.1).map(|_| live.watch(project(1)).unwrap()).collect();
        assert_eq!(live.watch(project(1)).unwrap_err().retry_after_s, 30);
        assert!(live.watch(project(2)).is_ok());
        held.pop();
        assert!(live.watch(project(1)).is_ok());
    }

    fn project(number: u128) -> ProjectId {
        ProjectId::new(uuid::Uuid::from_u128(number))
    }
}
