//! The report of a campaign: totals as text.

use std::fmt;

use super::backups::BackupResult;
use super::kill_targets::KillTarget;
use super::ledger::{Ledger, Person};

/// What a whole campaign did.
#[derive(Debug, Default)]
pub(super) struct Totals {
    acknowledged: u64,
    repeated: u64,
    forgotten: usize,
    in_doubt: usize,
    stored: usize,
    backups: usize,
    restored: usize,
}

impl Totals {
    /// Adds a round.
    pub(super) fn count(&mut self, in_doubt: usize, stored: usize, backup: Option<BackupResult>) {
        self.in_doubt += in_doubt;
        self.stored += stored;
        self.backups += usize::from(backup.is_some());
        self.restored += usize::from(backup == Some(BackupResult::Whole));
    }

    /// Adds what a folder's ledger counted.
    pub(super) fn add(&mut self, ledger: &Ledger) {
        self.acknowledged += ledger.acknowledged;
        self.repeated += ledger.repeated;
        let forgotten = |person: &&Person| matches!(person, Person::Erased(_));
        self.forgotten += ledger.people.iter().flatten().filter(forgotten).count();
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events acknowledged, {} batches sent again, {} in doubt ({} of them were stored), {} people \
             forgotten, {} backups begun ({} whole and restored)",
            self.acknowledged,
            self.repeated,
            self.in_doubt,
            self.stored,
            self.forgotten,
            self.backups,
            self.restored
        )
    }
}

/// The targets in words; several starts can be killed in one round.
pub(super) fn killed_during(targets: &[KillTarget]) -> String {
    let of_each =
        KillTarget::ALL.map(|kind| (kind, targets.iter().filter(|target| **target == kind).count()));
    let words = of_each.into_iter().filter(|(_, count)| *count > 0).map(|(kind, count)| match count {
        1 => kind.words().to_owned(),
        _ => format!("{} {count} times", kind.words()),
    });
    words.collect::<Vec<_>>().join(" + ")
}
