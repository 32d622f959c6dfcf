//! What the work in the background costs those who send meanwhile: the same steady load beside
//! nothing, beside erasing, and beside flushing and merging.
//!
//! The load is paced, well below what the server can take: how long a response takes is a query
//! only where none waits for its turn. Expiry is the work of erasing, at most once an hour.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::Connection;
use crate::ingest::{Shape, requests};
use crate::load::{self, Achieved};
use crate::report::{Report, Table, shown};
use crate::requests::Request;
use crate::server::Server;

/// 100 batches of 100 events in each second.
const STEADY: Shape = Shape { connections: 4, requests: 8, events_per_request: 100 };
const PACE: Duration = Duration::from_millis(40);
/// Events that are there before anybody is erased.
const EVENTS: u64 = 2_000_000;
/// How often somebody asks to be forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(2);
/// A server is at rest when it has flushed and merged nothing for so long.
const REST: Duration = Duration::from_secs(3);

/// Adds a row for each kind of work.
pub(crate) async fn measure(binary: &Path, seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let duration = Duration::from_secs(seconds);
    let mut table = Costs::default();
    let server = Server::start(binary, &[]).await?;
    fill(binary, &server).await?;
    table.add("nothing", &server, duration, async { Ok(()) }).await?;
    table.add("erasing one person after the other", &server, duration, forget(&server, duration)).await?;
    server.stop().await?;
    let server = Server::start_flushing_often(binary).await?;
    table.add("flushing and merging all the time", &server, duration, async { Ok(()) }).await?;
    server.stop().await?;
    report.add_table(table.finish());
    Ok(())
}

/// What the load met beside each work.
#[derive(Debug, Default)]
struct Costs {
    rows: Vec<Vec<String>>,
    /// The first row's p99.
    idle: Option<f64>,
}

impl Costs {
    async fn add(
        &mut self,
        name: &str,
        server: &Server,
        duration: Duration,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        eprintln!("a steady load beside {name}, {} s", duration.as_secs());
        let before = Done::by(server).await?;
        let make = |events: &[_]| Request::batch(server.address, &server.secret_key, events);
        let load = load::paced(server.address, requests(&STEADY, make), duration, PACE);
        let (achieved, worked): (anyhow::Result<Achieved>, _) = tokio::join!(load, work);
        worked?;
        let (achieved, done) = (achieved?, Done::by(server).await?.since(&before));
        let [half, most, slowest] = [0.5, 0.99, 0.999].map(|share| achieved.percentile_millis(share));
        let idle = *self.idle.get_or_insert(most);
        let figures = [achieved.events_per_second(), half, most, slowest].map(shown);
        let ratio = format!("{}×", shown(most / idle));
        self.rows.push([name.to_owned()].into_iter().chain(figures).chain([ratio, done.words()]).collect());
        Ok(())
    }

    fn finish(self) -> Table {
        let header = [
            "beside",
            "events/s",
            "p50 of a batch, ms",
            "p99, ms",
            "p99.9, ms",
            "p99 to that beside nothing",
            "done meanwhile",
        ];
        Table {
            title: "100 batches of 100 events in each second, and work in the background".to_owned(),
            header: header.map(str::to_owned).to_vec(),
            rows: self.rows,
        }
    }
}

/// Makes events of people to forget and waits until all are flushed and merged.
async fn fill(binary: &Path, server: &Server) -> anyhow::Result<()> {
    server.fill(binary, EVENTS)?;
    let (mut done, mut since) = (Done::by(server).await?, Instant::now());
    while since.elapsed() < REST {
        sleep(Duration::from_millis(200)).await;
        let now = Done::by(server).await?;
        if now.running > 0.0 || now.since(&done).events() > 0.0 {
            (done, since) = (now, Instant::now());
        }
    }
    Ok(())
}

/// Forgets people of the demo's traffic, one after the other.
async fn forget(server: &Server, duration: Duration) -> anyhow::Result<()> {
    let begin = Instant::now();
    let path = "/v1/query?event=signup&limit=1000&from=2000-01-01&to=2100-01-01";
    let (_, body) = Connection::get(server.address, path, Some(&server.read_key)).await?;
    let response: Value = serde_json::from_str(&body)?;
    let users = response["rows"].as_array().context("no rows")?;
    for user in users.iter().map(|row| &row["user_id"]).filter(|user| user.is_string()) {
        if begin.elapsed() + FORGET_EVERY > duration {
            break;
        }
        let body = json!({ "user_id": user }).to_string();
        let (status, text) =
            Connection::post(server.address, "/v1/forget", &server.secret_key, &body).await?;
        ensure!(status == 200, "forgetting got {status}: {text}");
        sleep(FORGET_EVERY).await;
    }
    Ok(())
}

/// What a server has done in the background since its start, from `/metrics`.
#[derive(Debug, Clone, Copy)]
struct Done {
    flushed: f64,
    merged: f64,
    erasures: f64,
    erasing_seconds: f64,
    /// Kinds of work under way.
    running: f64,
}

impl Done {
    async fn by(server: &Server) -> anyhow::Result<Self> {
        let text = server.metrics().await?;
        let value = |name: &str| -> anyhow::Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).with_context(|| format!("no metric {name}"))
        };
        Ok(Self {
            flushed: value("store_flushed_events_total")?,
            merged: value("store_merged_events_total")?,
            erasures: value("store_erasures_total")?,
            erasing_seconds: value("store_erase_seconds_total")?,
            running: value("store_flush_running")? + value("store_merge_running")?,
        })
    }

    fn since(self, before: &Self) -> Self {
        Self {
            flushed: self.flushed - before.flushed,
            merged: self.merged - before.merged,
            erasures: self.erasures - before.erasures,
            erasing_seconds: self.erasing_seconds - before.erasing_seconds,
            running: self.running,
        }
    }

    /// Events flushed and merged.
    fn events(self) -> f64 {
        self.flushed + self.merged
    }

    fn words(self) -> String {
        let Self { flushed, merged, erasures, erasing_seconds, .. } = self;
        format!(
            "{} events flushed, {} merged, {erasures} rounds of erasing in {} s",
            shown(flushed),
            shown(merged),
            shown(erasing_seconds)
        )
    }
}
