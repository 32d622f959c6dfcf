//! A small disk that a test can fill: a file system in memory.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::fstatvfs;
use tempfile::TempDir;

use crate::StartError;
use crate::process::run;

/// What [`Disk::fill`] leaves, in bytes. A ClickHouse server for tests keeps twice as much free
/// (`xtask/clickhouse/node.py`), so it refuses inserts, and what it has begun to write has space.
const LEFT: u64 = 16 << 20;
const MISSING: &str = "a small disk needs Linux, and root to mount it";

/// A mounted disk. Dropped, it is gone with its files: drop what uses it first.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Mounts an empty disk of this size.
    pub fn mount(mebibytes: u32) -> Result<Self, StartError> {
        if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
            return Err(StartError::Missing(MISSING.to_owned()));
        }
        let folder = TempDir::new().map_err(|error| StartError::Failed(error.to_string()))?;
        let size = format!("size={mebibytes}m");
        let path = folder.path().display().to_string();
        let mounted = run(OsStr::new("mount"), &["-t", "tmpfs", "-o", &size, "tmpfs", &path], None);
        // Root of a container may not mount.
        mounted.map_err(|error| StartError::Missing(format!("{MISSING}: {error}")))?;
        Ok(Self { folder })
    }

    /// The same; prints why and returns nothing where none can be mounted, as in a container without the right to.
    #[allow(clippy::print_stdout, reason = "a test that proves nothing must say so")]
    pub fn mount_or_skip(mebibytes: u32) -> Option<Self> {
        match Self::mount(mebibytes) {
            Ok(disk) => Some(disk),
            Err(StartError::Missing(reason)) => {
                println!("skipped: {reason}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it with a file until less is free than a server keeps free.
    pub fn fill(&self) -> Result<(), StartError> {
        let failed = |error: std::io::Error| StartError::Failed(error.to_string());
        let mut file = File::create(self.path().join("full")).map_err(failed)?;
        let block = [0; 4 << 10];
        while free_bytes(&file).map_err(failed)? > LEFT {
            file.write_all(&block).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes what [`Disk::fill`] wrote.
    pub fn free(&self) -> Result<(), StartError> {
        std::fs::remove_file(self.path().join("full")).map_err(|error| StartError::Failed(error.to_string()))
    }
}

/// What is free on the disk of a file.
fn free_bytes(file: &File) -> std::io::Result<u64> {
    let disk = fstatvfs(file)?;
    Ok(disk.f_bavail * disk.f_frsize)
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that was killed may still be there for a moment.
        let path = self.path().display().to_string();
        let _ = run(OsStr::new("umount"), &["--lazy", &path], None);
    }
}
