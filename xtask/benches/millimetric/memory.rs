//! The memory of a process as reported by the Linux kernel.

use anyhow::Context;

use crate::machine::line_value;

const KIBIBYTES_PER_MEGABYTE: f64 = 1000.0 * 1000.0 / 1024.0;

/// Resident memory now, in MB (10^6 bytes).
pub(crate) fn resident_megabytes(process: u32) -> anyhow::Result<f64> {
    megabytes(process, "VmRSS")
}

/// The most resident memory so far, in MB (10^6 bytes).
pub(crate) fn peak_megabytes(process: u32) -> anyhow::Result<f64> {
    megabytes(process, "VmHWM")
}

fn megabytes(process: u32, name: &str) -> anyhow::Result<f64> {
    let value =
        line_value(&format!("/proc/{process}/status"), name).context("the kernel reports no memory")?;
    let kibibytes: f64 = value.trim_end_matches("kB").trim().parse().context("an unknown unit of memory")?;
    Ok(kibibytes / KIBIBYTES_PER_MEGABYTE)
}
