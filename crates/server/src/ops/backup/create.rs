//! Creates a backup: a folder that appears under its name whole and synced, or not at all.
//!
//! The event store writes its own part; here come accounts and keys, the secrets, and the table
//! of contents by which restoring checks every file. Changes nothing in the data folder.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use millimetric_control::Control;
use millimetric_core::time::Timestamp;
use millimetric_events::Snapshot;

use super::{Contents, FileEntry, UnfinishedFolder, free_place, hash, sync_folder};
use crate::secrets::SECRET_FILES;

/// A backup that is being made, under a name of its own beside the final one; dropped unfinished,
/// it leaves nothing.
#[derive(Debug)]
pub struct Unfinished {
    folder: UnfinishedFolder,
    target: PathBuf,
    made_at: Timestamp,
}

impl Unfinished {
    /// Begins one of the data folder; the target must be a folder that is not there yet, or empty.
    pub fn begin(data_dir: &Path, target: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let shown = data_dir.display();
        ensure!(
            data_dir.join("control.db").is_file(),
            "there is nothing to back up at {shown}: pass the data folder with --data-dir"
        );
        let target = free_place(target)?;
        let inside = target.starts_with(data_dir.canonicalize()?);
        ensure!(!inside, "a backup must not be inside the data folder {shown}: choose another folder");
        Ok(Self { folder: UnfinishedFolder::beside(&target)?, target, made_at: now })
    }

    /// Where the event store writes its part.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds everything else, and lists it. `progress` receives the bytes read so far and in all.
    pub async fn collect(
        &self,
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
        Ok(contents)
    }

    /// Adds the text of the table of contents, and gives the backup its name.
    pub fn publish(self, contents: &[u8]) -> anyhow::Result<()> {
        let folder = self.folder.path();
        write_file(&folder.join(Contents::FILE), contents)?;
        sync_folder(folder)?;
        fs::rename(folder, &self.target)
            .with_context(|| format!("cannot rename the backup to {}", self.target.display()))?;
        self.folder.keep();
        sync_folder(self.target.parent().unwrap_or(Path::new("/")))
    }
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
