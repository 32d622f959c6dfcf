//! Retention: a stored watermark hides expired events at once; the worker then deletes them.

use std::sync::atomic::Ordering;

use bytes::{BufMut as _, BytesMut};
use millimetric_core::event::EventScope;
use millimetric_events::StoreError;
use uuid::Uuid;

use super::Work;
use super::deletion::of_scope;
use crate::hidden::ALL_EXPIRED;
use crate::sql::Sql;
use crate::write::row_binary::put_text;

/// The columns of an inserted row.
const INSERT: &str = "INSERT INTO retention (project, env, before) FORMAT RowBinary";
/// Most scopes of one mutation, whose text is bounded.
const MAX_SCOPES: usize = 100;

impl Work {
    /// Stores a watermark, in milliseconds since 1970: earlier events are hidden when this returns. A lower one than
    /// is stored changes nothing.
    pub(crate) async fn request_expiry(&self, scope: EventScope, before: i64) -> Result<(), StoreError> {
        let mut row = BytesMut::new();
        put_text(&mut row, &scope.project.to_string());
        put_text(&mut row, scope.env.as_str());
        row.put_i64_le(before);
        self.client.insert(INSERT, row.freeze(), &Uuid::now_v7().to_string()).await?;
        self.must_expire.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Deletes expired events, if a watermark changed since the last time.
    pub(super) async fn expire_due(&self) -> Result<(), StoreError> {
        if !self.must_expire.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let expired = self.expire_all().await;
        self.must_expire.fetch_or(expired.is_err(), Ordering::Relaxed);
        expired
    }

    async fn expire_all(&self) -> Result<(), StoreError> {
        let mut conditions = Vec::new();
        for row in self.client.rows(&Sql::new(include_str!("watermarks.sql")), &self.limits).await? {
            let text = |index: usize| row.get(index).and_then(serde_json::Value::as_str).unwrap_or_default();
            let (Ok(project), Ok(env)) = (text(0).parse(), text(1).parse()) else { continue };
            let Some(before) = row.get(2).and_then(serde_json::Value::as_i64) else { continue };
            let condition = condition(EventScope { project, env }, before);
            let first = Sql::new(format!("SELECT 1 FROM events WHERE {condition} LIMIT 1"));
            if !self.client.rows(&first, &self.limits).await?.is_empty() {
                conditions.push(format!("({condition})"));
            }
        }
        for conditions in conditions.chunks(MAX_SCOPES) {
            self.delete(&conditions.join(" OR ")).await?;
        }
        Ok(())
    }
}

/// The condition that selects the expired rows of a scope.
fn condition(scope: EventScope, before: i64) -> String {
    let of_scope = of_scope(scope);
    if before == ALL_EXPIRED {
        return of_scope;
    }
    format!("{of_scope} AND toUnixTimestamp64Milli(timestamp) < {before}")
}
