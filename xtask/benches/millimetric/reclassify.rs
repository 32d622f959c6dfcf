//! Classifies millions of stored events again while the server is killed again and again, and compares every
//! event with what the rules say of it. Then once more without kills, for the time that it takes.
//!
//! What is expected is computed event by event from an export made before, with the classifier alone.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use futures_util::TryStreamExt as _;
use millimetric_core::classify::{ProjectRules, RuleSettings, classify_stored};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ingest::page_path;
use millimetric_core::key::Env;
use millimetric_core::query::{EventSelector, ExportQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::EventStore as _;
use millimetric_events_embedded::{EmbeddedStore, Options};
use serde_json::Value;
use tokio::time::sleep;

use crate::data::{UNTIL, flush};
use crate::memory::peak_megabytes;
use crate::random::Random;
use crate::report::{Goal, Report};
use crate::server::{Server, command, data_of};

/// Kills while events are classified again.
const KILLS: u32 = 10;
/// The longest time from a start to the kill.
const LONGEST: u64 = 3000;
/// The longest wait for a re-classification.
const PATIENCE: Duration = Duration::from_mins(30);
/// Visits by a search get a name of their own.
const RULES: &str = r#"{"rules":[{"slug":"search","source":"google-search","medium":"organic",
    "when":[{"field":"referrer_host","op":"is","value":"google.com"}]}]}"#;
const PROJECT: &str = "shop";

/// Fills a folder, and measures.
pub(crate) async fn measure(binary: &Path, events: u64, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path();
    let project = fill(binary, home, events)?;
    flush(home).await?;
    let scope = EventScope { project, env: Env::Live };
    let rules = ProjectRules::new(serde_json::from_str::<RuleSettings>(RULES)?)?;
    eprintln!("reading every event");
    let (expected, changed) = digest(home, scope, |event| reclassified(event, &rules)).await?;
    ensure!(changed > 0, "the rules change nothing");
    set_rules(binary, home, RULES)?;
    let mut random = Random::new(1);
    let kills = with_kills(binary, home, &mut random).await?;
    eprintln!("comparing every event");
    let (found, _) = digest(home, scope, Clone::clone).await?;
    ensure!(found == expected, "some events are not as the rules say");
    set_rules(binary, home, "{}")?;
    let start = Instant::now();
    let (peak, counts) = without_kills(binary, home).await?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(counts["changed"] == changed, "{} events changed back, not {changed}", counts["changed"]);
    report.add("stored, and compared one by one", "events", Goal::None, events as f64);
    report.add("changed", "events", Goal::None, changed as f64);
    report.add("while they were classified again", "kills", Goal::AtLeast(1.0), f64::from(kills));
    report.add("without kills", "s", Goal::None, seconds);
    report.add("events classified again", "/s", Goal::None, events as f64 / seconds);
    report.add("highest memory of the server meanwhile", "MB", Goal::None, peak);
    Ok(())
}

/// Makes the events, in one project; returns its id.
fn fill(binary: &Path, home: &Path, events: u64) -> anyhow::Result<millimetric_core::ids::ProjectId> {
    eprintln!("making {events} events");
    let count = events.to_string();
    let arguments =
        ["demo", "--project", PROJECT, "--events", &count, "--days", "90", "--until", UNTIL, "--json"];
    let output = command(binary, &arguments, home).output()?;
    let made: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no events: {}", String::from_utf8_lossy(&output.stderr)))?;
    ensure!(made["stored"] == events, "of {events} events {} were stored", made["stored"]);
    let id = made["project_id"].as_str().context("no project")?;
    id.parse().map_err(|error| anyhow!("{error}"))
}

fn set_rules(binary: &Path, home: &Path, rules: &str) -> anyhow::Result<()> {
    let file = home.join("rules.json");
    fs::write(&file, rules)?;
    let file = file.to_string_lossy();
    let output = command(binary, &["project", "rules", "set", &file, "--project", PROJECT], home).output()?;
    ensure!(output.status.success(), "no rules: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The event as the rules classify it.
fn reclassified(event: &Event, rules: &ProjectRules) -> Event {
    let mut event = event.clone();
    event.path = event.path.map(|path| page_path::normalised(&path).into_owned());
    let (url, referrer) = (event.url.as_deref(), event.referrer.as_deref());
    if let Some(now) = classify_stored(url, referrer, &event.source_rule_id, rules) {
        event.source = now.source;
        event.medium = now.medium;
        event.campaign = now.campaign;
        event.source_confidence = now.confidence;
        event.source_rule_id = now.rule_id;
    }
    event
}

/// A digest of all events in any order, each as `as_expected` makes it, and how many it changes.
async fn digest(
    home: &Path,
    scope: EventScope,
    as_expected: impl Fn(&Event) -> Event,
) -> anyhow::Result<((u64, u64), u64)> {
    let store = EmbeddedStore::open(&data_of(home), Options::default()).await?;
    let range = TimeRange::new(Timestamp::MIN, Timestamp::MAX).context("all time")?;
    let query = ExportQuery { range, events: EventSelector::Any, filters: Vec::new() };
    let mut batches = store.export(scope, Timestamp::MIN, query);
    let (mut sum, mut events, mut changed) = (0_u64, 0, 0);
    while let Some(batch) = batches.try_next().await? {
        for event in &batch {
            let expected = as_expected(event);
            changed += u64::from(expected != *event);
            let mut hasher = DefaultHasher::new();
            serde_json::to_vec(&expected)?.hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
            events += 1;
        }
    }
    drop(batches);
    store.close().await;
    Ok(((sum, events), changed))
}

/// The command, beside a server.
fn reclassify(binary: &Path, home: &Path) -> anyhow::Result<Child> {
    let mut reclassify = command(binary, &["reclassify", "--project", PROJECT, "--json"], home);
    Ok(reclassify.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
}

/// Begins, and kills the server at random times until it was hit often enough, then lets it come to its end.
async fn with_kills(binary: &Path, home: &Path, random: &mut Random) -> anyhow::Result<u32> {
    let mut server = Server::over(binary, home).await?;
    let mut asking = reclassify(binary, home)?;
    let (mut kills, start) = (0, Instant::now());
    until(&server, "it begins", |pending| pending > 0).await?;
    while kills < KILLS && pending(&server).await? > 0 {
        sleep(Duration::from_millis(random.below(LONGEST))).await;
        if pending(&server).await? == 0 {
            break;
        }
        server.kill()?;
        let _ = asking.kill();
        asking.wait()?;
        kills += 1;
        eprintln!("killed {kills} times, {:.0} s after the begin", start.elapsed().as_secs_f64());
        server = Server::over(binary, home).await?;
    }
    until(&server, "it is done", |pending| pending == 0).await?;
    let _ = asking.kill();
    asking.wait()?;
    // The server records the end within a second; then another one may begin.
    sleep(Duration::from_secs(3)).await;
    server.stop().await?;
    Ok(kills)
}

/// Classifies again in one go; returns the server's highest memory in megabytes, and the counts.
async fn without_kills(binary: &Path, home: &Path) -> anyhow::Result<(f64, Value)> {
    let server = Server::over(binary, home).await?;
    let asking = reclassify(binary, home)?;
    let output = tokio::task::spawn_blocking(move || asking.wait_with_output()).await??;
    ensure!(output.status.success(), "the command failed");
    let peak = peak_megabytes(server.process())?;
    server.stop().await?;
    Ok((peak, serde_json::from_slice(&output.stdout)?))
}

async fn pending(server: &Server) -> anyhow::Result<u64> {
    let page = server.metrics().await?;
    let name = "store_reclassifications_pending ";
    let line = page.lines().find_map(|line| line.strip_prefix(name)).context("no such metric")?;
    Ok(line.parse()?)
}

async fn until(server: &Server, what: &str, is_so: impl Fn(u64) -> bool) -> anyhow::Result<()> {
    let start = Instant::now();
    while !is_so(pending(server).await?) {
        ensure!(start.elapsed() < PATIENCE, "waited too long until {what}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
