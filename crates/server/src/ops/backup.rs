//! Making a backup: a folder that appears under its name whole and synced, or not at all.
//!
//! The event store writes its own part; here come accounts and keys, the secrets, and the table
//! of contents by which restoring checks every file. Changes nothing in the data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use millimetric_control::Control;
use millimetric_core::time::Timestamp;
use millimetric_events::Snapshot;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::secrets::{SECRET_FILES, hex};
use crate::wire::backup::{Contents, FileEntry};

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// A backup that is being made, under a name of its own beside the final one; dropped unfinished,
/// it leaves nothing.
#[derive(Debug)]
pub struct Unfinished {
    folder: TempDir,
    target: PathBuf,
    made_at: Timestamp,
}

impl Unfinished {
    /// Begins one of the data folder; the target must be a folder that is not there yet, or empty.
    pub fn begin(data_dir: &Path, target: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let shown = data_dir.display();
        ensure!(
            data_dir.join("control.db").is_file(),
            "there is nothing to back up at {shown}: name the data folder with --data-dir"
        );
        let target = free_place(target)?;
        let inside = target.starts_with(data_dir.canonicalize()?);
        ensure!(!inside, "a backup inside of the data folder {shown} would go with it: choose another place");
        Ok(Self { folder: folder_beside(&target)?, target, made_at: now })
    }

    /// Where the event store writes its part.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds the rest, and gives the backup its name. `progress` is told the bytes read so far and in all.
    pub async fn finish(
        self,
        data_dir: &Path,
        events: Snapshot,
        progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<Contents> {
        let folder = self.folder.path();
        copy_control(&data_dir.join("control.db"), &folder.join("control.db")).await?;
        for name in SECRET_FILES {
            let secret = data_dir.join(name);
            if secret.is_file() {
                write_file(&folder.join(name), &fs::read(&secret)?)?;
            }
        }
        let contents = Contents {
            format: Contents::FORMAT,
            made_at: self.made_at.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            segments: events.segments,
            events: events.events,
            files: list(folder, progress)?,
        };
        write_file(&folder.join(Contents::FILE), &serde_json::to_vec_pretty(&contents)?)?;
        sync_folder(folder)?;
        fs::rename(folder, &self.target)
            .with_context(|| format!("cannot give the backup its name {}", self.target.display()))?;
        let _ = self.folder.keep();
        sync_folder(self.target.parent().unwrap_or(Path::new("/")))?;
        Ok(contents)
    }
}

/// The absolute path of a folder that is not there yet or empty.
pub(super) fn free_place(folder: &Path) -> anyhow::Result<PathBuf> {
    let shown = folder.display();
    let name = folder.file_name().with_context(|| format!("{shown} does not name a new folder"))?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent =
        parent.canonicalize().with_context(|| format!("the folder {} is not there", parent.display()))?;
    match fs::read_dir(folder) {
        Ok(entries) => {
            ensure!(entries.count() == 0, "{shown} is not empty: name a new folder");
            Ok(parent.join(name))
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("{shown} is no folder that can be used ({error}): name a new one")
        }
        _ => Ok(parent.join(name)),
    }
}

/// A folder for its owner alone, beside the one it will become.
pub(super) fn folder_beside(target: &Path) -> anyhow::Result<TempDir> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let folder = tempfile::Builder::new().prefix(&format!(".{name}.unfinished-")).tempdir_in(parent);
    let folder = folder.with_context(|| format!("cannot write to {}", parent.display()))?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot sync {}", folder.display()))
}

async fn copy_control(from: &Path, to: &Path) -> anyhow::Result<()> {
    let control = Control::open_to_copy(from).await?;
    let copied = control.snapshot(to).await;
    control.close().await;
    copied?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o600))?;
    Ok(File::open(to)?.sync_all()?)
}

fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Every file of the folder with its hash, in order of path.
fn list(folder: &Path, mut progress: impl FnMut(u64, u64)) -> anyhow::Result<Vec<FileEntry>> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    let total = paths.iter().map(|(_, bytes)| bytes).sum();
    let (mut read, mut files) = (0, Vec::with_capacity(paths.len()));
    for (path, bytes) in paths {
        let sha256 = hash(&path, |piece| {
            read += piece.len() as u64;
            progress(read, total);
            Ok(())
        })?;
        let below = path.strip_prefix(folder)?;
        let path = below.to_str().context("a segment's path is no text")?.to_owned();
        files.push(FileEntry { path, bytes, sha256 });
    }
    Ok(files)
}

fn collect(folder: &Path, paths: &mut Vec<(PathBuf, u64)>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), paths)?;
        } else {
            paths.push((entry.path(), entry.metadata()?.len()));
        }
    }
    Ok(())
}

/// The hash of a file, whose pieces `each` is shown as they are read.
pub(super) fn hash(
    path: &Path,
    mut each: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> anyhow::Result<String> {
    let unread = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(unread)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let length = file.read(&mut piece).with_context(unread)?;
        if length == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&piece[..length]);
        each(&piece[..length]).with_context(|| format!("cannot copy {}", path.display()))?;
    }
}
