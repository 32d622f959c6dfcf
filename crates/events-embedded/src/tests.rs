//! Tests of the embedded engine alone, besides the conformance suite: files on disk, crashes, limits.

mod backup;
mod damaged_rows;
mod disk;
mod floods;
mod limits;
mod merging;
mod moving;
mod once;
mod to_the_byte;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use millimetric_core::event::Event;
use millimetric_core::time::Timestamp;
use tempfile::TempDir;

use crate::{EmbeddedStore, Options};
use millimetric_events::EventStore;
use millimetric_events::conformance;
use millimetric_events::suite::Engine;
use millimetric_events::suite::sample::at;

/// The engine, with a clock that is fixed at the day of the sample's events.
struct Embedded {
    directory: TempDir,
    store: EmbeddedStore,
}

#[async_trait]
impl Engine for Embedded {
    async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let store = open(directory.path()).await;
        Self { directory, store }
    }

    fn store(&self) -> &dyn EventStore {
        &self.store
    }

    async fn settle(&self) {
        self.store.flush_now().await.unwrap();
        self.store.merge_now().await.unwrap();
    }

    async fn restart(self) -> Self {
        let Self { directory, store } = self;
        drop(store);
        let store = open(directory.path()).await;
        Self { directory, store }
    }
}

conformance!(Embedded);

/// Options with this clock.
fn options_at(clock: &Clock) -> Options {
    let clock = clock.clone();
    Options { clock: Arc::new(move || clock.now()), ..Options::default() }
}

pub(crate) async fn open(directory: &Path) -> EmbeddedStore {
    EmbeddedStore::open(directory, options_at(&Clock::at("2026-05-16T12:01:00Z"))).await.unwrap()
}

/// A clock that the test sets.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn at(time: &str) -> Self {
        Self(Arc::new(AtomicI64::new(at(time).millis())))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn set(&self, time: &str) {
        self.0.store(at(time).millis(), Ordering::Relaxed);
    }
}

fn gauge(store: &EmbeddedStore, name: &str) -> f64 {
    store.gauges().into_iter().find(|gauge| gauge.0 == name).unwrap().1
}

/// Waits until the gauge has this value.
async fn until(store: &EmbeddedStore, name: &str, value: f64) {
    while (gauge(store, name) - value).abs() > 0.5 {
        tokio::task::yield_now().await;
    }
}

/// An event with this id and time.
fn event_at(id: &str, time: &str) -> Event {
    Event { timestamp: at(time), ..millimetric_events::suite::sample::event(id) }
}
