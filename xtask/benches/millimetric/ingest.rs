//! Ingest over HTTP: batches, single events, and the server's memory meanwhile.
//!
//! A run counts only when the server, asked afterwards, holds exactly what it acknowledged.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use millimetric::demo::DemoEvent;
use tokio::time::sleep;
use xtask::bench::Subject;

use crate::load::{self, Achieved};
use crate::machine::now;
use crate::memory::{peak_megabytes, resident_megabytes};
use crate::queries::{Days, ask_in_turn};
use crate::report::{Goal, Report, percentile};
use crate::requests::{Request, traffic};
use crate::server::Server;

/// How long a server rests before its memory is read.
const REST: Duration = Duration::from_secs(3);

/// A way of sending.
pub(crate) struct Shape {
    pub(crate) connections: usize,
    /// Different requests of each connection, sent in turn.
    pub(crate) requests: usize,
    pub(crate) events_per_request: usize,
}

/// Batches of a server or of an SDK.
pub(crate) const BATCHES: Shape = Shape { connections: 8, requests: 4, events_per_request: 1000 };
/// Events that are there when queries are asked beside the single ones …
const BESIDE_QUESTIONS: u64 = 1_000_000;
/// … about so many days.
const DAYS: i64 = 30;
/// Batches that Segment's limit of 500 KiB allows.
const SMALLER_BATCHES: Shape = Shape { connections: 8, requests: 8, events_per_request: 500 };
/// Requests of one event each.
pub(crate) const SINGLES: Shape = Shape { connections: 64, requests: 200, events_per_request: 1 };

/// Runs each load so many times for so many seconds, every time with a new server.
pub(crate) async fn measure(
    binary: &Path,
    subject: Subject,
    seconds: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs(seconds);
    for run in 1..=runs {
        eprintln!("batches of 1000 events over 8 connections, run {run} of {runs}, {seconds} s");
        let (achieved, memory) = batches(binary, duration).await?;
        if subject.covers(Subject::Ingest) {
            report.add(
                "1000-event batches, 8 connections",
                "events/s",
                Goal::AtLeast(100_000.0),
                achieved.events_per_second(),
            );
            report.add("a batch call, 50 of 100 within", "ms", Goal::None, achieved.percentile_millis(0.50));
            report.add("a batch call, 99 of 100 within", "ms", Goal::None, achieved.percentile_millis(0.99));
        }
        if subject.covers(Subject::Memory) {
            report.add("resident memory, idle after the start", "MB", Goal::Below(60.0), memory.idle);
            report.add(
                "resident memory, highest under full ingest",
                "MB",
                Goal::Below(400.0),
                memory.highest,
            );
            report.add("resident memory, at rest after full ingest", "MB", Goal::None, memory.afterwards);
        }
    }
    for run in 1..=if subject.covers(Subject::Ingest) { runs } else { 0 } {
        eprintln!("single events over 64 connections, run {run} of {runs}, {seconds} s");
        let achieved = singles(binary, duration).await?;
        report.add(
            "single `/v1/track`, 64 connections",
            "requests/s",
            Goal::AtLeast(10_000.0),
            achieved.events_per_second(),
        );
        report.add(
            "a `/v1/track` call, 50 of 100 within",
            "ms",
            Goal::None,
            achieved.percentile_millis(0.50),
        );
        report.add(
            "a `/v1/track` call, 99 of 100 within",
            "ms",
            Goal::Below(60.0),
            achieved.percentile_millis(0.99),
        );
    }
    if subject.covers(Subject::Ingest) {
        in_the_segment_dialect(binary, duration, runs, report).await?;
        beside_questions(binary, duration, runs, report).await?;
    }
    Ok(())
}

/// The same events in our own format and as messages of Segment, one after the other.
async fn in_the_segment_dialect(
    binary: &Path,
    duration: Duration,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    for run in 1..=runs {
        eprintln!(
            "batches of 500 events in both formats, run {run} of {runs}, {} s each",
            duration.as_secs()
        );
        let own = batches_of(binary, duration, Request::batch).await?;
        let segment = batches_of(binary, duration, Request::segment_batch).await?;
        let lost = 100.0 * (1.0 - segment / own);
        for (name, unit, goal, value) in [
            ("500-event batches in our own format", "events/s", Goal::None, own),
            ("500-event batches in the Segment dialect", "events/s", Goal::None, segment),
            ("throughput that the Segment dialect costs", "%", Goal::Below(15.0), lost),
        ] {
            report.add(name, unit, goal, value);
        }
    }
    Ok(())
}

/// Events per second that a new server acknowledges in such batches.
async fn batches_of(
    binary: &Path,
    duration: Duration,
    make: fn(SocketAddr, &str, &[DemoEvent]) -> Request,
) -> anyhow::Result<f64> {
    let server = Server::start(binary, &[]).await?;
    let make = |events: &[DemoEvent]| make(server.address, &server.secret_key, events);
    let achieved = load::run(server.address, requests(&SMALLER_BATCHES, make), duration).await?;
    check_and_stop(server, &achieved).await?;
    Ok(achieved.events_per_second())
}

/// Single events into a project that holds many, and the queries about it one after the other.
async fn beside_questions(
    binary: &Path,
    duration: Duration,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = Server::start(binary, &[]).await?;
    server.fill(binary, BESIDE_QUESTIONS)?;
    let tomorrow = now().plus_millis(86_400_000).to_string();
    let days = Days::before(&tomorrow[..10], DAYS)?;
    let mut events = BESIDE_QUESTIONS;
    for run in 1..=runs {
        eprintln!("single events beside queries, run {run} of {runs}, {} s", duration.as_secs());
        let make = |events: &[_]| Request::track(server.address, &server.secret_key, &events[0]);
        let sent = load::run(server.address, requests(&SINGLES, make), duration);
        let (sent, times) = tokio::join!(sent, ask_in_turn(&server, &days, duration));
        let (sent, times) = (sent?, times?);
        events += sent.events;
        let goals = [
            ("single `/v1/track` beside queries", "requests/s", Goal::None, sent.events_per_second()),
            (
                "a `/v1/track` call beside queries, 99 of 100 within",
                "ms",
                Goal::None,
                sent.percentile_millis(0.99),
            ),
            ("a query beside `/v1/track`, 50 of 100 within", "ms", Goal::None, percentile(&times, 0.50)),
            (
                "a query beside `/v1/track`, 99 of 100 within",
                "ms",
                Goal::Below(200.0),
                percentile(&times, 0.99),
            ),
        ];
        for (name, unit, goal, value) in goals {
            report.add(name, unit, goal, value);
        }
    }
    let stored = server.stored_events().await?;
    ensure!(stored == events, "stored {events} events, but the server holds {stored}");
    server.stop().await
}

/// Resident memory of one run, in MB.
struct Memory {
    idle: f64,
    highest: f64,
    afterwards: f64,
}

async fn batches(binary: &Path, duration: Duration) -> anyhow::Result<(Achieved, Memory)> {
    let server = Server::start(binary, &[]).await?;
    sleep(REST).await;
    let idle = resident_megabytes(server.process())?;
    let make = |events: &[_]| Request::batch(server.address, &server.secret_key, events);
    let achieved = load::run(server.address, requests(&BATCHES, make), duration).await?;
    let highest = peak_megabytes(server.process())?;
    sleep(REST).await;
    let afterwards = resident_megabytes(server.process())?;
    check_and_stop(server, &achieved).await?;
    Ok((achieved, Memory { idle, highest, afterwards }))
}

async fn singles(binary: &Path, duration: Duration) -> anyhow::Result<Achieved> {
    let server = Server::start(binary, &[]).await?;
    let make = |events: &[_]| Request::track(server.address, &server.secret_key, &events[0]);
    let achieved = load::run(server.address, requests(&SINGLES, make), duration).await?;
    check_and_stop(server, &achieved).await?;
    Ok(achieved)
}

/// The requests of each connection, made of one stretch of the demo's traffic.
pub(crate) fn requests(shape: &Shape, make: impl Fn(&[DemoEvent]) -> Request) -> Vec<Vec<Request>> {
    let of_connection = shape.requests * shape.events_per_request;
    let events = traffic(shape.connections * of_connection);
    let connections = events.chunks(of_connection);
    connections.map(|own| own.chunks(shape.events_per_request).map(&make).collect()).collect()
}

/// Stops the server, if it holds exactly what it acknowledged.
pub(crate) async fn check_and_stop(server: Server, achieved: &Achieved) -> anyhow::Result<()> {
    let stored = server.stored_events().await?;
    ensure!(
        stored == achieved.events,
        "acknowledged {} events, but the server holds {stored}",
        achieved.events
    );
    server.stop().await
}
