//! Moves the events of a month of a project and env, and compares both stores.
//!
//! A day that the target has no event of is stored as it is read. Of a day that differs, an earlier run has stored
//! some events: then the target's events are read, and the missing ones stored.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::bail;
use futures_util::{StreamExt as _, TryStreamExt as _};
use millimetric_core::column::Column;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::query::{EventSelector, ExportQuery};
use millimetric_core::time::{HOUR_MILLIS, TimeRange, Timestamp};
use millimetric_events::{EventStream, MovableStore, StoreError};

use super::Stores;
use super::digest::{Day, Days, Digest, identity};

/// Events that are stored in one call, and approximately the most bytes of their texts.
const BATCH_EVENTS: usize = 20_000;
const BATCH_BYTES: usize = 16 << 20;
/// Calls that store events at the same time.
const CALLS: usize = 2;
/// Events of a day of which the ids are held in memory at once; a day with more is read hour by hour.
const HELD_IDS: u64 = 1_000_000;
/// The pause before a retry when the target is overloaded, and the most tries.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: usize = 1500;

/// A month as both stores have it after the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Compared {
    /// In the source, when it was read.
    pub(super) source: Digest,
    /// In the target.
    pub(super) target: Digest,
    /// How many events were stored.
    pub(super) moved: u64,
}

/// Moves the events of a range, which is at most a month. `is_new` says that the target has none of it.
pub(super) async fn transfer(
    stores: &Stores,
    scope: EventScope,
    range: TimeRange,
    is_new: bool,
) -> anyhow::Result<Compared> {
    let before = if is_new { Days::default() } else { days(&*stores.target, scope, range).await? };
    let (mut source, mut moved) = copy_new_days(stores, scope, range, &before).await?;
    for day in source.differing(&before) {
        if before.get(day).events > 0 {
            let (digest, missing) = copy_missing(stores, scope, day, before.get(day).events).await?;
            source.set(day, digest);
            moved += missing;
        }
    }
    let target = if moved == 0 { before } else { days(&*stores.target, scope, range).await? };
    Ok(Compared { source: source.total(), target: target.total(), moved })
}

/// Stores the events of days of which the target has none. Returns what the source has of every day, and how many
/// events were stored.
async fn copy_new_days(
    stores: &Stores,
    scope: EventScope,
    range: TimeRange,
    before: &Days,
) -> anyhow::Result<(Days, u64)> {
    let mut source = Days::default();
    let is_new = |event: &Event| {
        source.add(event);
        before.get(Day::of(event.timestamp)).events == 0
    };
    let moved = copy(stores, scope, export(&*stores.source, scope, range), is_new).await?;
    Ok((source, moved))
}

/// Stores the events of a day that the target does not have. Returns what the source has of the day, and how many
/// events were stored.
async fn copy_missing(
    stores: &Stores,
    scope: EventScope,
    day: Day,
    events: u64,
) -> anyhow::Result<(Digest, u64)> {
    let (from, to) = day.bounds();
    let step = if events > HELD_IDS { HOUR_MILLIS } else { to.millis() - from.millis() };
    let (mut source, mut moved) = (Days::default(), 0);
    let mut start = from;
    while let Some(range) = TimeRange::new(start, to.min(start.plus_millis(step))) {
        let mut known = HashSet::new();
        let mut target = export(&*stores.target, scope, range);
        while let Some(events) = target.try_next().await? {
            known.extend(events.iter().map(identity));
        }
        let is_missing = |event: &Event| {
            source.add(event);
            !known.contains(&identity(event))
        };
        moved += copy(stores, scope, export(&*stores.source, scope, range), is_missing).await?;
        start = range.to();
    }
    Ok((source.get(day), moved))
}

/// Stores the events of a stream that are selected, and returns how many. The next batch is read while others are
/// stored.
async fn copy(
    stores: &Stores,
    scope: EventScope,
    events: EventStream,
    mut is_selected: impl FnMut(&Event) -> bool,
) -> anyhow::Result<u64> {
    let selected = events.map_ok(|mut events| {
        stores.progress.add(events.len() as u64);
        events.retain(&mut is_selected);
        events
    });
    let batches = batches(selected);
    let stored = batches.map(|batch| async { load(&*stores.target, scope, batch?).await });
    stored.buffer_unordered(CALLS).try_fold(0, async |sum, stored| Ok(sum + stored)).await
}

/// Joins small groups of events.
fn batches(
    events: impl futures_util::Stream<Item = Result<Vec<Event>, StoreError>>,
) -> impl futures_util::Stream<Item = Result<Vec<Event>, StoreError>> {
    futures_util::stream::try_unfold(Box::pin(events.fuse()), async |mut events| {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_EVENTS && bytes < BATCH_BYTES {
            let Some(more) = events.try_next().await? else { break };
            bytes += more.iter().map(text_bytes).sum::<usize>();
            batch.extend(more);
        }
        Ok((!batch.is_empty()).then_some((batch, events)))
    })
}

fn text_bytes(event: &Event) -> usize {
    Column::ALL.iter().filter_map(|column| event.text(*column)).map(str::len).sum()
}

/// Stores a batch; tries again while the store is overloaded, for at most five minutes.
async fn load(store: &dyn MovableStore, scope: EventScope, batch: Vec<Event>) -> anyhow::Result<u64> {
    for _ in 0..TRIES {
        match store.load(scope, batch.clone()).await {
            Err(StoreError::Overloaded) => tokio::time::sleep(PAUSE).await,
            stored => return Ok(stored?),
        }
    }
    bail!("the target has been overloaded for five minutes: try again later, it goes on where it stopped")
}

/// What a store has of each day of a range.
async fn days(store: &dyn MovableStore, scope: EventScope, range: TimeRange) -> Result<Days, StoreError> {
    let mut days = Days::default();
    let mut events = export(store, scope, range);
    while let Some(events) = events.try_next().await? {
        for event in &events {
            days.add(event);
        }
    }
    Ok(days)
}

fn export(store: &dyn MovableStore, scope: EventScope, range: TimeRange) -> EventStream {
    store.export(
        scope,
        Timestamp::MIN,
        ExportQuery { range, events: EventSelector::Any, filters: Vec::new() },
    )
}
