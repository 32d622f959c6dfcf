//! Ingest over HTTP into a ClickHouse server on this machine: batches and single events, durable when they are
//! acknowledged.
//!
//! A run counts only when the server, asked afterwards, holds exactly what it acknowledged.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use millimetric::demo::DemoEvent;
use millimetric_test_servers::ClickHouse;

use crate::ingest::{BATCHES, SINGLES, Shape, check_and_stop, requests};
use crate::load::{self, Achieved};
use crate::report::{Goal, Report};
use crate::requests::Request;
use crate::server::Server;

/// Loads of single events, with the goal of their rate and the names of their figures: requests a second, the median
/// and the 99th percentile of their times. Each connection waits for its response, so the rate grows with their number.
const SINGLE_EVENTS: [(Shape, Goal, [&str; 3]); 2] = [
    (
        SINGLES,
        Goal::AtLeast(3_000.0),
        [
            "single `/v1/track`, 64 connections, into ClickHouse",
            "a `/v1/track` call of these, 50 of 100 within",
            "a `/v1/track` call of these, 99 of 100 within",
        ],
    ),
    (
        // Nearly as many as a client address may have.
        Shape { connections: 240, requests: 50, events_per_request: 1 },
        Goal::None,
        [
            "single `/v1/track`, 240 connections, into ClickHouse",
            "a `/v1/track` call of those, 50 of 100 within",
            "a `/v1/track` call of those, 99 of 100 within",
        ],
    ),
];

/// Runs each load so many times for so many seconds, every time with new servers of both kinds.
pub(crate) async fn measure(
    binary: &Path,
    seconds: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs(seconds);
    for run in 1..=runs {
        eprintln!("batches of 1000 events into ClickHouse, run {run} of {runs}, {seconds} s");
        let achieved = achieved(binary, &BATCHES, duration, Request::batch).await?;
        for (name, unit, goal, value) in [
            (
                "1000-event batches, 8 connections, into ClickHouse",
                "events/s",
                Goal::AtLeast(40_000.0),
                achieved.events_per_second(),
            ),
            ("a batch call, 50 of 100 within", "ms", Goal::None, achieved.percentile_millis(0.50)),
            ("a batch call, 99 of 100 within", "ms", Goal::None, achieved.percentile_millis(0.99)),
        ] {
            report.add(name, unit, goal, value);
        }
    }
    for (shape, goal, [rate, median, long]) in SINGLE_EVENTS {
        for run in 1..=runs {
            eprintln!(
                "single events over {} connections, run {run} of {runs}, {seconds} s",
                shape.connections
            );
            let track = |address, key: &str, events: &[DemoEvent]| Request::track(address, key, &events[0]);
            let achieved = achieved(binary, &shape, duration, track).await?;
            report.add(rate, "requests/s", goal, achieved.events_per_second());
            report.add(median, "ms", Goal::None, achieved.percentile_millis(0.50));
            report.add(long, "ms", Goal::Below(250.0), achieved.percentile_millis(0.99));
        }
    }
    Ok(())
}

/// Sends such requests to new servers for so long.
async fn achieved(
    binary: &Path,
    shape: &Shape,
    duration: Duration,
    make: impl Fn(SocketAddr, &str, &[DemoEvent]) -> Request,
) -> anyhow::Result<Achieved> {
    let clickhouse = ClickHouse::start()?;
    let url = clickhouse.database("millimetric")?;
    let server = Server::start(binary, &["--events-url", &url, "--apply-schema"]).await?;
    let make = |events: &[DemoEvent]| make(server.address, &server.secret_key, events);
    let achieved = load::run(server.address, requests(shape, make), duration).await?;
    check_and_stop(server, &achieved).await?;
    Ok(achieved)
}
