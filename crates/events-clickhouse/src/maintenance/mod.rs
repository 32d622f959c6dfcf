//! What is done in the background: people are erased, expired events deleted, stored events classified again.
//!
//! One process of a database does this; which one, its owner decides. All steps can be repeated, and be done by two
//! processes at once, as happens for a moment when the work passes from one to another.

mod deletion;
mod erase;
mod expire;
mod moved;
mod new_rows;
mod reclassify;
mod requests;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use millimetric_events::StoreError;
use tokio::sync::{Mutex, Notify};

pub(crate) use self::worker::run;
use crate::client::{Client, QueryLimits};
use crate::keys::KeyedHash;
use crate::sql::Sql;

/// What the background work needs, and what wakes it.
pub(crate) struct Work {
    client: Client,
    limits: QueryLimits,
    hash: KeyedHash,
    cluster: Option<String>,
    /// Wakes the worker.
    wake: Notify,
    /// Held while a pass runs.
    pass: Mutex<()>,
    /// Whether events may have expired since the last pass.
    must_expire: AtomicBool,
    erasures_pending: AtomicUsize,
    reclassifications_pending: AtomicUsize,
}

impl Work {
    pub(crate) fn new(client: Client, limits: QueryLimits, hash: KeyedHash, cluster: Option<String>) -> Self {
        Self {
            client,
            limits,
            hash,
            cluster,
            wake: Notify::new(),
            pass: Mutex::new(()),
            must_expire: AtomicBool::new(true),
            erasures_pending: AtomicUsize::new(0),
            reclassifications_pending: AtomicUsize::new(0),
        }
    }

    /// Makes the worker begin its next pass now.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Does all work that is due, and returns when it is done. One kind that fails does not keep the others from
    /// being done.
    pub(crate) async fn pass(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.pass.lock().await;
        let (erasures, reclassifications) = (self.erase_pending().await, self.reclassify_pending().await);
        for (pending, of) in
            [(&self.erasures_pending, &erasures), (&self.reclassifications_pending, &reclassifications)]
        {
            if let Ok(count) = of {
                pending.store(*count, Ordering::Relaxed);
            }
        }
        let expired = self.expire_due().await;
        erasures.and(reclassifications).map(|_| ()).and(expired)
    }

    /// Metrics, by name.
    pub(crate) fn gauges(&self) -> [(&'static str, f64); 2] {
        let value = |count: &AtomicUsize| count.load(Ordering::Relaxed) as f64;
        [
            ("erasures_pending", value(&self.erasures_pending)),
            ("reclassifications_pending", value(&self.reclassifications_pending)),
        ]
    }

    /// The number in the first column of the first row.
    async fn number_of(&self, sql: &Sql) -> Result<u64, StoreError> {
        let rows = self.client.rows(sql, &self.limits).await?;
        let number = rows.first().and_then(|row| row.first()?.as_u64());
        number.ok_or_else(|| StoreError::Internal("a count of ClickHouse is no number".to_owned()))
    }

    /// Milliseconds since 1970.
    fn now() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
