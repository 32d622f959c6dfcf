//! The report of a campaign: a line for each fault, and a sample of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::fault::Fault;
use super::round::Figures;

/// The figures of all rounds, by fault.
#[derive(Default)]
pub(super) struct Report(BTreeMap<Fault, Vec<Figures>>);

impl Report {
    pub(super) fn add(&mut self, fault: Fault, figures: Figures) {
        self.0.entry(fault).or_default().push(figures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| fault | rounds | errors while it lasted | longest without a write: median, worst | all served again \
             after: median, worst | `/readyz` other than 200 | 5xx in `/metrics` | log lines | lost | doubled |\n\
             |---|---|---|---|---|---|---|---|---|---|"
        )?;
        self.0.iter().try_for_each(|(fault, rounds)| row(f, *fault, rounds))?;
        writeln!(f, "\nWhat was logged first:")?;
        for (fault, rounds) in &self.0 {
            let line = rounds.iter().find_map(|round| round.log.first());
            writeln!(f, "- {}: {}", fault.words(), line.map_or("nothing", |line| line.as_str()))?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, fault: Fault, rounds: &[Figures]) -> fmt::Result {
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for (words, count) in rounds.iter().flat_map(|round| &round.seen.errors) {
        *errors.entry(words).or_default() += count;
    }
    let errors: Vec<String> = errors.into_iter().map(|(words, count)| format!("{words}: {count}")).collect();
    writeln!(
        f,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        fault.words(),
        rounds.len(),
        if errors.is_empty() { "none".to_owned() } else { errors.join(", ") },
        times(rounds.iter().map(|round| round.silence)),
        times(rounds.iter().map(|round| round.recovered)),
        readiness(rounds),
        rounds.iter().map(|round| round.failures).sum::<u64>(),
        rounds.iter().map(|round| round.log.len()).sum::<usize>(),
        rounds.iter().map(|round| round.stored.lost).sum::<u64>(),
        rounds.iter().map(|round| round.stored.doubled).sum::<u64>(),
    )
}

/// What `/readyz` said, in how many rounds it did, and how soon.
fn readiness(rounds: &[Figures]) -> String {
    let words: BTreeSet<&str> =
        rounds.iter().flat_map(|round| &round.seen.not_ready).map(String::as_str).collect();
    let after: Vec<Duration> = rounds.iter().filter_map(|round| round.seen.not_ready_after).collect();
    if after.is_empty() {
        return "never".to_owned();
    }
    let words: Vec<&str> = words.into_iter().collect();
    format!("{} in {} rounds, after {}", words.join(", "), after.len(), times(after.into_iter()))
}

/// The median and the worst.
fn times(times: impl Iterator<Item = Duration>) -> String {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let of = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64);
    format!("{:.1} s, {:.1} s", of(times.get(times.len() / 2)), of(times.last()))
}
