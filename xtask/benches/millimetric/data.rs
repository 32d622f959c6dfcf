//! The data that queries are asked about: 20 projects of very different sizes over 90 days, made
//! by the release binary's own `demo`, all flushed, and the same rows in ClickHouse.
//!
//! Kept below the target folder: made once for each size and each build of the binary.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use millimetric_events::EventStore as _;
use millimetric_events_embedded::{EmbeddedStore, Options};
use serde_json::{Value, json};

use crate::clickhouse::ClickHouse;
use crate::server::{command, data_of};

/// The first day after the traffic.
pub(crate) const UNTIL: &str = "2026-04-01";
/// Its days.
const DAYS: &str = "90";
/// Projects, the largest first.
const PROJECTS: u32 = 20;
/// How fast their sizes fall: the size of the n-th is n to the power of minus this. With it the
/// largest has 30 of 100 events.
const SKEW: f64 = 1.07;

const CREATE: &str = include_str!("queries/create.sql");
/// Reads Parquet files into the table; `{segments}` is where they lie.
pub(crate) const LOAD: &str = include_str!("queries/load.sql");

/// Data of one size.
#[derive(Debug)]
pub(crate) struct Data {
    /// The folder of the server and of ClickHouse.
    pub(crate) home: PathBuf,
    /// The largest project.
    pub(crate) project: String,
    /// Its key.
    pub(crate) read_key: String,
    /// Events of all projects.
    pub(crate) events: u64,
}

impl Data {
    /// The data of this size, made where they are missing or another build made them.
    pub(crate) async fn of(binary: &Path, python: &Path, events: u64) -> anyhow::Result<Self> {
        let target = binary.ancestors().nth(2).context("the binary lies in no target folder")?;
        let home = target.join("bench-data").join(events.to_string());
        let made_by = fingerprint(binary)?;
        let label = home.join("made.json");
        let known = fs::read_to_string(&label).ok().and_then(|text| serde_json::from_str(&text).ok());
        let made = match known {
            Some(Value::Object(made)) if made["made_by"] == made_by => Value::Object(made),
            _ => {
                let made = make(binary, python, &home, events, &made_by).await?;
                fs::write(&label, made.to_string())?;
                made
            }
        };
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("made.json is not whole");
        Ok(Self { home: home.clone(), project: text("project")?, read_key: text("read_key")?, events })
    }

    /// Where the server keeps them.
    pub(crate) fn folder(&self) -> PathBuf {
        data_of(&self.home)
    }

    /// Where ClickHouse keeps them.
    pub(crate) fn clickhouse(&self) -> PathBuf {
        self.home.join("clickhouse")
    }

    /// Bytes of an event in each column of our segments, the largest first, and in `events.db`; as
    /// ClickHouse reads them from the files.
    pub(crate) fn bytes_by_place(&self, clickhouse: &mut ClickHouse) -> anyhow::Result<Vec<(String, f64)>> {
        let segments = self.folder().join("segments/**/*.parquet");
        let sql = include_str!("queries/columns.sql").replace("{segments}", &segments.to_string_lossy());
        let of_event = |bytes: f64| bytes / self.events as f64;
        let mut places = Vec::new();
        for row in clickhouse.ask(&sql)?.rows {
            let name = row["name"].as_str().context("a column without a name")?;
            places.push((name.to_owned(), of_event(row["bytes"].as_f64().context("no bytes")?)));
        }
        let database = fs::metadata(self.folder().join("events.db"))?.len();
        places.push(("events.db".to_owned(), of_event(database as f64)));
        Ok(places)
    }

    /// Bytes of an event on disk: in our segments and `events.db`, and in ClickHouse's parts.
    pub(crate) fn bytes_per_event(&self, clickhouse: &mut ClickHouse) -> anyhow::Result<(f64, f64)> {
        let ours = bytes_below(&self.folder().join("segments"))?
            + fs::metadata(self.folder().join("events.db"))?.len();
        let sql = "select sum(bytes_on_disk) as bytes from system.parts where active and table = 'events'";
        let response = clickhouse.ask(sql)?;
        let theirs = response.rows[0]["bytes"].as_f64().context("ClickHouse returned no size")?;
        Ok((ours as f64 / self.events as f64, theirs / self.events as f64))
    }
}

async fn make(
    binary: &Path,
    python: &Path,
    home: &Path,
    events: u64,
    made_by: &str,
) -> anyhow::Result<Value> {
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    fs::create_dir_all(home)?;
    let mut largest = Value::Null;
    for (number, share) in (1..).zip(shares(events)) {
        eprintln!("making project {number} of {PROJECTS}: {share} events");
        let made = demo(binary, home, number, share)?;
        if number == 1 {
            largest = made;
        }
    }
    flush(home).await?;
    eprintln!("loading the same events into ClickHouse");
    let mut clickhouse = ClickHouse::start(python, &home.join("clickhouse"))?;
    clickhouse.ask(CREATE)?;
    let segments = data_of(home).join("segments/**/*.parquet");
    clickhouse.ask(&LOAD.replace("{segments}", &segments.to_string_lossy()))?;
    clickhouse.ask("optimize table events final")?;
    let loaded = clickhouse.ask("select count() as events from events")?;
    ensure!(loaded.rows[0]["events"] == events, "ClickHouse holds {:?} of {events}", loaded.rows);
    Ok(json!({ "made_by": made_by, "project": largest["project_id"], "read_key": largest["rk"] }))
}

/// Flushes everything that a stopped server left in its write-ahead log, and merges what is to be merged, so
/// that no work in the background stands beside what is measured.
pub(crate) async fn flush(home: &Path) -> anyhow::Result<()> {
    let store = EmbeddedStore::open(&data_of(home), Options::default()).await?;
    store.flush_now().await?;
    store.merge_now().await?;
    store.close().await;
    Ok(())
}

/// One project's traffic; the response has its id and its key.
pub(crate) fn demo(binary: &Path, home: &Path, number: u32, events: u64) -> anyhow::Result<Value> {
    let (slug, events_text, seed) = (format!("shop-{number}"), events.to_string(), number.to_string());
    let arguments = [
        "demo",
        "--project",
        &slug,
        "--events",
        &events_text,
        "--days",
        DAYS,
        "--seed",
        &seed,
        "--until",
        UNTIL,
    ];
    let output = command(binary, &arguments, home).arg("--json").output()?;
    let made: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no events: {}", String::from_utf8_lossy(&output.stderr)))?;
    ensure!(made["stored"] == events, "of {events} events {} were stored", made["stored"]);
    Ok(made)
}

/// How many events each project has; together as many as asked for.
pub(crate) fn shares(events: u64) -> Vec<u64> {
    let weight = |number: u32| f64::from(number).powf(-SKEW);
    let all: f64 = (1..=PROJECTS).map(weight).sum();
    let mut shares: Vec<u64> =
        (1..=PROJECTS).map(|number| (events as f64 * weight(number) / all) as u64).collect();
    shares[0] += events - shares.iter().sum::<u64>();
    shares
}

/// What a build of the binary is known by.
fn fingerprint(binary: &Path) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    fs::read(binary)?.hash(&mut hasher);
    (DAYS, UNTIL, CREATE, LOAD).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn bytes_below(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum +=
            if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
