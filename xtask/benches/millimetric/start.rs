//! The time from the start of the process to the first response of `/readyz`: over nothing, over
//! segments, over events in the log that have to be replayed, and over both.
//!
//! What the server finds is what one leaves that was killed: the folder is copied while a store
//! has it open.

use std::fs;
use std::path::Path;

use millimetric::demo::{DemoTraffic, finished};
use millimetric_core::event::EventScope;
use millimetric_core::ids::ProjectId;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_core::key::Env;
use millimetric_events::EventStore as _;
use millimetric_events_embedded::{EmbeddedStore, Options};
use uuid::Uuid;

use crate::machine::now;
use crate::report::{Goal, Report};
use crate::server::{Server, copy_folder, data_of};

/// Events in the write-ahead log at the start.
const HOT_EVENTS: u64 = 1_000_000;
/// Segments besides, and the events of each.
const SEGMENTS: u64 = 100;
const SEGMENT_EVENTS: u64 = 10_000;
/// Events of a batch.
const BATCH: usize = 5000;

/// Adds the starts.
pub(crate) async fn measure(binary: &Path, runs: u32, report: &mut Report) -> anyhow::Result<()> {
    let cases = [
        ("start to ready, empty folder", Goal::None, 0, 0),
        ("start to ready, 1 million flushed events", Goal::Below(100.0), 0, SEGMENTS),
        ("start to ready, 1 million events in the log", Goal::Below(1000.0), HOT_EVENTS, 0),
        (
            "start to ready, 1 million events in the log and 100 segments",
            Goal::Below(1000.0),
            HOT_EVENTS,
            SEGMENTS,
        ),
    ];
    for (name, goal, logged, segments) in cases {
        let home = tempfile::tempdir()?;
        // Held open until its folder was copied: a store that is closed leaves less to do.
        let store = prepared(home.path(), logged, segments).await?;
        for run in 1..=runs {
            eprintln!("{name}, run {run} of {runs}");
            let left = tempfile::tempdir()?;
            copy_folder(&data_of(home.path()), &data_of(left.path()))?;
            let server = Server::over(binary, left.path()).await?;
            report.add(name, "ms", goal, server.ready_after.as_secs_f64() * 1000.0);
        }
        if let Some(store) = store {
            store.close().await;
        }
    }
    Ok(())
}

/// A store with so many segments and so many events in the log; `None` for a folder without anything.
async fn prepared(home: &Path, logged: u64, segments: u64) -> anyhow::Result<Option<EmbeddedStore>> {
    fs::create_dir_all(data_of(home))?;
    if logged == 0 && segments == 0 {
        return Ok(None);
    }
    // Nothing is flushed or merged by itself, so that the folder stands still while it is copied.
    let by_hand = Options {
        flush_rows: usize::MAX,
        memtable_rows: usize::MAX,
        memtable_bytes: usize::MAX,
        merge_rows: 1,
        ..Options::default()
    };
    let store = EmbeddedStore::open(&data_of(home), by_hand).await?;
    for seed in 0..segments {
        append(&store, seed, SEGMENT_EVENTS).await?;
        store.flush_now().await?;
    }
    append(&store, SEGMENTS, logged).await?;
    Ok(Some(store))
}

async fn append(store: &EmbeddedStore, seed: u64, count: u64) -> anyhow::Result<()> {
    let scope = EventScope { project: ProjectId::new(Uuid::from_u128(1)), env: Env::Live };
    let (agents, now) = (UserAgents::new(), now());
    let mut batch = Vec::with_capacity(BATCH);
    for event in DemoTraffic::new(seed, count, 7, now) {
        batch.push(finished(event, &agents, now)?);
        if batch.len() == BATCH {
            store.append(scope, std::mem::take(&mut batch)).await?;
        }
    }
    store.append(scope, batch).await?;
    Ok(())
}
