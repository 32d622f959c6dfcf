//! The operations during which a server is killed: how to wait for each, and how often each was hit.
//! Whether one is hit is read from the metrics right before the kill, never assumed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::process::{Connection, UnderWay};
use super::random::Random;

/// The longest wait for an operation; then the server is killed without it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The operation that a kill should interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KillTarget {
    Writing,
    Flushing,
    Merging,
    Erasing,
    Reclassifying,
    BackingUp,
    Starting,
}

impl KillTarget {
    pub(super) const ALL: [Self; 7] = [
        Self::Writing,
        Self::Flushing,
        Self::Merging,
        Self::Erasing,
        Self::Reclassifying,
        Self::BackingUp,
        Self::Starting,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Flushing => "flushing",
            Self::Merging => "merging",
            Self::Erasing => "erasing",
            Self::Reclassifying => "re-classifying",
            Self::BackingUp => "backing up",
            Self::Starting => "starting",
        }
    }

    /// How often clients forget somebody; merging and re-classifying give way to erasing, and must come to
    /// their turn.
    pub(super) fn forgets_once_in(self) -> u64 {
        match self {
            Self::Erasing => 30,
            Self::Merging | Self::Reclassifying => 2000,
            _ => 200,
        }
    }

    /// Waits until the work is under way and a moment more, or until what it made counts but what
    /// that replaces is still there, which lasts for a few milliseconds. Gives the last look.
    pub(super) fn wait_for(self, server: &Connection, random: &mut Random) -> anyhow::Result<UnderWay> {
        pause(random, 500_000);
        let (started, awaits_turn) = (Instant::now(), random.once_in(2));
        let mut before = server.under_way()?;
        loop {
            let mut seen = server.under_way()?;
            let is_due = if awaits_turn {
                self.turns(&before, &seen)
            } else if self.is_here(&seen) {
                pause(random, 12_000);
                seen = server.under_way()?;
                self.is_here(&seen)
            } else {
                false
            };
            if is_due || started.elapsed() > LONGEST_WAIT {
                return Ok(seen);
            }
            before = seen;
        }
    }

    fn is_here(self, seen: &UnderWay) -> bool {
        match self {
            Self::Flushing => seen.flushing,
            Self::Merging => seen.merging,
            Self::Erasing => seen.erasing,
            Self::Reclassifying => seen.reclassifications > 0,
            Self::Writing | Self::BackingUp | Self::Starting => true,
        }
    }

    /// Whether its new segments count since the last look: flushed rows are still in the write-ahead log
    /// then, merged files on the disk, forgotten people in free pages.
    fn turns(self, before: &UnderWay, seen: &UnderWay) -> bool {
        match self {
            Self::Flushing => seen.flushing && seen.segments > before.segments,
            Self::Merging => before.merging && seen.segments < before.segments,
            Self::Erasing => before.erasing && !seen.erasing && seen.erasures > 0,
            Self::Reclassifying => before.reclassifications > seen.reclassifications,
            Self::Writing | Self::BackingUp | Self::Starting => true,
        }
    }
}

/// Waits for a random time below so many microseconds.
pub(super) fn pause(random: &mut Random, micros: u64) {
    sleep(Duration::from_micros(random.below(micros)));
}

/// How many kills hit each operation.
#[derive(Debug, Default)]
pub(super) struct Hits([u64; KillTarget::ALL.len()]);

impl Hits {
    pub(super) fn count(&mut self, targets: &[KillTarget]) {
        for target in targets {
            self.0[*target as usize] += 1;
        }
    }

    /// Operations that no kill hit.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        KillTarget::ALL
            .into_iter()
            .filter(|target| self.0[*target as usize] == 0)
            .map(KillTarget::words)
            .collect()
    }

    /// All counts as text.
    pub(super) fn words(&self) -> String {
        let each = KillTarget::ALL.map(|target| format!("{} {}", target.words(), self.0[target as usize]));
        each.join(", ")
    }
}
