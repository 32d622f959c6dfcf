//! Stores events that are known to be new: no id is looked up, and each month is one insert.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use millimetric_core::event::{Event, EventScope};
use millimetric_events::StoreError;
use tokio::time::Instant;
use uuid::Uuid;

use super::group::{REPEATED_FOR, Writer, month};
use super::lookup::LeftOut;
use super::row_binary::{self, StoredWith};
use crate::client::{Client, QueryLimits};
use crate::keys::KeyedHash;

/// Stores the events, without those of people who were erased, and returns how many.
pub(crate) async fn load(
    client: &Client,
    limits: QueryLimits,
    hash: KeyedHash,
    scope: EventScope,
    events: &[Event],
) -> Result<u64, StoreError> {
    let project = scope.project.to_string();
    let left_out = LeftOut::erased_of(client, &limits, hash, (scope, events)).await?;
    let mut months: BTreeMap<(i32, u32), BytesMut> = BTreeMap::new();
    let mut stored = 0;
    for event in events {
        let keys = hash.of_event(event);
        if left_out.is_erased(scope, keys, event.timestamp.millis()) {
            continue;
        }
        let with = StoredWith { project: &project, scope, reclassification: Uuid::nil(), keys };
        row_binary::put_event(months.entry(month(event)).or_default(), event, &with);
        stored += 1;
    }
    let writer = Writer { client: client.clone(), limits, hash, state: Arc::default() };
    for rows in months.into_values() {
        writer.insert(rows.freeze(), Instant::now() + REPEATED_FOR).await?;
    }
    Ok(stored)
}
