//! `millimetric doctor`: looks at everything that can be wrong with an installation, and says
//! what to do about it. Changes nothing; works while the server runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use millimetric_control::Control;
use millimetric_core::time::Timestamp;
use millimetric_events::embedded::{Inspected, inspect};
use serde_json::json;

use super::output;
use crate::app::system_clock;
use crate::config::Installation;
use crate::country::Countries;
use crate::http::local::LocalServer;

/// Free space below which a disk counts as nearly full.
const LITTLE_SPACE: u64 = 1 << 30;
/// The most broken segments that are named one by one.
const NAMED_SEGMENTS: usize = 10;
/// Age at which a country database has become inaccurate.
const OLD_DATABASE: Duration = Duration::from_hours(8760);

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The country database that the server uses, when not the built-in one
    #[arg(long, value_name = "PATH", env = "MILLIMETRIC_GEO_DB")]
    geo_db: Option<PathBuf>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// What one look found.
struct Finding {
    what: &'static str,
    /// What is there; an error when something should be done.
    result: Result<String, String>,
}

/// Looks at everything; fails when anything should be mended.
pub(super) async fn run(at: &Installation, args: DoctorArgs) -> anyhow::Result<()> {
    let dir = &at.data_dir;
    let now = system_clock()();
    let mut findings = vec![
        Finding { what: "data folder", result: data_folder(dir) },
        Finding { what: "disk", result: disk(dir) },
        Finding { what: "clock", result: clock(dir, now) },
        Finding { what: "secrets", result: secrets(at) },
        Finding { what: "country database", result: countries(args.geo_db.as_deref()) },
    ];
    if dir.join("control.db").exists() {
        findings.push(Finding { what: "projects", result: projects(dir).await });
    }
    if dir.join("events.db").exists() {
        findings.push(Finding { what: "segments", result: segments(dir).await });
    }
    let server = LocalServer::connect(dir).await.map(|_| "running".to_owned());
    findings.push(Finding {
        what: "server",
        result: server.or_else(|_| Ok("not running on this folder".to_owned())),
    });
    report(&findings, args.json);
    let ill = findings.iter().filter(|finding| finding.result.is_err()).count();
    anyhow::ensure!(ill == 0, "{ill} of {} findings need attention", findings.len());
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
        let (mark, text) = match result {
            Ok(text) => ("ok  ", text),
            Err(text) => ("MEND", text),
        };
        output::line(format_args!("{mark} {what:<17} {text}"));
    }
}

fn data_folder(dir: &Path) -> Result<String, String> {
    let shown = dir.display();
    let folder = std::fs::metadata(dir).map_err(|error| {
        format!("{shown}: {error}; start the server once, or name another with --data-dir")
    })?;
    if !folder.is_dir() {
        return Err(format!("{shown} is not a folder"));
    }
    tempfile::tempfile_in(dir).map_err(|error| format!("{shown} cannot be written: {error}"))?;
    Ok(shown.to_string())
}

fn disk(dir: &Path) -> Result<String, String> {
    let space = rustix::fs::statvfs(dir).map_err(|error| format!("its free space is not known: {error}"))?;
    let free = space.f_bavail * space.f_frsize;
    let text = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    if free < LITTLE_SPACE { Err(format!("{text}: make room before events are refused")) } else { Ok(text) }
}

/// A clock behind the data's own is wrong: events would be stamped with the past.
fn clock(dir: &Path, now: Timestamp) -> Result<String, String> {
    let newest = ["events.db", "control.db"]
        .iter()
        .filter_map(|file| dir.join(file).metadata().ok()?.modified().ok())
        .max();
    let ahead = newest.and_then(|written| written.duration_since(SystemTime::now()).ok());
    match ahead {
        Some(ahead) if ahead > Duration::from_mins(1) => {
            Err(format!("{now} lies {} s before the newest file: set the clock (NTP)", ahead.as_secs()))
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

async fn projects(dir: &Path) -> Result<String, String> {
    let open = async {
        let control = Control::open(&dir.join("control.db")).await?;
        control.projects().await
    };
    let projects = open.await.map_err(|error: millimetric_control::ControlError| error.to_string())?;
    let closed = projects.iter().filter(|project| project.allowed_origins.is_empty()).count();
    Ok(format!("{}, of which {closed} accept no browser yet (no allowed origin)", projects.len()))
}

/// Whether every Parquet file that the store names is there and whole.
async fn segments(dir: &Path) -> Result<String, String> {
    let Inspected { segments, broken } = inspect(dir).await.map_err(|error| error.to_string())?;
    if broken.is_empty() {
        return Ok(format!("{segments}, all there"));
    }
    let named = broken.iter().take(NAMED_SEGMENTS).map(|(path, wrong)| format!("{} {wrong}", path.display()));
    let named = named.collect::<Vec<_>>().join("; ");
    Err(format!(
        "{} of {segments} cannot be used, and questions about their time fail: {named}. Put them back from a \
         backup, under the same names",
        broken.len()
    ))
}
