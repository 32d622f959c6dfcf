//! Counters of the maintenance work since the start, which `/metrics` exports.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use millimetric_events::StoreError;

/// One counter for each kind of maintenance work.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Memtables flushed to segments (`flushes_total` in `/metrics`).
    pub(crate) flushes: Counter,
    /// Merges of segments.
    pub(crate) merges: Counter,
    /// Removals of erased people from disk.
    pub(crate) erasures: Counter,
    /// Removals of expired events from disk.
    pub(crate) expiries: Counter,
    /// Files of events that were classified again.
    pub(crate) reclassified: Counter,
}

/// The counter of one kind of work.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    runs: AtomicU64,
    events: AtomicU64,
    micros: AtomicU64,
    running: AtomicBool,
}

impl Counter {
    /// Runs and counts `work`, which returns the number of events that it wrote or removed. Only one thread
    /// at a time may run work of a kind.
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

    /// Successful runs, their events, the seconds of all runs, and 1 while a run is in progress.
    fn values(&self) -> [f64; 4] {
        [
            self.runs.load(Ordering::Relaxed) as f64,
            self.events.load(Ordering::Relaxed) as f64,
            self.micros.load(Ordering::Relaxed) as f64 / 1e6,
            f64::from(u8::from(self.running.load(Ordering::Relaxed))),
        ]
    }
}

impl Counters {
    /// All values by metric name.
    pub(crate) fn gauges(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let names = [
            (
                &self.flushes,
                ["flushes_total", "flushed_events_total", "flush_seconds_total", "flush_running"],
            ),
            (&self.merges, ["merges_total", "merged_events_total", "merge_seconds_total", "merge_running"]),
            (
                &self.erasures,
                ["erasures_total", "erased_events_total", "erase_seconds_total", "erase_running"],
            ),
            (
                &self.expiries,
                ["expiries_total", "expired_events_total", "expire_seconds_total", "expire_running"],
            ),
            (
                &self.reclassified,
                [
                    "reclassified_segments_total",
                    "reclassified_events_total",
                    "reclassify_seconds_total",
                    "reclassify_running",
                ],
            ),
        ];
        names.into_iter().flat_map(|(counter, names)| names.into_iter().zip(counter.values()))
    }
}
