//! What rules would change of stored events. Nothing is written.

use millimetric_core::classify::{Attribution, classify_stored};
use millimetric_core::event::Event;
use millimetric_core::ingest::page_path;
use millimetric_core::query::{
    ChangeSample, ClassifiedAs, Column, RuleChangeCounter, RuleChanges, RuleChangesQuery,
};
use millimetric_events::StoreError;

use super::scan::needs::Needs;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan};

/// What is read of each event.
const COLUMNS: [Column; 9] = [
    Column::EventId,
    Column::Source,
    Column::Medium,
    Column::Campaign,
    Column::SourceConfidence,
    Column::SourceRuleId,
    Column::Referrer,
    Column::Url,
    Column::Path,
];

/// Runs the query.
pub(super) async fn rule_changes(
    reader: &Reader<'_>,
    query: &RuleChangesQuery,
) -> Result<RuleChanges, StoreError> {
    let scan = Scan { needs: Needs::of(COLUMNS), range: query.range, filters: &[], unit: Unit::Events };
    let mut visitors = reader.visitors(&scan);
    let mut counter = RuleChangeCounter::default();
    while let Some(visitor) = visitors.next().await? {
        for row in &visitor.events {
            add(row.to_event(), query, &mut counter);
        }
    }
    Ok(counter.finish())
}

fn add(event: Event, query: &RuleChangesQuery, counter: &mut RuleChangeCounter) {
    let Event { timestamp, event_id, source, medium, campaign, source_confidence, .. } = event;
    let Event { source_rule_id: rule_id, url, referrer, path, .. } = event;
    let now = classify_stored(url.as_deref(), referrer.as_deref(), &rule_id, &query.rules);
    let has_other_path = path.is_some_and(|path| page_path::normalised(&path) != path);
    counter.add_events(1, u64::from(now.is_none()), u64::from(has_other_path));
    let old = Attribution { source, medium, campaign, confidence: source_confidence, rule_id };
    if let Some(now) = now.filter(|now| *now != old) {
        let sample = ChangeSample { timestamp, event_id, url, referrer };
        counter.add(ClassifiedAs::from(&old), ClassifiedAs::from(&now), 1, [sample]);
    }
}
