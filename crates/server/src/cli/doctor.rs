//! `millimetric doctor`: checks the data folder, disk, clock, secrets and stored data, and says how to fix
//! what it finds. Changes nothing; works while the server runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use millimetric_control::{Control, ControlError, ServerState};
use millimetric_core::time::Timestamp;
use millimetric_events::EventsUrl;
use millimetric_events_clickhouse as clickhouse;
use millimetric_events_embedded::{Inspected, inspect};
use serde_json::json;

use super::new_file::unnamed_in;
use super::output::{self, BAD, GOOD, Progress};
use super::running_at;
use crate::config::Installation;
use crate::country::Countries;
use crate::state::system_clock;

/// Free space below which a disk counts as nearly full.
const LITTLE_SPACE: u64 = 1 << 30;
/// The most broken segments that are named one by one.
const NAMED_SEGMENTS: usize = 10;
/// The most damaged rows that are named one by one.
const NAMED_ROWS: usize = 10;
/// The note about a database that the next start migrates.
const OLDER: &str = "written by an older version: the next start of the server migrates it";
/// Milliseconds that two clocks may differ.
const MOST_APART: i64 = 5000;
/// Parts of a month of events above which `ClickHouse` soon delays inserts.
const MANY_PARTS: u64 = 500;
/// Seconds that a replica may be behind.
const LONG_LAG_SECONDS: u64 = 300;
/// Age at which a country database has become inaccurate.
const OLD_DATABASE: Duration = Duration::from_hours(8760);

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The country database that the server uses, when not the built-in one
    #[arg(long, value_name = "PATH", env = "MILLIMETRIC_GEO_DB")]
    geo_db: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result of one check.
struct Finding {
    what: &'static str,
    /// What was found; an error if it needs fixing.
    result: Result<String, String>,
}

/// Runs every check.
///
/// # Errors
/// If anything needs fixing.
pub(super) async fn run(at: &Installation, args: DoctorArgs) -> anyhow::Result<()> {
    let dir = &at.data_dir;
    let now = system_clock()();
    let mut findings = folder(at);
    findings.extend([
        Finding { what: "clock", result: clock(dir, now) },
        Finding { what: "secrets", result: secrets(at) },
        Finding { what: "country database", result: countries(args.geo_db.as_deref()) },
    ]);
    if at.control_url.is_some() || dir.join("control.db").exists() {
        findings.extend(control(at, now).await);
    }
    findings.extend(clickhouse_servers(at, now).await);
    if dir.join("events.db").exists() {
        let progress = Progress::spinner("reading the segments");
        findings.push(Finding { what: "segments", result: segments(dir) });
        drop(progress);
    }
    let server = match running_at(at).await {
        Some(url) => format!("running at {url}"),
        None => "not running on this folder".to_owned(),
    };
    findings.push(Finding { what: "server", result: Ok(server) });
    report(&findings, args.json);
    let failed = findings.iter().filter(|finding| finding.result.is_err()).count();
    anyhow::ensure!(failed == 0, "{failed} of {} checks failed", findings.len());
    Ok(())
}

fn report(findings: &[Finding], json: bool) {
    if json {
        let rows = findings.iter().map(|Finding { what, result }| {
            let (Ok(text) | Err(text)) = result;
            json!({ "what": what, "ok": result.is_ok(), "text": text })
        });
        return output::json(&rows.collect());
    }
    for Finding { what, result } in findings {
        let (style, mark, text) = match result {
            Ok(text) => (GOOD, "ok  ", text),
            Err(text) => (BAD, "FAIL", text),
        };
        output::line(format_args!("{style}{mark}{style:#} {what:<17} {text}"));
    }
}

/// The data folder, and its disk.
fn folder(at: &Installation) -> Vec<Finding> {
    let dir = &at.data_dir;
    let is_elsewhere = at.control_url.is_some() && matches!(at.events_url(), Ok(EventsUrl::ClickHouse(_)));
    if is_elsewhere && !dir.exists() {
        let text = "none yet: a server makes it for the socket of commands";
        return vec![Finding { what: "data folder", result: Ok(text.to_owned()) }];
    }
    vec![
        Finding { what: "data folder", result: data_folder(dir) },
        Finding { what: "disk", result: disk(dir) },
    ]
}

fn data_folder(dir: &Path) -> Result<String, String> {
    let shown = dir.display();
    let folder = std::fs::metadata(dir).map_err(|error| {
        format!("{shown}: {error}; start the server once, or name another with --data-dir")
    })?;
    if !folder.is_dir() {
        return Err(format!("{shown} is not a folder"));
    }
    unnamed_in(dir).map_err(|error| format!("{shown} cannot be written: {error}"))?;
    Ok(shown.to_string())
}

fn disk(dir: &Path) -> Result<String, String> {
    let space = rustix::fs::statvfs(dir).map_err(|error| format!("free space unknown: {error}"))?;
    let free = space.f_bavail * space.f_frsize;
    let text = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    if free < LITTLE_SPACE {
        Err(format!("{text}: free some space, or events will be rejected"))
    } else {
        Ok(text)
    }
}

/// A clock that is behind the newest file is wrong: new events would get timestamps in the past.
fn clock(dir: &Path, now: Timestamp) -> Result<String, String> {
    let newest = ["events.db", "control.db"]
        .iter()
        .filter_map(|file| dir.join(file).metadata().ok()?.modified().ok())
        .max();
    let ahead = newest.and_then(|written| written.duration_since(SystemTime::now()).ok());
    match ahead {
        Some(ahead) if ahead > Duration::from_mins(1) => {
            Err(format!("{now} is {} s before the newest file: set the clock (NTP)", ahead.as_secs()))
        }
        _ => Ok(now.to_string()),
    }
}

fn secrets(at: &Installation) -> Result<String, String> {
    for (file, configured) in [("pepper", &at.pepper), ("ip_salt", &at.ip_salt)] {
        let path = at.data_dir.join(file);
        let Ok(metadata) = path.metadata() else { continue };
        if configured.is_none() && metadata.permissions().mode() & 0o077 != 0 {
            return Err(format!("{0} can be read by others: run `chmod 600 {0}`", path.display()));
        }
    }
    let from = |configured: bool| if configured { "configuration" } else { "file" };
    Ok(format!("pepper from {}, salt from {}", from(at.pepper.is_some()), from(at.ip_salt.is_some())))
}

fn countries(path: Option<&Path>) -> Result<String, String> {
    let opened = match path {
        Some(path) => Countries::from_file(path),
        None => Countries::embedded(),
    };
    let countries = opened.map_err(|error| error.to_string())?;
    let built = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(countries.build_epoch()));
    let age = built.and_then(|built| SystemTime::now().duration_since(built).ok()).unwrap_or_default();
    let text = format!(
        "{}, {} days old",
        path.map_or("built in".into(), |path| path.display().to_string()),
        age.as_secs() / 86_400
    );
    if age > OLD_DATABASE { Err(format!("{text}: pass a newer one with --geo-db")) } else { Ok(text) }
}

/// The state of the control database, which is only read: its projects, and rows that are damaged.
async fn control(at: &Installation, now: Timestamp) -> Vec<Finding> {
    let found = |what, result| Finding { what, result };
    let url = match at.control_url() {
        Ok(url) => url,
        Err(error) => return vec![found("projects", Err(format!("{error:#}")))],
    };
    let opened = match Control::open_to_read(&url).await {
        Err(ControlError::Older) => return vec![found("projects", Ok(OLDER.to_owned()))],
        Err(error) => return vec![found("projects", Err(error.to_string()))],
        Ok(opened) => opened,
    };
    let listed = projects(&opened).await.map_err(|error| error.to_string());
    let damaged = damage(&opened).await.unwrap_or_else(|error| Err(error.to_string()));
    let server = match opened.server_state().await {
        Ok(state) => state.map(|state| postgresql(&state, now)),
        Err(error) => Some(Err(error.to_string())),
    };
    opened.close().await;
    let server = server.map(|result| found("PostgreSQL", result));
    server.into_iter().chain([found("projects", listed), found("stored rows", damaged)]).collect()
}

/// The servers of the event store.
async fn clickhouse_servers(at: &Installation, now: Timestamp) -> Vec<Finding> {
    let found = |result| Finding { what: "ClickHouse", result };
    let url = match at.events_url() {
        Ok(EventsUrl::ClickHouse(url)) => url,
        Ok(EventsUrl::File(_)) => return Vec::new(),
        Err(error) => return vec![found(Err(format!("{error:#}")))],
    };
    let states = clickhouse::inspect(&url).await;
    let judged = states.into_iter().map(|(host, state)| match state {
        Ok(state) => found(clickhouse_server(&host, &state, now)),
        Err(error) => found(Err(format!("{host}: {error}"))),
    });
    judged.collect()
}

/// One of the servers of the event store.
fn clickhouse_server(host: &str, state: &clickhouse::ServerState, now: Timestamp) -> Result<String, String> {
    let text = format!(
        "{host}: version {}, {} parts in a month, {} mutations, {} s behind, {:.1} GiB free",
        state.version,
        state.most_parts,
        state.mutations,
        state.lag_seconds,
        state.free_bytes as f64 / f64::from(1 << 30)
    );
    let apart = (state.now.millis() - now.millis()).abs();
    let wrong = if apart > MOST_APART {
        Some(format!("its clock and this one are {:.1} s apart: set both (NTP)", apart as f64 / 1000.0))
    } else if state.read_only_tables > 0 {
        Some("tables are read-only: its Keeper does not respond".to_owned())
    } else if !state.is_durable {
        Some(
            "the table of events has not fsync_after_insert = 1: a crash of the machine loses events"
                .to_owned(),
        )
    } else if state.free_bytes < LITTLE_SPACE {
        Some("free some space, or events will be rejected".to_owned())
    } else if state.kept_free_bytes == Some(0) {
        Some(
            "set keep_free_space_bytes of its disks: on a disk that is full to the last byte it can lose acknowledged \
             events"
                .to_owned(),
        )
    } else if state.most_parts > MANY_PARTS {
        Some("merges do not keep up with inserts: give it faster disks, or shard".to_owned())
    } else if state.lag_seconds > LONG_LAG_SECONDS {
        Some("a replica does not keep up".to_owned())
    } else {
        None
    };
    wrong.map_or(Ok(text.clone()), |wrong| Err(format!("{text}: {wrong}")))
}

/// The server of the control database.
fn postgresql(state: &ServerState, now: Timestamp) -> Result<String, String> {
    let ServerState { version, connections, most_connections, standbys, lag_millis, .. } = state;
    let apart = (state.now.millis() - now.millis()).abs();
    let seconds = |millis: u64| millis as f64 / 1000.0;
    let text = format!(
        "{version}, {connections} of {most_connections} connections, {standbys} standbys, the slowest {:.1} s behind",
        seconds(*lag_millis)
    );
    if apart > MOST_APART {
        return Err(format!(
            "{text}; its clock and this one are {:.1} s apart: set both (NTP)",
            seconds(apart.unsigned_abs())
        ));
    }
    if connections * 10 > most_connections * 9 {
        return Err(format!("{text}: raise max_connections, or put fewer servers on it"));
    }
    Ok(text)
}

async fn projects(control: &Control) -> Result<String, ControlError> {
    let projects = control.projects().await?;
    let closed = projects.iter().filter(|project| project.allowed_origins.is_empty()).count();
    Ok(format!("{}, of which {closed} without allowed origins (browsers cannot send)", projects.len()))
}

/// The names of the rows that cannot be read, as an error.
async fn damage(control: &Control) -> Result<Result<String, String>, ControlError> {
    let (rows, entries) = (control.damage().await?, control.audit_damage().await?);
    let count = rows.count() + entries.count();
    if count == 0 {
        return Ok(Ok("all rows of the control database are readable".to_owned()));
    }
    let named: Vec<&str> =
        rows.names.iter().chain(&entries.names).take(NAMED_ROWS).map(String::as_str).collect();
    Ok(Err(format!(
        "{count} cannot be read and are skipped: {}. Save a project's origins again, revoke a key with \
         `millimetric key revoke`, or restore control.db from a backup",
        named.join("; ")
    )))
}

/// Whether every Parquet file that the store names is there and whole.
fn segments(dir: &Path) -> Result<String, String> {
    let found = inspect(dir).map_err(|error| error.to_string())?;
    let Inspected { segments, broken, damaged, is_older } = found;
    if !damaged.is_empty() {
        let named: Vec<&str> = damaged.iter().take(NAMED_ROWS).map(String::as_str).collect();
        return Err(format!(
            "{} rows of events.db cannot be read: {}. Restore events.db from a backup",
            damaged.len(),
            named.join("; ")
        ));
    }
    if broken.is_empty() {
        let note = if is_older { format!("; {OLDER}") } else { String::new() };
        return Ok(format!("{segments}, all readable{note}"));
    }
    let named = broken.iter().take(NAMED_SEGMENTS).map(|(path, wrong)| format!("{} {wrong}", path.display()));
    let named = named.collect::<Vec<_>>().join("; ");
    Err(format!(
        "{} of {segments} unreadable; queries over their time range fail: {named}. Restore them from a \
         backup, under the same names",
        broken.len()
    ))
}
