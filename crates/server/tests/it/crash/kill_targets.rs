//! The moments in which a server is killed: how each is waited for, and how often each was hit.
//! Whether one is hit is read from the metrics right before the kill, never assumed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::process::{Connection, UnderWay};
use super::random::Random;

/// A machine on which some work does not come up for so long is killed in another moment.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What a kill is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Writing,
    Sealing,
    Merging,
    Erasing,
    BackingUp,
    Starting,
}

impl Moment {
    pub(super) const ALL: [Self; 6] =
        [Self::Writing, Self::Sealing, Self::Merging, Self::Erasing, Self::BackingUp, Self::Starting];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Sealing => "sealing",
            Self::Merging => "merging",
            Self::Erasing => "erasing",
            Self::BackingUp => "backing up",
            Self::Starting => "starting",
        }
    }

    /// How often clients forget somebody; merging gives way to erasing, and must come to its turn.
    pub(super) fn forgets_once_in(self) -> u64 {
        match self {
            Self::Erasing => 30,
            Self::Merging => 2000,
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
            Self::Sealing => seen.sealing,
            Self::Merging => seen.merging,
            Self::Erasing => seen.erasing,
            Self::Writing | Self::BackingUp | Self::Starting => true,
        }
    }

    /// Whether its new segments count since the last look: sealed rows are still in the hot log
    /// then, merged files on the disk, forgotten people in free pages.
    fn turns(self, before: &UnderWay, seen: &UnderWay) -> bool {
        match self {
            Self::Sealing => seen.sealing && seen.segments > before.segments,
            Self::Merging => before.merging && seen.segments < before.segments,
            Self::Erasing => before.erasing && !seen.erasing && seen.erasures > 0,
            Self::Writing | Self::BackingUp | Self::Starting => true,
        }
    }
}

/// Waits for a random time below so many microseconds.
pub(super) fn pause(random: &mut Random, micros: u64) {
    sleep(Duration::from_micros(random.below(micros)));
}

/// How many kills hit each kind of work.
#[derive(Debug, Default)]
pub(super) struct Hits([u64; Moment::ALL.len()]);

impl Hits {
    pub(super) fn count(&mut self, moments: &[Moment]) {
        for moment in moments {
            self.0[*moment as usize] += 1;
        }
    }

    /// Kinds that no kill hit.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        Moment::ALL.into_iter().filter(|moment| self.0[*moment as usize] == 0).map(Moment::words).collect()
    }

    /// All of them, for people.
    pub(super) fn words(&self) -> String {
        let each = Moment::ALL.map(|moment| format!("{} {}", moment.words(), self.0[moment as usize]));
        each.join(", ")
    }
}
