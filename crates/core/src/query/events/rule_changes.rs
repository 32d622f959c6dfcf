//! What rules would change of stored events, or did change: the query of a what-if, and the counts of a
//! re-classification.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::classify::{Attribution, ProjectRules};
use crate::event::Confidence;
use crate::time::{TimeRange, Timestamp};

/// `POST /v1/explain`: what these rules would change of stored events. Nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChangesQuery {
    /// Selects events by their `timestamp`.
    pub range: TimeRange,
    /// The rules to try.
    pub rules: ProjectRules,
}

/// How many events change, and from what to what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleChanges {
    /// Events in the range.
    pub events: u64,
    /// Events whose source, medium, campaign, confidence or rule changes.
    pub changed: u64,
    /// Events that keep what they have, because their stored URL lost what a rule needs
    /// ([`classify_stored`](crate::classify::classify_stored)).
    pub kept: u64,
    /// Events whose path is stored without being normalised, which older releases did.
    pub paths: u64,
    /// Events in files that cannot be read, which keep what they have.
    pub unreadable: u64,
    /// Most events first, then by the texts; at most [`RuleChanges::MAX_ROWS`]. A row whose two sides are
    /// equal changes the campaign only.
    pub rows: Vec<RuleChange>,
    /// Changed events that are in no row, because there are too many rows.
    pub other: u64,
}

/// Events that change in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// As they are stored.
    pub old: ClassifiedAs,
    /// As the rules classify them.
    pub new: ClassifiedAs,
    /// How many.
    pub events: u64,
    /// The first of them, at most [`RuleChange::MAX_SAMPLES`], in order of time and id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<ChangeSample>,
}

/// An attribution without its campaign.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClassifiedAs {
    /// The source.
    pub source: String,
    /// The medium.
    pub medium: String,
    /// The rule that fired.
    pub rule_id: String,
    /// `high`, `medium` or `low`.
    pub confidence: String,
}

/// An event that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangeSample {
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its id.
    pub event_id: String,
    /// Its stored URL.
    pub url: Option<String>,
    /// Its stored referrer.
    pub referrer: Option<String>,
}

impl RuleChanges {
    /// The most rows.
    pub const MAX_ROWS: usize = 1000;
}

impl RuleChange {
    /// The most samples.
    pub const MAX_SAMPLES: usize = 3;
}

impl From<&Attribution> for ClassifiedAs {
    fn from(attribution: &Attribution) -> Self {
        Self {
            source: attribution.source.clone().into_owned(),
            medium: attribution.medium.clone().into_owned(),
            rule_id: attribution.rule_id.clone().into_owned(),
            confidence: Confidence::as_str(attribution.confidence).to_owned(),
        }
    }
}

/// Adds up changes. Its memory is bounded: when it has [`RuleChanges::MAX_ROWS`] rows, events of further ones
/// are only counted.
#[derive(Debug, Default)]
pub struct RuleChangeCounter {
    totals: RuleChanges,
    rows: HashMap<(ClassifiedAs, ClassifiedAs), (u64, Vec<ChangeSample>)>,
}

impl RuleChangeCounter {
    /// Adds `events` events of one row with some of their samples.
    pub fn add(
        &mut self,
        old: ClassifiedAs,
        new: ClassifiedAs,
        events: u64,
        samples: impl IntoIterator<Item = ChangeSample>,
    ) {
        self.totals.changed += events;
        self.add_row(old, new, events, samples);
    }

    /// Adds events that were looked at, and those of them that keep what they have, or whose path is not
    /// normalised.
    pub fn add_events(&mut self, events: u64, kept: u64, paths: u64) {
        self.totals.events += events;
        self.totals.kept += kept;
        self.totals.paths += paths;
    }

    /// Adds events that could not be read.
    pub fn add_unreadable(&mut self, events: u64) {
        self.totals.unreadable += events;
    }

    /// Adds what was counted elsewhere.
    pub fn add_all(&mut self, changes: RuleChanges) {
        let RuleChanges { events, changed, kept, paths, unreadable, rows, other } = changes;
        self.add_events(events, kept, paths);
        self.add_unreadable(unreadable);
        self.totals.changed += changed;
        self.totals.other += other;
        for RuleChange { old, new, events, samples } in rows {
            self.add_row(old, new, events, samples);
        }
    }

    /// The sums.
    pub fn finish(self) -> RuleChanges {
        let Self { totals, rows } = self;
        let row = |((old, new), (events, samples))| RuleChange { old, new, events, samples };
        let mut rows: Vec<_> = rows.into_iter().map(row).collect();
        rows.sort_unstable_by(|a, b| {
            (Reverse(a.events), &a.old, &a.new).cmp(&(Reverse(b.events), &b.old, &b.new))
        });
        RuleChanges { rows, ..totals }
    }

    fn add_row(
        &mut self,
        old: ClassifiedAs,
        new: ClassifiedAs,
        events: u64,
        samples: impl IntoIterator<Item = ChangeSample>,
    ) {
        let is_full = self.rows.len() >= RuleChanges::MAX_ROWS;
        let key = (old, new);
        if is_full && !self.rows.contains_key(&key) {
            self.totals.other += events;
            return;
        }
        let (count, kept) = self.rows.entry(key).or_default();
        *count += events;
        kept.extend(samples);
        kept.sort_unstable();
        kept.truncate(RuleChange::MAX_SAMPLES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(source: &str) -> ClassifiedAs {
        let text = |text: &str| text.to_owned();
        ClassifiedAs { source: text(source), medium: text("m"), rule_id: text("r"), confidence: text("high") }
    }

    fn sample(millis: i64) -> ChangeSample {
        let timestamp = Timestamp::from_millis(millis).unwrap();
        ChangeSample { timestamp, event_id: "e".to_owned(), url: None, referrer: None }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut part = RuleChangeCounter::default();
        part.add_events(10, 2, 1);
        part.add(is("a"), is("b"), 3, [sample(5), sample(4)]);
        let mut other = RuleChangeCounter::default();
        other.add_events(5, 0, 0);
        other.add_unreadable(7);
        other.add(is("a"), is("b"), 2, [sample(3), sample(9)]);
        other.add(is("a"), is("c"), 4, [sample(1)]);
        part.add_all(other.finish());
        let whole = part.finish();
        let totals = (whole.events, whole.changed, whole.kept, whole.paths, whole.unreadable, whole.other);
        assert_eq!(totals, (15, 9, 2, 1, 7, 0));
        let rows: Vec<_> = whole.rows.iter().map(|row| (row.new.source.as_str(), row.events)).collect();
        assert_eq!(rows, [("b", 5), ("c", 4)]);
        assert_eq!(whole.rows[0].samples, [sample(3), sample(4), sample(5)]);
    }

    #[test]
    fn more_rows_than_the_most_are_counted_together() {
        let mut counter = RuleChangeCounter::default();
        for number in 0..RuleChanges::MAX_ROWS + 5 {
            counter.add(is("a"), is(&number.to_string()), 1, []);
        }
        counter.add(is("a"), is("0"), 1, []);
        let changes = counter.finish();
        assert_eq!((changes.rows.len(), changes.other), (RuleChanges::MAX_ROWS, 5));
        assert_eq!(changes.changed as usize, RuleChanges::MAX_ROWS + 6);
        assert_eq!(changes.rows[0].events, 2);
    }
}
