//! Tests of the embedded engine alone, besides the conformance suite: files on disk, crashes, limits.

mod backup;
mod damaged_rows;
mod disk;
mod filters;
mod floods;
mod limits;
mod merging;
mod moving;
mod once;
mod other_times;
mod reclassifying;
mod series;
mod to_the_byte;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use millimetric_core::event::Event;
use millimetric_core::time::Timestamp;
use tempfile::TempDir;

use crate::{EmbeddedStore, Options};
use millimetric_events::suite::sample::at;
use millimetric_events::suite::{self, Engine, StartError};
use millimetric_events::{EventStore as _, MovableStore, StoreError, conformance};

/// The engine, with a clock that is fixed at the day of the sample's events.
struct Embedded {
    directory: TempDir,
    store: EmbeddedStore,
}

#[async_trait]
impl Engine for Embedded {
    async fn start() -> Result<Self, StartError> {
        let directory = TempDir::new().map_err(|error| StartError::Failed(error.to_string()))?;
        Self::open(directory).await
    }

    fn store(&self) -> &dyn MovableStore {
        &self.store
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.store.flush_now().await?;
        self.store.merge_now().await
    }

    async fn restart(self) -> Result<Self, StartError> {
        let Self { directory, store } = self;
        drop(store);
        Self::open(directory).await
    }
}

impl Embedded {
    async fn open(directory: TempDir) -> Result<Self, StartError> {
        let options = options_at(&Clock::at("2026-05-16T12:01:00Z"));
        let opened = EmbeddedStore::open(directory.path(), options).await;
        let store = opened.map_err(|error| StartError::Failed(error.to_string()))?;
        Ok(Self { directory, store })
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
    let reached = async || ((gauge(store, name) - value).abs() < 0.5).then_some(());
    suite::until(&format!("{name} to be {value}"), reached).await;
}

/// Waits until the condition holds; `what` names it.
async fn until_true(what: &str, condition: impl Fn() -> bool) {
    suite::until(what, async || condition().then_some(())).await;
}

/// An event with this id and time.
fn event_at(id: &str, time: &str) -> Event {
    Event { timestamp: at(time), ..suite::sample::event(id) }
}
