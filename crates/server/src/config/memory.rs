//! How much memory the cache of the event store may take, from the memory that there is.

use std::num::NonZeroU32;

const MIB: u64 = 1 << 20;
/// The cache's part of the memory.
const PART: u64 = 16;
/// The smallest and the largest default, in MiB.
const LEAST: u32 = 256;
const MOST: u32 = 4096;

/// A sixteenth of the memory that this process may use, in MiB.
pub(super) fn default_cache_mib() -> NonZeroU32 {
    a_sixteenth(available())
}

fn a_sixteenth(of: Option<u64>) -> NonZeroU32 {
    let mib = of.map_or(0, |bytes| bytes / MIB / PART);
    let mib = u32::try_from(mib).unwrap_or(MOST).clamp(LEAST, MOST);
    NonZeroU32::new(mib).unwrap_or(NonZeroU32::MIN)
}

/// Bytes of memory: those of the machine, or of the control group that this process is in, such as a container or a
/// service with `MemoryMax=`. `None` if the system does not say.
#[cfg(target_os = "linux")]
fn available() -> Option<u64> {
    let system = rustix::system::sysinfo();
    let machine = (system.totalram as u64).checked_mul(u64::from(system.mem_unit))?;
    Some(limit_of_group().map_or(machine, |limit| limit.min(machine)))
}

#[cfg(not(target_os = "linux"))]
fn available() -> Option<u64> {
    None
}

/// The limit in control groups of version 2; `None` if there is none.
#[cfg(target_os = "linux")]
fn limit_of_group() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let limit = std::fs::read_to_string(format!("/sys/fs/cgroup{group}/memory.max")).ok()?;
    // Without a limit, the file holds the word `max`.
    limit.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_takes_a_sixteenth_within_bounds() {
        let gib = |gib: u64| Some(gib << 30);
        for (memory, mib) in [
            (None, 256),
            (Some(0), 256),
            (gib(2), 256),
            (gib(8), 512),
            (gib(24), 1536),
            (gib(64), 4096),
            (gib(9999), 4096),
        ] {
            assert_eq!(a_sixteenth(memory).get(), mib, "{memory:?}");
        }
        assert!((LEAST..=MOST).contains(&default_cache_mib().get()));
    }
}
