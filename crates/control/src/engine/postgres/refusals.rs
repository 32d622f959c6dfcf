//! What the servers that share a database refused lately, so that each shows the refusals of all. The texts are the
//! servers' own; only the latest of a server and project is kept.

use millimetric_core::ids::ProjectId;
use millimetric_core::time::Timestamp;
use sqlx::{query, query_scalar};

use crate::{Control, ControlError};

/// The most servers whose refusals are shown.
const MOST_SERVERS: i64 = 100;

const PUT: &str = "insert into refusals (project_id, instance, at, list) values ($1, $2, $3, $4)
    on conflict (project_id, instance) do update set at = excluded.at, list = excluded.list";
const OF_OTHERS: &str = "select list from refusals
    where project_id = $1 and instance <> $2 and at >= $3 order by at desc limit $4";
const DROP: &str = "delete from refusals where at < $1";

impl Control {
    /// Replaces what a server refused of a project, last at this time.
    pub async fn put_refusals(
        &self,
        instance: &str,
        project: ProjectId,
        at: Timestamp,
        list: String,
    ) -> Result<(), ControlError> {
        let put = query(PUT).bind(project.to_string()).bind(instance.to_owned()).bind(at.millis());
        put.bind(list).execute(&self.pool).await?;
        Ok(())
    }

    /// What the other servers refused of a project, of those that refused something since then.
    pub async fn refusals_of_others(
        &self,
        instance: &str,
        project: ProjectId,
        since: Timestamp,
    ) -> Result<Vec<String>, ControlError> {
        let select = query_scalar(OF_OTHERS).bind(project.to_string()).bind(instance.to_owned());
        Ok(select.bind(since.millis()).bind(MOST_SERVERS).fetch_all(&self.pool).await?)
    }

    /// Deletes what was last refused before this time.
    pub async fn drop_refusals(&self, before: Timestamp) -> Result<(), ControlError> {
        query(DROP).bind(before.millis()).execute(&self.pool).await?;
        Ok(())
    }
}
