//! Restores a backup into a data folder: every file is checked, then what happened since is applied
//! (erasures, keys and projects that ended), and only then the folder gets its name.
//!
//! What is replaced is moved aside, never deleted.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use millimetric_control::{Actor, AuditScope, Control, ControlUrl, Ended, NewAuditEntry};
use millimetric_core::time::Timestamp;
use millimetric_events_embedded::{DirectoryLock, Learned, OpenError, learn_erasures};

use super::{Contents, FileEntry, UnfinishedFolder, free_place, hash, sync_folder};

/// The most bytes of a table of contents.
const MAX_CONTENTS: u64 = 256 << 20;

/// What is to be restored, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The backup.
    pub backup: &'a Path,
    /// Where to.
    pub data_dir: &'a Path,
    /// Whether a data folder that is there already is moved aside.
    pub replace: bool,
    /// A later data folder or backup of the same installation.
    pub erasures_from: Option<&'a Path>,
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The backup's table of contents.
    pub contents: Contents,
    /// Where the folder that was there lies now.
    pub moved_to: Option<PathBuf>,
    /// Whether a later state was known, so that nobody who was forgotten since comes back.
    pub knows_later: bool,
    /// People who are forgotten (again) at the next start.
    pub erasures: u64,
    /// Keys and projects that ended after the backup.
    pub ended: Ended,
}

/// Restores a backup of these contents. `progress` receives the bytes copied so far and in all.
pub async fn restore(
    request: &Request<'_>,
    contents: Contents,
    now: Timestamp,
    progress: impl FnMut(u64, u64),
) -> anyhow::Result<Restored> {
    check(&contents, request.backup)?;
    let target = Target::take(request)?;
    let folder = UnfinishedFolder::beside(&target.path)?;
    copy(request.backup, folder.path(), &contents, progress)?;
    let mut restored =
        Restored { contents, moved_to: None, knows_later: false, erasures: 0, ended: Ended::default() };
    if let Some(later) = request.erasures_from {
        let known = learn(&mut restored, folder.path(), later).await?;
        ensure!(
            known,
            "{} belongs to another installation than the backup: its erasures cannot be applied",
            later.display()
        );
    }
    if target.lock.is_some() && target.path.join("events.db").is_file() {
        learn(&mut restored, folder.path(), &target.path).await?;
    }
    record(folder.path(), &restored, now).await?;
    // Nobody may start on the folder while it gets its name.
    let _new = DirectoryLock::take(folder.path())?;
    sync_folder(folder.path())?;
    restored.moved_to = target.put(folder.path(), now)?;
    folder.keep();
    Ok(restored)
}

/// The folder to restore to, locked against a server or command that would start on it.
struct Target {
    path: PathBuf,
    lock: Option<DirectoryLock>,
}

impl Target {
    fn take(request: &Request<'_>) -> anyhow::Result<Self> {
        let dir = request.data_dir;
        let is_used = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if !is_used {
            return Ok(Self { path: free_place(dir)?, lock: None });
        }
        let path = dir.canonicalize()?;
        // Asked first: the words about a running server matter more.
        let lock = match DirectoryLock::take(&path) {
            Err(OpenError::InUse { .. }) => {
                bail!("a server or command is using {}: stop it before you restore", dir.display())
            }
            lock => lock?,
        };
        ensure!(
            request.replace,
            "{} is not empty: restore into another folder, or pass --replace to move this one aside",
            dir.display()
        );
        Ok(Self { path, lock: Some(lock) })
    }

    /// Gives the restored folder its name; returns where the old one went.
    fn put(&self, folder: &Path, now: Timestamp) -> anyhow::Result<Option<PathBuf>> {
        let aside = self.lock.as_ref().map(|_| {
            let time = now.to_utc().format("%Y%m%dT%H%M%SZ");
            PathBuf::from(format!("{}.replaced-{time}", self.path.display()))
        });
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let unmoved = || format!("cannot move {}", self.path.display());
        if let Some(aside) = &aside {
            ensure!(!aside.exists(), "{} is there already: try again in a second", aside.display());
            fs::rename(&self.path, aside).with_context(unmoved)?;
        }
        if let Err(error) = fs::rename(folder, &self.path) {
            if let Some(aside) = &aside {
                fs::rename(aside, &self.path).with_context(unmoved)?;
            }
            return Err(error).with_context(|| format!("cannot move the backup to {}", self.path.display()));
        }
        sync_folder(parent)?;
        Ok(aside)
    }
}

/// The bytes of a backup's table of contents.
pub fn read_contents(backup: &Path) -> anyhow::Result<Vec<u8>> {
    let file = backup.join(Contents::FILE);
    let size = fs::metadata(&file)
        .with_context(|| format!("{} is not a backup: it has no {}", backup.display(), Contents::FILE))?
        .len();
    ensure!(size <= MAX_CONTENTS, "{} is too large to be a table of contents", file.display());
    Ok(fs::read(&file)?)
}

/// Whether this release reads the format, and every path stays inside of the backup.
fn check(contents: &Contents, backup: &Path) -> anyhow::Result<()> {
    let file = backup.join(Contents::FILE);
    let shown = file.display();
    ensure!(
        contents.format <= Contents::FORMAT,
        "{shown} has format {}; this release reads format {}: use a newer release",
        contents.format,
        Contents::FORMAT
    );
    for file in &contents.files {
        let below = Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(below && !file.path.is_empty(), "{shown} is damaged: it names the path {:?}", file.path);
    }
    for needed in ["events.db", "control.db"] {
        ensure!(contents.files.iter().any(|file| file.path == needed), "{shown} names no {needed}");
    }
    Ok(())
}

/// Copies what the table of contents names, and compares size and hash of what was read.
fn copy(
    backup: &Path,
    folder: &Path,
    contents: &Contents,
    mut progress: impl FnMut(u64, u64),
) -> anyhow::Result<()> {
    let total = contents.files.iter().map(|file| file.bytes).sum();
    let mut done = 0;
    for entry in &contents.files {
        let target = folder.join(&entry.path);
        if let Some(parent) = target.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        copy_file(&backup.join(&entry.path), &target, entry, |bytes| {
            done += bytes;
            progress(done, total);
        })?;
    }
    sync_below(folder)
}

fn copy_file(from: &Path, to: &Path, entry: &FileEntry, mut copied: impl FnMut(u64)) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut bytes = 0;
    let sha256 = hash(from, |piece| {
        bytes += piece.len() as u64;
        copied(piece.len() as u64);
        file.write_all(piece)
    })?;
    ensure!(
        bytes == entry.bytes && sha256 == entry.sha256,
        "{} differs from the backed-up file: the backup is damaged, use another",
        from.display()
    );
    Ok(file.sync_all()?)
}

fn sync_below(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        }
    }
    sync_folder(folder)
}

/// Applies a later state of the same installation; returns whether it was one.
async fn learn(restored: &mut Restored, folder: &Path, later: &Path) -> anyhow::Result<bool> {
    let erasures = learn_erasures(folder, later);
    let erasures = erasures.with_context(|| format!("cannot read the erasures of {}", later.display()))?;
    let Learned::Erasures(waiting) = erasures else { return Ok(false) };
    restored.erasures = waiting;
    restored.knows_later = true;
    let control = later.join("control.db");
    if control.is_file() {
        let database = Control::open(&ControlUrl::in_folder(folder)).await?;
        let ended = database.learn_ended(&control).await;
        database.close().await;
        let ended = ended.with_context(|| format!("cannot read {}", control.display()))?;
        restored.ended.keys += ended.keys;
        restored.ended.projects += ended.projects;
    }
    Ok(true)
}

async fn record(folder: &Path, restored: &Restored, now: Timestamp) -> anyhow::Result<()> {
    let control = Control::open(&ControlUrl::in_folder(folder)).await?;
    let subject = restored.contents.made_at.as_str();
    let entry = NewAuditEntry::new(AuditScope::Installation, "installation.restored", subject)
        .with("erasures", restored.erasures)
        .with("knows_later", restored.knows_later);
    let recorded = control.record_audit(&entry, &Actor::CommandLine, now).await;
    control.close().await;
    Ok(recorded?)
}
