//! Backups of the campaign: begun while clients write, left alone by a server that dies, restored
//! into a folder of their own. What is there under a backup's name must be all of it.

use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

use anyhow::{Context as _, ensure};

use super::check::Found;
use super::folder::Folder;
use super::ledger::Ledger;
use crate::support::{cli, command};

/// A backup under way.
pub(super) struct Backup {
    child: Child,
    target: PathBuf,
    was_killed: bool,
    /// What was known when it began.
    before: Ledger,
}

/// What became of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackupResult {
    Whole,
    Nothing,
}

impl BackupResult {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Whole => ", backup whole",
            Self::Nothing => ", no backup",
        }
    }
}

impl Backup {
    /// Begins one.
    pub(super) fn start(folder: &Folder) -> anyhow::Result<Self> {
        let target = folder.beside("backup");
        let before = folder.ledger.lock().clone();
        let mut backup = command(&folder.beside("data"));
        let child = backup.arg("backup").arg(&target).stdout(Stdio::null()).stderr(folder.log()?).spawn()?;
        Ok(Self { child, target, was_killed: false, before })
    }

    pub(super) fn is_under_way(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Ends it without any warning, unless it has ended.
    pub(super) fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        self.was_killed = self.is_under_way()?;
        self.child.kill()?;
        self.wait()
    }

    /// Looks at what is left of one that has ended: it is there whole, and then holds what was
    /// acknowledged before it began, or not at all.
    pub(super) fn check(mut self, folder: &Folder) -> anyhow::Result<BackupResult> {
        let status = self.wait()?;
        let is_there = self.target.exists();
        ensure!(is_there || !status.success(), "a backup succeeded and is not there");
        if is_there {
            self.restore(folder)?;
            std::fs::remove_dir_all(&self.target)?;
        }
        for left in std::fs::read_dir(folder.beside("."))? {
            let left = left?;
            if left.file_name().to_string_lossy().starts_with(".backup") {
                ensure!(self.was_killed, "a failed backup leaves {}", left.path().display());
                std::fs::remove_dir_all(left.path())?;
            }
        }
        Ok(if is_there { BackupResult::Whole } else { BackupResult::Nothing })
    }

    fn restore(&self, folder: &Folder) -> anyhow::Result<()> {
        let elsewhere = folder.beside("restored");
        let target = self.target.to_str().context("a path that is no text")?;
        cli(&elsewhere, &["restore", target]);
        let mut expected = self.before.of_copy(&folder.ledger.lock());
        let mut found = Found::none(&expected);
        for (scope, side) in folder.sides.iter().enumerate() {
            let export = ["export", "--project", &side.project, "--env", side.env];
            let output = command(&elsewhere).args(export).output()?;
            let errors = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "a restored store cannot be exported: {errors}");
            found.add(&expected, scope, output.stdout.as_slice())?;
        }
        expected.settle(&found).context("in a restored backup")?;
        std::fs::remove_dir_all(&elsewhere)?;
        Ok(())
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
