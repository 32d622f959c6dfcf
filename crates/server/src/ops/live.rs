//! What happens now: the newest events, and word when there are new ones.
//!
//! Costs nothing while nobody looks: storing an event asks only whether anybody waits. Whoever
//! waits asks the store, so that nothing is shown that an answer would not hold.

use std::sync::Arc;

use millimetric_core::event::Event;
use millimetric_core::query::{EventsQuestion, Metric, Number, RowLimit, StatsQuestion};
use millimetric_core::time::{TimeRange, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::read;
use crate::app::App;
use crate::auth::{Authorized, Read};
use crate::error::{ApiError, ApiResult, ErrorCode};

/// Streams at once.
const STREAMS: usize = 64;
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
    streams: Arc<Semaphore>,
}

/// What is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// The server stops: nothing more will come.
    pub over: bool,
}

impl Default for Live {
    fn default() -> Self {
        Self { news: watch::Sender::default(), streams: Arc::new(Semaphore::new(STREAMS)) }
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

    /// A place for somebody who looks, until it is dropped; 503 when all are taken.
    pub fn watch(&self) -> ApiResult<Watch> {
        let place = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            ApiError::new(ErrorCode::Overloaded).retry_after(30).because("too many streams at once")
        })?;
        Ok(Watch { news: self.news.subscribe(), _place: place })
    }
}

/// Somebody who looks.
#[derive(Debug)]
pub struct Watch {
    news: watch::Receiver<News>,
    _place: OwnedSemaphorePermit,
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
    let question = EventsQuestion { range, filters: Vec::new(), limit, after: None };
    Ok(read::events(app, by, question).await?.rows)
}

/// Visitors of the last five minutes.
pub async fn visitors_now(app: &App, by: &Authorized<Read>) -> ApiResult<u64> {
    let now = app.now();
    let range = between(now.plus_millis(-NOW_MILLIS), now.plus_millis(AHEAD_MILLIS));
    let question = StatsQuestion {
        range,
        filters: Vec::new(),
        metric: Metric::Uniques,
        group_by: Vec::new(),
        buckets: None,
        limit: RowLimit::ONE,
    };
    let answer = read::stats(app, by, question).await?;
    Ok(match answer.rows.first().and_then(|row| row.value) {
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
        let mut watch = live.watch().unwrap();
        live.came();
        assert!(watch.next().await);
        live.stop();
        assert!(!watch.next().await);
    }

    #[test]
    fn streams_have_so_many_places() {
        let live = Live::default();
        let mut places: Vec<_> = (0..STREAMS).map(|_| live.watch().unwrap()).collect();
        assert_eq!(live.watch().unwrap_err().code, ErrorCode::Overloaded);
        places.pop();
        assert!(live.watch().is_ok());
    }
}
