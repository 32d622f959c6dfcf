//! What happens now: the newest events, and word when there are new ones.
//!
//! Costs nothing while nobody looks: storing an event asks only whether anybody waits. Whoever
//! waits asks the store, so that nothing is shown that an answer would not hold.

use millimetric_core::event::Event;
use millimetric_core::ids::ProjectId;
use millimetric_core::query::{EventsQuery, Metric, Number, RowLimit, StatsQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use tokio::sync::watch;

use super::read;
use crate::app::App;
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::limits::slots::{Slot, Slots};

/// Streams at once, in all and of one project.
const STREAMS: (usize, usize) = (64, 16);
/// The newest events that are told.
const NEWEST: u64 = 50;
/// How long ago "now" began, in milliseconds.
const NOW_MILLIS: i64 = 5 * 60 * 1000;
/// How far back the newest events may lie, and how far ahead of our clock: as much as is taken.
const BACK_MILLIS: i64 = 24 * 60 * 60 * 1000;
const AHEAD_MILLIS: i64 = 10 * 60 * 1000;

/// Tells whoever looks that something came, or that the server stops.
#[derive(Debug)]
pub struct Live {
    news: watch::Sender<News>,
    streams: Slots,
}

/// What is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// The server stops: nothing more will come.
    pub over: bool,
}

impl Default for Live {
    fn default() -> Self {
        Self { news: watch::Sender::default(), streams: Slots::new(STREAMS.0, STREAMS.1) }
    }
}

impl Live {
    /// Events were stored.
    pub fn came(&self) {
        if self.news.receiver_count() > 0 {
            self.news.send_modify(|_| {});
        }
    }

    /// The server stops.
    pub fn stop(&self) {
        self.news.send_modify(|news| news.over = true);
    }

    /// A place for somebody who looks at a project, until it is dropped; 503 when all are taken.
    pub fn watch(&self, project: ProjectId) -> ApiResult<Watch> {
        let slot = self.streams.try_take(project).ok_or_else(|| {
            ApiError::new(ErrorCode::Overloaded).retry_after(30).because("too many streams at once")
        })?;
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

/// The newest events of the last day, the newest first.
pub async fn newest(app: &App, by: &Authorized<Read>) -> ApiResult<Vec<Event>> {
    let now = app.now();
    let range = between(now.plus_millis(-BACK_MILLIS), now.plus_millis(AHEAD_MILLIS));
    let limit = RowLimit::new(NEWEST).unwrap_or(RowLimit::ONE);
    let query = EventsQuery { range, filters: Vec::new(), limit, after: None };
    Ok(read::events(app, by, query).await?.rows)
}

/// Visitors of the last five minutes.
pub async fn visitors_now(app: &App, by: &Authorized<Read>) -> ApiResult<u64> {
    let now = app.now();
    let range = between(now.plus_millis(-NOW_MILLIS), now.plus_millis(AHEAD_MILLIS));
    let query = StatsQuery {
        range,
        filters: Vec::new(),
        metric: Metric::Uniques,
        group_by: Vec::new(),
        buckets: None,
        limit: RowLimit::ONE,
    };
    let response = read::stats(app, by, query).await?;
    Ok(match response.rows.first().and_then(|row| row.value) {
        Some(Number::Integer(visitors)) => visitors,
        _ => 0,
    })
}

fn between(from: Timestamp, to: Timestamp) -> TimeRange {
    TimeRange::new(from, to).unwrap_or(TimeRange::LAST)
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

    #[test]
    fn a_project_has_so_many_streams_and_leaves_some_to_others() {
        let live = Live::default();
        let mut held: Vec<_> = (0..STREAMS.1).map(|_| live.watch(project(1)).unwrap()).collect();
        assert_eq!(live.watch(project(1)).unwrap_err().code, ErrorCode::Overloaded);
        assert!(live.watch(project(2)).is_ok());
        held.pop();
        assert!(live.watch(project(1)).is_ok());
    }

    fn project(number: u128) -> ProjectId {
        ProjectId::new(uuid::Uuid::from_u128(number))
    }
}
