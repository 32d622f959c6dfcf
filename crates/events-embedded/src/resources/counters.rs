//! What the background work has done since the start, as `/metrics` shows it.
//!
//! Counts only; decides nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use millimetric_events::StoreError;

/// One counter for each kind of background work.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Hot events become segments.
    pub(crate) flushes: Counter,
    /// Small segments become larger ones.
    pub(crate) merges: Counter,
    /// Erased people leave the disk.
    pub(crate) erasures: Counter,
    /// Expired events leave the disk.
    pub(crate) expiries: Counter,
}

/// What one kind of work has done.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    runs: AtomicU64,
    events: AtomicU64,
    micros: AtomicU64,
    running: AtomicBool,
}

impl Counter {
    /// Does the work, which tells how many events it wrote or removed, and counts it. Only one
    /// thread at a time does work of a kind.
    pub(crate) fn during(&self, work: impl FnOnce() -> Result<u64, StoreError>) -> Result<(), StoreError> {
        let start = Instant::now();
        self.running.store(true, Ordering::Relaxed);
        let done = work();
        self.running.store(false, Ordering::Relaxed);
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.events.fetch_add(done?, Ordering::Relaxed);
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Runs that succeeded, the events in them, seconds of all runs, and 1 while one is under way.
    fn figures(&self) -> [f64; 4] {
        [
            self.runs.load(Ordering::Relaxed) as f64,
            self.events.load(Ordering::Relaxed) as f64,
            self.micros.load(Ordering::Relaxed) as f64 / 1e6,
            f64::from(u8::from(self.running.load(Ordering::Relaxed))),
        ]
    }
}

impl Counters {
    /// All figures by name.
    pub(crate) fn gauges(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let names = [
            (&self.flushes, ["seals_total", "sealed_events_total", "seal_seconds_total", "seal_running"]),
            (&self.merges, ["merges_total", "merged_events_total", "merge_seconds_total", "merge_running"]),
            (
                &self.erasures,
                ["erasures_total", "erased_events_total", "erase_seconds_total", "erase_running"],
            ),
            (
                &self.expiries,
                ["expiries_total", "expired_events_total", "expire_seconds_total", "expire_running"],
            ),
        ];
        names.into_iter().flat_map(|(counter, names)| names.into_iter().zip(counter.figures()))
    }
}
