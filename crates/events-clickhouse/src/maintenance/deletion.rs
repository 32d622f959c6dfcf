//! Deletes rows from disk with a mutation, and waits until it is executed.
//!
//! The text of a mutation stays readable in files and logs of the servers. It contains ids of projects and requests,
//! and times, and nothing of a person.

use std::time::Duration;

use millimetric_core::event::EventScope;
use millimetric_events::StoreError;

use super::Work;
use crate::schema;
use crate::sql::Sql;

/// The first and the longest pause between two looks at a mutation.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// The condition that selects the rows of a scope. Both values are made of letters, digits and `_`.
pub(super) fn of_scope(scope: EventScope) -> String {
    format!("project = '{}' AND env = '{}'", scope.project, scope.env)
}

impl Work {
    /// Deletes the rows of `events` that fulfil a condition. Parts without such rows are not rewritten.
    pub(super) async fn delete(&self, condition: &str) -> Result<(), StoreError> {
        let cluster = self.cluster.as_deref();
        let (table, on_cluster) = (schema::local_events(cluster), schema::on_cluster(cluster));
        let statement = format!("ALTER TABLE {table} {on_cluster} DELETE WHERE {condition}");
        self.client.execute(&Sql::new(statement)).await?;
        self.wait_for_mutations(table).await
    }

    /// Waits until the table has no mutation that is not executed.
    async fn wait_for_mutations(&self, table: &str) -> Result<(), StoreError> {
        let (mut pause, longest) = PAUSES;
        let statement = Sql::new(include_str!("mutations.sql")).bind("table", table);
        loop {
            let rows = self.client.rows(&statement, &self.limits).await?;
            let number = |index: usize| rows.first().and_then(|row| row.get(index)?.as_u64());
            match (number(0), number(1)) {
                (Some(0), _) => return Ok(()),
                (Some(_), Some(0)) => tokio::time::sleep(pause).await,
                _ => return Err(StoreError::Internal("a mutation of `events` failed".to_owned())),
            }
            pause = (pause * 2).min(longest);
        }
    }
}
