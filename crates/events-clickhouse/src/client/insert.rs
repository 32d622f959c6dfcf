//! Inserts of rows that are already encoded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clickhouse::insert_formatted::InsertFormatted;
use millimetric_events::StoreError;

use super::hosts::Host;
use super::settings::INSERT;
use super::{Client, error};

/// How long an insert may take.
const INSERT_TIMEOUT: Duration = Duration::from_secs(15);

impl Client {
    /// Inserts rows in the format that `statement` ends with, as one block, and returns when they are durable. If
    /// this fails, they may or may not be stored: call it again with the same rows and the same token.
    pub(crate) async fn insert(&self, statement: &str, rows: Bytes, token: &str) -> Result<(), StoreError> {
        let send = |host: Arc<Host>| {
            let insert = host.client.insert_formatted_with(statement);
            let set =
                |insert: InsertFormatted, (name, value): &(&str, &str)| insert.with_setting(*name, *value);
            let insert = INSERT.iter().fold(insert, set).with_setting("insert_deduplication_token", token);
            sent(insert, rows.clone())
        };
        self.first_that_responds(INSERT_TIMEOUT, send).await
    }
}

async fn sent(mut insert: InsertFormatted, rows: Bytes) -> Result<(), StoreError> {
    let sent = insert.send(rows).await;
    let stored = if sent.is_ok() { insert.end().await } else { sent };
    stored.map_err(|error| error::of(&error))
}
