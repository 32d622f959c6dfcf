//! Backups: a folder with copies of both stores and the secrets, and a table of contents by which
//! restoring checks every file.
//!
//! How the table is written down is `wire::backup`.

pub mod create;
pub mod restore;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::secrets::random_bytes;

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// The table of contents of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// [`Contents::FORMAT`] of the release that created it.
    pub format: u32,
    /// When it was begun, as RFC 3339.
    pub made_at: String,
    /// The release that created it.
    pub version: String,
    /// Parquet files.
    pub segments: u64,
    /// Events.
    pub events: u64,
    /// Every other file of the backup.
    pub files: Vec<FileEntry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Below the backup's folder, with `/` between its parts.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

impl Contents {
    /// The layout that this release writes, and the newest that it reads.
    pub const FORMAT: u32 = 1;
    /// The name of the file that holds it.
    pub const FILE: &str = "backup.json";
}

/// The absolute path of a folder that is not there yet or empty.
fn free_place(folder: &Path) -> anyhow::Result<PathBuf> {
    let shown = folder.display();
    let name = folder.file_name().with_context(|| format!("{shown} does not name a new folder"))?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = parent.canonicalize().with_context(|| format!("there is no folder {}", parent.display()))?;
    match fs::read_dir(folder) {
        Ok(entries) => {
            ensure!(entries.count() == 0, "{shown} is not empty: choose a new folder");
            Ok(parent.join(name))
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("{shown} cannot be used ({error}): choose a new folder")
        }
        _ => Ok(parent.join(name)),
    }
}

/// A folder for its owner alone, under a name of its own beside the one that it will become; removed
/// with everything in it when it is dropped before `keep`.
#[derive(Debug)]
pub struct UnfinishedFolder {
    path: PathBuf,
    is_kept: bool,
}

impl UnfinishedFolder {
    /// Creates one.
    pub fn beside(target: &Path) -> anyhow::Result<Self> {
        let parent = target.parent().unwrap_or(Path::new("/"));
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = parent.join(format!(".{name}.unfinished-{}", hex::encode(random_bytes::<6>()?)));
        let created = fs::DirBuilder::new().mode(0o700).create(&path);
        created.with_context(|| format!("cannot write to {}", parent.display()))?;
        Ok(Self { path, is_kept: false })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder, which has got its name.
    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for UnfinishedFolder {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot sync {}", folder.display()))
}

/// The hash of a file, whose pieces `each` is shown as they are read.
fn hash(path: &Path, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> anyhow::Result<String> {
    let unreadable = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let length = file.read(&mut piece).with_context(unreadable)?;
        if length == 0 {
            return Ok(hex::encode(digest.finalize()));
        }
        digest.update(&piece[..length]);
        each(&piece[..length]).with_context(|| format!("cannot copy {}", path.display()))?;
    }
}
