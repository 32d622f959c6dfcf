//! What the figures were measured on. A fact that the system does not report is unknown.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use millimetric_core::time::Timestamp;

use crate::report::median;

/// The facts, in the order in which they are printed.
pub(crate) fn facts() -> anyhow::Result<Vec<(&'static str, String)>> {
    let folder = tempfile::tempdir()?;
    Ok(vec![
        ("processor", known(line_value("/proc/cpuinfo", "model name"))),
        ("cores", std::thread::available_parallelism()?.to_string()),
        ("memory", known(line_value("/proc/meminfo", "MemTotal").and_then(|text| gibibytes(&text)))),
        ("kernel", known(fs::read_to_string("/proc/sys/kernel/osrelease").ok())),
        ("file system of the data", known(file_system(folder.path()))),
        ("write of 4 KiB with fsync there", format!("{:.2} ms (median of 50)", sync_millis(folder.path())?)),
        ("date", now().to_utc().format("%Y-%m-%d").to_string()),
        ("commit", known(commit())),
    ])
}

/// The time by the system's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64).unwrap_or(Timestamp::MAX)
}

fn known(fact: Option<String>) -> String {
    fact.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

/// The value of the first `name : value` line of a file of the kernel.
pub(crate) fn line_value(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let values = text.lines().filter_map(|line| line.split_once(':'));
    values.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn gibibytes(kernel_text: &str) -> Option<String> {
    let kibibytes: f64 = kernel_text.split_whitespace().next()?.parse().ok()?;
    Some(format!("{:.1} GiB", kibibytes / 1_048_576.0))
}

/// The type of the mount that holds a folder: the longest mount point above it.
fn file_system(folder: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let above = fields.filter(|fields| fields.len() > 2 && folder.starts_with(fields[1]));
    above.max_by_key(|fields| fields[1].len()).map(|fields| fields[2].to_owned())
}

/// The disk's share of every durable response.
fn sync_millis(folder: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(&times))
}

/// The commit that is checked out, marked when there are changes on top of it.
fn commit() -> Option<String> {
    let git = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output().ok()?;
    git.status.success().then(|| String::from_utf8_lossy(&git.stdout).into_owned())
}
