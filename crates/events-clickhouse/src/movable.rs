//! [`MovableStore`]: moves the content of the store to another engine, or takes that of one.

use async_trait::async_trait;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::time::Timestamp;
use millimetric_events::{Deletions, MovableStore, StoreError};

use crate::sql::{self, Sql};
use crate::store::ClickHouseStore;
use crate::write::load::load;

#[async_trait]
impl MovableStore for ClickHouseStore {
    async fn periods(&self, scope: EventScope) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
        let statement = Sql::new(include_str!("periods.sql"))
            .bind("project", sql::string(&scope.project.to_string()))
            .bind("env", sql::string(scope.env.as_str()));
        let rows = self.client.rows(&statement, &self.limits).await?;
        let times = rows.iter().filter_map(|row| {
            let time = |index: usize| Timestamp::from_millis(row.get(index)?.as_i64()?);
            Some((time(0)?, time(1)?))
        });
        Ok(times.collect())
    }

    async fn deletions(&self) -> Result<Deletions, StoreError> {
        self.work.deletions().await
    }

    async fn take_deletions(&self, deletions: &Deletions) -> Result<(), StoreError> {
        self.work.take_deletions(deletions).await?;
        self.work.wake();
        Ok(())
    }

    async fn load(&self, scope: EventScope, events: Vec<Event>) -> Result<u64, StoreError> {
        load(&self.client, self.limits, self.hash, scope, &events).await
    }
}
